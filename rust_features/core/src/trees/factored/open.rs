//! The trees whose answer is still open once the tests of a context are made: the tests of actions decide.

use super::LANES;
use super::mask::Mask;
use super::sieve::{Bounded, Sieve};

/// No place among the open trees.
const SETTLED: u32 = u32::MAX;

/// The open trees of one context, and the tests that decide them.
pub(super) struct Open<'a, M> {
    /// Ascending.
    trees: Vec<usize>,
    /// By open tree.
    left: Vec<M>,
    /// By tree, its place among the open ones.
    places: Vec<u32>,
    tests: Vec<Deciding<'a, M>>,
}

/// The tests of one feature of the actions.
struct Deciding<'a, M> {
    feature: usize,
    sieve: &'a Sieve<M>,
    /// Those that can take away a leaf of an open tree, with the tree's place for its number.
    bounded: Vec<Bounded<M>>,
}

impl<'a, M: Mask> Open<'a, M> {
    /// Of the masks that the context has left, and the features in which the actions differ.
    pub(super) fn new(left: &[M], varying: &[(usize, &'a Sieve<M>)]) -> Self {
        let mut least = left.to_vec();
        for (_, sieve) in varying {
            sieve.apply_all(&mut least);
        }
        // Settled is a tree of which no test takes the answer away, the lowest leaf.
        let trees = left.iter().zip(&least).enumerate();
        let trees = chosen(trees.map(|(tree, (left, least))| (tree, !left.shares_lowest(*least))));
        let mut open = Self {
            left: trees.iter().map(|tree| left[*tree]).collect(),
            places: vec![SETTLED; left.len()],
            tests: Vec::new(),
            trees,
        };
        // What is left of settled trees counts for nothing.
        let mut undecided = vec![M::default(); left.len()];
        for (place, tree) in (0..).zip(&open.trees) {
            open.places[*tree] = place;
            undecided[*tree] = left[*tree];
        }
        let deciding = |(feature, sieve): &(usize, &'a Sieve<M>)| Deciding {
            feature: *feature,
            sieve,
            bounded: chosen(sieve.bounded().iter().map(|bounded| {
                let tree = bounded.tree as usize;
                let placed = Bounded {
                    tree: open.places[tree],
                    ..*bounded
                };
                (placed, undecided[tree] & !bounded.kept != M::default())
            })),
        };
        open.tests = varying.iter().map(deciding).collect();
        open
    }

    /// The open trees, ascending.
    pub(super) fn trees(&self) -> &[usize] {
        &self.trees
    }

    /// What the next actions leave of each open tree. Where there are no more actions, it means nothing.
    pub(super) fn masks(&self, actions: &[f32], width: usize) -> Vec<[M; LANES]> {
        let mut masks: Vec<_> = self.left.iter().map(|left| [*left; LANES]).collect();
        for of_feature in &self.tests {
            let mut values = [0.0; LANES];
            let given = actions.iter().skip(of_feature.feature).step_by(width);
            values.iter_mut().zip(given).for_each(|(value, given)| *value = *given);
            of_feature.apply(&values, &self.places, &mut masks);
        }
        masks
    }
}

impl<M: Mask> Deciding<'_, M> {
    fn apply(&self, values: &[f32; LANES], places: &[u32], masks: &mut [[M; LANES]]) {
        for &Bounded { bound, tree, kept } in &self.bounded {
            for (mask, value) in masks[tree as usize].iter_mut().zip(values) {
                *mask &= if *value > bound { kept } else { M::ALL };
            }
        }
        for (lane, value) in values.iter().enumerate() {
            for cut in self.sieve.unbounded(*value) {
                if let Some(masks) = masks.get_mut(places[cut.tree as usize] as usize) {
                    masks[lane] &= cut.kept;
                }
            }
        }
    }
}

/// Those that are to be chosen. Without a branch for each, which the processor could not foresee.
fn chosen<T: Copy + Default>(all: impl ExactSizeIterator<Item = (T, bool)>) -> Vec<T> {
    let mut chosen = vec![T::default(); all.len()];
    let mut count = 0;
    for (item, fits) in all {
        chosen[count] = item;
        count += usize::from(fits);
    }
    chosen.truncate(count);
    chosen
}
