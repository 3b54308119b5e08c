//! Decisions that are spooled and not yet folded: a second Score for the same key gets the same answer.
//! Bounded as the spool is: an entry exists only while its frame waits there.

use std::sync::Arc;

use cart_recovery_core::contract::DecisionRecord;
use cart_recovery_core::ids::DecisionId;
use cart_recovery_core::spool::Written;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// A decision in the spool. It is accepted, and may be answered, once what was written is synced.
#[derive(Clone)]
pub struct Held {
    pub record: Arc<DecisionRecord>,
    /// None where it was accepted long ago.
    pub written: Option<Written>,
}

impl Held {
    /// A decision that an earlier start accepted, or that the journal has.
    pub fn accepted(record: DecisionRecord) -> Self {
        Self {
            record: Arc::new(record),
            written: None,
        }
    }
}

/// The decisions between spool and fold.
#[derive(Default)]
pub struct InFlight(Mutex<FxHashMap<DecisionId, Held>>);

impl InFlight {
    /// The decision in flight under this key.
    pub fn get(&self, id: &DecisionId) -> Option<Held> {
        self.0.lock().get(id).cloned()
    }

    /// Writes `record` unless another one of its key is in flight; answers the one that counts and whether it is
    /// `record`. The map stays locked over `write`, so that two callers cannot both write one key; never over a sync.
    ///
    /// # Errors
    /// What `write` refuses; nothing is in flight then.
    pub fn admit<E>(
        &self,
        id: DecisionId,
        record: DecisionRecord,
        write: impl FnOnce(&DecisionRecord) -> Result<Written, E>,
    ) -> Result<(Held, bool), E> {
        let mut decisions = self.0.lock();
        if let Some(earlier) = decisions.get(&id) {
            return Ok((earlier.clone(), false));
        }
        let written = Some(write(&record)?);
        let record = Arc::new(record);
        let held = Held { record, written };
        decisions.insert(id, held.clone());
        Ok((held, true))
    }

    /// A decision found in the spool of an earlier start.
    pub fn restore(&self, id: DecisionId, record: DecisionRecord) {
        self.0.lock().entry(id).or_insert_with(|| Held::accepted(record));
    }

    /// This very record was not accepted: the next of its key counts.
    pub fn withdraw(&self, id: &DecisionId, record: &Arc<DecisionRecord>) {
        let mut decisions = self.0.lock();
        if decisions.get(id).is_some_and(|held| Arc::ptr_eq(&held.record, record)) {
            decisions.remove(id);
        }
    }

    /// The decision is folded now.
    pub fn landed(&self, id: &DecisionId) {
        self.0.lock().remove(id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::ids::SpoolId;
    use cart_recovery_core::spool::{Durability, Spool};
    use tempfile::TempDir;

    use super::*;

    const ID: DecisionId = DecisionId([1; 16]);

    fn spool(folder: &TempDir) -> Spool {
        Spool::open(folder.path(), SpoolId([1; 16]), 1 << 20, Durability::Disk).unwrap()
    }

    fn record(seed: u64) -> DecisionRecord {
        DecisionRecord {
            seed,
            ..Default::default()
        }
    }

    #[test]
    fn the_first_of_a_key_is_written_once_and_answers_the_second_when_it_is_accepted() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, record(seed), |_| spool.write(b"decision")).unwrap();
        let (first, is_new) = admit(1);
        assert!(is_new && first.record.seed == 1);
        let (second, is_new) = admit(2);
        assert!(!is_new && second.record.seed == 1);
        assert_eq!(spool.log().end(), 0);
        spool.sync(&second.written.unwrap()).unwrap();
        assert_eq!(spool.log().end(), 1);
        in_flight.landed(&ID);
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn a_refused_spool_leaves_nothing_in_flight() {
        let in_flight = InFlight::default();
        let refused = in_flight.admit(ID, DecisionRecord::default(), |_| Err("full"));
        assert!(refused.is_err());
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn a_withdrawn_decision_makes_way_for_another_but_takes_none_with_it() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, record(seed), |_| spool.write(b"decision")).unwrap();
        let (lost, _) = admit(1);
        in_flight.withdraw(&ID, &lost.record);
        assert!(admit(2).1);
        in_flight.withdraw(&ID, &lost.record);
        assert_eq!(in_flight.get(&ID).unwrap().record.seed, 2);
    }
}
