//! Carts and decisions leave after a time without news, in journal time.

use std::collections::{BTreeSet, VecDeque};

use super::State;
use super::decided::{DECISION_RETENTION_SECONDS, MAX_DECISIONS};
use super::record::Record;
use crate::ids::{Alias, CartId, DecisionId};
use crate::time::Micros;

/// How long a cart is kept after the last event about it, in journal time.
pub const CART_RETENTION_SECONDS: u32 = 30 * 86_400;

/// How long the steps of a visit are kept after the last one, in journal time.
pub const SESSION_RETENTION_SECONDS: u32 = 30 * 86_400;

/// What will leave, in the order of journal time. A cart and a record with steps have one entry each, moved on while
/// there is news.
#[derive(Clone, Default)]
pub(crate) struct Retention {
    pub(crate) carts: BTreeSet<(Micros, CartId)>,
    pub(crate) decisions: VecDeque<(Micros, DecisionId)>,
    /// Aliases whose record holds steps of a visit.
    pub(crate) sessions: BTreeSet<(Micros, Alias)>,
}

impl State {
    /// Drops what has outlived its retention.
    pub(crate) fn expire(&mut self) {
        self.records.pass(self.journal_time);
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
                None => self.records.change(&alias, Record::forget_steps),
            }
        }
    }
}
