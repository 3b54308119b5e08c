//! How a decision gets from the engine into the spool, whoever asked for it.

use std::sync::Arc;

use cart_recovery_core::contract::{
    DecisionRecord, IdentityKey, JournalMessage, Reason, SealedContact, SpoolFrame, journal_message::Content,
};
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::state::decision_id;
use cart_recovery_core::time::Micros;
use prost::Message;

use crate::live::Live;

impl Live {
    /// Records a decision that was taken under an earlier hold of the state: the first of its key may have left the
    /// in-flight map for the state since. The feed locks in the same order, state before in-flight map.
    pub fn record_taken(
        &self,
        record: DecisionRecord,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<(Arc<DecisionRecord>, bool), Refusal> {
        let state = self.state.read();
        if let Some(decided) = decision_id(&record).and_then(|id| state.decision(&id)) {
            self.counters.decisions_repeated.add_one();
            return Ok((Arc::new(decided.record()), true));
        }
        self.record(record, contacts, received)
    }

    /// Spools a decision unless one of its key is in flight; answers the one that counts, and whether it was taken
    /// earlier.
    pub fn record(
        &self,
        record: DecisionRecord,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<(Arc<DecisionRecord>, bool), Refusal> {
        let id = decision_id(&record).ok_or_else(|| Refusal::new(Reason::DecisionUnknown))?;
        let (record, new) = self.in_flight.admit(id, record, |record| {
            let keys = record.request.as_ref().map(|request| request.identity_keys.clone());
            let content = Content::Decision(record.clone());
            self.spool_message(keys.unwrap_or_default(), content, contacts, received)
        })?;
        if new {
            self.counters.decisions_taken.add_one();
        } else {
            self.counters.decisions_repeated.add_one();
        }
        Ok((record, !new))
    }

    /// Spools one message of the engine's own.
    pub fn spool_message(
        &self,
        identity_keys: Vec<IdentityKey>,
        content: Content,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<(), Refusal> {
        let message = JournalMessage {
            received_time: Some(received.to_timestamp()),
            identity_keys,
            imported: false,
            content: Some(content),
        };
        let frame = SpoolFrame {
            message: Some(message),
            contacts,
        };
        self.spool.append(&frame.encode_to_vec()).map(|_| ())
    }
}
