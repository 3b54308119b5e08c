use std::fmt::Debug;

use rustc_hash::FxHashMap;

use super::*;

fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Does the same to both and compares what they say.
fn compare<K: ShardKey + std::hash::Hash + Debug>(key: impl Fn(u64) -> K) {
    let mut sharded = Sharded::default();
    let mut map = FxHashMap::default();
    for step in 0..60_000_u64 {
        // First it grows, then it shrinks.
        let removals = if step < 40_000 { 1 } else { 4 };
        let (kind, key) = ((scattered(step) >> 40) % 6, key(scattered(step) >> 50));
        if kind < removals {
            assert_eq!(sharded.remove(&key), map.remove(&key));
        } else if kind == 4 {
            *sharded.get_or_insert_with(key, || 7) += 1;
            *map.entry(key).or_insert(7) += 1;
        } else {
            assert_eq!(sharded.insert(key, step), map.insert(key, step));
        }
        assert_eq!(
            (sharded.get_mut(&key).copied(), sharded.len()),
            (map.get(&key).copied(), map.len())
        );
    }
    assert!(!map.is_empty() && sharded.len() == map.len());
    assert!(map.iter().all(|(key, value)| sharded.get(key) == Some(value)));
    let held: FxHashMap<K, u64> = sharded.iter().map(|(key, value)| (*key, *value)).collect();
    assert_eq!(held, map);
}

#[test]
fn it_holds_what_a_map_would_hold() {
    compare(scattered);
    compare(|number| Alias(u128::from(number).to_be_bytes()));
}

/// A key of which many have one hash, and all belong to one part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Alike(u64);

impl ShardKey for Alike {
    fn hash(&self) -> u64 {
        (self.0 % 11) << 16
    }
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    compare(Alike);
}

#[test]
fn a_part_is_read_back_as_it_was_written() {
    let mut table = Table::default();
    for number in 0..1000 {
        table.get_or_insert_with(scattered(number), || number);
    }
    let written = postcard::to_stdvec(&table).unwrap();
    let read: Table<u64, u64> = postcard::from_bytes(&written).unwrap();
    assert_eq!(read.len(), 1000);
    assert!((0..1000).all(|number| read.get(&scattered(number)) == Some(&number)));
}

#[test]
fn a_copy_stays_what_it_was() {
    let mut sharded = Sharded::default();
    for number in 0..100 {
        sharded.insert(scattered(number), number);
    }
    let copy = sharded.clone();
    for number in 0..50 {
        sharded.insert(scattered(number), 1000);
        sharded.remove(&scattered(number + 50));
    }
    assert!((0..100).all(|number| copy.get(&scattered(number)) == Some(&number)));
    assert_eq!((copy.len(), sharded.len()), (100, 50));
}
