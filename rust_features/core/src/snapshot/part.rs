//! The parts of a snapshot: what of a state is written, and how it is put back.

use std::io;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{ENTRIES_PER_PART, SHARDS_PER_PART, Snapshot};
use crate::ids::{Alias, CartId, DecisionId, ProductKey, Token};
use crate::sharded::{SHARDS, Shard, ShardKey, Sharded};
use crate::state::{Additions, BudgetPrices, Cart, Channels, Decided, Product, Session, Slot, State, Storefronts};
use crate::time::Micros;

/// One part; small enough to be built in memory, many enough to be read by all processors.
#[derive(Serialize, Deserialize)]
pub(super) enum Part {
    Scalars(Box<Scalars>),
    Records(Shards<Alias, Slot>),
    Sessions(Shards<Token, Session>),
    Carts(Shards<CartId, Box<Cart>>),
    Decisions(Shards<DecisionId, Box<Decided>>),
    Products(Shards<ProductKey, Box<Product>>),
    Popularity(Shards<u64, Additions>),
    Directory(Shards<Token, Alias>),
    Seen(Vec<(Micros, u64)>),
    SessionRetention(Vec<(Micros, Token)>),
    CartRetention(Vec<(Micros, CartId)>),
    DecisionRetention(Vec<(Micros, DecisionId)>),
    VisitRetention(Vec<(Micros, Alias)>),
    /// How many parts came before.
    End(u32),
}

/// Neighbouring shards of a map.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize + ShardKey, V: Serialize",
    deserialize = "K: Deserialize<'de> + ShardKey, V: Deserialize<'de>"
))]
pub(super) struct Shards<K, V> {
    first: usize,
    shards: Vec<Shard<K, V>>,
}

/// What there is once.
#[derive(Serialize, Deserialize)]
pub(super) struct Scalars {
    pub(super) engine_version: String,
    pub(super) sequence: u64,
    journal_time: Micros,
    channels: FxHashMap<Box<str>, Channels>,
    budget_prices: Option<BudgetPrices>,
    pub(super) storefronts: Storefronts,
    counts: FxHashMap<Box<str>, u64>,
    duplicates: u64,
    resume: Vec<u8>,
}

/// Hands on the parts of a snapshot one after the other, letting go of what was handed on; the last one says how many
/// there were.
pub(super) fn take_apart<E>(snapshot: Snapshot, hand_on: &mut impl FnMut(&Part) -> Result<(), E>) -> Result<(), E> {
    let mut parts = 0;
    take_content(snapshot, &mut |part| {
        parts += 1;
        hand_on(part)
    })?;
    hand_on(&Part::End(parts))
}

fn take_content<E>(mut snapshot: Snapshot, hand_on: &mut impl FnMut(&Part) -> Result<(), E>) -> Result<(), E> {
    let state = &mut snapshot.state;
    hand_on(&Part::Scalars(Box::new(Scalars {
        engine_version: crate::ENGINE_VERSION.to_owned(),
        sequence: state.sequence,
        journal_time: state.journal_time,
        channels: std::mem::take(&mut state.channels),
        budget_prices: state.budget_prices.take(),
        storefronts: std::mem::take(&mut state.storefronts),
        counts: std::mem::take(&mut state.counts),
        duplicates: state.duplicates,
        resume: snapshot.resume,
    })))?;
    map(state.records.slots_mut(), Part::Records, hand_on)?;
    map(&mut state.sessions, Part::Sessions, hand_on)?;
    map(&mut state.carts, Part::Carts, hand_on)?;
    map(&mut state.decisions, Part::Decisions, hand_on)?;
    map(&mut state.products, Part::Products, hand_on)?;
    map(state.popularity.buckets_mut(), Part::Popularity, hand_on)?;
    map(&mut snapshot.directory, Part::Directory, hand_on)?;
    queue(state.seen.take_order(), Part::Seen, hand_on)?;
    let retention = std::mem::take(&mut state.retention);
    queue(retention.sessions, Part::SessionRetention, hand_on)?;
    queue(retention.carts, Part::CartRetention, hand_on)?;
    queue(retention.decisions, Part::DecisionRetention, hand_on)?;
    queue(retention.visits, Part::VisitRetention, hand_on)
}

