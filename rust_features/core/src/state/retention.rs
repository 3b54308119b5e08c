//! Carts, decisions and places leave after a time without news, in journal time.

use std::collections::{BTreeSet, VecDeque};

use super::State;
use super::decided::{DECISION_RETENTION_SECONDS, MAX_DECISIONS};
use crate::ids::{Alias, CartId, DecisionId, Token};
use crate::time::Micros;

/// How long a cart is kept after the last event about it, in journal time.
pub const CART_RETENTION_SECONDS: u32 = 30 * 86_400;

/// How long the steps of a visit are kept after the last one, in journal time.
pub const SESSION_RETENTION_SECONDS: u32 = 30 * 86_400;

/// How long a place is kept after the last act in it, in journal time: as long as a cart, and as the steps of a visit.
pub const PLACE_RETENTION_SECONDS: u32 = CART_RETENTION_SECONDS;

/// What will leave, in the order of journal time. A place, a cart and a record with steps have one entry each, moved on
/// while there is news.
#[derive(Clone, Default)]
pub(crate) struct Retention {
    pub(crate) places: BTreeSet<(Micros, Token)>,
    pub(crate) carts: BTreeSet<(Micros, CartId)>,
    pub(crate) decisions: VecDeque<(Micros, DecisionId)>,
    /// Aliases whose record holds steps of a visit.
    pub(crate) sessions: BTreeSet<(Micros, Alias)>,
}

impl State {
    /// Drops what has outlived its retention.
    pub(crate) fn expire(&mut self) {
        self.records.pass(self.journal_time);
        self.expire_places();
        while let Some((time, id)) = self.retention.carts.first().copied() {
            if time.plus_seconds(CART_RETENTION_SECONDS) >= self.journal_time {
                break;
            }
            self.retention.carts.pop_first();
            let Some(cart) = self.carts.get(&id) else {
                continue;
            };
            let news = cart.last_activity().min(self.journal_time);
            if news > time && news.plus_seconds(CART_RETENTION_SECONDS) >= self.journal_time {
                self.retention.carts.insert((news, id));
            } else {
                self.carts.remove(&id);
            }
        }
        self.expire_sessions();
        while let Some((time, id)) = self.retention.decisions.front().copied() {
            let kept = time.plus_seconds(DECISION_RETENTION_SECONDS) >= self.journal_time;
            if kept && self.decisions.len() <= MAX_DECISIONS {
                break;
            }
            self.retention.decisions.pop_front();
            self.decisions.remove(&id);
        }
    }

    /// A place goes with the record of its session, which has been nobody else's.
    fn expire_places(&mut self) {
        while let Some((time, id)) = self.retention.places.first().copied() {
            if time.plus_seconds(PLACE_RETENTION_SECONDS) >= self.journal_time {
                return;
            }
            self.retention.places.pop_first();
            let news = self.places.get(&id).map(|place| place.last.min(self.journal_time));
            if let Some(news) = news.filter(|news| news.plus_seconds(PLACE_RETENTION_SECONDS) >= self.journal_time) {
                self.retention.places.insert((news, id));
                continue;
            }
            for actor in self.places.remove(&id).into_iter().flat_map(|place| place.actors) {
                self.records.change(&actor, |record| record.leave(|place| *place == id));
            }
            self.records.remove(&Alias::of_session(id));
        }
    }

    /// The places that a record still lists though they are gone, since they were crowded, leave with its steps.
    fn expire_sessions(&mut self) {
        while let Some((time, alias)) = self.retention.sessions.first().copied() {
            if time.plus_seconds(SESSION_RETENTION_SECONDS) >= self.journal_time {
                return;
            }
            self.retention.sessions.pop_first();
            let newest = self.records.get(&alias).and_then(|record| record.last_step());
            let news = newest.map(|news| news.min(self.journal_time));
            match news.filter(|news| news.plus_seconds(SESSION_RETENTION_SECONDS) >= self.journal_time) {
                Some(news) => _ = self.retention.sessions.insert((news, alias)),
                None => self.records.change(&alias, |record| {
                    record.forget_steps();
                    record.leave(|place| !self.places.contains_key(place));
                }),
            }
        }
    }
}
