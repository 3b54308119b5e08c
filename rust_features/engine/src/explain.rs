//! Explain: a decision taken, or one that is only tried out.

use cart_recovery_core::contract::explain_request::Subject;
use cart_recovery_core::contract::{DecisionRecord, ExplainRequest, Reason};
use cart_recovery_core::explain::explain as words;
use cart_recovery_core::ids::DecisionId;
use cart_recovery_core::refusal::{Refusal, Violation};
use prost::Message;

use crate::live::Live;
use crate::score::settle;

/// Serialised `ExplainRequest` in, serialised `ExplainResponse` out.
pub fn explain(live: &Live, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request =
        ExplainRequest::decode(request).map_err(|error| Refusal::new(Reason::Unparsable).with_detail(error))?;
    let response = match request.subject {
        Some(Subject::DecisionId(id)) => words(&taken(live, &id)?),
        Some(Subject::Score(score)) => {
            let bundle = live.ready()?;
            let clock = live.clock.now();
            let known = |token| live.directory.knows(token);
            let scored = live.edge.score_request(score, clock, &known);
            let mut scored = scored.map_err(|refusal| refusal.inside("score"))?;
            scored.dry_run = true;
            words(&settle(live, &bundle, scored, clock)?.0)
        }
        None => {
            let violation = Violation {
                reason: Reason::FieldMissing,
                field: "subject".to_owned(),
                value: "nothing".to_owned(),
                remedy: "send a decision id or a score request".to_owned(),
            };
            return Err(Refusal::of_fields(Reason::FieldMissing, vec![violation]));
        }
    };
    Ok(response.encode_to_vec())
}

fn taken(live: &Live, id: &str) -> Result<DecisionRecord, Refusal> {
    let unknown = || Refusal::new(Reason::DecisionUnknown);
    let id = DecisionId::from_hex(id).ok_or_else(unknown)?;
    // Asked before the look-up: only what is missing from a state that was loaded by then is unknown.
    let loaded = live.loaded();
    if let Some(place) = live.in_flight.get(&id) {
        live.sync(&place)?;
        return place.read();
    }
    let state = live.state.read();
    let decided = state.decision(&id);
    decided.map_or_else(|| loaded.and(Err(unknown())), |decided| Ok(decided.record()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use cart_recovery_core::contract::ScoreRequest;
    use cart_recovery_core::spool::Durability;

    use super::*;
    use crate::testing;

    fn refusal(live: &Live, subject: Subject) -> Refusal {
        let subject = Some(subject);
        explain(live, &ExplainRequest { subject }.encode_to_vec()).unwrap_err()
    }

    #[test]
    fn a_decision_is_unknown_only_once_the_state_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let live = testing::live(folder.path(), 1 << 20, Durability::Process);
        let id = Subject::DecisionId(DecisionId([1; 16]).to_string());
        assert_eq!(refusal(&live, id.clone()).reason, Reason::DecisionUnknown);
        live.caught_up.store(false, Ordering::Release);
        assert_eq!(refusal(&live, id).reason, Reason::StateNotLoaded);
    }

    #[test]
    fn fields_are_named_as_they_stand_in_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let live = testing::live(folder.path(), 1 << 20, Durability::Process);
        let refusal = refusal(&live, Subject::Score(ScoreRequest::default()));
        let fields: Vec<_> = refusal
            .violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert!(fields.contains(&"score.identity"), "{fields:?}");
        assert!(fields.iter().all(|field| field.starts_with("score.")), "{fields:?}");
        assert!(refusal.message.starts_with("score."), "{}", refusal.message);
    }
}
