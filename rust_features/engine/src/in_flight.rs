//! Decisions that are spooled and not yet folded: a second Score for the same key gets the same answer.
//! Bounded as the spool is: an entry exists only while its frame waits there, and takes as much memory as that frame.

use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{DecisionRecord, SpoolFrame};
use cart_recovery_core::ids::DecisionId;
use cart_recovery_core::spool::Written;
use parking_lot::Mutex;
use prost::Message;
use rustc_hash::FxHashMap;

/// A decision in the spool. It is accepted, and may be answered, once what was written is synced.
#[derive(Clone)]
pub struct Held {
    pub record: DecisionRecord,
    /// None where it was accepted long ago.
    pub written: Option<Written>,
    /// Tells it from another decision of its key.
    number: u64,
}

impl Held {
    /// A decision that an earlier start accepted, or that the journal has.
    pub fn accepted(record: DecisionRecord) -> Self {
        Self {
            record,
            written: None,
            number: 0,
        }
    }
}

/// The decisions between spool and fold.
#[derive(Default)]
pub struct InFlight(Mutex<Frames>);

#[derive(Default)]
struct Frames {
    of: FxHashMap<DecisionId, Waiting>,
    last_number: u64,
}

/// As its frame: decoded, a record takes several times the memory, and it is seldom asked for again.
struct Waiting {
    frame: Box<[u8]>,
    written: Option<Written>,
    number: u64,
}

impl Waiting {
    fn held(&self) -> Held {
        let frame = SpoolFrame::decode(&*self.frame).unwrap_or_default();
        Held {
            record: decision_in(frame).unwrap_or_default(),
            written: self.written.clone(),
            number: self.number,
        }
    }
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
    pub fn get(&self, id: &DecisionId) -> Option<Held> {
        self.0.lock().of.get(id).map(Waiting::held)
    }

    /// Writes the decision in `frame` unless another one of its key is in flight; answers the one that counts and whether
    /// it is this one. The map stays locked over `write`, so that two callers cannot both write one key; never over a sync.
    ///
    /// # Errors
    /// What `write` refuses; nothing is in flight then.
    pub fn admit<E>(
        &self,
        id: DecisionId,
        frame: SpoolFrame,
        write: impl FnOnce(&[u8]) -> Result<Written, E>,
    ) -> Result<(Held, bool), E> {
        let mut frames = self.0.lock();
        if let Some(earlier) = frames.of.get(&id) {
            return Ok((earlier.held(), false));
        }
        let bytes = frame.encode_to_vec().into_boxed_slice();
        let written = Some(write(&bytes)?);
        frames.last_number += 1;
        let number = frames.last_number;
        frames.of.insert(
            id,
            Waiting {
                frame: bytes,
                written: written.clone(),
                number,
            },
        );
        let record = decision_in(frame).unwrap_or_default();
        Ok((
            Held {
                record,
                written,
                number,
            },
            true,
        ))
    }

    /// A decision found in the spool of an earlier start, as its frame.
    pub fn restore(&self, id: DecisionId, frame: Vec<u8>) {
        self.0.lock().of.entry(id).or_insert_with(|| Waiting {
            frame: frame.into_boxed_slice(),
            written: None,
            number: 0,
        });
    }

    /// This very decision was not accepted: the next of its key counts.
    pub fn withdraw(&self, id: &DecisionId, held: &Held) {
        let mut frames = self.0.lock();
        if frames.of.get(id).is_some_and(|waiting| waiting.number == held.number) {
            frames.of.remove(id);
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

    fn frame(seed: u64) -> SpoolFrame {
        let record = DecisionRecord {
            seed,
            ..Default::default()
        };
        let message = JournalMessage {
            content: Some(Content::Decision(record)),
            ..Default::default()
        };
        SpoolFrame {
            message: Some(message),
            ..Default::default()
        }
    }

    #[test]
    fn the_first_of_a_key_is_written_once_and_answers_the_second_when_it_is_accepted() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, frame(seed), |frame| spool.write(frame)).unwrap();
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
        let refused = in_flight.admit(ID, frame(1), |_| Err("full"));
        assert!(refused.is_err());
        assert_eq!(in_flight.len(), 0);
    }

    #[test]
    fn a_withdrawn_decision_makes_way_for_another_but_takes_none_with_it() {
        let folder = TempDir::new().unwrap();
        let (spool, in_flight) = (spool(&folder), InFlight::default());
        let admit = |seed| in_flight.admit(ID, frame(seed), |frame| spool.write(frame)).unwrap();
        let (lost, _) = admit(1);
        in_flight.withdraw(&ID, &lost);
        assert!(admit(2).1);
        in_flight.withdraw(&ID, &lost);
        assert_eq!(in_flight.get(&ID).unwrap().record.seed, 2);
    }
}
