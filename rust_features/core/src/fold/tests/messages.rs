//! Decisions and what became of their messages.

use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    BounceKind, BudgetPrice, BudgetPricesUpdated, Channel, ChannelPaused, ChannelResumed, ChannelUpdated,
    DecisionApproved, DecisionHeld, DecisionSuperseded, IdentityKeyKind, MessageBounced, MessageClicked,
    MessageComplained, MessageOpened, MessageScheduled, MessageSent, MessageSkipped, MessageUnsubscribed, Money,
    OfferIssued, Opener, Reason,
};
use crate::fold::Folded;
use crate::fold::testing::{
    add, added, alias, at, cart_id, customer, decided, decision, email, folded, key, message, ordered, outcome, tick,
};
use crate::ids::DecisionId;
use crate::state::{Approval, Decided, Progress, State};

fn get(state: &State, number: u8) -> &Decided {
    state.decision(&DecisionId([number; 16])).unwrap()
}

/// A cart of customer 1 (address 2), and decision 50 with send 60 about it.
fn abandoned() -> State {
    folded(&[
        message(1, 0, &[customer(1), email(2)], added(1, 1, 2)),
        decided(1800, decision(50, 60, 1, 1800, 1, &[1, 2])),
    ])
}

fn tell(state: &mut State, id: u64, seconds: i64, outcome_of: Kind) {
    add(
        state,
        &message(id, seconds, &[key(IdentityKeyKind::Alias, 2)], outcome_of),
    );
}

#[test]
fn the_first_record_of_a_key_is_the_answer() {
    let mut state = abandoned();
    let mut other = decision(50, 60, 1, 1900, 1, &[1]);
    other.chosen = 0;
    assert_eq!(add(&mut state, &decided(1900, other)), Folded::Duplicate);
    assert_eq!(get(&state, 50).action.action_id, "email");
    assert_eq!(get(&state, 50).record(), decision(50, 60, 1, 1800, 1, &[1, 2]));
    assert_eq!(
        state.latest_decision(&cart_id(1)).map(|(id, _)| id),
        Some(DecisionId([50; 16]))
    );
    assert_eq!(state.cart(&cart_id(1)).unwrap().abandonment_time(), Some(at(1800)));
}

#[test]
fn a_new_version_of_the_cart_supersedes_pending_decisions_only() {
    let mut state = abandoned();
    add(&mut state, &decided(1900, decision(51, 60, 1, 1900, 2, &[1])));
    assert!(!get(&state, 50).superseded, "another trigger of the same version");
    add(&mut state, &decided(2000, decision(52, 61, 1, 2000, 3, &[1])));
    assert!(get(&state, 50).superseded && get(&state, 51).superseded);
    tell(
        &mut state,
        9,
        2100,
        outcome(52, 61, Channel::Email, Outcome::Sent(MessageSent::default())),
    );
    add(&mut state, &decided(2200, decision(53, 62, 1, 2200, 4, &[1])));
    assert!(!get(&state, 52).superseded, "it was sent");
}

#[test]
fn a_decision_that_is_said_to_be_superseded_is_pending_no_more() {
    let mut state = abandoned();
    let superseded = DecisionSuperseded {
        decision_id: cart_id(50).to_string(),
        superseding_decision_id: cart_id(51).to_string(),
    };
    add(&mut state, &message(9, 1900, &[], Kind::DecisionSuperseded(superseded)));
    assert!(get(&state, 50).superseded);
}

#[test]
fn a_send_moves_through_its_stages() {
    let mut state = abandoned();
    assert_eq!(get(&state, 50).progress(), Progress::Decided);
    let due_time = Some(at(5000).to_timestamp());
    tell(
        &mut state,
        10,
        1801,
        outcome(
            50,
            60,
            Channel::Email,
            Outcome::Scheduled(MessageScheduled { due_time }),
        ),
    );
    assert_eq!(get(&state, 50).progress(), Progress::Scheduled(at(5000)));
    assert_eq!(state.touches_claimed(&cart_id(1)), 0);
    tell(
        &mut state,
        11,
        5001,
        outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default())),
    );
    assert_eq!(get(&state, 50).progress(), Progress::Claimed);
    assert_eq!(get(&state, 50).sent_time(), Some(at(5001)));
    assert_eq!(state.touches_claimed(&cart_id(1)), 1);
    let skip = Outcome::Skipped(MessageSkipped {
        reason: Reason::CapReached as i32,
        ..MessageSkipped::default()
    });
    let mut skipped = abandoned();
    tell(&mut skipped, 10, 1801, outcome(50, 60, Channel::Email, skip));
    assert_eq!(get(&skipped, 50).progress(), Progress::Skipped(Reason::CapReached));
    assert_eq!(skipped.touches_claimed(&cart_id(1)), 0);
}

