//! The evaluator over trees as data, which scores all actions of one context together.
//!
//! The leaves of a tree are the bits of a mask, the leftmost the lowest. A test that sends a value to the right takes the
//! leaves to its left away; of those that no test has taken away, the lowest is the answer, whatever the order of the tests
//! (`QuickScorer`, Lucchese et al. 2015). So the tests of the context are made once, and for each action only its own.

mod plant;
mod test;
#[cfg(test)]
mod tests;

pub use plant::ForestRefused;

use super::{Evaluator, action_at};
use test::Tests;

/// Trees, their tests sorted by feature.
#[derive(Debug, Default)]
pub struct FactoredTrees {
    /// By feature.
    tests: Vec<Tests>,
    trees: Vec<Tree>,
    /// Of all trees, one after the other.
    leaves: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Tree {
    /// A bit for each leaf.
    whole: u64,
    /// Where its leaves begin.
    first_leaf: usize,
}

impl Evaluator for FactoredTrees {
    fn features(&self) -> usize {
        self.tests.len()
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        let Some((of_context, of_action)) = self.tests.split_at_checked(context.len()) else {
            out.fill(f64::NAN);
            return;
        };
        let mut shared: Vec<u64> = self.trees.iter().map(|tree| tree.whole).collect();
        for (tests, value) in of_context.iter().zip(context) {
            tests.apply(*value, |tree, kept| shared[tree] &= kept);
        }
        // Tree by tree the masks of all actions lie together, so that their sums grow side by side.
        let count = out.len();
        let mut masks: Vec<u64> = shared
            .iter()
            .flat_map(|mask| std::iter::repeat_n(*mask, count))
            .collect();
        for (index, margin) in out.iter_mut().enumerate() {
            let action = action_at(actions, of_action.len(), index);
            *margin = if action.is_some() { 0.0 } else { f64::NAN };
            for (tests, value) in of_action.iter().zip(action.unwrap_or_default()) {
                tests.apply(*value, |tree, kept| masks[tree * count + index] &= kept);
            }
        }
        for (tree, masks) in self.trees.iter().zip(masks.chunks_exact(count.max(1))) {
            for (margin, mask) in out.iter_mut().zip(masks) {
                *margin += self.leaves[tree.first_leaf + mask.trailing_zeros() as usize];
            }
        }
    }
}
