//! One test of a tree: where it sends a value that is not missing.

use crate::contract::split::Test as Form;
use crate::contract::{Categories, Split};

/// Values as near to zero count as zero where a test asks for it; `LightGBM`'s `kZeroThreshold`.
const ZERO: f32 = 1e-35;

#[derive(Debug)]
pub(super) struct Test {
    rule: Rule,
    zero_left: Option<bool>,
}

#[derive(Debug)]
enum Rule {
    Bound(f32),
    Categories {
        /// Sorted.
        values: Vec<u32>,
        /// A value is of a category only above it.
        lowest: f32,
    },
}

impl Test {
    /// None where the split has no test, or a threshold that no value can be compared to.
    pub(super) fn read(split: &Split) -> Option<Self> {
        let rule = Rule::read(split.test.as_ref()?)?;
        let zero_left = split.zero_left;
        Some(Self { rule, zero_left })
    }

    /// The bound above which a value goes to the right, where the test asks nothing else.
    pub(super) fn bound(&self) -> Option<f32> {
        match (&self.rule, self.zero_left) {
            (Rule::Bound(bound), None) => Some(*bound),
            _ => None,
        }
    }

    pub(super) fn sends_left(&self, value: f32) -> bool {
        match self.zero_left {
            Some(left) if value.abs() <= ZERO => left,
            _ => self.rule.sends_left(value),
        }
    }
}

impl Rule {
    fn read(form: &Form) -> Option<Self> {
        match form {
            Form::AtMost(threshold) => (!threshold.is_nan()).then(|| Self::Bound(at_most(*threshold))),
            Form::Below(threshold) => (*threshold > f64::NEG_INFINITY).then(|| Self::Bound(below(*threshold))),
            Form::Categories(Categories { values, nonnegative }) => {
                let mut values = values.clone();
                values.sort_unstable();
                // A number above -1 is cut off to 0, as in C.
                let lowest = if *nonnegative { 0.0_f32.next_down() } else { -1.0 };
                Some(Self::Categories { values, lowest })
            }
        }
    }

    fn sends_left(&self, value: f32) -> bool {
        match self {
            Self::Bound(bound) => value <= *bound,
            Self::Categories { values, lowest } => value > *lowest && values.binary_search(&category(value)).is_ok(),
        }
    }
}

/// The category that a value above -1 names: itself without its fraction.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn category(value: f32) -> u32 {
    value as u32
}

/// The largest `f32` that is not above the threshold: an `f32` is at most the one exactly where it is at most the other.
#[allow(clippy::cast_possible_truncation)]
fn at_most(threshold: f64) -> f32 {
    let near = threshold as f32;
    if f64::from(near) > threshold {
        near.next_down()
    } else {
        near
    }
}

/// The largest `f32` below the threshold.
#[allow(clippy::cast_possible_truncation)]
fn below(threshold: f64) -> f32 {
    let near = threshold as f32;
    if f64::from(near) >= threshold {
        near.next_down()
    } else {
        near
    }
}
