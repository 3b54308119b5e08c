//! The reply to a caller, from a record.

use super::chosen;
use crate::contract::{DecisionRecord, Money, ScoreResponse, ScoredCandidate};

/// Candidates in a reply at most.
const MAX_CANDIDATES: usize = 64;

/// What Score answers: the best `candidate_count` candidates, best first.
#[must_use]
pub fn answer(
    record: &DecisionRecord,
    candidate_count: u32,
    state_age_seconds: u32,
    repeated_answer: bool,
) -> ScoreResponse {
    let chosen = chosen(record);
    let none = record.candidates.first();
    let mut candidates: Vec<_> = record.candidates.iter().collect();
    candidates.sort_by(|left, right| {
        right
            .eligible
            .cmp(&left.eligible)
            .then(right.value_minor.total_cmp(&left.value_minor))
    });
    let count = usize::try_from(candidate_count)
        .unwrap_or(MAX_CANDIDATES)
        .min(MAX_CANDIDATES);
    let scored = candidates.into_iter().take(count).map(|candidate| ScoredCandidate {
        action: candidate.action.clone(),
        eligible: candidate.eligible,
        reasons: candidate.reasons.clone(),
        recovery_probability: candidate.recovery_probability,
        value_minor: candidate.value_minor,
        propensity: candidate.propensity,
    });
    ScoreResponse {
        decision_id: record.decision_id.clone(),
        action: chosen.and_then(|candidate| candidate.action.clone()),
        recovery_probability_without_action: none.map_or(0.0, |none| none.recovery_probability),
        recovery_probability: chosen.map_or(0.0, |chosen| chosen.recovery_probability),
        expected_incremental_margin: chosen.map(|chosen| Money {
            minor_units: whole(chosen.value_minor),
            currency_code: record.currency_code.clone(),
        }),
        candidates: scored.collect(),
        experiment_arms: record.experiment_arms.clone(),
        holdout: record.holdout,
        bundle_id: record.bundle_id.clone(),
        state_sequence: record.state_sequence,
        state_age_seconds,
        repeated_answer,
    }
}

/// To whole minor units, half away from zero, saturating.
#[allow(clippy::cast_possible_truncation)]
fn whole(minor: f64) -> i64 {
    libm::round(minor) as i64
}
