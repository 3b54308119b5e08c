//! Trees whose leaves fit into masks of one width, and their evaluation.

use super::mask::Mask;
use super::open::Open;
use super::sieve::Sieve;
use super::total::Total;
use super::{LANES, MAX_LEAVES};

/// Trees, their tests sorted by feature.
#[derive(Debug, Default)]
pub(super) struct Grove<M> {
    /// By feature.
    pub(super) sieves: Vec<Sieve<M>>,
    /// All leaves, by tree.
    pub(super) whole: Vec<M>,
    /// By tree; zeros after the last.
    pub(super) leaves: Vec<[f64; MAX_LEAVES]>,
    pub(super) total: Total,
}

impl<M: Mask> Grove<M> {
    pub(super) fn features(&self) -> usize {
        self.sieves.len()
    }

    /// As `Evaluator` has it.
    pub(super) fn margins(&self, context: &[f32], actions: &[f32], out: &mut [f64]) {
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
            out.copy_from_slice(&self.total.of(&answers)[..out.len()]);
        }
    }
}

/// The value of the lowest leaf left.
fn answer<M: Mask>(leaves: &[f64; MAX_LEAVES], left: M) -> f64 {
    leaves[left.lowest()]
}
