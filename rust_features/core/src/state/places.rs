//! Places: sessions and carts, and the keys that acted in them. Keys that act in one place belong together as if they had
//! stood on one event, for as long as the place lasts, unless several persons acted there. What a place joins follows from
//! sets alone, whatever the order in which they grew.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::State;
use super::links::{MAX_DEVICE_CUSTOMERS, MAX_PERSONS, each_once};
use super::record::Record;
use crate::contract::IdentityKeyKind;
use crate::ids::{Alias, Token};
use crate::time::Micros;

/// Keys that act in one place at most; one with more is crowded for good and joins nobody.
pub const MAX_ACTORS: usize = 16;
/// Places of one record at most: those with the smallest tokens. Which are kept does not depend on the order in which they
/// came.
pub const MAX_PLACES: usize = 8;

/// The aliases of sessions begin with these: in alias order they come last, so that none names a customer that has another.
const SESSION_PREFIX: [u8; 6] = [u8::MAX; 6];

impl Alias {
    /// The alias of a session, which stands for whoever acts in it without a key.
    pub(crate) fn of_session(token: Token) -> Self {
        let mut bytes = token.0;
        bytes[..SESSION_PREFIX.len()].copy_from_slice(&SESSION_PREFIX);
        Self(bytes)
    }

    pub(crate) fn is_session(&self) -> bool {
        self.0.starts_with(&SESSION_PREFIX)
    }
}

/// Who acted in a session or a cart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The time of the last act.
    pub(crate) last: Micros,
    /// In alias order; none where the place is crowded.
    pub(crate) actors: SmallVec<[Alias; 1]>,
}

impl Place {
    fn new(alias: Alias, time: Micros) -> Self {
        Self {
            last: time,
            actors: SmallVec::from([alias]),
        }
    }

    fn admit(&mut self, alias: Alias, time: Micros) {
        self.last = self.last.max(time);
        if self.actors.is_empty() {
            return;
        }
        if let Err(index) = self.actors.binary_search(&alias) {
            self.actors.insert(index, alias);
        }
        if self.actors.len() > MAX_ACTORS {
            self.actors = SmallVec::new();
        }
    }

    /// The only one who acted there.
    fn only(&self) -> Option<Alias> {
        (self.actors.len() == 1).then(|| self.actors[0])
    }
}

impl Record {
    /// Notes a place in which others act too. Beyond [`MAX_PLACES`], those that are `gone` leave, then the one with the
    /// greatest token. One that is crowded keeps its room, or what is kept would depend on when it became so.
    fn enter(&mut self, place: Token, gone: impl Fn(&Token) -> bool) {
        if self.erased {
            return;
        }
        let places = self.places.get_or_insert_default();
        if let Err(index) = places.binary_search(&place) {
            places.insert(index, place);
            if places.len() > MAX_PLACES {
                places.retain(|place| !gone(place));
                places.truncate(MAX_PLACES);
            }
        }
    }

    /// Drops the places that are `gone`.
    pub(super) fn leave(&mut self, gone: impl Fn(&Token) -> bool) {
        if let Some(places) = &mut self.places {
            places.retain(|place| !gone(place));
        }
        self.places.take_if(|places| places.is_empty());
    }

    pub(crate) fn places(&self) -> &[Token] {
        self.places.as_ref().map_or(&[], |places| places)
    }
}

impl State {
    /// Lets a key act in a place. Records list it only once it has a second actor: a customer of one key takes no more room.
    pub(crate) fn act(&mut self, id: Token, alias: Alias, time: Micros) {
        let Self {
            places,
            records,
            retention,
            journal_time,
            ..
        } = self;
        let place = places.get_or_insert_with(id, || {
            retention.places.insert((*journal_time, id));
            Place::new(alias, time)
        });
        let first = place.only();
        place.admit(alias, time);
        if place.only().is_some() {
            return;
        }
        for actor in first.into_iter().chain([alias]) {
            records.change(&actor, |record| record.enter(id, |place| !places.contains_key(place)));
        }
    }

    /// The keys that stood with this one on an event or acted in a place with it, also where several persons do. Some come
    /// more than once.
    pub(super) fn met<'a>(&'a self, alias: Alias, record: &'a Record) -> impl Iterator<Item = Alias> + 'a {
        let places = record.places().iter().filter_map(|id| self.places.get(id));
        let actors = places.flat_map(|place| place.actors.iter().copied());
        let others = actors.filter(move |actor| *actor != alias && !record.is_parted(*actor));
        record.neighbours().chain(others)
    }

    /// The keys that a record's places join it to, but for those that are `known`. Both ends have to list the place, so that
    /// each joins the other where one has more places than it may list; a key that was erased lists none.
    pub(super) fn joined_by_places(&self, record: &Record, known: impl Fn(&Alias) -> bool) -> SmallVec<[Alias; 4]> {
        let mut joined = SmallVec::new();
        for id in record.places() {
            let Some(place) = self.places.get(id) else { continue };
            let lists = |alias: &Alias| self.records.get(alias).is_some_and(|far| far.places().contains(id));
            let mut new = place
                .actors
                .iter()
                .copied()
                .filter(|actor| !known(actor) && lists(actor))
                .peekable();
            if new.peek().is_some() && !self.is_shared_place(place) {
                joined.extend(new);
            }
        }
        joined
    }

    /// Whether several persons acted there: the shop parted two of the actors, or these are, or were met with, more customer
    /// ids than a device may have, or more addresses. So it is wherever a device is that several persons share.
    fn is_shared_place(&self, place: &Place) -> bool {
        let mut persons = SmallVec::<[Alias; 32]>::new();
        for actor in &place.actors {
            let Some(record) = self.records.get(actor).filter(|record| !record.erased) else {
                continue;
            };
            if place.actors.iter().any(|other| record.is_parted(*other)) {
                return true;
            }
            persons.push(*actor);
            if record.kind != IdentityKeyKind::Customer {
                persons.extend(self.met(*actor, &record));
            }
        }
        self.are_more(each_once(persons.into_iter()), MAX_DEVICE_CUSTOMERS, MAX_PERSONS)
    }
}
