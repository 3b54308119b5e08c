//! Links between aliases: undirected edges, never a merge. Which aliases a person has follows from the edges alone,
//! whatever the order in which they came.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::State;
use super::looks::{CUSTOMER_LOOKS, Looks};
use super::record::Record;
use super::stamp::{Latest, Stamp};
use crate::contract::IdentityKeyKind;
use crate::ids::Alias;

/// Aliases of one customer at most: those nearest to the given ones, devices and what only they lead to last.
pub const MAX_ALIASES: usize = 16;
/// Keys of one message at most, as many as the edge lets through: customer, device, sixteen contacts, sixteen aliases.
pub const MAX_KEYS: usize = 34;
/// Edges of one alias at most: those that the shop spoke of, then those to persons, then those to devices, and of equals
/// the smaller alias. Which are kept does not depend on the order in which they came.
pub const MAX_EDGES: usize = 64;
/// Customer ids of a device that is not shared. One browser has one account of a storefront; a second one is somebody
/// else who logged in, however often each of them comes back.
pub(super) const MAX_DEVICE_CUSTOMERS: usize = 1;
/// Keys of one kind that a contact is seen with, or contacts of one kind that a device is, without being shared: a
/// person may have an account in two storefronts, or two addresses.
pub(super) const MAX_PERSONS: usize = 2;

/// The linked aliases of a customer, in alias order.
pub type Aliases = SmallVec<[Alias; MAX_ALIASES]>;

/// One end of an edge.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub(crate) other: Alias,
    met: Met,
    /// The shop said so: linked or unlinked. It outweighs what was seen.
    said: Option<Box<Latest<bool>>>,
}

/// Whether both keys stood on one event, and what the other one is. In the order of what is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) enum Met {
    Never,
    /// The other is a device: a person may have had hundreds, one for each time that a browser forgot its own.
    WithDevice,
    /// The other is a customer id or a contact.
    WithPerson,
}

impl Edge {
    fn connects(&self) -> bool {
        self.said.as_ref().map_or(self.has_met(), |said| said.value)
    }

    fn has_met(&self) -> bool {
        self.met != Met::Never
    }

    /// What is kept at the bound: the greatest. What the shop spoke of weighs the same whether or not it was met before: one
    /// that went and comes back has forgotten that.
    fn weight(&self) -> impl Ord + use<> {
        let seen = if self.said.is_some() { Met::WithPerson } else { self.met };
        (self.said.is_some(), seen, Reverse(self.other))
    }
}

/// What joins or parts two aliases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bond {
    Met(Met),
    Said(bool),
}

impl Record {
    /// Notes one end of an edge. Beyond [`MAX_EDGES`] the lightest goes; an edge only ever gains weight, so that one which
    /// went would go in any order.
    pub(crate) fn bind(&mut self, other: Alias, bond: Bond, stamp: Stamp) {
        let held = self.edges.binary_search_by_key(&other, |edge| edge.other);
        let index = held.unwrap_or_else(|index| {
            self.edges.reserve_exact(1);
            let (met, said) = (Met::Never, None);
            self.edges.insert(index, Edge { other, met, said });
            index
        });
        let edge = &mut self.edges[index];
        match bond {
            Bond::Met(met) => edge.met = met,
            Bond::Said(linked) => {
                let mut said = edge.said.take().map(|said| *said);
                Latest::offer(&mut said, stamp, linked);
                edge.said = said.map(Box::new);
            }
        }
        if self.edges.len() > MAX_EDGES {
            let lightest = (0..self.edges.len()).min_by_key(|index| self.edges[*index].weight());
            self.edges.remove(lightest.unwrap_or(index));
        }
    }

    fn edge(&self, other: Alias) -> Option<&Edge> {
        let index = self.edges.binary_search_by_key(&other, |edge| edge.other).ok()?;
        self.edges.get(index)
    }

    /// Whether both keys stood on one event before.
    pub(crate) fn has_met(&self, other: Alias) -> bool {
        self.edge(other).is_some_and(Edge::has_met)
    }

    /// Removes every edge to `other`, whatever was said of it.
    pub(crate) fn unbind(&mut self, other: Alias) {
        self.edges.retain(|edge| edge.other != other);
    }

    /// Whether the shop said that the other is somebody else.
    pub(super) fn is_parted(&self, other: Alias) -> bool {
        let said = self.edge(other).and_then(|edge| edge.said.as_ref());
        said.is_some_and(|said| !said.value)
    }

    /// The aliases at the other ends, in alias order.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = Alias> {
        self.edges.iter().filter(|edge| edge.connects()).map(|edge| edge.other)
    }
}

impl State {
    /// Whether the key belongs to several persons: a kiosk, a family's tablet, a shop's own address.
    pub(super) fn is_shared(&self, alias: Alias, record: &Record, looks: &Looks) -> bool {
        match record.kind {
            IdentityKeyKind::Customer => false,
            _ if is_device(alias, record) => self.joins_more(alias, record, MAX_DEVICE_CUSTOMERS, MAX_PERSONS, looks),
            _ => self.joins_more(alias, record, MAX_PERSONS, MAX_PERSONS, looks),
        }
    }

    /// Whether the key was met, on events or in places, with more customer ids than that, or with more e-mail addresses or
    /// phone numbers.
    pub(super) fn joins_more(
        &self,
        alias: Alias,
        record: &Record,
        customers: usize,
        contacts: usize,
        looks: &Looks,
    ) -> bool {
        if record.places.is_some() {
            return self.are_more(each_once(looks.at(self.met(alias, record))), customers, contacts, looks);
        }
        record.edges.len() > customers.min(contacts) && self.are_more(record.neighbours(), customers, contacts, looks)
    }

