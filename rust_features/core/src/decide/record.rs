//! The record of a decision: all that re-execution and analysis need.

use super::Occasion;
use super::plan::Plan;
use super::score::Scores;
use super::value::{Value, margin_minor};
use crate::ENGINE_VERSION;
use crate::bundle::Bundle;
use crate::contract::{Candidate, DecisionRecord, ExperimentArm, Reason};
use crate::policy::Storefront;

/// The permanent holdout, as an experiment.
pub const EXPERIMENT_HOLDOUT: &str = "holdout";
/// The arm that is never contacted.
pub const ARM_HOLDOUT: &str = "holdout";
/// The arm that the policy treats.
pub const ARM_CONTACT: &str = "contact";

/// The results of the steps.
pub(super) struct Parts<'a, 'b> {
    pub(super) occasion: &'a Occasion<'b>,
    pub(super) bundle: &'a Bundle,
    pub(super) settings: &'a Storefront,
    pub(super) seed: u64,
    pub(super) arm: Option<bool>,
    pub(super) scores: &'a Scores,
    pub(super) values: &'a [Value],
    pub(super) chances: &'a [f64],
    pub(super) draw: f64,
    pub(super) chosen: usize,
}

/// Writes the record of the plans.
pub(super) fn record(parts: &Parts<'_, '_>, plans: Vec<Plan>) -> DecisionRecord {
    let occasion = parts.occasion;
    let state = occasion.state;
    let arm = parts.arm.map(|holdout| ExperimentArm {
        experiment_id: EXPERIMENT_HOLDOUT.to_owned(),
        arm_id: if holdout { ARM_HOLDOUT } else { ARM_CONTACT }.to_owned(),
    });
    DecisionRecord {
        decision_id: occasion.decision_id.to_string(),
        send_id: occasion.send_id.to_string(),
        request: Some(occasion.request.clone()),
        state_sequence: state.sequence(),
        clock: Some(occasion.clock.to_timestamp()),
        seed: parts.seed,
        bundle_id: parts.bundle.id.clone(),
        engine_version: ENGINE_VERSION.to_owned(),
        budget_price_version: state.budget_prices().map_or(0, |prices| prices.version),
        aliases: occasion
            .customer
            .aliases()
            .iter()
            .map(|alias| alias.0.to_vec())
            .collect(),
        feature_schema_hash: parts.bundle.feature_schema_hash.clone(),
        features: parts.scores.context.to_vec(),
        candidates: (plans.into_iter().enumerate())
            .filter_map(|(index, plan)| candidate(parts, index, plan))
            .collect(),
        draw: parts.draw,
        holdout: parts.arm.unwrap_or_default(),
        experiment_arms: arm.into_iter().collect(),
        chosen: u32::try_from(parts.chosen).unwrap_or_default(),
        touch: occasion.touch,
        abandonment_time: Some(occasion.abandonment_time.to_timestamp()),
        currency_code: occasion.currency(&parts.settings.currency).to_owned(),
        cart_value_minor: occasion.cart.value_minor(),
        margin_minor: margin_minor(occasion, parts.settings),
        return_probability: parts.settings.return_probability,
    }
}

fn candidate(parts: &Parts<'_, '_>, index: usize, plan: Plan) -> Option<Candidate> {
    let eligible = plan.eligible();
    let score = parts.scores.candidates.get(index)?;
    let value = parts.values.get(index)?;
    let mut reasons: Vec<i32> = plan.reasons.iter().map(|reason| *reason as i32).collect();
    if eligible && index != parts.chosen {
        let best = parts
            .values
            .get(parts.chosen)
            .is_some_and(|chosen| chosen.incremental >= value.incremental);
        reasons.push(if best { Reason::LowerValue } else { Reason::NotDrawn }.into());
    }
    Some(Candidate {
        action: Some(plan.action),
        eligible,
        reasons,
        margin_log_odds: score.margin,
        recovery_probability: score.probability,
        contact_cost_minor: value.contact_cost,
        budget_cost_minor: value.budget_cost,
        value_minor: value.incremental,
        propensity: parts.chances.get(index).copied().unwrap_or_default(),
    })
}