#[test]
fn sends_and_offers_count_within_their_windows() {
    let mut state = abandoned();
    for (id, seconds) in [(10, 5000), (11, 5001)] {
        tell(
            &mut state,
            id,
            seconds,
            outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default())),
        );
    }
    let person = state.customer(&[alias(1)]);
    assert_eq!(person.sends_within(None, 3600, at(6000)), 1);
    assert_eq!(person.sends_within(Some(Channel::Sms), 3600, at(6000)), 0);
    assert_eq!(person.sends_within(None, 900, at(6000)), 0);
    assert_eq!(person.offers_within("ten", 3600, at(6000)), 1);
    assert_eq!(person.offers_within("twenty", 3600, at(6000)), 0);
}

#[test]
fn responses_are_counted_by_channel() {
    let mut state = abandoned();
    let opened = |opener: Opener| Outcome::Opened(MessageOpened { opener: opener as i32 });
    tell(
        &mut state,
        10,
        5000,
        outcome(50, 60, Channel::Email, opened(Opener::Human)),
    );
    tell(
        &mut state,
        11,
        5000,
        outcome(50, 60, Channel::Email, opened(Opener::Machine)),
    );
    tell(
        &mut state,
        12,
        5000,
        outcome(50, 60, Channel::Email, Outcome::Clicked(MessageClicked::default())),
    );
    let email = state.customer(&[alias(1)]).contacts().next().unwrap().channels[Channel::Email as usize];
    assert_eq!((email.opens, email.clicks, email.last_click), (1, 1, Some(at(5000))));
}

#[test]
fn an_unsubscription_is_of_every_channel_unless_it_names_some() {
    let leave = |channels: Vec<i32>| {
        let mut state = abandoned();
        let left = Outcome::Unsubscribed(MessageUnsubscribed { channels });
        tell(&mut state, 10, 5000, outcome(50, 60, Channel::Email, left));
        let person = state.customer(&[alias(1)]);
        (person.opted_out(Channel::Email), person.opted_out(Channel::Sms))
    };
    assert_eq!(leave(vec![]), (true, true));
    assert_eq!(leave(vec![Channel::Sms as i32]), (false, true));
}

#[test]
fn complaints_and_hard_bounces_suppress_the_channel() {
    let hard = |kind: BounceKind| {
        Outcome::Bounced(MessageBounced {
            kind: kind as i32,
            ..MessageBounced::default()
        })
    };
    for (told, suppressed) in [
        (hard(BounceKind::Hard), true),
        (hard(BounceKind::Soft), false),
        (Outcome::Complained(MessageComplained {}), true),
    ] {
        let mut state = abandoned();
        tell(&mut state, 10, 5000, outcome(50, 60, Channel::Email, told));
        assert_eq!(state.customer(&[alias(1)]).suppressed(Channel::Email), suppressed);
    }
}

#[test]
fn the_earliest_arm_holds() {
    let mut held = decision(51, 61, 1, 900, 1, &[1]);
    held.holdout = true;
    let mut state = abandoned();
    assert_eq!(state.customer(&[alias(2)]).holdout(), Some(false));
    add(&mut state, &decided(1900, held));
    assert_eq!(state.customer(&[alias(2)]).holdout(), Some(true));
    let mut undrawn = decision(52, 62, 1, 10, 1, &[7]);
    undrawn.candidates[1].eligible = false;
    add(&mut state, &decided(1900, undrawn));
    assert_eq!(state.customer(&[alias(7)]).holdout(), None);
}

#[test]
fn a_person_may_hold_and_approve() {
    let mut state = abandoned();
    let decision_id = cart_id(50).to_string();
    tell(
        &mut state,
        10,
        1900,
        Kind::DecisionHeld(DecisionHeld {
            decision_id: decision_id.clone(),
        }),
    );
    assert_eq!(get(&state, 50).approval(), Some(Approval::Held));
    tell(
        &mut state,
        11,
        1901,
        Kind::DecisionApproved(DecisionApproved { decision_id }),
    );
    assert_eq!(get(&state, 50).approval(), Some(Approval::Approved));
}

