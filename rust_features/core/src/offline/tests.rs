use std::sync::Arc;

use prost::Message;

use super::{Offline, Setup};
use crate::bundle::testing::bundle;
use crate::contract::event::Kind;
use crate::contract::message_outcome::Outcome;
use crate::contract::{
    CartViewed, Channel, ConsentChanged, ConsentPurpose, ConsentState, Contact, DecisionRecord, Event, Identity,
    JournalMessage, LegalBasis, MessageOutcome, MessageSkipped, Money, OrderCompleted, Policy, ProductAdded,
    ProductUpdated, Reason, TrackRequest, Trigger,
};
use crate::decide::testing::{NOON, line};
use crate::edge::Edge;
use crate::fold::fold;
use crate::keyed::Key;
use crate::policy::testing::policy;
use crate::state::State;
use crate::time::Micros;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// A policy that always sends the one reminder.
fn reminders() -> Policy {
    let mut policy = policy();
    policy.company.as_mut().unwrap().holdout_basis_points = Some(0);
    policy.actions.retain(|action| action.action_id == "email_reminder");
    policy.exploration = None;
    policy
}

fn offline(policy: Option<&Policy>) -> Offline {
    Offline::new(Setup {
        edge: Edge::without_dispatcher(Key([1; 32])),
        bundle: policy.map(|policy| Arc::new(bundle(policy))),
        run_seed: [2; 32],
        offer: Key([3; 32]),
        keep_journal: true,
    })
}

fn request(number: u32, shopper: &str, time: Micros, kind: Kind) -> Vec<u8> {
    let contact = Contact {
        channel: Channel::Email.into(),
        address: format!("{shopper}@example.org"),
    };
    let event = Event {
        event_id: format!("event-{number}"),
        storefront_id: "main".into(),
        event_time: Some(time.to_timestamp()),
        identity: Some(Identity {
            customer_id: shopper.into(),
            contacts: vec![contact],
            ..Identity::default()
        }),
        kind: Some(kind),
        ..Event::default()
    };
    TrackRequest {
        event: Some(event),
        acknowledge: 0,
    }
    .encode_to_vec()
}

fn agreed() -> Kind {
    Kind::ConsentChanged(ConsentChanged {
        channel: Channel::Email.into(),
        purpose: ConsentPurpose::CartReminder.into(),
        state: ConsentState::Granted.into(),
        legal_basis: LegalBasis::Consent.into(),
        ..ConsentChanged::default()
    })
}

fn added(cart: &str) -> Kind {
    Kind::ProductAdded(ProductAdded {
        cart_id: cart.into(),
        line: Some(line("boots", 1, 4000)),
        currency_code: "EUR".into(),
    })
}

fn ordered(cart: &str) -> Kind {
    Kind::OrderCompleted(OrderCompleted {
        order_id: format!("order of {cart}"),
        cart_id: cart.into(),
        lines: vec![line("boots", 1, 4000)],
        total: Some(Money {
            minor_units: 4000,
            currency_code: "EUR".into(),
        }),
        ..OrderCompleted::default()
    })
}

fn after(hours: i64) -> Micros {
    Micros(NOON.0 + hours * HOUR)
}

/// One shopper leaves a cart at noon; another buys.
fn two_shoppers(offline: &mut Offline) {
    let events = [
        request(1, "ann", NOON, agreed()),
        request(2, "bob", NOON, agreed()),
        request(3, "ann", NOON, added("a")),
        request(4, "bob", NOON, added("b")),
        request(4, "bob", NOON, added("b")),
        request(5, "bob", Micros(NOON.0 + MINUTE), ordered("b")),
    ];
    assert_eq!(offline.run(events.iter().map(Vec::as_slice)), []);
}

fn decisions(offline: &mut Offline) -> Vec<DecisionRecord> {
    let records = offline.take_decisions();
    records
        .iter()
        .map(|record| DecisionRecord::decode(record.as_slice()).unwrap())
        .collect()
}

