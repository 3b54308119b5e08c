//! A hash table that takes little more than its entries. Each leaf holds some dozens in a list, found by a byte of their
//! hash. Lists grow by a few entries at a time, where the arrays of a usual table are half empty on average; and leaves
//! split one table at a time.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::ShardKey;

/// Entries of a leaf before it is to split.
const LEAF: usize = 64;
/// Leaves split only with so many entries each on average, or those whose hashes are alike would split for ever.
const SPARSE_LEAF: usize = LEAF / 4;
/// Entries of a leaf that was just read, at most: leaves are a power of two.
const FILLED_LEAF: usize = LEAF / 2;
/// Entries for which there is room before they are read, whatever is said of their number.
const MOST_ROOM: usize = 1 << 16;
/// By so many entries a leaf grows. For entries of four words these are steps of the allocator.
const STEP: usize = 8;
/// Bits of a hash: eight from the first say which tag, those above which leaf.
const TAG_BIT: u32 = 16;
const LEAF_BIT: u32 = 24;
/// Tags that are looked at together.
const WORD: usize = 8;

/// One part of a map.
#[derive(Clone)]
pub struct Table<K, V> {
    /// A power of two, or none.
    leaves: Vec<Leaf<K, V>>,
    len: usize,
}

#[derive(Clone)]
struct Leaf<K, V> {
    /// One of each entry.
    tags: SmallVec<[u8; LEAF]>,
    entries: Vec<(K, V)>,
}

fn tag(hash: u64) -> u8 {
    (hash >> TAG_BIT).to_le_bytes()[0]
}

impl<K: ShardKey, V> Leaf<K, V> {
    fn with_room(entries: usize) -> Self {
        Self {
            tags: SmallVec::new(),
            entries: Vec::with_capacity(entries.next_multiple_of(STEP)),
        }
    }

    fn find(&self, key: &K, tag: u8) -> Option<usize> {
        let (words, rest) = self.tags.as_chunks::<WORD>();
        for (number, word) in words.iter().enumerate() {
            let mut equal = equal_bytes(u64::from_le_bytes(*word), tag);
            while equal != 0 {
                let index = number * WORD + equal.trailing_zeros() as usize / 8;
                if self.entries[index].0 == *key {
                    return Some(index);
                }
                equal &= equal - 1;
            }
        }
        let first = words.len() * WORD;
        let mut last = (first..).zip(rest);
        last.find_map(|(index, held)| (*held == tag && self.entries[index].0 == *key).then_some(index))
    }

    fn push(&mut self, key: K, value: V, tag: u8) -> usize {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(STEP);
        }
        self.entries.push((key, value));
        self.tags.push(tag);
        self.entries.len() - 1
    }

    fn remove(&mut self, index: usize) -> V {
        self.tags.swap_remove(index);
        let (_, value) = self.entries.swap_remove(index);
        if self.entries.capacity() > 2 * (self.entries.len() + STEP) {
            self.entries.shrink_to(self.entries.len() + STEP);
        }
        value
    }
}

/// The highest bit of each byte that is `tag`, and perhaps of one right above such a byte (Mycroft 1987).
fn equal_bytes(word: u64, tag: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = LOW << 7;
    let differences = word ^ (LOW * u64::from(tag));
    differences.wrapping_sub(LOW) & !differences & HIGH
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            leaves: Vec::new(),
            len: 0,
        }
    }
}

impl<K: ShardKey, V> Table<K, V> {
    /// An empty one of so many leaves, with room for so many entries.
    fn with_room(entries: usize, leaves: usize) -> Self {
        let leaf = || Leaf::with_room(entries / leaves);
        Self {
            leaves: std::iter::repeat_with(leaf).take(leaves).collect(),
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.leaves.iter().flat_map(|leaf| &leaf.entries)
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let entries = self.leaves.iter_mut().flat_map(|leaf| &mut leaf.entries);
        entries.map(|(_, value)| value)
    }

    /// Which leaf the hash belongs to.
    fn place(&self, hash: u64) -> usize {
        usize::try_from(hash >> LEAF_BIT).unwrap_or_default() & self.leaves.len().wrapping_sub(1)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let hash = key.hash();
        let leaf = self.leaves.get(self.place(hash))?;
        leaf.find(key, tag(hash)).map(|index| &leaf.entries[index].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let hash = key.hash();
        let place = self.place(hash);
        let leaf = self.leaves.get_mut(place)?;
        leaf.find(key, tag(hash)).map(|index| &mut leaf.entries[index].1)
    }

    /// The value of the key, made now where it has none.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let hash = key.hash();
        let (place, index) = self.find(&key, hash).unwrap_or_else(|| {
            self.make_room(hash);
            let place = self.place(hash);
            self.len += 1;
            (place, self.leaves[place].push(key, make(), tag(hash)))
        });
        &mut self.leaves[place].entries[index].1
    }

    fn find(&self, key: &K, hash: u64) -> Option<(usize, usize)> {
        let place = self.place(hash);
        Some((place, self.leaves.get(place)?.find(key, tag(hash))?))
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (place, index) = self.find(key, key.hash())?;
        self.len -= 1;
        let value = self.leaves[place].remove(index);
        if self.len == 0 {
            self.leaves = Vec::new();
        }
        Some(value)
    }

    fn into_entries(self) -> impl Iterator<Item = (K, V)> {
        self.leaves.into_iter().flat_map(|leaf| leaf.entries)
    }

    /// Splits the leaves if that of the hash is full.
    fn make_room(&mut self, hash: u64) {
        let count = self.leaves.len();
        if count == 0 {
            self.leaves.push(Leaf::with_room(1));
        } else if self.leaves[self.place(hash)].entries.len() >= LEAF && self.len >= count * SPARSE_LEAF {
            let before = std::mem::take(self);
            *self = Self::with_room(before.len, 2 * count);
            self.len = before.len;
            for (key, value) in before.into_entries() {
                let hash = key.hash();
                let place = self.place(hash);
                self.leaves[place].push(key, value, tag(hash));
            }
        }
    }
}

impl<K: ShardKey + Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K: ShardKey + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K: ShardKey + Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
    type Value = Table<K, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the entries of a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let entries = map.size_hint().unwrap_or_default().min(MOST_ROOM);
        let mut table = Table::with_room(entries, (entries / FILLED_LEAF).next_power_of_two());
        while let Some((key, value)) = map.next_entry()? {
            table.get_or_insert_with(key, || value);
        }
        Ok(table)
    }
}
