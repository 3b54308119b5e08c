//! What a person counts in a file: carts, abandoned carts, customers, orders.

use rustc_hash::FxHashSet;

use crate::contract::Event;
use crate::contract::event::Kind;
use crate::ids::CartId;
use crate::state::State;

/// Counts of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Events by kind, in the journal's names, duplicates left out.
    pub kinds: Vec<(String, u64)>,
    /// Sets of linked aliases.
    pub customers: u64,
    /// Carts that an event named.
    pub carts: u64,
    /// Carts that were left alone until their deadline, once each.
    pub abandoned_carts: u64,
    /// Orders completed.
    pub orders: u64,
    /// Events and decisions that came again.
    pub duplicates: u64,
}

impl Counts {
    /// Every count by its name, kinds by theirs.
    #[must_use]
    pub fn by_name(&self) -> Vec<(String, u64)> {
        let totals = [
            ("customers", self.customers),
            ("carts", self.carts),
            ("abandoned_carts", self.abandoned_carts),
            ("orders", self.orders),
            ("duplicates", self.duplicates),
        ];
        let totals = totals.map(|(name, count)| (name.to_owned(), count));
        self.kinds.iter().cloned().chain(totals).collect()
    }
}

/// Carts seen, by name, since the state forgets old ones.
#[derive(Default)]
pub(super) struct Counter {
    carts: FxHashSet<CartId>,
    abandoned: FxHashSet<CartId>,
}

impl Counter {
    /// Notes the cart that an event names.
    pub(super) fn note(&mut self, event: &Event) {
        if let Some(cart) = event.kind.as_ref().and_then(cart_of).and_then(CartId::from_hex) {
            self.carts.insert(cart);
        }
    }

    /// Notes an abandonment.
    pub(super) fn abandon(&mut self, cart: CartId) {
        self.abandoned.insert(cart);
    }

    pub(super) fn counts(&self, state: &State) -> Counts {
        let kinds: Vec<_> = state
            .counts()
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect();
        let orders = kinds.iter().find(|(kind, _)| kind == "order_completed");
        let leads = |alias| state.customer(&[alias]).aliases().first() == Some(&alias);
        Counts {
            orders: orders.map_or(0, |(_, count)| *count),
            customers: state.records.iter().filter(|(alias, _)| leads(**alias)).count() as u64,
            carts: self.carts.len() as u64,
            abandoned_carts: self.abandoned.len() as u64,
            duplicates: state.duplicate_count(),
            kinds,
        }
    }
}

fn cart_of(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::ProductAdded(added) => Some(&added.cart_id),
        Kind::ProductRemoved(removed) => Some(&removed.cart_id),
        Kind::CartUpdated(updated) => updated.cart.as_ref().map(|cart| cart.cart_id.as_str()),
        Kind::CartViewed(viewed) => Some(&viewed.cart_id),
        Kind::CheckoutStarted(started) => Some(&started.cart_id),
        Kind::CheckoutStepViewed(viewed) => Some(&viewed.cart_id),
        Kind::CheckoutStepCompleted(completed) => Some(&completed.cart_id),
        Kind::PaymentFailed(failed) => Some(&failed.cart_id),
        _ => None,
    }
}
