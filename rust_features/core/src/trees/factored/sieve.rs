//! All tests of one feature: what a value leaves of every tree.

use super::mask::Mask;
use super::test::Test;
use crate::contract::Split;

/// Trees for each cut between two rows. The stride grows with the trees, as a row does: so rows take a few times the memory of
/// the cuts and no more, and a row is worth its time.
const TREES_PER_CUT: usize = 8;
/// Cuts between two rows, however few trees there are.
const MIN_STRIDE: usize = 16;

/// What a test that sends a value to the right leaves of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<M> {
    pub(super) tree: u32,
    /// All leaves but those to the left.
    pub(super) kept: M,
}

/// A cut for values above a bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounded<M> {
    pub(super) bound: f32,
    pub(super) tree: u32,
    pub(super) kept: M,
}

/// All tests of one feature.
#[derive(Debug, Default)]
pub(super) struct Sieve<M> {
    /// Ascending.
    bounded: Vec<Bounded<M>>,
    /// Cuts from one row to the next.
    stride: usize,
    /// What the first `stride` cuts leave of all trees together, then twice as many, and so on.
    rows: Vec<M>,
    /// By row, the highest bound in it.
    highest: Vec<f32>,
    /// What a missing value takes away.
    missing: Vec<Cut<M>>,
    /// Tests that are not a bound alone.
    odd: Vec<(Test, Cut<M>)>,
}

impl<M: Mask> Sieve<M> {
    /// Takes a split up; false where it has no test, or a threshold that no value can be compared to.
    #[must_use]
    pub(super) fn add(&mut self, split: &Split, cut: Cut<M>) -> bool {
        let Some(test) = Test::read(split) else {
            return false;
        };
        if !split.missing_left {
            self.missing.push(cut);
        }
        let Cut { tree, kept } = cut;
        match test.bound() {
            Some(bound) => self.bounded.push(Bounded { bound, tree, kept }),
            None => self.odd.push((test, cut)),
        }
        true
    }

    /// To be called once all tests of so many trees are there.
    pub(super) fn prepare(&mut self, trees: usize) {
        self.bounded.sort_by(|one, other| one.bound.total_cmp(&other.bound));
        self.stride = MIN_STRIDE.max(trees / TREES_PER_CUT);
        let mut left = vec![M::ALL; trees];
        for group in self.bounded.chunks_exact(self.stride) {
            for bounded in group {
                bounded.cut().apply(&mut left);
            }
            self.rows.extend_from_slice(&left);
        }
        self.highest = self
            .bounded
            .chunks_exact(self.stride)
            .map(|group| group[self.stride - 1].bound)
            .collect();
    }

    /// Takes from the masks, one per tree, the leaves that the value leads away from.
    pub(super) fn apply(&self, value: f32, masks: &mut [M]) {
        // To compare it to every row takes less time than a search. A missing value is above no bound.
        let rows: u32 = self.highest.iter().map(|bound| u32::from(value > *bound)).sum();
        let rows = rows as usize;
        if let Some(last) = rows.checked_sub(1) {
            keep(&self.rows[last * masks.len()..], masks);
        }
        let above = self.bounded[rows * self.stride..]
            .iter()
            .take_while(|bounded| value > bounded.bound);
        above.for_each(|bounded| bounded.cut().apply(masks));
        self.unbounded(value).for_each(|cut| cut.apply(masks));
    }

    /// Takes from the masks, one per tree, all leaves that any value leads away from.
    pub(super) fn apply_all(&self, masks: &mut [M]) {
        self.bounded.iter().for_each(|bounded| bounded.cut().apply(masks));
        self.odd.iter().for_each(|(_, cut)| cut.apply(masks));
    }

    /// Cuts that a value above their bound makes.
    pub(super) fn bounded(&self) -> &[Bounded<M>] {
        &self.bounded
    }

    /// Cuts that the value makes though it is not above a bound.
    pub(super) fn unbounded(&self, value: f32) -> impl Iterator<Item = Cut<M>> {
        let (missing, odd) = if value.is_nan() {
            (self.missing.as_slice(), [].as_slice())
        } else {
            ([].as_slice(), self.odd.as_slice())
        };
        let odd = odd.iter().filter(move |(test, _)| !test.sends_left(value));
        missing.iter().copied().chain(odd.map(|(_, cut)| *cut))
    }
}

impl<M: Mask> Cut<M> {
    fn apply(self, masks: &mut [M]) {
        masks[self.tree as usize] &= self.kept;
    }
}

impl<M: Mask> Bounded<M> {
    fn cut(&self) -> Cut<M> {
        let Self { tree, kept, .. } = *self;
        Cut { tree, kept }
    }
}

fn keep<M: Mask>(kept: &[M], masks: &mut [M]) {
    masks.iter_mut().zip(kept).for_each(|(mask, kept)| *mask &= *kept);
}
