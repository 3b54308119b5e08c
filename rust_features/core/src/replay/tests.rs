//! Replay reads what was live, bit for bit.

use std::sync::Arc;

use arrow_array::{LargeBinaryArray, RecordBatch, UInt64Array};
use proptest::prelude::*;
use prost::Message;

use super::{Journal, ReplayError, journal_schema, replay, row_schema, rows};
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::message_outcome::Outcome;
use crate::contract::{Channel, JournalMessage, MessageSent};
use crate::feature::{CONTEXT_COUNT, context_features};
use crate::fold::testing::{
    add, added, alias, at, customer, decided, decision, device, message, ordered, outcome, tick, viewed, within,
};
use crate::ids::DecisionId;
use crate::state::State;

const WINDOW: u32 = 72 * 3600;

/// A journal of the messages as sequences 1, 2, …
pub(super) fn batch(messages: &[JournalMessage]) -> RecordBatch {
    let payloads: Vec<_> = messages.iter().map(Message::encode_to_vec).collect();
    batch_of(&payloads)
}

pub(super) fn batch_of(payloads: &[Vec<u8>]) -> RecordBatch {
    let sequences = UInt64Array::from_iter_values((1..).take(payloads.len()));
    let payloads = LargeBinaryArray::from_iter_values(payloads);
    RecordBatch::try_new(
        Arc::new(journal_schema()),
        vec![Arc::new(sequences), Arc::new(payloads)],
    )
    .unwrap()
}

fn only_row(messages: &[JournalMessage]) -> super::Row {
    let batches = [batch(messages)];
    let found = rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap();
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

/// A cart of customer 1, abandoned and decided about, then what follows.
fn story(after: &[(i64, Kind)]) -> Vec<JournalMessage> {
    let mut messages = vec![
        message(1, 0, &[customer(1), device(2)], added(1, 1, 2)),
        decided(1800, decision(50, 60, 1, 1800, 1, &[1, 2])),
    ];
    for ((seconds, kind), id) in after.iter().zip(10..) {
        messages.push(message(id, *seconds, &[customer(1)], kind.clone()));
    }
    messages
}

#[test]
fn an_order_within_the_window_recovers_the_cart() {
    let sent = outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default()));
    let row = only_row(&story(&[
        (2000, sent),
        (3000, ordered(None, &[1])),
        (4000, ordered(Some(1), &[1])),
    ]));
    assert!(row.recovered && row.contacted);
    assert_eq!(
        (row.order_value_minor, row.recovered_seconds),
        (Some(2500), Some(1200.0))
    );
    assert!((row.observed_seconds - 2200.0).abs() < 1e-9);
    assert_eq!(row.action_id, "email");
    assert_eq!(row.customer, Some(alias(1)));
}

#[test]
fn other_orders_and_late_ones_do_not_recover_it() {
    let late = 1801 + i64::from(WINDOW);
    let row = only_row(&story(&[(3000, ordered(None, &[2])), (late, ordered(None, &[1]))]));
    assert!(!row.recovered && !row.contacted);
    assert_eq!((row.order_value_minor, row.recovered_seconds), (None, None));
    assert!((row.observed_seconds - f64::from(WINDOW)).abs() < 1e-9);
}

#[test]
fn an_order_of_somebody_else_does_not_recover_it() {
    let mut messages = story(&[]);
    messages.push(message(10, 3000, &[customer(9)], ordered(None, &[1])));
    assert!(!only_row(&messages).recovered);
}

#[test]
fn an_order_without_a_key_recovers_the_cart_of_whoever_is_known_in_its_session() {
    let mut messages = story(&[]);
    messages.push(within(1, message(10, 2500, &[customer(1)], viewed(1))));
    messages.push(within(1, message(11, 3000, &[], ordered(None, &[1]))));
    assert!(only_row(&messages).recovered);
    messages[2] = within(2, messages[2].clone());
    assert!(!only_row(&messages).recovered);
}

#[test]
fn an_order_in_another_storefront_does_not_recover_it() {
    let mut messages = story(&[(3000, ordered(None, &[1]))]);
    if let Some(Content::Event(event)) = messages.last_mut().and_then(|message| message.content.as_mut()) {
        event.storefront_id = "other".to_owned();
    }
    assert!(!only_row(&messages).recovered);
}

#[test]
fn a_decision_counts_once() {
    let mut messages = story(&[]);
    messages.push(decided(1900, decision(50, 60, 1, 1900, 2, &[1])));
    assert_eq!(only_row(&messages).sequence, 2);
}

