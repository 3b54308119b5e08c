//! What one leaf of each tree comes to, as the library that the forest is from adds them up.

use super::LANES;
use crate::contract::Forest;

/// How the answers of all trees make a margin.
#[derive(Debug, Default)]
pub(super) struct Total {
    /// Added up in `f32`; every answer is one.
    single: bool,
    /// Trees to take the mean of; none for the sum.
    mean_of: Option<u32>,
}

impl Total {
    pub(super) fn read(forest: &Forest) -> Self {
        let mean_of = if forest.mean {
            u32::try_from(forest.trees.len()).ok()
        } else {
            None
        };
        Self {
            single: forest.single_precision,
            mean_of: mean_of.filter(|trees| *trees > 0),
        }
    }

    /// Whether a leaf can have the value.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn takes(&self, leaf: f64) -> bool {
        leaf.is_finite() && (!self.single || f64::from(leaf as f32).to_bits() == leaf.to_bits())
    }

    /// The margins of answers by tree, in their order.
    pub(super) fn of(&self, answers: &[[f64; LANES]]) -> [f64; LANES] {
        let sums = if self.single {
            single_sums(answers)
        } else {
            sums(answers)
        };
        match self.mean_of {
            Some(trees) => sums.map(|sum| sum / f64::from(trees)),
            None => sums,
        }
    }
}

fn sums(answers: &[[f64; LANES]]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for answers in answers {
        sums.iter_mut().zip(answers).for_each(|(sum, answer)| *sum += answer);
    }
    sums
}

/// `XGBoost` begins with its base score, the first tree, as it is: only -0 adds nothing to a zero of either sign.
#[allow(clippy::cast_possible_truncation)]
fn single_sums(answers: &[[f64; LANES]]) -> [f64; LANES] {
    let mut sums = [-0.0_f32; LANES];
    for answers in answers {
        sums.iter_mut()
            .zip(answers)
            .for_each(|(sum, answer)| *sum += *answer as f32);
    }
    sums.map(f64::from)
}
