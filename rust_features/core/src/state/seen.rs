//! Event ids seen lately: an event counts once.

use std::collections::VecDeque;

use super::PER_MESSAGE;
use crate::sharded::Sharded;
use crate::time::Micros;

/// How long an event id is remembered, in journal time.
pub const HORIZON_SECONDS: u32 = 48 * 3600;
/// How many event ids are remembered at most; the oldest sequence goes first.
pub const HORIZON_LIMIT: usize = 1 << 24;

/// One set for all customers. Ids are keyed hashes already, so 64 bits of each suffice: with a full set the chance
/// that an event is taken for another one is below 1e-12.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    ids: Sharded<u64, ()>,
    order: VecDeque<(Micros, u64)>,
}

impl Seen {
    /// Marks the id; false where it was marked already.
    pub(crate) fn insert(&mut self, id: u64, journal_time: Micros) -> bool {
        self.forget(journal_time, HORIZON_LIMIT - 1);
        let new = self.ids.insert(id, ()).is_none();
        if new {
            self.order.push_back((journal_time, id));
        }
        new
    }

    fn forget(&mut self, journal_time: Micros, limit: usize) {
        for _ in 0..PER_MESSAGE {
            let Some((time, id)) = self.order.front().copied() else {
                return;
            };
            if self.order.len() <= limit && time.plus_seconds(HORIZON_SECONDS) >= journal_time {
                return;
            }
            self.order.pop_front();
            self.ids.remove(&id);
        }
    }

    /// Takes the ids in the order of their sequence, and is empty then.
    pub(crate) fn take_order(&mut self) -> VecDeque<(Micros, u64)> {
        std::mem::take(self).order
    }

    /// Puts ids back at the end of the order.
    pub(crate) fn restore(&mut self, entries: Vec<(Micros, u64)>) {
        for (_, id) in &entries {
            self.ids.insert(*id, ());
        }
        self.order.extend(entries);
    }

    /// The ids in the order of their sequence.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &(Micros, u64)> {
        self.order.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_again_after_the_horizon() {
        let mut seen = Seen::default();
        assert!(seen.insert(7, Micros(0)));
        assert!(!seen.insert(7, Micros(0).plus_seconds(HORIZON_SECONDS)));
        assert!(seen.insert(7, Micros(1).plus_seconds(HORIZON_SECONDS)));
    }

    #[test]
    fn ids_past_the_horizon_go_a_few_at_a_time() {
        let mut seen = Seen::default();
        for id in 0..100 {
            seen.insert(id, Micros(0));
        }
        seen.insert(100, Micros(1).plus_seconds(HORIZON_SECONDS));
        assert_eq!(seen.iter().len(), 101 - PER_MESSAGE);
    }

    #[test]
    fn the_oldest_id_goes_first_at_the_bound() {
        let mut seen = Seen::default();
        for id in 0..4 {
            seen.insert(id, Micros(0));
        }
        seen.forget(Micros(0), 3);
        assert!(seen.insert(0, Micros(0)));
        assert!(!seen.insert(3, Micros(0)));
    }
}