fn sends(offline: &mut Offline) -> Vec<MessageOutcome> {
    offline
        .take_sends()
        .iter()
        .map(|send| MessageOutcome::decode(send.as_slice()).unwrap())
        .collect()
}

#[test]
fn the_counts_are_those_of_the_events() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    offline.advance(after(10));
    let counts = offline.counts();
    assert_eq!((counts.customers, counts.carts, counts.orders), (2, 2, 1));
    assert_eq!((counts.abandoned_carts, counts.duplicates), (1, 1));
    assert!(counts.kinds.contains(&("product_added".to_owned(), 2)));
}

#[test]
fn an_abandoned_cart_is_decided_at_its_deadline_and_sent_when_due() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    let deadline = Micros(NOON.0 + 30 * MINUTE);
    assert_eq!(offline.next_due(), Some(deadline));
    offline.advance(Micros(deadline.0 + 90 * MINUTE));
    let [record] = &decisions(&mut offline)[..] else {
        panic!("one decision")
    };
    assert_eq!(record.clock, Some(deadline.to_timestamp()));
    assert_eq!(record.request.as_ref().unwrap().trigger(), Trigger::Inactivity);
    let [outcome] = &sends(&mut offline)[..] else {
        panic!("one send")
    };
    let Some(Outcome::Sent(sent)) = &outcome.outcome else {
        panic!("it was sent")
    };
    assert_eq!(sent.sent_time, Some(Micros(deadline.0 + HOUR).to_timestamp()));
}

#[test]
fn touches_follow_each_other_until_a_cap_or_the_last_one() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    offline.advance(after(24 * 20));
    let touches: Vec<u32> = decisions(&mut offline).iter().map(|record| record.touch).collect();
    assert_eq!(touches, [1, 2, 3]);
    let sent: Vec<u32> = sends(&mut offline).iter().map(|send| send.touch).collect();
    assert_eq!(sent, [1, 2], "two a week are allowed");
    assert_eq!(offline.next_due(), None);
}

#[test]
fn an_order_before_the_touch_is_due_stops_it_with_a_reason() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    offline.track(&request(6, "ann", after(1), ordered("a"))).unwrap();
    offline.advance(after(24));
    let [outcome] = &sends(&mut offline)[..] else {
        panic!("one outcome")
    };
    let reason = match &outcome.outcome {
        Some(Outcome::Skipped(skipped)) if skipped.ends_sequence => skipped.reason(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason, Reason::CartOrdered);
    assert_eq!(offline.next_due(), None);
}

#[test]
fn a_skip_that_does_not_end_the_sequence_is_followed_by_the_next_touch() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    for (number, hours, stock) in [(6, 1, 0), (7, 3, 9)] {
        let product = ProductUpdated {
            product_id: "boots".into(),
            stock: Some(stock),
            ..ProductUpdated::default()
        };
        let request = request(number, "ann", after(hours), Kind::ProductUpdated(product));
        offline.track(&request).unwrap();
    }
    offline.advance(after(24 * 20));
    let outcomes = sends(&mut offline);
    let first = MessageSkipped {
        reason: Reason::OutOfStock.into(),
        ends_sequence: false,
    };
    assert_eq!(outcomes[0].outcome, Some(Outcome::Skipped(first)));
    assert_eq!(outcomes[1].touch, 2);
    assert!(matches!(outcomes[1].outcome, Some(Outcome::Sent(_))));
}

#[test]
fn a_shopper_who_is_back_is_waited_for() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    let back = Micros(NOON.0 + 85 * MINUTE);
    let viewed = Kind::CartViewed(CartViewed { cart_id: "a".into() });
    offline.track(&request(6, "ann", back, viewed)).unwrap();
    offline.advance(after(24));
    let outcomes = sends(&mut offline);
    let Some(Outcome::Sent(sent)) = &outcomes[0].outcome else {
        panic!("it was sent")
    };
    assert_eq!(sent.sent_time, Some(Micros(back.0 + 30 * MINUTE).to_timestamp()));
    assert_eq!(decisions(&mut offline).len(), 1, "the same cart is decided about once");
}

