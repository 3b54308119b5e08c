//! A map in many small parts, each shared until it is written. A copy of the whole costs one reference per part, so a
//! snapshot can be written while the fold goes on; and growing one part holds nobody up, as growing a map of ten
//! million entries would.

mod table;

use std::sync::Arc;

pub use table::Table;

use crate::ids::{Alias, CartId, DecisionId, ProductKey, Token};

/// Parts of every map. Ten million entries make parts of six hundred: few enough that copying one, the first time it is
/// written beside a snapshot, takes a fraction of a millisecond.
pub const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 14;

/// A key that is a hash or random already.
pub trait ShardKey: Copy + Eq {
    /// All its bits mixed: some say which part it belongs to, others where in there.
    fn hash(&self) -> u64;
}

/// Of Fibonacci hashing: the upper bits of a product depend on all bits of the number.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

macro_rules! shard_key {
    ($($id:ty),*) => {$(
        impl ShardKey for $id {
            fn hash(&self) -> u64 {
                let mixed = u128::from_le_bytes(self.0).wrapping_mul(u128::from(MIX) << 64 | u128::from(MIX));
                (mixed >> 64) as u64
            }
        }
    )*};
}

shard_key!(Alias, CartId, DecisionId, ProductKey, Token);

impl ShardKey for u64 {
    fn hash(&self) -> u64 {
        let mixed = self.wrapping_mul(MIX);
        mixed ^ mixed >> 32
    }
}

/// One part; none before the first entry, so that an empty map costs next to nothing.
pub type Shard<K, V> = Option<Arc<Table<K, V>>>;

/// The map.
#[derive(Clone)]
pub struct Sharded<K, V> {
    shards: Box<[Shard<K, V>]>,
    len: usize,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self {
            shards: std::iter::repeat_with(|| None).take(SHARDS).collect(),
            len: 0,
        }
    }
}

/// .344, in units of 2⁻³²: the first part of a map gets 1 / (1 + .344) of the mean, the last 1 / (1 - .344).
const UNEVENNESS: u64 = 1_477_468_749;

/// Which part a key belongs to. The last part gets twice the share of the first: parts of one size would all grow at the same
/// time, and leave the places that they grew out of behind in the allocator, each page with a straggler or two.
fn place<K: ShardKey>(key: &K) -> usize {
    let share = key.hash() >> 32;
    let even = (1 << 32) + UNEVENNESS - ((share * UNEVENNESS) >> 32);
    usize::try_from((share * even) >> (u64::BITS - SHARD_BITS)).unwrap_or_default()
}

impl<K: ShardKey, V: Clone> Sharded<K, V> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of the key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.shards[place(key)].as_ref()?.get(key)
    }

    /// Whether the key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value of the key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        Arc::make_mut(self.shards[place(key)].as_mut()?).get_mut(key)
    }

    /// The value of the key, made now where it has none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let len = &mut self.len;
        let shard = self.shards[place(&key)].get_or_insert_default();
        Arc::make_mut(shard).get_or_insert_with(key, || {
            *len += 1;
            make()
        })
    }

    /// Sets the value of the key; answers the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(held) = self.get_mut(&key) {
            return Some(std::mem::replace(held, value));
        }
        self.get_or_insert_with(key, || value);
        None
    }

    /// Takes the value of the key away.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let shard = &mut self.shards[place(key)];
        let table = Arc::make_mut(shard.as_mut()?);
        let removed = table.remove(key)?;
        if table.len() == 0 {
            *shard = None;
        }
        self.len -= 1;
        Some(removed)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.shards.iter().flatten().flat_map(|table| table.iter());
        entries.map(|(key, value)| (key, value))
    }

    /// Takes out the parts from `first` up to `end` (exclusive).
    pub fn take_shards(&mut self, first: usize, end: usize) -> Vec<Shard<K, V>> {
        let taken: Vec<_> = self.shards[first..end].iter_mut().map(Option::take).collect();
        self.len -= entries(&taken);
        taken
    }

    /// Puts parts back at the places from `first` on, instead of what stands there; parts beyond the last place are left
    /// out.
    pub fn put_shards(&mut self, first: usize, shards: Vec<Shard<K, V>>) {
        for (slot, shard) in self.shards.iter_mut().skip(first).zip(shards) {
            let both = [&*slot, &shard].map(|shard| entries(std::slice::from_ref(shard)));
            self.len = self.len - both[0] + both[1];
            *slot = shard;
        }
    }
}

fn entries<K: ShardKey, V>(shards: &[Shard<K, V>]) -> usize {
    shards.iter().flatten().map(|table| table.len()).sum()
}

#[cfg(test)]
mod tests;