    /// Whether among the keys, each named once, are more customer ids than that, or more e-mail addresses or phone numbers.
    pub(super) fn are_more(
        &self,
        keys: impl IntoIterator<Item = Alias>,
        customers: usize,
        contacts: usize,
        looks: &Looks,
    ) -> bool {
        let (mut customer_count, mut email_count, mut phone_count) = (0, 0, 0);
        let more = looks.at(keys.into_iter()).any(|key| {
            let record = self.records.get(&key).filter(|record| !record.erased);
            let (count, most) = match record.map(|record| record.kind) {
                Some(IdentityKeyKind::Customer) => (&mut customer_count, customers),
                Some(IdentityKeyKind::Email) => (&mut email_count, contacts),
                Some(IdentityKeyKind::Phone) => (&mut phone_count, contacts),
                _ => return false,
            };
            *count += 1;
            *count > most
        });
        more || looks.are_spent()
    }

    /// The linked set around the given aliases, in alias order.
    pub(crate) fn linked(&self, given: &[Alias]) -> Aliases {
        self.linked_by(given, &Looks::new(CUSTOMER_LOOKS))
    }

    pub(super) fn linked_by(&self, given: &[Alias], looks: &Looks) -> Aliases {
        let mut found = self.nearest_by(given, looks);
        found.sort_unstable();
        found
    }

    /// What an erasure of the given aliases takes: the linked set, every person that was named, also one that was parted from
    /// the others, and all devices of these that are nobody else's.
    pub(crate) fn erased_with(&self, given: &[Alias]) -> Vec<Alias> {
        let looks = Looks::new(CUSTOMER_LOOKS);
        let mut found = self.linked_by(given, &looks).into_vec();
        for alias in given {
            let person = self
                .records
                .get(alias)
                .is_some_and(|record| !is_device(*alias, &record));
            if person && !found.contains(alias) {
                found.push(*alias);
            }
        }
        for index in 0..found.len() {
            let Some(record) = self.records.get(&found[index]) else {
                continue;
            };
            if self.is_shared(found[index], &record, &looks) {
                continue;
            }
            for other in record.neighbours() {
                let far = self.records.get(&other);
                let own = far.is_some_and(|far| is_device(other, &far) && !self.is_shared(other, &far, &looks));
                if own && !found.contains(&other) {
                    found.push(other);
                }
            }
        }
        found
    }

    /// The linked set around the given aliases, strongest first; those fewer links away come first, and devices, what
    /// places join, and what only these lead to come after everything else. One that the shop parted from the strongest is
    /// left out, though it was given with it. A shared device stands for nobody: it is left out unless nothing else is
    /// given. A shared contact belongs to the set but leads no further. One that was erased is not led to.
    pub(crate) fn nearest(&self, given: &[Alias]) -> Aliases {
        self.nearest_by(given, &Looks::new(CUSTOMER_LOOKS))
    }

    fn nearest_by(&self, given: &[Alias], looks: &Looks) -> Aliases {
        let mut found = Aliases::new();
        let strongest = given.first().and_then(|alias| self.records.get(alias));
        for alias in given {
            let shared = self
                .records
                .get(alias)
                .is_some_and(|record| is_device(*alias, &record) && self.is_shared(*alias, &record, looks));
            let parted = strongest.as_ref().is_some_and(|strongest| strongest.is_parted(*alias));
            if !shared && !parted && found.len() < MAX_ALIASES && !found.contains(alias) {
                found.push(*alias);
            }
        }
        if found.is_empty() {
            found.extend(given.first().copied());
            return found;
        }
        let mut later = Aliases::new();
        let (mut next, mut next_later) = (0, 0);
        while found.len() < MAX_ALIASES {
            if let Some(alias) = found.get(next).copied() {
                next += 1;
                self.follow(alias, &mut found, &mut later, looks);
            } else if let Some(alias) = later.get(next_later) {
                next_later += 1;
                found.push(*alias);
            } else {
                break;
            }
        }
        found
    }

    /// Adds what the alias leads to: keys met on events to the set, devices and what places join to those that come later.
    fn follow(&self, alias: Alias, found: &mut Aliases, later: &mut Aliases, looks: &Looks) {
        let Some(record) = self.records.get(&alias) else {
            return;
        };
        if (record.edges.is_empty() && record.places.is_none()) || self.is_shared(alias, &record, looks) {
            return;
        }
        for other in looks.at(record.neighbours()) {
            if found.contains(&other) || later.contains(&other) {
                continue;
            }
            let Some(far) = self.records.get(&other).filter(|far| !far.erased) else {
                continue;
            };
            if !is_device(other, &far) {
                found.push(other);
            } else if later.len() < MAX_ALIASES && !self.is_shared(other, &far, looks) {
                later.push(other);
            }
            if found.len() == MAX_ALIASES {
                return;
            }
        }
        let known = |alias: &Alias| found.contains(alias) || later.contains(alias);
        for other in self.joined_by_places(alias, &record, looks, known) {
            if later.len() < MAX_ALIASES && !later.contains(&other) {
                later.push(other);
            }
        }
    }
}

/// The keys in alias order.
pub(super) fn each_once(keys: impl Iterator<Item = Alias>) -> SmallVec<[Alias; 32]> {
    let mut keys: SmallVec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A device, or the session of one that is not known.
fn is_device(alias: Alias, record: &Record) -> bool {
    record.kind == IdentityKeyKind::Anonymous || alias.is_session()
}
