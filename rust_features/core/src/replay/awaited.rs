//! The decisions of a journal, in the order in which the fold reaches the states that they saw. Only their ids are held:
//! a record is decoded when its state is there.

use std::collections::VecDeque;
use std::fmt::Debug;

use prost::Message;

use super::{Journal, ReplayError, decode};
use crate::contract::DecisionRecord;

/// Decisions by the states that they saw.
pub(super) type Decisions<'a> = VecDeque<Awaited<'a>>;

/// A decision whose state the fold has not reached yet.
pub(super) struct Awaited<'a> {
    /// Its place among the decisions of the journal.
    pub(super) row: usize,
    /// Of its message.
    pub(super) sequence: u64,
    /// Of the last message that its state holds.
    pub(super) state_sequence: u64,
    pub(super) decision_id: String,
    payload: &'a [u8],
}

/// A journal message of which only a decision is decoded: passing over everything else costs little.
#[derive(Clone, PartialEq, Message)]
struct Only<T: Message + Default + Debug> {
    #[prost(message, optional, tag = "11")]
    decision: Option<T>,
}

/// A decision's ids.
#[derive(Clone, PartialEq, Message)]
struct Ids {
    #[prost(string, tag = "1")]
    decision_id: String,
    #[prost(uint64, tag = "4")]
    state_sequence: u64,
}

impl Awaited<'_> {
    pub(super) fn record(&self) -> Result<DecisionRecord, ReplayError> {
        let message: Only<DecisionRecord> = decode(self.sequence, self.payload)?;
        Ok(message.decision.unwrap_or_default())
    }
}

/// The decision records. Only the fold tells which of them count: the first of a key, and again the first once the key is
/// forgotten.
pub(super) fn decisions<'a>(journal: &'a Journal<'_>) -> Result<Decisions<'a>, ReplayError> {
    let mut found = Vec::new();
    for (sequence, payload) in journal.messages() {
        let message: Only<Ids> = decode(sequence, payload)?;
        if let Some(ids) = message.decision {
            found.push(Awaited {
                row: found.len(),
                sequence,
                state_sequence: ids.state_sequence,
                decision_id: ids.decision_id,
                payload,
            });
        }
    }
    found.sort_by_key(|awaited| awaited.state_sequence);
    Ok(found.into())
}
