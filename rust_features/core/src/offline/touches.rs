//! Touches that are due at a time: the port that a live deployment has in the journal's schedules.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::DecisionId;
use crate::time::Micros;

/// One touch to confirm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Due {
    pub(super) time: Micros,
    /// Of equal times the one scheduled first comes first.
    order: u64,
    pub(super) decision: DecisionId,
    /// As in a confirmation: 0 is the decision's own, more is a later one.
    pub(super) touch: u32,
}

/// Pending touches, at most one per decision.
#[derive(Default)]
pub(super) struct Touches {
    heap: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
}

impl Touches {
    pub(super) fn schedule(&mut self, time: Micros, decision: DecisionId, touch: u32) {
        self.scheduled += 1;
        self.heap.push(Reverse(Due {
            time,
            order: self.scheduled,
            decision,
            touch,
        }));
    }

    pub(super) fn next_time(&self) -> Option<Micros> {
        self.heap.peek().map(|Reverse(due)| due.time)
    }

    pub(super) fn take_next(&mut self) -> Option<Due> {
        self.heap.pop().map(|Reverse(due)| due)
    }
}
