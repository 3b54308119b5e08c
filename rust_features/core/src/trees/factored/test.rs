//! The tests of one feature, of all trees: which leaves remain.

use crate::contract::split::Test as Form;
use crate::contract::{Categories, Split};

/// Values as near to zero count as zero where a test asks for it; `LightGBM`'s `kZeroThreshold`.
const ZERO: f32 = 1e-35;

/// What a test that sends a value to the right leaves of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) tree: u32,
    /// All leaves but those to the left.
    pub(super) kept: u64,
}

impl Cut {
    fn apply(self, masks: &mut [u64]) {
        masks[self.tree as usize] &= self.kept;
    }
}

/// A cut for values above a bound, in the sixteen bytes that it needs: all of them pass through the cache for each context.
#[derive(Clone, Copy, Debug)]
struct Bounded {
    bound: f32,
    tree: u32,
    kept: u64,
}

/// All tests of one feature.
#[derive(Debug, Default)]
pub(super) struct Tests {
    /// A value above the bound goes to the right; ascending.
    bounded: Vec<Bounded>,
    /// What a missing value takes away.
    missing: Vec<Cut>,
    /// Tests that are not a bound alone.
    odd: Vec<(Odd, Cut)>,
}

#[derive(Debug)]
struct Odd {
    rule: Rule,
    zero_left: Option<bool>,
}

#[derive(Debug)]
enum Rule {
    Bound(f32),
    /// Sorted.
    Categories(Vec<u32>),
}

impl Tests {
    /// Takes a split up; false where it has no test, or a threshold that no value can be compared to.
    #[must_use]
    pub(super) fn add(&mut self, split: &Split, cut: Cut) -> bool {
        let Some(rule) = split.test.as_ref().and_then(Rule::read) else {
            return false;
        };
        if !split.missing_left {
            self.missing.push(cut);
        }
        match (rule, split.zero_left) {
            (Rule::Bound(bound), None) => {
                let Cut { tree, kept } = cut;
                self.bounded.push(Bounded { bound, tree, kept });
            }
            (rule, zero_left) => self.odd.push((Odd { rule, zero_left }, cut)),
        }
        true
    }

    /// To be called once all tests are there.
    pub(super) fn sort(&mut self) {
        self.bounded.sort_by(|one, other| one.bound.total_cmp(&other.bound));
    }

    /// Whether no tree asks about the feature.
    pub(super) fn is_empty(&self) -> bool {
        self.bounded.is_empty() && self.odd.is_empty()
    }

    /// Takes from the masks, one per tree, the leaves that the value leads away from.
    pub(super) fn apply(&self, value: f32, masks: &mut [u64]) {
        if value.is_nan() {
            for cut in &self.missing {
                cut.apply(masks);
            }
            return;
        }
        let above = self.bounded.iter().take_while(|bounded| value > bounded.bound);
        for Bounded { tree, kept, .. } in above {
            masks[*tree as usize] &= kept;
        }
        for (_, cut) in self.odd.iter().filter(|(odd, _)| !odd.sends_left(value)) {
            cut.apply(masks);
        }
    }
}

impl Odd {
    fn sends_left(&self, value: f32) -> bool {
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
            Form::Categories(Categories { values }) => {
                let mut values = values.clone();
                values.sort_unstable();
                Some(Self::Categories(values))
            }
        }
    }

    fn sends_left(&self, value: f32) -> bool {
        match self {
            Self::Bound(bound) => value <= *bound,
            Self::Categories(values) => category(value).is_some_and(|value| values.binary_search(&value).is_ok()),
        }
    }
}

/// The category that a value names: itself without its fraction; none below zero.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn category(value: f32) -> Option<u32> {
    // A number above -1 is cut off to 0, as in C.
    (value > -1.0).then_some(value as u32)
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
