//! The evaluator over trees as data, which scores all actions of one context together.
//!
//! The leaves of a tree are the bits of a mask, the leftmost the lowest. A test that sends a value to the right takes the
//! leaves to its left away; of those that no test has taken away, the lowest is the answer, whatever the order of the tests
//! (`QuickScorer`, Lucchese et al. 2015). So the tests of the context are made once, for many trees at a time. Most trees
//! have their answer then; for the others the tests of the actions are made, for many actions at a time.

mod open;
mod plant;
mod sieve;
mod test;
#[cfg(test)]
mod tests;

pub use plant::ForestRefused;

use super::Evaluator;
use open::Open;
use sieve::Sieve;

/// Leaves of one tree: as many as a mask has bits.
const MAX_LEAVES: usize = u64::BITS as usize;
/// Actions that are scored side by side: as many as hide that each addition waits for the one before it.
const LANES: usize = 16;

/// Trees, their tests sorted by feature.
#[derive(Debug, Default)]
pub struct FactoredTrees {
    /// By feature.
    sieves: Vec<Sieve>,
    /// A bit for each leaf, by tree.
    whole: Vec<u64>,
    /// By tree; zeros after the last.
    leaves: Vec<[f64; MAX_LEAVES]>,
}

impl Evaluator for FactoredTrees {
    fn features(&self) -> usize {
        self.sieves.len()
    }

    fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
        out.fill(f64::NAN);
        let Some((of_context, of_action)) = self.sieves.split_at_checked(context.len()) else {
            return;
        };
        let width = of_action.len();
        let given = actions.len().checked_div(width).unwrap_or(usize::MAX);
        let count = out.len().min(given);
        let mut left = self.whole.clone();
        for (sieve, value) in of_context.iter().zip(context) {
            sieve.apply(*value, &mut left);
        }
        let mut varying = Vec::new();
        for (feature, sieve) in of_action.iter().enumerate() {
            let mut values = actions.iter().skip(feature).step_by(width).take(count);
            match values.next() {
                Some(first) if values.all(|value| value.to_bits() == first.to_bits()) => sieve.apply(*first, &mut left),
                _ => varying.push((feature, sieve)),
            }
        }
        let open = Open::new(&left, &varying);
        let mut answers: Vec<_> = self
            .leaves
            .iter()
            .zip(&left)
            .map(|(leaves, left)| [answer(leaves, *left); LANES])
            .collect();
        for (number, out) in out[..count].chunks_mut(LANES).enumerate() {
            let masks = open.masks(&actions[number * LANES * width..], width);
            for (tree, masks) in open.trees().iter().zip(masks) {
                answers[*tree] = masks.map(|mask| answer(&self.leaves[*tree], mask));
            }
            out.copy_from_slice(&sums(&answers)[..out.len()]);
        }
    }
}

/// The value of the lowest leaf left.
fn answer(leaves: &[f64; MAX_LEAVES], left: u64) -> f64 {
    // The highest bit tells the compiler that there is one.
    leaves[(left | 1 << (MAX_LEAVES - 1)).trailing_zeros() as usize]
}

/// In the order of the trees.
fn sums(answers: &[[f64; LANES]]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for answers in answers {
        sums.iter_mut().zip(answers).for_each(|(sum, answer)| *sum += answer);
    }
    sums
}
