//! Carts by who owns them: derived state, so that an erasure finds a person's carts without a look at all of them.

use std::collections::BTreeSet;

use super::State;
use crate::ids::{Alias, CartId};

/// Each cart that somebody owns.
pub(crate) type Owners = BTreeSet<(Alias, CartId)>;

impl State {
    /// Moves a cart from the owner it had to the one it has.
    pub(crate) fn hand_over(&mut self, id: CartId, before: Option<Alias>) {
        let owner = self.cart(&id).and_then(super::Cart::owner);
        if owner != before {
            self.owners.extend(owner.map(|owner| (owner, id)));
            if let Some(before) = before {
                self.owners.remove(&(before, id));
            }
        }
    }

    /// The carts that an alias owns.
    pub(crate) fn carts_of(&self, owner: Alias) -> impl Iterator<Item = CartId> {
        let every = (owner, CartId([u8::MIN; 16]))..=(owner, CartId([u8::MAX; 16]));
        self.owners.range(every).map(|(_, id)| *id)
    }
}
