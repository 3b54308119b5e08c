//! The evaluator over trees as data, which scores all actions of one context together.
//!
//! The leaves of a tree are the bits of a mask, the leftmost the lowest. A test that sends a value to the right takes the
//! leaves to its left away; of those that no test has taken away, the lowest is the answer, whatever the order of the tests
//! (`QuickScorer`, Lucchese et al. 2015). So the tests of the context are made once, for many trees at a time. Most trees
//! have their answer then; for the others the tests of the actions are made, for many actions at a time.

mod grove;
mod mask;
mod open;
mod plant;
mod sieve;
mod test;
#[cfg(test)]
mod tests;
mod total;

pub use plant::ForestRefused;

use super::Evaluator;
use grove::Grove;

/// Leaves of one tree: as many as the widest mask has bits.
const MAX_LEAVES: usize = u64::BITS as usize;
/// Actions that are scored side by side: as many as hide that each addition waits for the one before it.
const LANES: usize = 8;

/// Trees as data, ready to be evaluated.
#[derive(Debug)]
pub struct FactoredTrees(Width);

/// In the narrowest masks that the largest tree allows.
#[derive(Debug)]
enum Width {
    Narrow(Grove<u32>),
    Wide(Grove<u64>),
}

impl Evaluator for FactoredTrees {
    fn features(&self) -> usize {
        match &self.0 {
            Width::Narrow(grove) => grove.features(),
            Width::Wide(grove) => grove.features(),
        }
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        match &self.0 {
            Width::Narrow(grove) => grove.margins(context, actions, out),
            Width::Wide(grove) => grove.margins(context, actions, out),
        }
    }
}
