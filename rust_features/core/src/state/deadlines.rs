//! Abandonment deadlines: derived state, one entry per cart that may be abandoned. An entry is a lower bound of the
//! cart's last activity, corrected when it is looked at, so that activity itself costs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

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
    /// Passed by more than the storefront allows: it expires undecided.
    pub stale: bool,
}

type Queue = BTreeSet<(Micros, CartId)>;

/// Carts to watch, by storefront, since T may differ between storefronts.
#[derive(Clone, Default)]
pub(crate) struct Deadlines {
    queues: Vec<(Arc<str>, Queue)>,
}

impl Deadlines {
    fn queue(&mut self, storefront: &Arc<str>) -> &mut Queue {
        let index = match self.queues.binary_search_by(|(name, _)| name.cmp(storefront)) {
            Ok(index) => index,
            Err(index) => {
                self.queues.insert(index, (Arc::clone(storefront), Queue::new()));
                index
            }
        };
        &mut self.queues[index].1
    }
}

/// The activity whose deadline is still to fire; `None` where there is none.
fn awaited(cart: &Cart) -> Option<Micros> {
    let activity = cart.live_activity()?;
    let fired = cart.watch.0.fired.is_some_and(|fired| activity <= fired);
    let open = !fired && !cart.is_empty() && !cart.ordered_itself();
    open.then_some(activity)
}

impl State {
    /// Starts to watch a cart that something was done to.
    pub(crate) fn watch(&mut self, id: CartId) {
        let Some(cart) = self.carts.get_mut(&id) else {
            return;
        };
        if cart.watch.0.queued {
            return;
        }
        if let Some(activity) = awaited(cart) {
            cart.watch.0.queued = true;
            let storefront = cart.storefront_name();
            self.deadlines.queue(&storefront).insert((activity, id));
        }
    }

    /// When the next cart is abandoned if nothing more happens. `abandonment_seconds` gives T of a storefront.
    #[must_use]
    pub fn next_deadline(&self, abandonment_seconds: impl Fn(&str) -> u32) -> Option<Micros> {
        let mut next: Option<Micros> = None;
        for (storefront, queue) in &self.deadlines.queues {
            let seconds = abandonment_seconds(storefront);
            for (bound, id) in queue {
                if next.is_some_and(|next| next <= bound.plus_seconds(seconds)) {
                    break;
                }
                if let Some(activity) = self.cart(id).and_then(awaited) {
                    let deadline = activity.plus_seconds(seconds);
                    next = Some(next.map_or(deadline, |next| next.min(deadline)));
                }
            }
        }
        next
    }

    /// Takes the carts whose deadline is not later than `until`, the journal time to come, in the order of deadline
    /// and cart. Each cart fires once per activity. Carts that were ordered meanwhile do not fire.
    pub fn take_due(
        &mut self,
        until: Micros,
        abandonment_seconds: impl Fn(&str) -> u32,
        stale_after_seconds: impl Fn(&str) -> u32,
    ) -> Vec<Deadline> {
        let mut due = Vec::new();
        for index in 0..self.deadlines.queues.len() {
            let Some((storefront, _)) = self.deadlines.queues.get(index) else {
                break;
            };
            let seconds = abandonment_seconds(storefront);
            let patience = stale_after_seconds(storefront);
            while let Some((time, cart)) = self.take_one(index, until, seconds) {
                let stale = until > time.plus_seconds(patience);
                due.push(Deadline { time, cart, stale });
            }
        }
        due.sort_unstable();
        due
    }

    /// The first cart of a queue whose deadline has passed.
    fn take_one(&mut self, index: usize, until: Micros, seconds: u32) -> Option<(Micros, CartId)> {
        loop {
            let queue = &mut self.deadlines.queues.get_mut(index)?.1;
            let (bound, id) = *queue.first()?;
            if bound.plus_seconds(seconds) > until {
                return None;
            }
            queue.pop_first();
            let Some(activity) = self.cart(&id).and_then(awaited) else {
                self.unwatch(id);
                continue;
            };
            let deadline = activity.plus_seconds(seconds);
            if deadline > until {
                self.deadlines.queues.get_mut(index)?.1.insert((activity, id));
                continue;
            }
            self.unwatch(id);
            let cart = self.carts.get_mut(&id)?;
            cart.watch.0.fired = Some(activity);
            if !self.settled_by_order(id) {
                return Some((deadline, id));
            }
        }
    }

    fn unwatch(&mut self, id: CartId) {
        if let Some(cart) = self.carts.get_mut(&id) {
            cart.watch.0.queued = false;
        }
    }

    fn settled_by_order(&self, id: CartId) -> bool {
        self.carts.get(&id).is_some_and(|cart| {
            let owner = cart.owner();
            self.customer(owner.as_slice()).ordered(cart)
        })
    }
}
