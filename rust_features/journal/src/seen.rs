//! Which messages of which spool the journal holds already.

use std::collections::BTreeMap;

use cart_recovery_core::ids::SpoolId;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// Ranges kept per spool. Only rows that an import refused leave lasting gaps, since the relay repairs every other
/// one before it goes on; so at the bound the lowest gap is taken for such rows.
const RANGE_LIMIT: usize = 65_536;
/// Spools remembered; at the bound the one that was silent for longest is forgotten.
const SPOOL_LIMIT: usize = 65_536;

/// The offsets of one spool that were seen, as ranges.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Start to end (exclusive); never empty, never touching.
    ranges: BTreeMap<u64, u64>,
    last_sequence: u64,
}

impl Seen {
    /// Marks an offset; `false` where it was marked before.
    pub(crate) fn insert(&mut self, offset: u64) -> bool {
        // Nearly every message follows the last one.
        if let Some(mut last) = self.ranges.last_entry()
            && *last.get() == offset
            && offset < u64::MAX
        {
            *last.get_mut() += 1;
            return true;
        }
        let before = self
            .ranges
            .range(..=offset)
            .next_back()
            .map(|(start, end)| (*start, *end));
        if before.is_some_and(|(_, end)| offset < end) {
            return false;
        }
        let end = self
            .ranges
            .remove(&offset.saturating_add(1))
            .unwrap_or(offset.saturating_add(1));
        match before {
            Some((start, joined)) if joined == offset => self.ranges.insert(start, end),
            _ => self.ranges.insert(offset, end),
        };
        if self.ranges.len() > RANGE_LIMIT {
            self.close_lowest_gap();
        }
        true
    }

    pub(crate) fn contains(&self, offset: u64) -> bool {
        self.ranges
            .range(..=offset)
            .next_back()
            .is_some_and(|(_, end)| offset < *end)
    }

    fn close_lowest_gap(&mut self) {
        if let (Some((start, _)), Some((_, end))) = (self.ranges.pop_first(), self.ranges.pop_first()) {
            self.ranges.insert(start, end);
        }
    }
}

/// The same for every spool that ever wrote to the journal.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct SeenSpools(FxHashMap<SpoolId, Seen>);

impl SeenSpools {
    /// Marks a message of a spool, journalled at `sequence`.
    pub(crate) fn insert(&mut self, spool: SpoolId, offset: u64, sequence: u64) -> bool {
        if self.0.len() >= SPOOL_LIMIT && !self.0.contains_key(&spool) {
            let silent = self
                .0
                .iter()
                .min_by_key(|(_, seen)| seen.last_sequence)
                .map(|(id, _)| *id);
            silent.and_then(|id| self.0.remove(&id));
        }
        let seen = self.0.entry(spool).or_default();
        seen.last_sequence = sequence;
        seen.insert(offset)
    }

    pub(crate) fn contains(&self, spool: SpoolId, offset: u64) -> bool {
        self.0.get(&spool).is_some_and(|seen| seen.contains(offset))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ranges_hold_what_a_set_would_hold() {
        let mut seen = Seen::default();
        let mut set = BTreeSet::new();
        let mut state = 7_u64;
        for _ in 0..5000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let offset = state >> 54;
            assert_eq!(seen.insert(offset), set.insert(offset));
        }
        assert!((0..1100).all(|offset| seen.contains(offset) == set.contains(&offset)));
        assert!(
            seen.ranges
                .iter()
                .zip(seen.ranges.iter().skip(1))
                .all(|(one, next)| one.1 < next.0)
        );
    }

    #[test]
    fn at_the_bound_the_lowest_gap_is_closed() {
        let mut seen = Seen::default();
        for row in 0..=RANGE_LIMIT as u64 {
            seen.insert(row * 2);
        }
        assert_eq!(seen.ranges.len(), RANGE_LIMIT);
        assert!(seen.contains(1) && !seen.contains(3));
    }
}
