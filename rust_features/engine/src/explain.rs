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
            let mut scored = live.edge.score_request(score, clock, &known)?;
            scored.dry_run = true;
            words(&settle(live, &bundle, scored, clock)?.0)
        }
        None => {
            let violation = Violation {
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
    let id = DecisionId::from_hex(id).ok_or_else(|| Refusal::new(Reason::DecisionUnknown))?;
    if let Some(place) = live.in_flight.get(&id) {
        live.sync(&place)?;
        return place.read();
    }
    let state = live.state.read();
    let decided = state
        .decision(&id)
        .ok_or_else(|| Refusal::new(Reason::DecisionUnknown))?;
    Ok(decided.record())
}
