//! Confirm: whether a send still may go, as of a state that has folded what the sender asks for.

use std::time::Duration;

use cart_recovery_core::confirm::{ConfirmKeys, Verdict, confirm as verdict};
use cart_recovery_core::contract::{ConfirmRequest, Reason};
use cart_recovery_core::refusal::Refusal;
use prost::Message;

use crate::live::Live;

/// The fold needs about so long for what was journalled just now.
const BEHIND_RETRY: Duration = Duration::from_millis(20);

/// Serialised `ConfirmRequest` in, serialised `ConfirmResponse` out.
pub fn confirm(live: &Live, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let bundle = live.ready()?;
    let request =
        ConfirmRequest::decode(request).map_err(|error| Refusal::new(Reason::Unparsable).with_detail(error))?;
    let now = live.clock.now();
    let keys = ConfirmKeys {
        decision: live.decision_key.clone(),
        offer: live.offer_key.clone(),
    };
    let state = live.state.read();
    let sequence = state.sequence();
    if sequence < request.minimum_sequence {
        let detail = format!("at {sequence}, asked for {}", request.minimum_sequence);
        return Err(Refusal::new(Reason::StateBehind)
            .with_detail(detail)
            .retry_after(BEHIND_RETRY));
    }
    let mut verdict = verdict(&state, &bundle, &request, now, &keys)?;
    drop(state);
    if let Verdict::DecidedAnew {
        record,
        repeated: repeated @ false,
    } = &mut verdict
    {
        let recorded = live.record_taken(record.as_ref().clone(), Vec::new(), now)?;
        live.accept(&recorded.acceptance)?;
        *repeated = recorded.acceptance.repeated;
        **record = recorded.into_record()?;
    }
    live.counters.confirms_answered.add_one();
    Ok(verdict.to_contract(sequence).encode_to_vec())
}
