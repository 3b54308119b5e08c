//! The keys of an event: each has a record, keys seen together are linked, and the strongest acts where the event happened.

use super::scene::Scene;
use crate::contract::IdentityKeyKind;
use crate::ids::Alias;
use crate::state::{Bond, Met, Record, State};

/// Makes the records of the keys.
pub(super) fn record(state: &mut State, scene: &Scene<'_>) {
    for key in scene.keys.iter().filter(|key| !key.met) {
        let record = state.records.get_or_insert_with(key.alias, || Record::new(key.kind));
        if !is_outside(record.kind) && is_outside(key.kind) {
            record.kind = key.kind;
        }
    }
}

/// Makes the records of the keys and links keys that stand on one message. Aliases given by a sender behind the edge are
/// a set that it read from a decision: they say nothing new about who belongs together.
pub(super) fn meet(state: &mut State, scene: &Scene<'_>) {
    record(state, scene);
    for (index, key) in scene.keys.iter().enumerate() {
        for other in scene.keys.iter().skip(index + 1) {
            let met = index == 0 && other.met;
            if !met && is_outside(key.kind) && is_outside(other.kind) {
                let bonds = [key.kind, other.kind].map(met_with).map(Bond::Met);
                bond(state, scene, [key.alias, other.alias], bonds);
            }
        }
    }
}

/// Who acts in the session and the cart: the strongest key; the others are linked with it already. Aliases given by a sender
/// behind the edge act nowhere.
pub(super) fn actor(scene: &Scene<'_>) -> Option<Alias> {
    let key = scene.keys.first()?;
    (is_outside(key.kind) || key.alias.is_session()).then_some(key.alias)
}

/// What the shop says of the event's keys: they belong together, or they do not.
pub(super) fn say(state: &mut State, scene: &Scene<'_>, linked: bool) {
    for (index, key) in scene.keys.iter().enumerate() {
        for other in scene.keys.iter().skip(index + 1) {
            bond(state, scene, [key.alias, other.alias], [Bond::Said(linked); 2]);
        }
    }
}

/// Whether the kind names an outside id; such a kind outranks those that do not.
fn is_outside(kind: IdentityKeyKind) -> bool {
    !matches!(kind, IdentityKeyKind::Unspecified | IdentityKeyKind::Alias)
}

fn met_with(kind: IdentityKeyKind) -> Met {
    match kind {
        IdentityKeyKind::Anonymous => Met::WithDevice,
        _ => Met::WithPerson,
    }
}

/// Notes an edge at both ends, each with what the key at the other end is to it; none at one that was erased.
fn bond(state: &mut State, scene: &Scene<'_>, [one, other]: [Alias; 2], [as_one, as_other]: [Bond; 2]) {
    let is_erased = |alias| state.records.get(&alias).is_some_and(|record| record.erased);
    if one == other || is_erased(one) || is_erased(other) {
        return;
    }
    for (end, far, bond) in [(one, other, as_other), (other, one, as_one)] {
        if let Some(record) = state.records.get_mut(&end) {
            record.bind(far, bond, scene.stamp);
        }
    }
}
