//! Places: sessions and carts, and the keys that acted in them. Keys that act in one place belong together as if they had
//! stood on one event, for as long as the place lasts, unless several persons acted there. What a place joins follows from
//! sets alone, whatever the order in which they grew.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::links::{MAX_DEVICE_CUSTOMERS, MAX_PERSONS, each_once};
use super::looks::Looks;
use super::record::Record;
use super::{Cart, State};
use crate::contract::IdentityKeyKind;
use crate::ids::{Alias, CartId, Token};
use crate::sharded::Sharded;
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

/// The strongest keys that acted in a place.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Actors {
    /// In alias order.
    Few(SmallVec<[Alias; 1]>),
    /// More than [`MAX_ACTORS`], now or before.
    Crowd,
}

impl Default for Actors {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl Actors {
    /// Lets a key act there. Answers the keys that are to list the place: none while one acts alone, so that a customer of
    /// one key takes no more room.
    fn admit(&mut self, alias: Alias) -> Listing {
        let Self::Few(actors) = self else {
            return Listing::from_slice(&[alias]);
        };
        let mut listing = Listing::from_slice(&[alias]);
        if let Err(index) = actors.binary_search(&alias) {
            if let [alone] = actors.as_slice() {
                listing.push(*alone);
            }
            actors.insert(index, alias);
        }
        if actors.len() == 1 {
            listing.clear();
        } else if actors.len() > MAX_ACTORS {
            *self = Self::Crowd;
        }
        listing
    }

    /// None of a crowd.
    pub(super) fn as_slice(&self) -> &[Alias] {
        match self {
            Self::Few(actors) => actors,
            Self::Crowd => &[],
        }
    }
}

/// Keys whose records are to list a place.
type Listing = SmallVec<[Alias; 2]>;

/// A session of a storefront.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The time of the last act.
    pub(crate) last: Micros,
    pub(crate) actors: Actors,
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

/// Who acted in the session or cart; `None` where it is gone.
pub(super) fn actors_at<'a>(
    sessions: &'a Sharded<Token, Session>,
    carts: &'a Sharded<CartId, Box<Cart>>,
    place: &Token,
) -> Option<&'a Actors> {
    let session = sessions.get(place).map(|session| &session.actors);
    session.or_else(|| Some(&carts.get(&CartId(place.0))?.actors))
}

impl State {
    pub(crate) fn act_in_session(&mut self, id: Token, alias: Alias, time: Micros) {
        let Self {
            sessions,
            retention,
            journal_time,
            ..
        } = self;
        let session = sessions.get_or_insert_with(id, || {
            retention.sessions.insert((*journal_time, id));
            Session {
                last: time,
                actors: Actors::default(),
            }
        });
        session.last = session.last.max(time);
        let listing = session.actors.admit(alias);
        self.list(id, &listing);
    }

    pub(crate) fn act_in_cart(&mut self, id: CartId, alias: Alias) {
        if let Some(cart) = self.carts.get_mut(&id) {
            let listing = cart.actors.admit(alias);
            self.list(Token(id.0), &listing);
        }
    }

    fn list(&mut self, place: Token, actors: &[Alias]) {
        let Self {
            records,
            sessions,
            carts,
            ..
        } = self;
        for actor in actors {
            records.change(actor, |record| {
                record.enter(place, |id| actors_at(sessions, carts, id).is_none());
            });
        }
    }

    /// Lets those that acted in a place which is gone forget it. The records of a crowd keep it for now.
    pub(super) fn unlist(&mut self, place: Token, actors: &Actors) {
        let actors = actors.as_slice();
        for actor in actors.iter().filter(|_| actors.len() > 1) {
            self.records.change(actor, |record| record.leave(|id| *id == place));
        }
    }

    /// The places that a record lists and what acts there, where it does itself: a place that was a crowd's may have left
    /// and come again without it.
    fn places_of<'a>(&'a self, alias: Alias, record: &'a Record) -> impl Iterator<Item = (&'a Token, &'a [Alias])> {
        let places = record.places().iter();
        let places = places.filter_map(|id| Some((id, actors_at(&self.sessions, &self.carts, id)?.as_slice())));
        places.filter(move |(_, actors)| actors.binary_search(&alias).is_ok())
    }

    /// The keys that stood with this one on an event or acted in a place with it, also where several persons do. Some come
    /// more than once.
    pub(super) fn met<'a>(&'a self, alias: Alias, record: &'a Record) -> impl Iterator<Item = Alias> + 'a {
        let actors = self
            .places_of(alias, record)
            .flat_map(|(_, actors)| actors.iter().copied());
        let others = actors.filter(move |actor| *actor != alias && !record.is_parted(*actor));
        record.neighbours().chain(others)
    }

    /// The keys that the places of a record join it to, but for those that are `known`. Both ends have to list the place, so
    /// that each joins the other where one has more places than it may list; a key that was erased lists none.
    pub(super) fn joined_by_places(
        &self,
        alias: Alias,
        record: &Record,
        looks: &Looks,
        known: impl Fn(&Alias) -> bool,
    ) -> SmallVec<[Alias; 4]> {
        let mut joined = SmallVec::new();
        for (id, actors) in self.places_of(alias, record) {
            let lists = |alias: &Alias| self.records.get(alias).is_some_and(|far| far.places().contains(id));
            let new = actors.iter().copied();
            let mut new = new
                .filter(|actor| !known(actor) && looks.take() && lists(actor))
                .peekable();
            if new.peek().is_some() && !self.is_shared_place(actors, looks) {
                joined.extend(new);
            }
        }
        joined
    }

    /// Whether several persons acted there: the shop parted two of the actors, or these are, or were met with, more customer
    /// ids than a device may have, or more addresses. So it is wherever a device is that several persons share.
    fn is_shared_place(&self, actors: &[Alias], looks: &Looks) -> bool {
        let mut persons = SmallVec::<[Alias; 32]>::new();
        for actor in actors {
            let Some(record) = self.records.get(actor).filter(|record| !record.erased) else {
                continue;
            };
            if actors.iter().any(|other| record.is_parted(*other)) {
                return true;
            }
            persons.push(*actor);
            if record.kind != IdentityKeyKind::Customer {
                persons.extend(looks.at(self.met(*actor, &record)));
            }
        }
        self.are_more(each_once(persons.into_iter()), MAX_DEVICE_CUSTOMERS, MAX_PERSONS, looks)
    }
}
