//! A snapshot. Bytes that are a file: refused, or the very state that was written at its sequence. Parts that are sealed
//! here, field 1 of the input each time it stands there under the sequence of field 2: refused, or a state that can be
//! written again, read, decided about and folded on.

use std::sync::LazyLock;

use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{
    CheckoutStarted, JournalMessage, Money, OrderCompleted, ProductAdded, ProductRemoved, ProductViewed, Tick,
};
use cart_recovery_core::decide::{fire, to_message};
use cart_recovery_core::fold::fold;
use cart_recovery_core::ids::{Alias, Token};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::sharded::Sharded;
use cart_recovery_core::snapshot::{Snapshot, decode, payloads, sealed};
use cart_recovery_core::state::State;

use crate::mutate::LONGEST;
use crate::wire::{self, Field, Value};
use crate::world::{ABANDONMENT_SECONDS, NOW, bundle, decision_key, line, message, past};

const KEY: Key = Key([5; 32]);

/// What was written soundly.
static SOUND: LazyLock<Vec<Snapshot>> = LazyLock::new(sound);
/// What the shopper does next.
static NEXT: LazyLock<Vec<JournalMessage>> = LazyLock::new(next);

pub(super) fn run(input: &[u8]) {
    match wire::read(input) {
        Some(fields) => as_parts(&fields),
        None => as_file(input),
    }
}

/// The sound snapshots, as files and as parts.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seeds = SOUND.iter().flat_map(|snapshot| {
        let sequence = snapshot.state.sequence();
        let payloads = written(snapshot);
        [file(&payloads, sequence), parts(payloads, sequence)]
    });
    seeds.filter(|seed| seed.len() <= LONGEST).collect()
}

fn as_file(file: &[u8]) {
    let Ok(snapshot) = decode(file, &KEY) else { return };
    let sequence = snapshot.state.sequence();
    let sound = SOUND.iter().find(|sound| sound.state.sequence() == sequence);
    let sound = sound.expect("only what was written here is sealed");
    assert_eq!(written(&snapshot), written(sound));
    assert_eq!(snapshot.state.digest(), sound.state.digest());
}

fn as_parts(fields: &[Field]) {
    let Ok(snapshot) = decode(&sealed_parts(fields), &KEY) else {
        return;
    };
    let again = file(&written(&snapshot), snapshot.state.sequence());
    let again = decode(&again, &KEY).expect("what was read can be written");
    let mut state = snapshot.state;
    assert_eq!(again.state.digest(), state.digest());
    go_on(&mut state);
}

fn sealed_parts(fields: &[Field]) -> Vec<u8> {
    let payloads: Vec<_> = fields
        .iter()
        .filter(|field| field.number == 1)
        .filter_map(|field| field.value.bytes())
        .collect();
    file(&payloads, wire::varint_of(fields, 2).unwrap_or_default())
}

fn written(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    payloads(snapshot.clone()).expect("every state can be written")
}

fn file(payloads: &[Vec<u8>], sequence: u64) -> Vec<u8> {
    sealed(payloads, sequence, &KEY).expect("memory takes every byte")
}

fn parts(payloads: Vec<Vec<u8>>, sequence: u64) -> Vec<u8> {
    let part = |payload| Field {
        number: 1,
        value: Value::Bytes(payload),
    };
    let sequence = Field {
        number: 2,
        value: Value::Varint(sequence),
    };
    wire::write(&payloads.into_iter().map(part).chain([sequence]).collect::<Vec<_>>())
}

/// Decides about what was left alone, then lets the shopper come back, and time pass until all is forgotten.
fn go_on(state: &mut State) {
    fire_due(state);
    for message in NEXT.iter() {
        add(state, message);
    }
}

fn fire_due(state: &mut State) {
    let later = state.journal_time().plus_seconds(2 * ABANDONMENT_SECONDS);
    let due = state.take_due(later, ABANDONMENT_SECONDS);
    for record in fire(state, bundle(), &due, &decision_key()) {
        add(state, &to_message(record));
    }
}

fn add(state: &mut State, message: &JournalMessage) {
    let sequence = state.sequence().saturating_add(1);
    fold(state, sequence, message).expect("the message is of a known kind");
}

/// A shop that knows nobody, one with an abandoned cart, and one that decided about it.
fn sound() -> Vec<Snapshot> {
    let mut decided = past().clone();
    fire_due(&mut decided);
    let states = [State::new(), past().clone(), decided];
    states.map(snapshot).into()
}

fn snapshot(state: State) -> Snapshot {
    let mut directory = Sharded::default();
    for number in 0..3 {
        directory.insert(Token([number; 16]), Alias([number + 1; 16]));
    }
    Snapshot {
        state,
        directory,
        resume: b"resume".to_vec(),
    }
}

fn next() -> Vec<JournalMessage> {
    let cart_id = || "c1".to_owned();
    let kinds = [
        Kind::ProductViewed(ProductViewed {
            product: Some(line()),
            dwell_seconds: 9,
        }),
        Kind::ProductAdded(ProductAdded {
            cart_id: cart_id(),
            line: Some(line()),
            currency_code: "EUR".to_owned(),
        }),
        Kind::ProductRemoved(ProductRemoved {
            cart_id: cart_id(),
            line: Some(line()),
        }),
        Kind::CheckoutStarted(CheckoutStarted { cart_id: cart_id() }),
        Kind::OrderCompleted(OrderCompleted {
            order_id: "o1".to_owned(),
            cart_id: cart_id(),
            lines: vec![line()],
            total: Some(Money {
                minor_units: 3998,
                currency_code: "EUR".to_owned(),
            }),
            ..OrderCompleted::default()
        }),
    ];
    let events = kinds.into_iter().zip(100..).map(|(kind, id)| message(id, NOW, kind));
    let ticks = [1, 31, 90].map(|days| JournalMessage {
        received_time: Some(NOW.plus_seconds(days * 86_400).to_timestamp()),
        content: Some(Content::Tick(Tick {})),
        ..JournalMessage::default()
    });
    events.chain(ticks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The campaign begins behind the seals, and parts are not altered by being read as fields.
    #[test]
    fn every_seed_is_a_snapshot_that_is_used() {
        let seeds = seeds();
        assert!(seeds.len() >= 4, "{} seeds are short enough", seeds.len());
        for seed in seeds {
            let file = match wire::read(&seed) {
                Some(fields) => sealed_parts(&fields),
                None => seed,
            };
            decode(&file, &KEY).expect("it is sound");
        }
    }
}
