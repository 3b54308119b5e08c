//! What the models say of a context and every eligible candidate in it. What may not be done anyway is not
//! scored: the models are most of what a decision costs.

use smallvec::SmallVec;

use super::Occasion;
use super::plan::Plan;
use crate::bundle::Bundle;
use crate::feature::{ACTION_COUNT, ActionInput, CONTEXT_COUNT, action_features, context_features};

/// The models' answers for one decision.
pub(super) struct Scores {
    pub(super) context: [f32; CONTEXT_COUNT],
    /// In the order of the candidates; zeros for those that are not eligible.
    pub(super) candidates: SmallVec<[Score; 16]>,
}

/// The models' answer for one candidate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    /// Of both models together, log-odds.
    pub(super) margin: f64,
    pub(super) probability: f64,
}

/// Scores the eligible candidates; "none" always is one.
pub(super) fn scores(occasion: &Occasion<'_>, bundle: &Bundle, plans: &[Plan]) -> Scores {
    let mut context = [f32::NAN; CONTEXT_COUNT];
    context_features(
        occasion.state,
        &occasion.customer,
        Some(&occasion.cart),
        occasion.clock,
        &mut context,
    );
    let mut baseline = [f64::NAN];
    bundle.baseline.margins(&context, &[], &mut baseline);
    let eligible = || plans.iter().filter(|plan| plan.eligible());
    let mut actions = Vec::with_capacity(eligible().count() * ACTION_COUNT);
    let mut features = [0.0; ACTION_COUNT];
    let value = occasion.cart.value_minor();
    for plan in eligible() {
        action_features(
            &ActionInput::of(&plan.action, occasion.clock, value, occasion.touch),
            &mut features,
        );
        actions.extend_from_slice(&features);
    }
    let mut effects: SmallVec<[f64; 16]> = SmallVec::from_elem(f64::NAN, eligible().count());
    bundle.effect.margins(&context, &actions, &mut effects);
    let mut effects = effects.into_iter();
    let score = |plan: &Plan| {
        let effect = plan.eligible().then(|| effects.next()).flatten();
        effect.map_or_else(Score::default, |effect| Score::of(baseline[0] + effect))
    };
    let candidates = plans.iter().map(score).collect();
    Scores { context, candidates }
}

impl Score {
    fn of(margin: f64) -> Self {
        Self {
            margin,
            probability: sigmoid(margin),
        }
    }
}

/// The probability of log-odds, without overflow on either side.
fn sigmoid(margin: f64) -> f64 {
    let decay = libm::exp(-margin.abs());
    if margin >= 0.0 {
        1.0 / (1.0 + decay)
    } else {
        decay / (1.0 + decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn probabilities_of_opposite_odds_sum_to_one(margin in -1e4..1e4_f64) {
            let sum = sigmoid(margin) + sigmoid(-margin);
            prop_assert!((sum - 1.0).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&sigmoid(margin)));
        }
    }
}
