//! However much falls due at once, a message does a bounded part of it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::laws::{Messages, any_journal};
use crate::contract::Erased;
use crate::contract::event::Kind;
use crate::decide::alias_key;
use crate::fold::testing::{add, added, decided, decision, device, folded, message, tick, viewed, within};
use crate::ids::{Alias, CartId};
use crate::state::{CART_RETENTION_SECONDS, Cart, LOOKS_PER_MESSAGE, PER_MESSAGE, State};

/// Of each kind: visitors, whose records are packed, too, and their sessions, carts, and decisions.
const OLD: u8 = 60;

fn held(state: &State) -> [usize; 5] {
    [
        state.session_count(),
        state.cart_count(),
        state.decision_count(),
        state.visitor_count(),
        state.customer_count() - state.records.packed_count(),
    ]
}

#[test]
fn what_grew_old_unheard_leaves_a_few_at_a_time() {
    let visits = (0..OLD).map(|number| {
        let keys = [device(number)];
        within(number, message(u64::from(number), 0, &keys, viewed(1)))
    });
    let carts = (0..OLD).map(|number| message(100 + u64::from(number), 0, &[device(number)], added(number, 1, 1)));
    let decisions = (0..OLD).map(|number| decided(0, decision(number, number, number, 0, 0, &[])));
    let mut state = folded(&visits.chain(carts).chain(decisions).collect::<Vec<_>>());
    let mut before = held(&state);
    assert!(before.iter().all(|count| *count >= usize::from(OLD)), "{before:?}");
    let mut time = 2 * i64::from(CART_RETENTION_SECONDS);
    while before != [0; 5] {
        time += 86_400;
        add(&mut state, &tick(time));
        let after = held(&state);
        assert_ne!(after, before);
        // Records leave unpacked, too, with the sessions that they are of.
        let most = [
            PER_MESSAGE,
            PER_MESSAGE,
            PER_MESSAGE,
            2 * PER_MESSAGE,
            LOOKS_PER_MESSAGE + PER_MESSAGE,
        ];
        for ((before, after), most) in before.into_iter().zip(after).zip(most) {
            assert!(before - after <= most, "{before} to {after}");
        }
        before = after;
    }
}

fn owned(state: &State) -> BTreeSet<(Alias, CartId)> {
    let owned = state
        .carts
        .iter()
        .filter_map(|(id, cart)| Some((Cart::owner(cart)?, *id)));
    owned.collect()
}

proptest! {
    #[test]
    fn owners_are_those_of_the_carts(Messages(journal) in any_journal()) {
        let mut state = State::new();
        for message in &journal {
            add(&mut state, message);
            prop_assert_eq!(&owned(&state), &state.owners);
        }
        let carts = state.cart_count();
        if let Some((alias, _)) = state.owners.iter().find(|(owner, _)| !owner.is_session()).copied() {
            let erased = Kind::Erased(Erased { suppression_hashes: vec![] });
            add(&mut state, &message(1_000_000, 200_000, &[alias_key(alias)], erased));
            prop_assert!(state.cart_count() < carts);
            prop_assert_eq!(&owned(&state), &state.owners);
        }
        for number in 0..carts {
            let days = 40 + i64::try_from(number).unwrap();
            add(&mut state, &tick(days * 86_400));
        }
        prop_assert_eq!(state.cart_count(), 0);
        prop_assert!(state.owners.is_empty());
    }
}
