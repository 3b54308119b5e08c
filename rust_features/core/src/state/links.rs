//! Links between aliases: undirected edges, never a merge. Which aliases a person has follows from the edges alone,
//! whatever the order in which they came.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::State;
use super::record::Record;
use super::stamp::{Latest, Stamp};
use crate::contract::IdentityKeyKind;
use crate::ids::Alias;

/// Aliases of one customer at most; those nearest to the given ones are kept.
pub const MAX_ALIASES: usize = 16;
/// Edges of one alias at most; further ones are not kept.
pub const MAX_EDGES: usize = 64;
/// Customer ids of a device that is not shared. One browser has one account of a storefront; a second one is somebody
/// else who logged in, however often each of them comes back.
const MAX_DEVICE_CUSTOMERS: usize = 1;
/// Keys of one kind that a contact is seen with, or contacts of one kind that a device is, without being shared: a
/// person may have an account in two storefronts, or two addresses.
const MAX_PERSONS: usize = 2;

/// The linked aliases of a customer, in alias order.
pub type Aliases = SmallVec<[Alias; MAX_ALIASES]>;

/// One end of an edge.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub(crate) other: Alias,
    /// Both keys stood on one event.
    seen_together: bool,
    /// The shop said so: linked or unlinked. It outweighs what was seen.
    said: Option<Box<Latest<bool>>>,
}

impl Edge {
    fn connects(&self) -> bool {
        self.said.as_ref().map_or(self.seen_together, |said| said.value)
    }
}

/// What joins or parts two aliases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bond {
    SeenTogether,
    Said(bool),
}

impl Record {
    /// Notes one end of an edge.
    pub(crate) fn bind(&mut self, other: Alias, bond: Bond, stamp: Stamp) {
        let index = match self.edges.binary_search_by_key(&other, |edge| edge.other) {
            Ok(index) => index,
            Err(_) if self.edges.len() >= MAX_EDGES => return,
            Err(index) => {
                self.edges.reserve_exact(1);
                self.edges.insert(
                    index,
                    Edge {
                        other,
                        seen_together: false,
                        said: None,
                    },
                );
                index
            }
        };
        let edge = &mut self.edges[index];
        match bond {
            Bond::SeenTogether => edge.seen_together = true,
            Bond::Said(linked) => {
                let mut said = edge.said.take().map(|said| *said);
                Latest::offer(&mut said, stamp, linked);
                edge.said = said.map(Box::new);
            }
        }
    }

    /// Whether both keys stood on one event before.
    pub(crate) fn has_met(&self, other: Alias) -> bool {
        let edge = self
            .edges
            .binary_search_by_key(&other, |edge| edge.other)
            .ok()
            .and_then(|index| self.edges.get(index));
        edge.is_some_and(|edge| edge.seen_together)
    }

    /// Removes every edge to `other`, whatever was said of it.
    pub(crate) fn unbind(&mut self, other: Alias) {
        self.edges.retain(|edge| edge.other != other);
    }

    /// Whether the shop said that the other is somebody else.
    fn is_parted(&self, other: Alias) -> bool {
        let edge = self
            .edges
            .binary_search_by_key(&other, |edge| edge.other)
            .ok()
            .and_then(|index| self.edges.get(index));
        edge.and_then(|edge| edge.said.as_ref()).is_some_and(|said| !said.value)
    }

    /// The aliases at the other ends, in alias order.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = Alias> {
        self.edges.iter().filter(|edge| edge.connects()).map(|edge| edge.other)
    }
}

impl State {
    /// Whether the key belongs to several persons: a kiosk, a family's tablet, a shop's own address.
    fn is_shared(&self, record: &Record) -> bool {
        let most_customers = match record.kind {
            IdentityKeyKind::Customer => return false,
            IdentityKeyKind::Anonymous => MAX_DEVICE_CUSTOMERS,
            _ => MAX_PERSONS,
        };
        if record.edges.len() <= most_customers {
            return false;
        }
        let mut customers = 0;
        let mut emails = 0;
        let mut phones = 0;
        for other in record.neighbours() {
            match self.records.get(&other).map(|other| other.kind) {
                Some(IdentityKeyKind::Customer) => customers += 1,
                Some(IdentityKeyKind::Email) => emails += 1,
                Some(IdentityKeyKind::Phone) => phones += 1,
                _ => {}
            }
        }
        customers > most_customers || emails > MAX_PERSONS || phones > MAX_PERSONS
    }

    /// The linked set around the given aliases, in alias order.
    pub(crate) fn linked(&self, given: &[Alias]) -> Aliases {
        let mut found = self.nearest(given);
        found.sort_unstable();
        found
    }

    /// The linked set around the given aliases, strongest first; those fewer links away come first. One that the shop
    /// parted from the strongest is left out, though it was given with it. A shared device stands for nobody: it is left
    /// out unless nothing else is given. A shared contact belongs to the set but leads no further.
    pub(crate) fn nearest(&self, given: &[Alias]) -> Aliases {
        let mut found = Aliases::new();
        let strongest = given.first().and_then(|alias| self.records.get(alias));
        for alias in given {
            let shared = self
                .records
                .get(alias)
                .is_some_and(|record| self.is_shared_device(&record));
            let parted = strongest.as_ref().is_some_and(|strongest| strongest.is_parted(*alias));
            if !shared && !parted && found.len() < MAX_ALIASES && !found.contains(alias) {
                found.push(*alias);
            }
        }
        if found.is_empty() {
            found.extend(given.first().copied());
            return found;
        }
        let mut next = 0;
        while let Some(alias) = found.get(next).copied() {
            next += 1;
            let Some(record) = self.records.get(&alias) else {
                continue;
            };
            if record.edges.is_empty() || self.is_shared(&record) {
                continue;
            }
            for other in record.neighbours() {
                let shared = self
                    .records
                    .get(&other)
                    .is_some_and(|other| self.is_shared_device(&other));
                if found.len() < MAX_ALIASES && !shared && !found.contains(&other) {
                    found.push(other);
                }
            }
        }
        found
    }

    fn is_shared_device(&self, record: &Record) -> bool {
        record.kind == IdentityKeyKind::Anonymous && self.is_shared(record)
    }
}
