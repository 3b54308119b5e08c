//! Decisions that are spooled and not yet folded: a second Score for the same key gets the same answer.
//! Bounded as the spool is: an entry exists only while its frame waits there, and knows no more than where that is.

use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{DecisionRecord, Reason, SpoolFrame};
use cart_recovery_core::ids::DecisionId;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Written;
use parking_lot::Mutex;
use prost::Message;
use rustc_hash::FxHashMap;

/// A decision in flight, by where it lies in the spool.
#[derive(Clone)]
pub struct Entry {
    id: DecisionId,
    pub written: Written,
    /// Tells it from another decision of its key.
    number: u64,
}

impl Entry {
    /// The decision, read back from the spool: it is seldom asked for again, and would take much memory until then. The
    /// caller holds no lock that others need, for it may lie on disk alone.
    ///
    /// # Errors
    /// As [`Written::read`].
    pub fn read(&self) -> Result<DecisionRecord, Refusal> {
        let frame = SpoolFrame::decode(self.written.read()?.as_slice()).ok();
        let unread = || Refusal::new(Reason::DiskReadFailed).with_detail("no decision lies where it was written");
        frame.and_then(decision_in).ok_or_else(unread)
    }
}

/// The decisions between spool and fold.
#[derive(Default)]
pub struct InFlight(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    of: FxHashMap<DecisionId, Entry>,
    last_number: u64,
}

/// The decision that a frame brings.
pub fn decision_in(frame: SpoolFrame) -> Option<DecisionRecord> {
    match frame.message?.content? {
        Content::Decision(record) => Some(record),
        _ => None,
    }
}

impl InFlight {
    /// The decision in flight under this key.
    pub fn get(&self, id: &DecisionId) -> Option<Entry> {
        self.0.lock().of.get(id).cloned()
    }

    /// Has a decision written unless another one of its key is in flight; answers the one that counts, and
    /// whether it is this one. The map stays locked over `write`, so that two callers cannot both write one key; never over
    /// a sync.
    ///
    /// # Errors
    /// What `write` refuses; nothing is in flight then.
    pub fn admit<E>(&self, id: DecisionId, write: impl FnOnce() -> Result<Written, E>) -> Result<(Entry, bool), E> {
        let mut entries = self.0.lock();
        if let Some(earlier) = entries.of.get(&id) {
            return Ok((earlier.clone(), false));
        }
        let written = write()?;
        Ok((entries.put(id, written), true))
    }

    /// A decision found in the spool of an earlier start.
    pub fn restore(&self, id: DecisionId, written: Written) {
        let mut entries = self.0.lock();
        if !entries.of.contains_key(&id) {
            entries.put(id, written);
        }
    }

    /// This very decision was not accepted: the next of its key counts.
    pub fn withdraw(&self, refused: &Entry) {
        let mut entries = self.0.lock();
        let counts = entries.of.get(&refused.id);
        if counts.is_some_and(|entry| entry.number == refused.number) {
            entries.of.remove(&refused.id);
        }
    }

    /// The decision is folded now.
    pub fn landed(&self, id: &DecisionId) {
        self.0.lock().of.remove(id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().of.len()
    }
}

impl Entries {
    fn put(&mut self, id: DecisionId, written: Written) -> Entry {
        self.last_number += 1;
        let number = self.last_number;
        let entry = Entry { id, written, number };
        self.of.insert(id, entry.clone());
        entry
    }
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::contract::JournalMessage;
    use cart_recovery_core::ids::SpoolId;
    use cart_recovery_core::spool::{Durability, Spool};
    use tempfile::TempDir;

    use super::*;

    const ID: DecisionId = DecisionId([1; 16]);

    fn spool(folder: &TempDir) -> Spool {
        Spool::open(folder.path(), SpoolId([1; 16]), 1 << 20, Durability::Disk).unwrap()
    }

    fn frame(seed: u64) -> Vec<u8> {
        let record = DecisionRecord {
            seed,
            ..Default::default()
        };
        let message = JournalMessage {
            content: Some(Content::Decision(record)),
            ..Default::default()
        };
        let frame = SpoolFrame {
            message: Some(message),
            ..Default::default()
        };
        frame.encode_to_vec()
    }

    #[test]
    fn the_first_of_a_key_is_written_once_and_answers_the_second_when_it_is_accepted() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, || spool.write(&frame(seed))).unwrap();
        let (first, is_new) = admit(1);
        assert!(is_new && first.read().unwrap().seed == 1);
        let (second, is_new) = admit(2);
        assert!(!is_new && second.read().unwrap().seed == 1);
        assert_eq!(spool.log().end(), 0);
        spool.sync(&second.written).unwrap();
        assert_eq!(spool.log().end(), 1);
        in_flight.landed(&ID);
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn a_refused_spool_leaves_nothing_in_flight() {
        let in_flight = InFlight::default();
        let refused = in_flight.admit(ID, || Err("full"));
        assert!(refused.is_err());
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn a_withdrawn_decision_makes_way_for_another_but_takes_none_with_it() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, || spool.write(&frame(seed))).unwrap();
        let lost = admit(1).0;
        in_flight.withdraw(&lost);
        assert!(admit(2).1);
        in_flight.withdraw(&lost);
        assert_eq!(in_flight.get(&ID).unwrap().read().unwrap().seed, 2);
    }
}
