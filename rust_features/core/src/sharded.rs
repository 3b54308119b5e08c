//! A map in many small parts, each shared until it is written. A copy of the whole costs one reference per part, so a
//! snapshot can be written while the fold goes on; and growing one part holds nobody up, as growing a map of ten
//! million entries would.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ids::{Alias, CartId, DecisionId, ProductKey, Token};

/// Parts of every map. Ten million entries make parts of six hundred: few enough that copying one, the first time it is
/// written beside a snapshot, takes a fraction of a millisecond.
pub const SHARDS: usize = 1 << 14;

/// A key that is a hash or random already: some of its bits say where it belongs.
pub trait ShardKey: Copy + Eq + Hash {
    /// Bits that are spread evenly.
    fn bits(&self) -> u64;
}

macro_rules! shard_key {
    ($($id:ty),*) => {$(
        impl ShardKey for $id {
            fn bits(&self) -> u64 {
                let [.., high, low] = self.0;
                u64::from(u16::from_be_bytes([high, low]))
            }
        }
    )*};
}

shard_key!(Alias, CartId, DecisionId, ProductKey, Token);

impl ShardKey for u64 {
    fn bits(&self) -> u64 {
        *self
    }
}

/// One part.
pub type Shard<K, V> = Arc<FxHashMap<K, V>>;

/// The map.
#[derive(Clone)]
pub struct Sharded<K, V> {
    shards: Box<[Shard<K, V>]>,
    len: usize,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        // All share one empty part until they are written.
        let empty = Arc::new(FxHashMap::default());
        Self {
            shards: vec![empty; SHARDS].into(),
            len: 0,
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn place<K: ShardKey>(key: &K) -> usize {
    key.bits() as usize % SHARDS
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
        self.shards[place(key)].get(key)
    }

    /// Whether the key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.shards[place(key)].contains_key(key)
    }

    /// The value of the key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let shard = &mut self.shards[place(key)];
        if shard.is_empty() {
            return None;
        }
        Arc::make_mut(shard).get_mut(key)
    }

    /// The value of the key, made now where it has none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let len = &mut self.len;
        Arc::make_mut(&mut self.shards[place(&key)])
            .entry(key)
            .or_insert_with(|| {
                *len += 1;
                make()
            })
    }

    /// Sets the value of the key; answers the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = Arc::make_mut(&mut self.shards[place(&key)]).insert(key, value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes the value of the key away.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let shard = &mut self.shards[place(key)];
        if shard.is_empty() {
            return None;
        }
        let removed = Arc::make_mut(shard).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Keeps what is to be kept; parts that lose nothing stay shared.
    pub fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        for shard in &mut self.shards {
            if shard.iter().all(|(key, value)| keep(key, value)) {
                continue;
            }
            let before = shard.len();
            Arc::make_mut(shard).retain(|key, value| keep(key, value));
            self.len -= before - shard.len();
        }
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Takes out the parts from `first` up to `end` (exclusive).
    pub fn take_shards(&mut self, first: usize, end: usize) -> Vec<Shard<K, V>> {
        let empty = Arc::new(FxHashMap::default());
        let taken: Vec<_> = self.shards[first..end]
            .iter_mut()
            .map(|shard| std::mem::replace(shard, Arc::clone(&empty)))
            .collect();
        self.len -= taken.iter().map(|shard| shard.len()).sum::<usize>();
        taken
    }

    /// Puts parts back at the places from `first` on, instead of what stands there; parts beyond the last place are left
    /// out.
    pub fn put_shards(&mut self, first: usize, shards: Vec<Shard<K, V>>) {
        for (slot, shard) in self.shards.iter_mut().skip(first).zip(shards) {
            self.len = self.len - slot.len() + shard.len();
            *slot = shard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn it_holds_what_a_map_would_hold() {
        let mut sharded = Sharded::default();
        let mut map = FxHashMap::default();
        for number in 0..5000 {
            let key = spread(number % 1500);
            match number % 5 {
                0 => assert_eq!(sharded.remove(&key), map.remove(&key)),
                1 => *sharded.get_or_insert_with(key, || 7) += 1,
                _ => assert_eq!(sharded.insert(key, number), map.insert(key, number)),
            }
            if number % 5 == 1 {
                *map.entry(key).or_insert(7) += 1;
            }
            assert_eq!(sharded.len(), map.len());
        }
        sharded.retain(|key, _| key % 3 == 0);
        map.retain(|key, _| key % 3 == 0);
        let held: FxHashMap<u64, u64> = sharded.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!((held, sharded.len()), (map.clone(), map.len()));
    }

    #[test]
    fn a_copy_stays_what_it_was() {
        let mut sharded = Sharded::default();
        for number in 0..100 {
            sharded.insert(spread(number), number);
        }
        let copy = sharded.clone();
        for number in 0..50 {
            sharded.insert(spread(number), 1000);
            sharded.remove(&spread(number + 50));
        }
        assert!((0..100).all(|number| copy.get(&spread(number)) == Some(&number)));
        assert_eq!((copy.len(), sharded.len()), (100, 50));
    }
}
