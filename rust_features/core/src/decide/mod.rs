//! The decision: a pure function of state, request, bundle, clock reading and seed. Each step has its own file;
//! nothing here reads a clock, draws a number or changes the state.

mod answer;
mod consent;
mod eligibility;
mod execute;
mod explore;
mod holdout;
mod inactivity;
mod occasion;
mod plan;
mod record;
mod score;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod value;

pub use answer::answer;
pub(crate) use eligibility::{Reasons, cart_reasons, channel_reasons, person_reasons};
pub use execute::{NotExecutable, execute};
pub use inactivity::{alias_key, fire, to_message};
pub use occasion::Occasion;
pub use record::{ARM_CONTACT, ARM_HOLDOUT, EXPERIMENT_HOLDOUT};

use crate::bundle::Bundle;
use crate::contract::{Candidate, DecisionRecord, DecisionRequest};
use crate::ids::DecisionId;
use crate::keyed::Key;
use crate::state::State;
use crate::time::Micros;

/// The id of the action "do nothing", always the first candidate.
pub const NONE: &str = "none";

/// Decides about the request as of the state. `key` is the deployment's decision key: the seed and a first holdout
/// draw come from it.
#[must_use]
pub fn decide(state: &State, bundle: &Bundle, request: &DecisionRequest, clock: Micros, key: &Key) -> DecisionRecord {
    let occasion = Occasion::resolve(state, request, clock);
    let seed = seed(key, occasion.decision_id);
    decide_with(&occasion, bundle, seed, key)
}

/// Decides an occasion with a given seed.
#[must_use]
pub fn decide_with(occasion: &Occasion<'_>, bundle: &Bundle, seed: u64, key: &Key) -> DecisionRecord {
    let settings = bundle.rules.storefront(&occasion.request.storefront_id);
    let mut plans = plan::plans(occasion, &bundle.rules, settings);
    let arm = holdout::apply(occasion, settings, key, &mut plans);
    let scores = score::scores(occasion, bundle, &plans);
    let values = value::values(occasion, &bundle.rules, settings, &plans, &scores);
    let chances = explore::propensities(&plans, &values, &bundle.rules.exploration);
    let draw = explore::draw(seed);
    let chosen = explore::chosen(&chances, draw);
    let parts = record::Parts {
        occasion,
        bundle,
        settings,
        seed,
        arm,
        scores: &scores,
        values: &values,
        chances: &chances,
        draw,
        chosen,
    };
    record::record(&parts, plans)
}

/// The seed of a decision.
#[must_use]
pub fn seed(key: &Key, decision_id: DecisionId) -> u64 {
    key.hash_u64("seed", &[&decision_id.0])
}

/// The candidate that a record chose.
#[must_use]
pub fn chosen(record: &DecisionRecord) -> Option<&Candidate> {
    record.candidates.get(usize::try_from(record.chosen).ok()?)
}