#[test]
fn the_kept_journal_folds_to_the_same_state_and_its_decisions_execute_again() {
    let policy = reminders();
    let mut offline = offline(Some(&policy));
    two_shoppers(&mut offline);
    offline.advance(after(48));
    let (bundle, mut state) = (bundle(&policy), State::new());
    let mut executed = 0;
    for (sequence, bytes) in offline.journal() {
        let message = JournalMessage::decode(bytes.as_slice()).unwrap();
        if let Some(crate::contract::journal_message::Content::Decision(record)) = &message.content
            && record.state_sequence == state.sequence()
        {
            let again = crate::decide::execute(&state, &bundle, record, &Key([2; 32])).unwrap();
            assert_eq!(again.encode_to_vec(), record.encode_to_vec());
            executed += 1;
        }
        fold(&mut state, *sequence, &message).unwrap();
    }
    assert_eq!(executed, decisions(&mut offline).len());
    assert_eq!(state.digest(), offline.state().digest());
}

#[test]
fn a_cart_that_goes_on_after_its_order_has_all_its_touches_again() {
    let mut offline = offline(Some(&reminders()));
    two_shoppers(&mut offline);
    offline.advance(after(2));
    offline.track(&request(6, "ann", after(3), ordered("a"))).unwrap();
    let again = after(24 * 8);
    offline.track(&request(7, "ann", again, added("a"))).unwrap();
    offline.advance(Micros(again.0 + 2 * HOUR));
    let first = decisions(&mut offline);
    assert_eq!(first.iter().map(|record| record.touch).collect::<Vec<_>>(), [1, 1]);
    assert_ne!(first[0].decision_id, first[1].decision_id);
    assert_eq!(sends(&mut offline).len(), 2);
}

#[test]
fn an_engine_that_starts_anew_decides_no_deadline_again() {
    let policy = reminders();
    let mut offline = offline(Some(&policy));
    two_shoppers(&mut offline);
    offline.advance(after(2));
    assert_eq!(
        sends(&mut offline).len(),
        1,
        "touch 1 is claimed, so a new decision would be touch 2"
    );
    let mut state = State::new();
    for (sequence, bytes) in offline.journal() {
        fold(
            &mut state,
            *sequence,
            &JournalMessage::decode(bytes.as_slice()).unwrap(),
        )
        .unwrap();
    }
    let due = state.take_due(after(2), 1800);
    assert_eq!(due.len(), 1);
    assert_eq!(crate::decide::fire(&state, &bundle(&policy), &due, &Key([2; 32])), []);
}

#[test]
fn two_runs_of_one_seed_are_the_same() {
    let run = || {
        let mut offline = offline(Some(&policy()));
        two_shoppers(&mut offline);
        offline.advance(after(100));
        (offline.take_decisions(), offline.take_sends())
    };
    assert_eq!(run(), run());
}

#[test]
fn without_a_bundle_events_are_only_folded() {
    let mut offline = offline(None);
    two_shoppers(&mut offline);
    offline.advance(after(100));
    assert!(offline.take_decisions().is_empty());
    assert_eq!(offline.counts().carts, 2);
    assert_eq!(offline.next_due(), None);
}

#[test]
fn a_refused_request_is_named_and_the_run_goes_on() {
    let mut offline = offline(Some(&reminders()));
    let (bad, good) = (b"\xff\xff".to_vec(), request(1, "ann", NOON, added("a")));
    let refused = offline.run([bad.as_slice(), good.as_slice()]);
    assert_eq!(
        (refused.len(), refused[0].row, refused[0].refusal.reason),
        (1, 0, Reason::Unparsable)
    );
    assert_eq!(offline.counts().carts, 1);
}
