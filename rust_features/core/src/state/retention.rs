//! Carts, decisions, sessions and the steps of visits leave after a time without news, in journal time.

use std::collections::{BTreeSet, VecDeque};

use super::decided::{DECISION_RETENTION_SECONDS, MAX_DECISIONS};
use super::places::actors_at;
use super::{Cart, State};
use crate::ids::{Alias, CartId, DecisionId, Token};
use crate::time::Micros;

/// How long a cart is kept at least after the last event about it, in journal time.
pub const CART_RETENTION_SECONDS: u32 = 30 * 86_400;

/// How long a session is kept at least after the last act in it, and the steps of visits after the last one, in journal time.
pub const SESSION_RETENTION_SECONDS: u32 = 30 * 86_400;

/// What will leave, in the order of journal time. A session, a cart and a record with steps have one entry each, moved on
/// while there is news.
#[derive(Clone, Default)]
pub(crate) struct Retention {
    pub(crate) sessions: BTreeSet<(Micros, Token)>,
    pub(crate) carts: BTreeSet<(Micros, CartId)>,
    pub(crate) decisions: VecDeque<(Micros, DecisionId)>,
    /// Aliases whose record holds steps of a visit.
    pub(crate) visits: BTreeSet<(Micros, Alias)>,
}

/// What leaves of each kind with one message at most, more than one message makes: however much has grown old while nothing
/// was heard, a Score does not wait for all of it.
pub(crate) const PER_MESSAGE: usize = 8;

impl State {
    /// Drops what has outlived its retention, [`PER_MESSAGE`] at a time.
    pub(crate) fn expire(&mut self) {
        self.records.pass(self.journal_time);
        self.expire_sessions();
        self.expire_carts();
        self.expire_visits();
        self.expire_decisions();
    }

    fn expire_decisions(&mut self) {
        for _ in 0..PER_MESSAGE {
            let Some((time, id)) = self.retention.decisions.front().copied() else {
                return;
            };
            let kept = time.plus_seconds(DECISION_RETENTION_SECONDS) >= self.journal_time;
            if kept && self.decisions.len() <= MAX_DECISIONS {
                return;
            }
            self.retention.decisions.pop_front();
            self.decisions.remove(&id);
        }
    }

    /// A session goes with its record, which has been nobody else's.
    fn expire_sessions(&mut self) {
        let last = |state: &Self, id: &Token| state.sessions.get(id).map(|session| session.last);
        for id in self.take_old(SESSION_RETENTION_SECONDS, |retention| &mut retention.sessions, last) {
            if let Some(session) = self.sessions.remove(&id) {
                self.unlist(id, &session.actors);
            }
            self.records.remove(&Alias::of_session(id));
        }
    }

    fn expire_carts(&mut self) {
        let last = |state: &Self, id: &CartId| state.cart(id).map(Cart::last_activity);
        for id in self.take_old(CART_RETENTION_SECONDS, |retention| &mut retention.carts, last) {
            self.drop_cart(id);
        }
    }

    /// The places that a record still lists though they are gone, since they were crowded, leave with its steps; what goes later
    /// stays listed, and leads nowhere.
    fn expire_visits(&mut self) {
        let last = |state: &Self, alias: &Alias| state.records.get(alias)?.last_step();
        for alias in self.take_old(SESSION_RETENTION_SECONDS, |retention| &mut retention.visits, last) {
            let Self {
                records,
                sessions,
                carts,
                ..
            } = self;
            records.change(&alias, |record| {
                record.forget_steps();
                record.leave(|id| actors_at(sessions, carts, id).is_none());
            });
        }
    }

    /// Takes the next of a queue, those whose `last` news are older than that; the others move on in it to where their news are.
    fn take_old<T: Copy + Ord>(
        &mut self,
        seconds: u32,
        queue: fn(&mut Retention) -> &mut BTreeSet<(Micros, T)>,
        last: impl Fn(&Self, &T) -> Option<Micros>,
    ) -> Vec<T> {
        let now = self.journal_time;
        let mut old = Vec::new();
        for _ in 0..PER_MESSAGE {
            let next = queue(&mut self.retention).first().copied();
            let Some((_, id)) = next.filter(|(time, _)| time.plus_seconds(seconds) < now) else {
                break;
            };
            queue(&mut self.retention).pop_first();
            let news = last(self, &id).map(|news| news.min(now));
            match news.filter(|news| news.plus_seconds(seconds) >= now) {
                Some(news) => _ = queue(&mut self.retention).insert((news, id)),
                None => old.push(id),
            }
        }
        old
    }

    pub(crate) fn drop_cart(&mut self, id: CartId) {
        if let Some(cart) = self.carts.remove(&id) {
            self.unlist(Token(id.0), &cart.actors);
            if let Some(owner) = cart.owner() {
                self.owners.remove(&(owner, id));
            }
        }
    }
}
