//! The masks of every combination of values that the actions of one context have.

use super::test::Tests;

/// What is left of all trees for each variant. Actions that are alike in every feature that a test asks about are of one
/// variant.
pub(super) struct Variants {
    trees: usize,
    count: usize,
    /// Of the first variant, tree by tree, then of the next.
    masks: Vec<u64>,
    /// The variant of each action.
    of_actions: Vec<usize>,
}

impl Variants {
    /// Makes the tests of `count` actions, which have a value for each element of `tests`, on what the context has left.
    pub(super) fn new(mut left: Vec<u64>, tests: &[Tests], actions: &[f32], count: usize) -> Self {
        let mut varying = Vec::new();
        for (feature, of_feature) in tests.iter().enumerate().filter(|(_, tests)| !tests.is_empty()) {
            let values = actions.iter().skip(feature).step_by(tests.len()).take(count);
            let column = Column::of(values.copied());
            match column.distinct.as_slice() {
                [value] => of_feature.apply(*value, &mut left),
                _ => varying.push((column, of_feature)),
            }
        }
        // The fewer values first, the fewer variants until the last.
        varying.sort_by_key(|(column, _)| column.distinct.len());
        let mut variants = Self {
            trees: left.len(),
            count: 1,
            masks: left,
            of_actions: vec![0; count],
        };
        for (column, of_feature) in varying {
            variants.split(&column, of_feature);
        }
        variants
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What is left of each tree for a variant.
    pub(super) fn masks(&self, variant: usize) -> &[u64] {
        &self.masks[variant * self.trees..][..self.trees]
    }

    /// The variant of each action.
    pub(super) fn of_actions(&self) -> &[usize] {
        &self.of_actions
    }

    /// Splits every variant by the values that its actions have in one feature.
    fn split(&mut self, column: &Column, tests: &Tests) {
        let values = column.distinct.len();
        let mut cuts = vec![u64::MAX; values * self.trees];
        for (value, cut) in column.distinct.iter().zip(cuts.chunks_exact_mut(self.trees.max(1))) {
            tests.apply(*value, cut);
        }
        let mut found = vec![None; self.count * values];
        let (mut masks, mut count) = (Vec::with_capacity(self.of_actions.len() * self.trees), 0);
        for (variant, value) in self.of_actions.iter_mut().zip(&column.of_actions) {
            let parent = &self.masks[*variant * self.trees..][..self.trees];
            *variant = *found[*variant * values + value].get_or_insert_with(|| {
                let cut = &cuts[value * self.trees..][..self.trees];
                masks.extend(parent.iter().zip(cut).map(|(left, kept)| left & kept));
                count += 1;
                count - 1
            });
        }
        (self.masks, self.count) = (masks, count);
    }
}

/// One feature of all actions.
struct Column {
    distinct: Vec<f32>,
    /// The place of each action's value among the distinct ones.
    of_actions: Vec<usize>,
}

impl Column {
    /// Values are alike where their bits are, a missing one too.
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let mut distinct = Vec::<f32>::new();
        let of_actions = values.map(|value| {
            let known = distinct.iter().position(|known| known.to_bits() == value.to_bits());
            known.unwrap_or_else(|| {
                distinct.push(value);
                distinct.len() - 1
            })
        });
        let of_actions = of_actions.collect();
        Self { distinct, of_actions }
    }
}
