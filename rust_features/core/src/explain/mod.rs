//! Why a decision was taken: its record in words and numbers. Nothing is computed again; `decide::execute` does that.

mod money;
mod sentences;
#[cfg(test)]
mod tests;

use crate::contract::{Candidate, CandidateArithmetic, DecisionRecord, ExplainResponse, NamedFeature};
use crate::feature::{Feature, TABLE};

/// Explains a record.
#[must_use]
pub fn explain(record: &DecisionRecord) -> ExplainResponse {
    ExplainResponse {
        decision_id: record.decision_id.clone(),
        sentences: sentences::sentences(record),
        candidates: record
            .candidates
            .iter()
            .map(|candidate| arithmetic(record, candidate))
            .collect(),
        features: TABLE
            .iter()
            .zip(&record.features)
            .map(|(feature, value)| named(feature, *value))
            .collect(),
    }
}

#[allow(clippy::cast_precision_loss)]
fn arithmetic(record: &DecisionRecord, candidate: &Candidate) -> CandidateArithmetic {
    CandidateArithmetic {
        action: candidate.action.clone(),
        eligible: candidate.eligible,
        reasons: candidate.reasons.clone(),
        recovery_probability: candidate.recovery_probability,
        margin_minor: record.margin_minor,
        return_probability: record.return_probability,
        discount_minor: candidate
            .action
            .as_ref()
            .map_or(0.0, |action| action.discount_minor as f64),
        contact_cost_minor: candidate.contact_cost_minor,
        budget_cost_minor: candidate.budget_cost_minor,
        value_minor: candidate.value_minor,
        propensity: candidate.propensity,
    }
}

fn named(feature: &Feature, value: f32) -> NamedFeature {
    NamedFeature {
        name: feature.name.to_owned(),
        unit: feature.unit.to_owned(),
        value,
        missing: if value.is_nan() {
            feature.missing.to_owned()
        } else {
            String::new()
        },
    }
}
