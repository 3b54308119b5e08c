//! The keys of an event: each has a record, and keys seen together are linked.

use super::scene::Scene;
use crate::contract::IdentityKeyKind;
use crate::contract::event::Kind;
use crate::ids::Alias;
use crate::state::{Bond, Record, Stamp, State};

/// Makes the records of the keys and links keys that stand on one event. Aliases given by a sender behind the edge are
/// a set that it read from a decision: they say nothing new about who belongs together.
pub(super) fn meet(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    for key in &scene.keys {
        let record = state.records.entry(key.alias).or_insert_with(|| Record::new(key.kind));
        if outside(record.kind) < outside(key.kind) {
            record.kind = key.kind;
        }
    }
    if scene.keys.len() < 2 || matches!(kind, Kind::Linked(_) | Kind::Unlinked(_)) {
        return;
    }
    bond_all(state, scene, Bond::SeenTogether, |kind| outside(kind) > 0);
}

/// What the shop says of the event's keys: they belong together, or they do not.
pub(super) fn say(state: &mut State, scene: &Scene<'_>, linked: bool) {
    bond_all(state, scene, Bond::Said(linked), |_| true);
}

/// A kind that names an outside id outranks those that do not.
fn outside(kind: IdentityKeyKind) -> u8 {
    u8::from(!matches!(kind, IdentityKeyKind::Unspecified | IdentityKeyKind::Alias))
}

fn bond_all(state: &mut State, scene: &Scene<'_>, bond: Bond, takes: fn(IdentityKeyKind) -> bool) {
    for (index, key) in scene.keys.iter().enumerate() {
        for other in scene.keys.iter().skip(index + 1) {
            if takes(key.kind) && takes(other.kind) && key.alias != other.alias {
                bind(state, key.alias, other.alias, bond, scene.stamp);
                bind(state, other.alias, key.alias, bond, scene.stamp);
            }
        }
    }
}

fn bind(state: &mut State, alias: Alias, other: Alias, bond: Bond, stamp: Stamp) {
    if let Some(record) = state.records.get_mut(&alias) {
        record.bind(other, bond, stamp);
    }
}
