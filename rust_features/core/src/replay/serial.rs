//! Replay against the plainest reading there is: a copy of the state after every message, one thread, nothing ahead.

use proptest::prelude::*;
use prost::Message;

use super::tests::{batch, batch_of};
use super::{Journal, ReplayError, Row, rows};
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{Erased, JournalMessage};
use crate::feature::{CONTEXT_COUNT, context_features};
use crate::fold::testing::{at, customer, decided, decision, message};
use crate::fold::tests::laws::{PERSONS, any_message};
use crate::fold::{Folded, UnknownKind, fold};
use crate::ids::Alias;
use crate::state::State;
use crate::time::Micros;

const WINDOW: u32 = 72 * 3600;
/// Longer than carts are kept.
const SEASON_SECONDS: i64 = 31 * 86_400;

/// What comes next in a journal.
#[derive(Clone, Debug)]
enum Told {
    /// An event that happened up to two days before it is received.
    Event(Box<JournalMessage>),
    /// An earlier message once more.
    Again(prop::sample::Index),
    /// A decision that saw the state of so many messages ago.
    Decision {
        person: u8,
        behind: u64,
    },
    Erased {
        person: u8,
    },
    /// Nothing for so long that carts and decisions leave.
    Season,
}

fn any_told() -> impl Strategy<Value = Told> {
    prop_oneof![
        30 => any_message().prop_map(|told| Told::Event(told.message(0).into())),
        3 => any::<prop::sample::Index>().prop_map(Told::Again),
        6 => (0..PERSONS, 0..9_u64).prop_map(|(person, behind)| Told::Decision { person, behind }),
        1 => (0..PERSONS).prop_map(|person| Told::Erased { person }),
        1 => Just(Told::Season),
    ]
}

fn journal(told: Vec<Told>) -> Vec<JournalMessage> {
    let mut messages: Vec<JournalMessage> = Vec::new();
    let mut now = 170_000;
    for (told, id) in told.into_iter().zip(1_u64..) {
        now += 60;
        let number = u8::try_from(id % 250).unwrap();
        let mut next = match told {
            Told::Event(message) => with_id(*message, id),
            Told::Again(earlier) if !messages.is_empty() => earlier.get(&messages).clone(),
            Told::Again(_) => continue,
            Told::Decision { person, behind } => {
                let saw = u64::try_from(messages.len()).unwrap().saturating_sub(behind);
                let aliases = [person, 100 + person];
                decided(now, decision(number, number / 2, 10 + person, now, saw, &aliases))
            }
            Told::Erased { person } => message(id, now, &[customer(person)], Kind::Erased(Erased::default())),
            Told::Season => {
                now += SEASON_SECONDS;
                continue;
            }
        };
        next.received_time = Some(at(now).to_timestamp());
        messages.push(next);
    }
    messages
}

fn with_id(mut told: JournalMessage, id: u64) -> JournalMessage {
    let named = message(id, 0, &[], Kind::Erased(Erased::default()));
    if let (Some(Content::Event(event)), Some(Content::Event(named))) = (&mut told.content, named.content) {
        event.event_id = named.event_id;
    }
    told
}

/// The rows of one thread that keeps every state: decision, sequence and context features, bit for bit.
fn serial(messages: &[JournalMessage]) -> Vec<(String, u64, [u32; CONTEXT_COUNT])> {
    let mut states = vec![State::new()];
    let mut found = Vec::new();
    for (message, sequence) in messages.iter().zip(1_u64..) {
        let mut state = states.last().unwrap().clone();
        let counts = fold(&mut state, sequence, message).unwrap() == Folded::Applied;
        states.push(state);
        let Some(Content::Decision(record)) = message.content.as_ref().filter(|_| counts) else {
            continue;
        };
        let saw = &states[usize::try_from(record.state_sequence).unwrap()];
        let clock = Micros::from_timestamp(record.clock.as_ref().unwrap());
        let cart = saw.requested_cart(record.request.as_ref().unwrap(), clock);
        let aliases: Vec<_> = record
            .aliases
            .iter()
            .map(|alias| Alias::from_bytes(alias).unwrap())
            .collect();
        let mut context = [0.0; CONTEXT_COUNT];
        context_features(saw, &saw.customer_as_seen(&aliases), Some(&cart), clock, &mut context);
        found.push((record.decision_id.clone(), sequence, context.map(f32::to_bits)));
    }
    found
}

fn plain(row: Row) -> (String, u64, [u32; CONTEXT_COUNT]) {
    (row.decision_id, row.sequence, row.context.map(f32::to_bits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Longer than what is handed over at once, so that decisions are read on both sides of its end.
    #[test]
    fn rows_are_those_of_one_thread_that_keeps_every_state(told in prop::collection::vec(any_told(), 1..420)) {
        let messages = journal(told);
        let batches = [batch(&messages)];
        let replayed = rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap();
        prop_assert_eq!(replayed.into_iter().map(plain).collect::<Vec<_>>(), serial(&messages));
    }
}

#[test]
fn the_first_message_that_cannot_be_read_or_folded_ends_replay() {
    let message = message(0, 0, &[customer(1)], Kind::Erased(Erased::default()));
    let mut payloads = vec![message.encode_to_vec(); 300];
    payloads[199] = vec![0xff];
    let refused = |payloads: &[Vec<u8>]| {
        let batches = [batch_of(payloads)];
        rows(&Journal::new(&batches).unwrap(), WINDOW).unwrap_err()
    };
    assert!(matches!(
        refused(&payloads),
        ReplayError::Undecodable { sequence: 200, .. }
    ));
    payloads[198] = JournalMessage::default().encode_to_vec();
    payloads[199] = message.encode_to_vec();
    assert!(matches!(
        refused(&payloads),
        ReplayError::UnknownKind(UnknownKind { sequence: 199 })
    ));
}
