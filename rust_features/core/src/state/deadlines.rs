//! Abandonment deadlines: derived state, one entry per cart that may be abandoned. An entry is a lower bound of the
//! cart's last activity, corrected when it is looked at, so that activity itself costs nothing.

use std::collections::BTreeSet;
use std::iter;

use super::State;
use super::cart::Cart;
use crate::ids::CartId;
use crate::time::Micros;

/// A cart whose deadline has passed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline {
    /// The deadline itself: last activity plus T.
    pub time: Micros,
    /// The abandoned cart.
    pub cart: CartId,
}

/// Carts to watch, in the order of their entries. T is one for all storefronts, so that this is the order of deadlines.
pub(crate) type Deadlines = BTreeSet<(Micros, CartId)>;

/// The activity whose deadline is still to fire; `None` where there is none.
fn awaited(cart: &Cart) -> Option<Micros> {
    let activity = cart.live_activity()?;
    let fired = cart.watch.fired.is_some_and(|fired| activity <= fired);
    let open = !fired && !cart.is_empty() && !cart.ordered_itself();
    open.then_some(activity)
}

impl State {
    /// Starts to watch a cart that something was done to.
    pub(crate) fn watch(&mut self, id: CartId) {
        let Some(cart) = self.carts.get_mut(&id) else {
            return;
        };
        if cart.watch.queued {
            return;
        }
        if let Some(activity) = awaited(cart) {
            cart.watch.queued = true;
            self.deadlines.insert((activity, id));
        }
    }

    /// Watches every cart and finds its owner, as after a fold of all that happened, where no deadline had been asked for yet.
    pub(crate) fn watch_all(&mut self) {
        let carts: Vec<_> = self.carts.iter().map(|(id, _)| *id).collect();
        for id in carts {
            self.hand_over(id, None);
            self.watch(id);
        }
    }

    /// When the next cart is abandoned if nothing more happens; `abandonment_seconds` is T.
    #[must_use]
    pub fn next_deadline(&self, abandonment_seconds: u32) -> Option<Micros> {
        let mut next: Option<Micros> = None;
        for (bound, id) in &self.deadlines {
            if next.is_some_and(|next| next <= *bound) {
                break;
            }
            if let Some(activity) = self.cart(id).and_then(awaited) {
                next = Some(next.map_or(activity, |next| next.min(activity)));
            }
        }
        next.map(|activity| activity.plus_seconds(abandonment_seconds))
    }

    /// Takes the carts whose deadline is not later than `until`, the journal time to come, in the order of deadline
    /// and cart. Each cart fires once per activity. Carts that were ordered meanwhile do not fire.
    pub fn take_due(&mut self, until: Micros, abandonment_seconds: u32) -> Vec<Deadline> {
        iter::from_fn(|| self.take_next_due(until, abandonment_seconds)).collect()
    }

    /// Takes the first of them.
    pub fn take_next_due(&mut self, until: Micros, abandonment_seconds: u32) -> Option<Deadline> {
        loop {
            let (bound, id) = *self.deadlines.first()?;
            if bound.plus_seconds(abandonment_seconds) > until {
                return None;
            }
            self.deadlines.pop_first();
            let activity = self.cart(&id).and_then(awaited);
            if let Some(activity) = activity.filter(|activity| *activity > bound) {
                self.deadlines.insert((activity, id));
                continue;
            }
            let Some(cart) = self.carts.get_mut(&id) else {
                continue;
            };
            cart.watch.queued = false;
            if activity.is_none() {
                continue;
            }
            cart.watch.fired = activity;
            if !self.settled_by_order(id) {
                let time = bound.plus_seconds(abandonment_seconds);
                return Some(Deadline { time, cart: id });
            }
        }
    }

    fn settled_by_order(&self, id: CartId) -> bool {
        self.carts.get(&id).is_some_and(|cart| {
            let owner = cart.owner();
            self.customer(owner.as_slice()).ordered(cart)
        })
    }
}
