//! The order of facts by event time, and values of which the latest wins: what makes the fold indifferent to the
//! order in which late events arrive.

use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// The place of an event among all events: its time, then its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Event time, clamped to the received time.
    pub time: Micros,
    /// From the event's id: orders events of the same time.
    #[serde(with = "postcard::fixint::le")]
    pub tie: u64,
}

/// A value and the stamp of the event that said so.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Latest<T> {
    /// When it was said.
    pub stamp: Stamp,
    /// What was said.
    pub value: T,
}

impl<T> Latest<T> {
    /// Keeps the later of the two.
    pub fn offer(slot: &mut Option<Self>, stamp: Stamp, value: T) {
        if slot.as_ref().is_none_or(|held| held.stamp <= stamp) {
            *slot = Some(Self { stamp, value });
        }
    }

    /// The later of the two.
    #[must_use]
    pub fn later<'a>(left: Option<&'a Self>, right: Option<&'a Self>) -> Option<&'a Self> {
        match (left, right) {
            (Some(held), Some(other)) if held.stamp < other.stamp => Some(other),
            (held, other) => held.or(other),
        }
    }
}

/// The value of a slot, if anything was said.
pub(crate) fn value<T: Copy>(slot: Option<&Latest<T>>) -> Option<T> {
    slot.map(|latest| latest.value)
}