#[test]
fn decisions_leave_after_their_retention() {
    let mut state = abandoned();
    add(&mut state, &tick(15 * 86_400));
    assert!(state.decision(&DecisionId([50; 16])).is_none());
    assert!(state.latest_decision(&cart_id(1)).is_none());
}

#[test]
fn channels_and_budgets_are_as_last_said() {
    let channel = Channel::Sms as i32;
    let mut state = State::new();
    assert!(state.channel("shop", Channel::Sms).available);
    let unit_cost = Some(Money {
        minor_units: 7,
        currency_code: "EUR".to_owned(),
    });
    let update = ChannelUpdated {
        channel,
        available: false,
        unit_cost,
        ..ChannelUpdated::default()
    };
    tell(&mut state, 1, 0, Kind::ChannelUpdated(update));
    tell(
        &mut state,
        2,
        1,
        Kind::ChannelPaused(ChannelPaused {
            channel,
            cause: String::new(),
        }),
    );
    let told = state.channel("shop", Channel::Sms);
    assert!(!told.available && told.paused);
    assert_eq!(told.unit_cost.map(|cost| cost.minor_units), Some(7));
    tell(&mut state, 3, 2, Kind::ChannelResumed(ChannelResumed { channel }));
    assert!(!state.channel("shop", Channel::Sms).paused);
    for (id, version) in [(4, 2), (5, 1)] {
        let price = f64::from(u32::try_from(version).unwrap());
        let prices = vec![BudgetPrice {
            budget_id: "sms".to_owned(),
            price,
        }];
        tell(
            &mut state,
            id,
            3,
            Kind::BudgetPricesUpdated(BudgetPricesUpdated { version, prices }),
        );
    }
    assert_eq!(state.budget_prices().and_then(|prices| prices.price("sms")), Some(2.0));
}

#[test]
fn an_opt_out_that_names_only_its_send_reaches_the_person() {
    let mut state = abandoned();
    let said = Outcome::Unsubscribed(MessageUnsubscribed { channels: Vec::new() });
    add(
        &mut state,
        &message(10, 5000, &[], outcome(50, 60, Channel::Email, said)),
    );
    assert!(state.customer(&[alias(1)]).opted_out(Channel::Email));
    let bounced = Outcome::Bounced(MessageBounced {
        kind: BounceKind::Hard as i32,
        ..MessageBounced::default()
    });
    add(
        &mut state,
        &message(11, 5000, &[], outcome(50, 60, Channel::Email, bounced)),
    );
    assert!(state.customer(&[alias(1)]).suppressed(Channel::Email));
}

#[test]
fn keys_that_only_a_decision_names_join_the_person() {
    let mut state = abandoned();
    let mut asked = decided(2000, decision(51, 61, 1, 2000, 0, &[1]));
    asked.identity_keys = vec![customer(1), email(7)];
    add(&mut state, &asked);
    assert!(state.customer(&[alias(1)]).aliases().contains(&alias(7)));
    assert!(state.customer(&[alias(1)]).reachable(Channel::Email));
}

#[test]
fn offers_that_name_no_decision_are_each_one() {
    let issue = |id, seconds| {
        let offer = OfferIssued {
            offer_id: "ten".to_owned(),
            ..OfferIssued::default()
        };
        message(id, seconds, &[customer(1)], Kind::OfferIssued(offer))
    };
    let state = folded(&[issue(1, 0), issue(2, 1000), issue(2, 1000)]);
    let person = state.customer(&[alias(1)]);
    assert_eq!(person.offers_within("ten", 500, at(1400)), 1);
    assert_eq!(person.offers_within("ten", 3600, at(1400)), 2);
}

/// What was added after an order is another cart, whenever the order is heard of.
#[test]
fn an_order_that_comes_late_leaves_the_touches_after_it() {
    let sent = outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default()));
    let filled = message(1, 5, &[customer(1)], added(1, 1, 1));
    let order = message(2, 10, &[customer(1)], ordered(Some(1), &[1]));
    let again = message(3, 15, &[customer(1)], added(1, 2, 1));
    let taken = decided(1815, decision(50, 60, 1, 1815, 3, &[1]));
    let sent = message(4, 1816, &[key(IdentityKeyKind::Alias, 1)], sent);
    let in_time = folded([&filled, &order, &again, &taken, &sent]);
    let late = folded([&filled, &again, &taken, &sent, &order]);
    assert_eq!(in_time.touches_claimed(&cart_id(1)), 1);
    assert_eq!(late.touches_claimed(&cart_id(1)), 1);
}
