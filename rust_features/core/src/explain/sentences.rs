//! The sentences a person reads.

use chrono::{DateTime, SecondsFormat};
use prost_types::Timestamp;

use super::money::amount;
use crate::channel::channel_name;
use crate::contract::{Action, Candidate, Channel, DecisionRecord, DecisionRequest, Reason, Trigger};
use crate::decide::{ARM_CONTACT, EXPERIMENT_HOLDOUT, chosen};
use crate::time::Micros;

/// The story of the decision, in the order in which it was taken.
pub(super) fn sentences(record: &DecisionRecord) -> Vec<String> {
    let mut sentences = vec![occasion(record), provenance(record)];
    sentences.extend(cart_value(record));
    sentences.extend(arm(record));
    sentences.extend(choice(record));
    sentences.extend(record.candidates.iter().enumerate().filter_map(|(index, candidate)| {
        let passed_over = u32::try_from(index) != Ok(record.chosen);
        passed_over.then(|| passed_over_because(record, candidate))
    }));
    sentences
}

fn occasion(record: &DecisionRecord) -> String {
    let trigger = record
        .request
        .as_ref()
        .map_or(Trigger::Unspecified, DecisionRequest::trigger);
    let occasion = match trigger {
        Trigger::Unspecified => "for no stated reason",
        Trigger::CheckoutCall => "because the checkout asked",
        Trigger::ExitIntent => "because the shopper was about to leave",
        Trigger::PaymentFailed => "because a payment failed",
        Trigger::Inactivity => "because the cart was left alone",
        Trigger::ReturnVisit => "because the shopper came back",
        Trigger::TouchDue => "because a later touch was due",
        Trigger::PriceDrop => "because a price dropped",
        Trigger::BackInStock => "because a product is in stock again",
    };
    format!(
        "Touch {} was decided at {} {occasion}.",
        record.touch,
        moment(record.clock.as_ref())
    )
}

fn provenance(record: &DecisionRecord) -> String {
    format!(
        "It rests on the journal up to message {}, bundle {}, engine {} and budget prices {}.",
        record.state_sequence,
        record.bundle_id,
        record.engine_version,
        match record.budget_price_version {
            0 => "of the policy".to_owned(),
            version => format!("version {version}"),
        },
    )
}

#[allow(clippy::cast_precision_loss)]
fn cart_value(record: &DecisionRecord) -> Option<String> {
    let value = amount(record.cart_value_minor? as f64, &record.currency_code);
    let margin = amount(record.margin_minor, &record.currency_code);
    let none = record.candidates.first()?;
    Some(format!(
        "The cart is worth {value} and would earn {margin}; without a message it is bought with {}.",
        percent(none.recovery_probability)
    ))
}

fn arm(record: &DecisionRecord) -> Option<String> {
    let arm = record
        .experiment_arms
        .iter()
        .find(|arm| arm.experiment_id == EXPERIMENT_HOLDOUT)?;
    Some(if arm.arm_id == ARM_CONTACT {
        "The customer is not in the permanent holdout.".to_owned()
    } else {
        "The customer is in the permanent holdout and is never written to.".to_owned()
    })
}

fn choice(record: &DecisionRecord) -> Option<String> {
    let candidate = chosen(record)?;
    let action = candidate.action.as_ref()?;
    let drawn = format!(
        "it had a probability of {} and the draw was {:.4}",
        percent(candidate.propensity),
        record.draw
    );
    if action.channel() == Channel::None {
        return Some(format!("Nothing is sent: {drawn}."));
    }
    Some(format!(
        "{} is sent at {}: it raises the probability to {}, which is worth {} more than doing nothing; {drawn}.",
        described(action),
        moment(action.send_time.as_ref()),
        percent(candidate.recovery_probability),
        amount(candidate.value_minor, &record.currency_code),
    ))
}

fn passed_over_because(record: &DecisionRecord, candidate: &Candidate) -> String {
    let action = candidate
        .action
        .as_ref()
        .map_or_else(|| "A candidate".to_owned(), described);
    let reasons: Vec<&str> = candidate.reasons().map(Reason::sentence).collect();
    let value = amount(candidate.value_minor, &record.currency_code);
    if candidate.eligible {
        format!(
            "{action} was possible, worth {value} more than doing nothing: {}",
            reasons.join(" ")
        )
    } else {
        format!("{action} was not possible: {}", reasons.join(" "))
    }
}

fn described(action: &Action) -> String {
    let channel = action.channel();
    if channel == Channel::None {
        return "Doing nothing".to_owned();
    }
    let offer = if action.offer_id.is_empty() {
        String::new()
    } else {
        format!(" with {}", action.offer_id)
    };
    format!("{} ({}{offer})", action.action_id, channel_name(channel))
}

fn percent(probability: f64) -> String {
    format!("{:.1} %", probability * 100.0)
}

fn moment(time: Option<&Timestamp>) -> String {
    let time = time
        .map(Micros::from_timestamp)
        .and_then(|time| DateTime::from_timestamp_micros(time.0));
    time.map_or_else(
        || "an unknown time".to_owned(),
        |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}
