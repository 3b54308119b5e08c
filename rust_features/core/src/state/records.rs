//! The records of all aliases. One that nobody wrote to for a day is packed: kept as the bytes that a snapshot writes,
//! a third of its size in memory. Packing changes nothing that anyone reads; a write unpacks.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Deref;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Record;
use crate::ids::Alias;
use crate::sharded::Sharded;
use crate::time::Micros;

/// How long a record stays unpacked after it was written, at least; twice as long at most, unless many fall due at once.
const LIVE_SECONDS: u32 = 43_200;

/// Records looked at with one message at most. A message may write several, and each is looked at twice before it is packed.
pub(crate) const LOOKS_PER_MESSAGE: usize = 32;

/// Records by alias.
#[derive(Clone, Default)]
pub(crate) struct Records {
    slots: Sharded<Alias, Slot>,
    /// Unpacked records, each once, by when they were last looked at; not written to snapshots.
    live: VecDeque<(Micros, Alias)>,
    now: Micros,
}

/// Where a record stands.
#[derive(Clone)]
pub(crate) enum Slot {
    /// Boxed, so that a slot takes no more than the packed form.
    Live(Box<Live>),
    Packed(Box<[u8]>),
}

#[derive(Clone)]
pub(crate) struct Live {
    record: Record,
    /// Since it was last looked at.
    written: bool,
}

/// A record to be read: held by the state, or unpacked for the reader.
pub(crate) enum RecordRef<'a> {
    Held(&'a Record),
    Unpacked(Box<Record>),
}

impl Deref for RecordRef<'_> {
    type Target = Record;

    fn deref(&self) -> &Record {
        match self {
            Self::Held(record) => record,
            Self::Unpacked(record) => record,
        }
    }
}

impl Slot {
    fn written(record: Record) -> Self {
        Self::Live(Box::new(Live { record, written: true }))
    }

    fn read(&self) -> RecordRef<'_> {
        match self {
            Self::Live(live) => RecordRef::Held(&live.record),
            Self::Packed(bytes) => RecordRef::Unpacked(Box::new(unpack(bytes))),
        }
    }
}

/// Copied, since the vector that it is written to keeps the room that it grew into.
fn pack(record: &Record) -> Result<Box<[u8]>, postcard::Error> {
    Ok(postcard::to_stdvec(record)?.as_slice().into())
}

