//! Score and Confirm over the bytes of a score request, in a shop with a past: refused, or a decision that comes out of
//! its own record again, bit for bit.

use cart_recovery_core::confirm::{ConfirmKeys, confirm};
use cart_recovery_core::contract::{ConfirmRequest, DecisionRecord};
use cart_recovery_core::decide::{answer, decide, execute, to_message};
use cart_recovery_core::fold::fold;
use cart_recovery_core::keyed::Key;
use prost::Message;

use crate::world::{NOW, bundle, decision_key, edge, name, past};

pub(super) fn run(request: &[u8]) {
    let Ok(mut scored) = edge().score(request, NOW, &|_| true) else {
        return;
    };
    name(&mut scored.request.identity_keys);
    let record = decide(past(), bundle(), &scored.request, NOW, &decision_key());
    let bytes = record.encode_to_vec();
    let read = DecisionRecord::decode(bytes.as_slice()).expect("a record can be read again");
    let executed = execute(past(), bundle(), &read, &decision_key()).expect("a record can be executed again");
    assert_eq!(executed.encode_to_vec(), bytes);
    let count = u32::try_from(scored.candidate_count).unwrap_or(u32::MAX);
    let _ = answer(&record, count, 0, false).encode_to_vec();
    confirmed(record);
}

fn confirmed(record: DecisionRecord) {
    let mut state = past().clone();
    let request = ConfirmRequest {
        decision_id: record.decision_id.clone(),
        ..ConfirmRequest::default()
    };
    let keys = ConfirmKeys {
        decision: decision_key(),
        offer: Key([4; 32]),
    };
    let sequence = state.sequence() + 1;
    fold(&mut state, sequence, &to_message(record)).expect("a decision can be folded");
    for hours in [0, 1, 30] {
        let _ = confirm(&state, bundle(), &request, NOW.plus_seconds(hours * 3600), &keys);
    }
}
