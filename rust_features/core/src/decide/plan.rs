//! What each action would be for this cart: when it is sent, what it takes off, and what stands against it.

use super::eligibility::{Reasons, cart_reasons, channel_reasons, person_reasons};
use super::{NONE, Occasion};
use crate::contract::{Action, Channel, Reason};
use crate::policy::{ActionRule, Offer, Rules, Storefront};
use crate::time::Micros;

/// One candidate before it is scored.
pub(super) struct Plan {
    pub(super) action: Action,
    /// Empty where the action may be taken.
    pub(super) reasons: Reasons,
}

impl Plan {
    fn nothing() -> Self {
        let action = Action {
            action_id: NONE.to_owned(),
            channel: Channel::None.into(),
            ..Action::default()
        };
        Self {
            action,
            reasons: Reasons::new(),
        }
    }

    pub(super) fn acts(&self) -> bool {
        self.action.channel() != Channel::None
    }

    pub(super) fn eligible(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// "None", then every action of the policy that serves this touch, in the policy's order.
pub(super) fn plans(occasion: &Occasion<'_>, rules: &Rules, settings: &Storefront) -> Vec<Plan> {
    let shared = shared_reasons(occasion, settings);
    let mut plans = Vec::with_capacity(rules.actions.len() + 1);
    plans.push(Plan::nothing());
    for rule in rules.actions.iter().filter(|rule| rule.serves(occasion.touch)) {
        plans.push(plan(occasion, rules, settings, rule, shared.clone()));
    }
    plans
}

fn shared_reasons(occasion: &Occasion<'_>, settings: &Storefront) -> Reasons {
    let mut reasons = person_reasons(&occasion.customer);
    reasons.extend(cart_reasons(
        occasion.state,
        &occasion.customer,
        &occasion.cart,
        &settings.currency,
    ));
    reasons.extend((occasion.touch > settings.max_touches).then_some(Reason::TouchesExhausted));
    reasons
}

fn plan(
    occasion: &Occasion<'_>,
    rules: &Rules,
    settings: &Storefront,
    rule: &ActionRule,
    mut reasons: Reasons,
) -> Plan {
    let (state, customer) = (occasion.state, &occasion.customer);
    let storefront = &occasion.request.storefront_id;
    let served = &occasion.request.channels;
    let offered = served.is_empty() || served.contains(&(rule.channel as i32));
    reasons.extend((!offered).then_some(Reason::ChannelNotOffered));
    let lead = state.channel(storefront, rule.channel).lead_time_seconds;
    let earliest = occasion.clock.plus_seconds(rule.delay_seconds.max(lead));
    let loud = settings.first_loud(rule.channel, earliest, &customer.time_zones());
    reasons.extend(loud.is_none().then_some(Reason::QuietHours));
    let send_time = loud.unwrap_or(earliest);
    let latest = occasion.abandonment_time.plus_seconds(settings.latest_touch_seconds);
    reasons.extend((send_time > latest).then_some(Reason::TooLate));
    reasons.extend(channel_reasons(
        state,
        customer,
        rules,
        storefront,
        rule.channel,
        send_time,
    ));
    let offer = rule.offer.as_deref();
    let mut action = Action {
        action_id: rule.id.clone(),
        channel: rule.channel.into(),
        send_time: Some(send_time.to_timestamp()),
        template_key: rule.template_key.clone(),
        ..Action::default()
    };
    if let Some(offer) = offer {
        reasons.extend(offer_reasons(occasion, settings, offer, send_time));
        action.offer_id.clone_from(&offer.id);
        action.offer_expiry_time = Some(offer.expiry(send_time).to_timestamp());
        action.free_shipping = offer.is_free_shipping();
        let value = occasion.cart.value_minor().unwrap_or(0);
        action.discount_minor = offer.discount_minor(value, occasion.cart.shipping_minor());
    }
    Plan { action, reasons }
}

fn offer_reasons(occasion: &Occasion<'_>, settings: &Storefront, offer: &Offer, send_time: Micros) -> Reasons {
    let mut reasons = Reasons::new();
    if let Some(value) = occasion.cart.value_minor() {
        reasons.extend(offer.rejection(value, occasion.currency(&settings.currency), send_time));
    }
    let capped = offer.cap.is_some_and(|cap| {
        occasion
            .customer
            .offers_within(&offer.id, cap.window_seconds, occasion.clock)
            >= cap.issues
    });
    reasons.extend(capped.then_some(Reason::OfferCapReached));
    reasons
}