fn map<K: ShardKey, V: Clone, E>(
    map: &mut Sharded<K, V>,
    part: fn(Shards<K, V>) -> Part,
    hand_on: &mut impl FnMut(&Part) -> Result<(), E>,
) -> Result<(), E> {
    for first in (0..SHARDS).step_by(SHARDS_PER_PART) {
        let shards = map.take_shards(first, first + SHARDS_PER_PART);
        if shards.iter().any(Option::is_some) {
            hand_on(&part(Shards { first, shards }))?;
        }
    }
    Ok(())
}

fn queue<T, E>(
    entries: impl IntoIterator<Item = T>,
    part: fn(Vec<T>) -> Part,
    hand_on: &mut impl FnMut(&Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut entries = entries.into_iter();
    loop {
        let chunk: Vec<T> = entries.by_ref().take(ENTRIES_PER_PART).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        hand_on(&part(chunk))?;
    }
}

impl Part {
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(io::Error::other)
    }

    /// What was encoded, the names of storefronts shared; `None` where the bytes are no part.
    pub(super) fn decode(bytes: &[u8], storefronts: &mut Storefronts) -> Option<Self> {
        let (mut part, rest) = postcard::take_from_bytes(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        match &mut part {
            Self::Carts(carts) => {
                let mut whole = true;
                carts.each(|cart| {
                    cart.share_name(storefronts);
                    whole &= cart.is_whole();
                });
                if !whole {
                    return None;
                }
            }
            Self::Decisions(decisions) => {
                decisions.each(|decided| decided.storefront = storefronts.shared(&decided.storefront));
            }
            _ => {}
        }
        Some(part)
    }
}

impl<K: ShardKey, V: Clone> Shards<K, V> {
    fn each(&mut self, mut change: impl FnMut(&mut V)) {
        for table in self.shards.iter_mut().flatten() {
            // Just read, so shared with nobody.
            if let Some(table) = std::sync::Arc::get_mut(table) {
                table.values_mut().for_each(&mut change);
            }
        }
    }
}

impl Snapshot {
    /// The snapshot that the scalars begin.
    pub(super) fn begin(scalars: Scalars) -> Self {
        Self {
            state: State {
                sequence: scalars.sequence,
                journal_time: scalars.journal_time,
                channels: scalars.channels,
                budget_prices: scalars.budget_prices,
                storefronts: scalars.storefronts,
                counts: scalars.counts,
                duplicates: scalars.duplicates,
                ..State::default()
            },
            directory: Sharded::default(),
            resume: scalars.resume,
        }
    }

    /// Puts a part back; parts come in the order in which they were taken. `Some`: it was the last, and how many there
    /// should have been.
    pub(super) fn put_back(&mut self, part: Part) -> Option<u32> {
        let state = &mut self.state;
        match part {
            Part::Scalars(_) => {}
            Part::Records(part) => part.put_into(state.records.slots_mut()),
            Part::Sessions(part) => part.put_into(&mut state.sessions),
            Part::Carts(part) => part.put_into(&mut state.carts),
            Part::Decisions(part) => part.put_into(&mut state.decisions),
            Part::Products(part) => part.put_into(&mut state.products),
            Part::Popularity(part) => part.put_into(state.popularity.buckets_mut()),
            Part::Directory(part) => part.put_into(&mut self.directory),
            Part::Seen(entries) => state.seen.restore(entries),
            Part::SessionRetention(entries) => state.retention.sessions.extend(entries),
            Part::CartRetention(entries) => state.retention.carts.extend(entries),
            Part::DecisionRetention(entries) => state.retention.decisions.extend(entries),
            Part::VisitRetention(entries) => state.retention.visits.extend(entries),
            Part::End(parts) => return Some(parts),
        }
        None
    }
}

impl<K: ShardKey, V: Clone> Shards<K, V> {
    fn put_into(self, map: &mut Sharded<K, V>) {
        map.put_shards(self.first, self.shards);
    }
}
