//! How much is looked at to tell who is one customer. Whoever can invent sessions and devices can make a web of keys that
//! each nearly join the next; without a bound, one decision about them could take a hundred times that of others. What is
//! looked at comes in the order of aliases and tokens, so that where the bound falls does not depend on the order of events.

use std::cell::Cell;

/// Looks of one question: a customer of a dozen keys and their devices takes some hundred.
pub(super) const CUSTOMER_LOOKS: u32 = 1024;
/// The same for a suspicion, which asks who several others are.
pub(super) const SUSPICION_LOOKS: u32 = 4096;

/// The keys that may still be looked at. Whoever could not be looked at to the end counts as shared, so joins nobody.
pub(super) struct Looks(Cell<u32>);

impl Looks {
    pub(super) fn new(most: u32) -> Self {
        Self(Cell::new(most))
    }

    /// Whether one more may be looked at.
    pub(super) fn take(&self) -> bool {
        let left = self.0.get().checked_sub(1);
        left.inspect(|left| self.0.set(*left)).is_some()
    }

    /// As many as may be looked at.
    pub(super) fn at<T>(&self, keys: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        keys.take_while(|_| self.take())
    }

    pub(super) fn are_spent(&self) -> bool {
        self.0.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::event::Kind;
    use crate::contract::{Identified, JournalMessage};
    use crate::fold::testing::{added, alias, customer, device, folded, message};

    const DEVICES: u8 = 240;
    const CUSTOMER: u8 = 250;

    /// A customer's devices, each in eight carts with fifteen more, no two of them together twice.
    fn web() -> Vec<JournalMessage> {
        let acts = (0..DEVICES).flat_map(|number| {
            let cart = move |layer: u8| layer * 15 + (number % 15 + layer * (number / 15)) % 15;
            (0..8_u8).map(move |layer| {
                let id = u64::from(layer) * 256 + u64::from(number) + 1;
                message(id, 0, &[device(number)], added(cart(layer), 1, 1))
            })
        });
        let owned = (0..64_u8).map(|number| {
            let keys = [customer(CUSTOMER), device(number)];
            message(10_000 + u64::from(number), 0, &keys, Kind::Identified(Identified {}))
        });
        acts.chain(owned).collect()
    }

    #[test]
    fn where_the_bound_falls_does_not_depend_on_the_order_of_events() {
        let web = web();
        let looks = [Looks::new(CUSTOMER_LOOKS), Looks::new(CUSTOMER_LOOKS)];
        let (one, other) = (folded(&web), folded(web.iter().rev()));
        let of_one = one.linked_by(&[alias(CUSTOMER)], &looks[0]);
        assert_eq!(of_one, other.linked_by(&[alias(CUSTOMER)], &looks[1]));
        assert!(of_one.contains(&alias(CUSTOMER)));
        assert!(looks.iter().all(Looks::are_spent));
    }

    #[test]
    fn a_customer_of_many_devices_is_far_from_the_bound() {
        let devices = (0..16_u8).flat_map(|number| {
            let id = u64::from(number) * 2 + 1;
            [
                message(id, 0, &[device(number)], added(number, 1, 1)),
                message(id + 1, 0, &[customer(CUSTOMER)], added(number, 1, 1)),
            ]
        });
        let looks = Looks::new(CUSTOMER_LOOKS);
        let state = folded(&devices.collect::<Vec<_>>());
        assert_eq!(state.linked_by(&[alias(CUSTOMER)], &looks).len(), 9);
        assert!(looks.0.get() > CUSTOMER_LOOKS / 2);
    }
}