#[test]
fn a_key_that_the_fold_has_forgotten_is_decided_anew() {
    const LATER: i64 = 15 * 86_400;
    let mut messages = story(&[]);
    messages.extend([
        message(10, LATER, &[customer(1)], added(1, 2, 1)),
        decided(LATER, decision(50, 60, 1, LATER, 3, &[1, 2])),
        message(
            11,
            LATER + 60,
            &[customer(1)],
            outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default())),
        ),
    ]);
    let batches = [batch(&messages)];
    let found = rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap();
    let told: Vec<_> = found.iter().map(|row| (row.sequence, row.contacted)).collect();
    assert_eq!(told, [(2, false), (4, true)]);
}

#[test]
fn of_two_decisions_with_one_send_key_both_name_the_one_that_was_sent() {
    let mut messages = story(&[]);
    let mut second = decision(51, 60, 1, 1900, 1, &[1, 2]);
    second.chosen = 0;
    messages.push(decided(1900, second));
    messages.push(message(
        10,
        2000,
        &[customer(1)],
        outcome(50, 60, Channel::Email, Outcome::Sent(MessageSent::default())),
    ));
    let batches = [batch(&messages)];
    let found = rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap();
    let told: Vec<_> = found.iter().map(|row| (row.contacted, row.sent_by)).collect();
    let sender = DecisionId([50; 16]);
    assert_eq!(told, [(true, Some(sender)), (false, Some(sender))]);
}

#[test]
fn columns_are_those_of_the_schema() {
    let batches = [batch(&story(&[])), batch(&[])];
    let table = replay(&batches, WINDOW).unwrap();
    assert_eq!(table.schema(), row_schema());
    assert_eq!(table.num_rows(), 1);
}

#[test]
fn a_journal_must_be_sorted_and_readable() {
    let unsorted = [batch(&story(&[])), batch(&story(&[]))];
    assert!(matches!(
        replay(&unsorted, WINDOW),
        Err(ReplayError::Unsorted {
            sequence: 1,
            previous: 2
        })
    ));
    let unknown = [batch(&[JournalMessage {
        content: None,
        ..tick(0)
    }])];
    assert!(matches!(replay(&unknown, WINDOW), Err(ReplayError::UnknownKind(_))));
    let rows = replay(&[RecordBatch::new_empty(row_schema())], WINDOW);
    assert!(matches!(rows, Err(ReplayError::Columns(_))));
}

/// Steps of a live run: an event, or a decision that reaches the journal some messages after it was taken.
#[derive(Clone, Debug)]
enum Step {
    Event {
        person: u8,
        product: u8,
        add: bool,
        pause: i64,
    },
    Decide {
        person: u8,
        delay: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..4_u8, 1..6_u8, any::<bool>(), 0..5000_i64)
            .prop_map(|(person, product, add, pause)| Step::Event { person, product, add, pause }),
        1 => (1..4_u8, 0..4_usize).prop_map(|(person, delay)| Step::Decide { person, delay }),
    ]
}

proptest! {
    #[test]
    fn replayed_features_are_the_live_ones_bit_for_bit(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut live = State::new();
        let mut messages = Vec::new();
        let mut waiting: Vec<(usize, JournalMessage)> = Vec::new();
        let mut seen = Vec::new();
        let mut seconds = 0;
        for (step, number) in steps.iter().zip(1_u8..) {
            match step {
                Step::Event { person, product, add: adds, pause } => {
                    seconds += pause;
                    let kind = if *adds { added(*person, *product, 1) } else { viewed(*product) };
                    let keys = [customer(*person), device(100 + person)];
                    messages.push(message(number.into(), seconds, &keys, kind));
                    add(&mut live, messages.last().unwrap());
                }
                Step::Decide { person, delay } => {
                    let known = live.customer(&[alias(100 + person)]);
                    let aliases: Vec<u8> = known.aliases().iter().map(|alias| alias.0[0]).collect();
                    let record = decision(number, number, *person, seconds + 7, live.sequence(), &aliases);
                    let cart = live.requested_cart(record.request.as_ref().unwrap(), at(seconds + 7));
                    let mut features = [0.0; CONTEXT_COUNT];
                    context_features(&live, &known, Some(&cart), at(seconds + 7), &mut features);
                    seen.push((record.decision_id.clone(), features));
                    waiting.push((messages.len() + delay, decided(seconds + 7, record)));
                }
            }
            waiting.retain(|(due, record)| {
                let arrived = messages.len() >= *due;
                if arrived {
                    messages.push(record.clone());
                    add(&mut live, record);
                }
                !arrived
            });
        }
        messages.extend(waiting.into_iter().map(|(_, record)| record));
        let batches = [batch(&messages)];
        let replayed = rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap();
        prop_assert_eq!(replayed.len(), seen.len());
        for (id, features) in seen {
            let row = replayed.iter().find(|row| row.decision_id == id).unwrap();
            prop_assert_eq!(row.context.map(f32::to_bits), features.map(f32::to_bits));
        }
    }
}
