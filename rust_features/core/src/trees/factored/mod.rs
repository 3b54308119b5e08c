//! The evaluator over trees as data, which scores all actions of one context together.
//!
//! The leaves of a tree are the bits of a mask, the leftmost the lowest. A test that sends a value to the right takes the
//! leaves to its left away; of those that no test has taken away, the lowest is the answer, whatever the order of the tests
//! (`QuickScorer`, Lucchese et al. 2015). So the tests of the context are made once, and those of the actions once for each
//! value that an action feature has among them.

mod plant;
mod test;
#[cfg(test)]
mod tests;
mod variants;

pub use plant::ForestRefused;

use super::Evaluator;
use test::Tests;
use variants::Variants;

/// Leaves of one tree: as many as a mask has bits.
const MAX_LEAVES: usize = u64::BITS as usize;
/// Sums that grow side by side: as many as hide that each addition waits for the one before it.
const TOGETHER: usize = 8;

/// Trees, their tests sorted by feature.
#[derive(Debug, Default)]
pub struct FactoredTrees {
    /// By feature.
    tests: Vec<Tests>,
    /// A bit for each leaf, by tree.
    whole: Vec<u64>,
    /// By tree; zeros after the last.
    leaves: Vec<[f64; MAX_LEAVES]>,
}

impl Evaluator for FactoredTrees {
    fn features(&self) -> usize {
        self.tests.len()
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        out.fill(f64::NAN);
        let Some((of_context, of_action)) = self.tests.split_at_checked(context.len()) else {
            return;
        };
        let mut shared = self.whole.clone();
        for (tests, value) in of_context.iter().zip(context) {
            tests.apply(*value, &mut shared);
        }
        let given = actions.len().checked_div(of_action.len()).unwrap_or(usize::MAX);
        let count = out.len().min(given);
        let variants = Variants::new(shared, of_action, actions, count);
        let sums = self.sums(&variants);
        for (margin, variant) in out.iter_mut().zip(variants.of_actions()) {
            *margin = sums[*variant];
        }
    }
}

impl FactoredTrees {
    /// The sum of the leaves of each variant, in the order of the trees.
    fn sums(&self, variants: &Variants) -> Vec<f64> {
        let mut all = vec![0.0; variants.count()];
        for (number, sums) in all.chunks_mut(TOGETHER).enumerate() {
            // Where fewer are left, the first of them is summed up again for nothing.
            let first = number * TOGETHER;
            let masks: [&[u64]; TOGETHER] =
                std::array::from_fn(|index| variants.masks(first + if index < sums.len() { index } else { 0 }));
            let mut growing = [0.0; TOGETHER];
            for (tree, leaves) in self.leaves.iter().enumerate() {
                for (sum, masks) in growing.iter_mut().zip(masks) {
                    *sum += leaves[masks[tree].trailing_zeros() as usize % MAX_LEAVES];
                }
            }
            sums.copy_from_slice(&growing[..sums.len()]);
        }
        all
    }
}