/// What was packed here unpacks. Bytes that were not, as only another writer could have sealed them in a snapshot, are a
/// record of which nothing is known.
fn unpack(bytes: &[u8]) -> Record {
    postcard::from_bytes(bytes).unwrap_or_else(|_| Record::new(crate::contract::IdentityKeyKind::Unspecified))
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = match self {
            Self::Live(live) => Cow::Owned(pack(&live.record).map_err(S::Error::custom)?.into_vec()),
            Self::Packed(bytes) => Cow::Borrowed(bytes.as_ref()),
        };
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &[u8] = Deserialize::deserialize(deserializer)?;
        Ok(Self::Packed(bytes.into()))
    }
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get(&self, alias: &Alias) -> Option<RecordRef<'_>> {
        self.slots.get(alias).map(Slot::read)
    }

    /// The record, to be written.
    pub(crate) fn get_mut(&mut self, alias: &Alias) -> Option<&mut Record> {
        let slot = self.slots.get_mut(alias)?;
        Some(write(slot, &mut self.live, self.now, *alias))
    }

    /// The record, to be written, made now where there is none.
    pub(crate) fn get_or_insert_with(&mut self, alias: Alias, make: impl FnOnce() -> Record) -> &mut Record {
        let (live, now) = (&mut self.live, self.now);
        let slot = self.slots.get_or_insert_with(alias, || {
            live.push_back((now, alias));
            Slot::written(make())
        });
        write(slot, &mut self.live, self.now, alias)
    }

    /// Changes a record where it stands: one that is packed stays so.
    pub(crate) fn change(&mut self, alias: &Alias, change: impl FnOnce(&mut Record)) {
        match self.slots.get_mut(alias) {
            Some(Slot::Live(live)) => change(&mut live.record),
            Some(Slot::Packed(bytes)) => {
                let mut record = unpack(bytes);
                change(&mut record);
                if let Ok(packed) = pack(&record) {
                    *bytes = packed;
                }
            }
            None => {}
        }
    }

    pub(crate) fn remove(&mut self, alias: &Alias) {
        self.slots.remove(alias);
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Alias, RecordRef<'_>)> {
        self.slots.iter().map(|(alias, slot)| (alias, slot.read()))
    }

    /// All of them as they are written, in no order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (&Alias, &Slot)> {
        self.slots.iter()
    }

    /// The same records, to be written.
    pub(crate) fn frozen(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            ..Self::default()
        }
    }

    /// The map itself, for a snapshot.
    pub(crate) fn slots_mut(&mut self) -> &mut Sharded<Alias, Slot> {
        &mut self.slots
    }

    /// Moves the clock on and packs what was not written for long, [`LOOKS_PER_MESSAGE`] at a time.
    pub(crate) fn pass(&mut self, now: Micros) {
        self.now = now;
        for _ in 0..LOOKS_PER_MESSAGE {
            let next = self.live.front().copied();
            let Some((_, alias)) = next.filter(|(time, _)| time.plus_seconds(LIVE_SECONDS) < now) else {
                return;
            };
            self.live.pop_front();
            let Some(slot) = self.slots.get_mut(&alias) else {
                continue;
            };
            let Slot::Live(held) = slot else { continue };
            if std::mem::take(&mut held.written) {
                self.live.push_back((now, alias));
            } else if let Ok(bytes) = pack(&held.record) {
                *slot = Slot::Packed(bytes);
            }
        }
    }
}

fn write<'a>(slot: &'a mut Slot, live: &mut VecDeque<(Micros, Alias)>, now: Micros, alias: Alias) -> &'a mut Record {
    if let Slot::Packed(bytes) = slot {
        live.push_back((now, alias));
        *slot = Slot::written(unpack(bytes));
    }
    match slot {
        Slot::Live(held) => {
            held.written = true;
            &mut held.record
        }
        Slot::Packed(_) => unreachable!("it was unpacked above"),
    }
}

#[cfg(test)]
impl Records {
    /// Packs every record.
    pub(crate) fn pack_all(&mut self) {
        let now = self.now;
        while self.packed_count() < self.len() {
            self.pass(self.now.plus_seconds(LIVE_SECONDS + 1));
        }
        self.now = now;
    }

    pub(crate) fn packed_count(&self) -> usize {
        self.slots().filter(|(_, slot)| matches!(slot, Slot::Packed(_))).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::IdentityKeyKind;

    #[test]
    fn a_slot_is_two_words() {
        assert_eq!(size_of::<Slot>(), 16);
    }

    #[test]
    fn what_is_not_written_for_a_day_is_packed_and_a_write_unpacks() {
        let mut records = Records::default();
        let aliases = [1, 2].map(|number| Alias([number; 16]));
        let half_days = |count: u32| Micros(0).plus_seconds(count * (LIVE_SECONDS + 1));
        for alias in aliases {
            records.get_or_insert_with(alias, || Record::new(IdentityKeyKind::Customer));
        }
        records.pass(half_days(1));
        assert_eq!(records.packed_count(), 0);
        records.get_mut(&aliases[0]).unwrap().suppressed = 7;
        records.pass(half_days(2));
        assert_eq!(records.packed_count(), 1);
        records.pass(half_days(3));
        assert_eq!((records.packed_count(), records.live.len()), (2, 0));
        assert_eq!(records.get(&aliases[0]).unwrap().suppressed, 7);
        records.change(&aliases[0], |record| record.suppressed = 8);
        assert_eq!(records.packed_count(), 2);
        assert_eq!(records.get_mut(&aliases[0]).unwrap().suppressed, 8);
        assert_eq!((records.packed_count(), records.live.len(), records.len()), (1, 1, 2));
    }
}
