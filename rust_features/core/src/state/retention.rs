//! Carts and decisions leave after a time without news, in journal time.

use std::collections::VecDeque;

use super::State;
use super::decided::{DECISION_RETENTION_SECONDS, MAX_DECISIONS};
use crate::ids::{CartId, DecisionId};
use crate::time::Micros;

/// How long a cart is kept after the last event about it, in journal time.
pub const CART_RETENTION_SECONDS: u32 = 30 * 86_400;

/// What will leave, in the order of journal time. A cart has one entry, moved on while there is news of it.
#[derive(Clone, Default)]
pub(crate) struct Retention {
    pub(crate) carts: VecDeque<(Micros, CartId)>,
    pub(crate) decisions: VecDeque<(Micros, DecisionId)>,
}

impl State {
    /// Drops what has outlived its retention.
    pub(crate) fn expire(&mut self) {
        while let Some((time, id)) = self.retention.carts.front().copied() {
            if time.plus_seconds(CART_RETENTION_SECONDS) >= self.journal_time {
                break;
            }
            self.retention.carts.pop_front();
            let Some(cart) = self.carts.get(&id) else {
                continue;
            };
            let news = cart.last_activity().min(self.journal_time);
            if news > time && news.plus_seconds(CART_RETENTION_SECONDS) >= self.journal_time {
                self.retention.carts.push_back((news, id));
            } else {
                self.carts.remove(&id);
            }
        }
        while let Some((time, id)) = self.retention.decisions.front().copied() {
            let kept = time.plus_seconds(DECISION_RETENTION_SECONDS) >= self.journal_time;
            if kept && self.decisions.len() <= MAX_DECISIONS {
                break;
            }
            self.retention.decisions.pop_front();
            self.decisions.remove(&id);
        }
    }
}
