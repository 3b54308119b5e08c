//! How a decision gets from the engine into the spool, whoever asked for it.

use cart_recovery_core::contract::{
    DecisionRecord, IdentityKey, JournalMessage, Reason, SealedContact, SpoolFrame, journal_message::Content,
};
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Written;
use cart_recovery_core::state::decision_id;
use cart_recovery_core::time::Micros;
use prost::Message;

use crate::in_flight::{Entry, decision_in};
use crate::live::Live;

/// A decision that counts for its key.
pub struct Recorded {
    /// Read back where there is none.
    record: Option<DecisionRecord>,
    pub acceptance: Acceptance,
}

/// What a decision waits for before it may be answered.
pub struct Acceptance {
    /// It is accepted once this is synced; what is folded was accepted long ago.
    entry: Option<Entry>,
    /// It was taken earlier.
    pub repeated: bool,
}

impl Live {
    /// Records a decision that was taken under an earlier hold of the state: the first of its key may have left the
    /// in-flight map for the state since. The feed locks in the same order, state before in-flight map.
    pub fn record_taken(
        &self,
        record: DecisionRecord,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<Recorded, Refusal> {
        let state = self.state.read();
        if let Some(decided) = decision_id(&record).and_then(|id| state.decision(&id)) {
            return Ok(Recorded::folded(decided.record()));
        }
        self.record(record, contacts, received)
    }

    /// Writes a decision unless one of its key is in flight. It may not be answered before [`Live::accept`]; that step is
    /// taken without any lock.
    pub fn record(
        &self,
        record: DecisionRecord,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<Recorded, Refusal> {
        let id = decision_id(&record).ok_or_else(|| Refusal::new(Reason::DecisionUnknown))?;
        let keys = record.request.as_ref().map(|request| request.identity_keys.clone());
        let frame = framed(keys.unwrap_or_default(), Content::Decision(record), contacts, received);
        let (entry, is_new) = self.in_flight.admit(id, || self.spool.write(&frame.encode_to_vec()))?;
        if !is_new {
            return Ok(Recorded::in_flight(entry));
        }
        let acceptance = Acceptance {
            entry: Some(entry),
            repeated: false,
        };
        let record = decision_in(frame);
        Ok(Recorded { record, acceptance })
    }

    /// Returns once the decision is accepted. Also he who repeats a question waits for the answer that is in flight.
    pub fn accept(&self, acceptance: &Acceptance) -> Result<(), Refusal> {
        acceptance.entry.as_ref().map_or(Ok(()), |entry| self.sync(entry))?;
        if acceptance.repeated {
            self.counters.decisions_repeated.add_one();
        } else {
            self.counters.decisions_taken.add_one();
        }
        Ok(())
    }

    /// As [`Live::accept`], uncounted. Whoever may not have it withdraws it.
    pub fn sync(&self, entry: &Entry) -> Result<(), Refusal> {
        let synced = self.spool.sync(&entry.written);
        if synced.is_err() {
            self.in_flight.withdraw(entry);
        }
        synced
    }

    /// Writes one message of the engine's own.
    pub fn write_message(
        &self,
        identity_keys: Vec<IdentityKey>,
        content: Content,
        contacts: Vec<SealedContact>,
        received: Micros,
    ) -> Result<Written, Refusal> {
        let frame = framed(identity_keys, content, contacts, received);
        self.spool.write(&frame.encode_to_vec())
    }
}

fn framed(
    identity_keys: Vec<IdentityKey>,
    content: Content,
    contacts: Vec<SealedContact>,
    received: Micros,
) -> SpoolFrame {
    let message = JournalMessage {
        received_time: Some(received.to_timestamp()),
        identity_keys,
        imported: false,
        content: Some(content),
    };
    SpoolFrame {
        message: Some(message),
        contacts,
    }
}

impl Recorded {
    /// A decision that the journal has.
    pub fn folded(record: DecisionRecord) -> Self {
        Self::earlier(Some(record), None)
    }

    /// One that was taken earlier and waits in the spool.
    pub fn in_flight(entry: Entry) -> Self {
        Self::earlier(None, Some(entry))
    }

    fn earlier(record: Option<DecisionRecord>, entry: Option<Entry>) -> Self {
        let acceptance = Acceptance { entry, repeated: true };
        Self { record, acceptance }
    }

    /// The decision itself; one that waits in the spool is read back, so no lock is held.
    pub fn into_record(self) -> Result<DecisionRecord, Refusal> {
        match (self.record, &self.acceptance.entry) {
            (None, Some(entry)) => entry.read(),
            (record, _) => record.ok_or_else(|| Refusal::new(Reason::DecisionUnknown)),
        }
    }
}
