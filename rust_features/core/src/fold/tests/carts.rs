//! Carts: content, orders, deadlines.

use crate::contract::CartUpdated;
use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::fold::testing::{
    add, added, alias, at, cart, cart_id, customer, device, email, folded, message, ordered, removed, tick, viewed,
};
use crate::state::{Cart, Counter, State};

const T: u32 = 1800;

fn quantities(state: &State, number: u8) -> Vec<(String, u32)> {
    let cart = state.cart(&cart_id(number)).unwrap();
    cart.lines()
        .map(|line| (line.product_id().to_owned(), line.quantity()))
        .collect()
}

fn due(state: &mut State, seconds: i64) -> Vec<i64> {
    let deadlines = state.take_due(at(seconds), T);
    deadlines
        .iter()
        .map(|deadline| (deadline.time.0 - at(0).0) / 1_000_000)
        .collect()
}

#[test]
fn additions_and_removals_make_the_content() {
    let state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 2)),
        message(2, 10, &[customer(1)], added(1, 2, 1)),
        message(3, 20, &[customer(1)], removed(1, 1, 1)),
        message(4, 30, &[customer(1)], removed(1, 2, 5)),
    ]);
    assert_eq!(quantities(&state, 1), [("product-1".to_owned(), 1)]);
    assert_eq!(state.cart(&cart_id(1)).unwrap().value_minor(), Some(1001));
    assert_eq!(state.cart(&cart_id(1)).unwrap().currency(), "EUR");
}

#[test]
fn a_snapshot_replaces_what_came_before_it_and_nothing_later() {
    let snapshot = Kind::CartUpdated(CartUpdated {
        cart: Some(cart(1, &[(3, 4)])),
    });
    let state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 2)),
        message(2, 20, &[customer(1)], added(1, 2, 1)),
        message(3, 10, &[customer(1)], snapshot),
    ]);
    let mut held = quantities(&state, 1);
    held.sort();
    assert_eq!(held, [("product-2".to_owned(), 1), ("product-3".to_owned(), 4)]);
}

#[test]
fn a_long_snapshot_counts_each_item_once() {
    let long = |first: u8| {
        let lines: Vec<_> = (first..first + 100)
            .chain(first..first + 100)
            .map(|product| (product, 2))
            .collect();
        Kind::CartUpdated(CartUpdated {
            cart: Some(cart(1, &lines)),
        })
    };
    let state = folded(&[
        message(1, 0, &[customer(1)], long(50)),
        message(2, 10, &[customer(1)], long(0)),
    ]);
    let held = quantities(&state, 1);
    assert_eq!(held.len(), 100);
    assert!(held.iter().all(|(_, quantity)| *quantity == 4));
}

#[test]
fn many_changes_keep_their_sum() {
    let messages: Vec<_> = (0..300)
        .map(|id| message(id, 0, &[customer(1)], added(1, 1, 1)))
        .collect();
    assert_eq!(quantities(&folded(&messages), 1), [("product-1".to_owned(), 300)]);
}

#[test]
fn a_line_without_a_price_leaves_the_value_unknown() {
    let mut snapshot = cart(1, &[(1, 1), (2, 1)]);
    snapshot.lines[1].unit_price_minor = None;
    let state = folded(&[message(
        1,
        0,
        &[],
        Kind::CartUpdated(CartUpdated { cart: Some(snapshot) }),
    )]);
    assert_eq!(state.cart(&cart_id(1)).unwrap().value_minor(), None);
}

#[test]
fn an_order_that_names_the_cart_settles_it_until_something_is_added() {
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 10, &[customer(1)], ordered(Some(1), &[1])),
    ]);
    let is_ordered = |state: &State| state.customer(&[alias(1)]).ordered(state.cart(&cart_id(1)).unwrap());
    assert!(is_ordered(&state));
    add(&mut state, &message(3, 20, &[customer(1)], added(1, 2, 1)));
    assert!(!is_ordered(&state));
    assert_eq!(quantities(&state, 1), [("product-2".to_owned(), 1)]);
}

#[test]
fn an_order_of_the_same_customer_settles_carts_that_share_a_line() {
    let state = folded(&[
        message(1, 0, &[device(9)], added(1, 1, 1)),
        message(2, 5, &[device(9)], added(2, 2, 1)),
        message(3, 10, &[customer(1), device(9)], ordered(None, &[1])),
    ]);
    let known = state.customer(&[alias(1)]);
    assert!(known.ordered(state.cart(&cart_id(1)).unwrap()));
    assert!(!known.ordered(state.cart(&cart_id(2)).unwrap()));
}

#[test]
fn an_order_of_another_storefront_settles_nothing() {
    let mut elsewhere = message(2, 20, &[customer(1), email(2)], ordered(None, &[1]));
    if let Some(Content::Event(event)) = &mut elsewhere.content {
        event.storefront_id = "other".to_owned();
    }
    let state = folded(&[message(1, 0, &[customer(1), email(2)], added(1, 1, 1)), elsewhere]);
    assert!(!state.customer(&[alias(1)]).ordered(state.cart(&cart_id(1)).unwrap()));
}

#[test]
fn a_deadline_fires_once_per_activity() {
    let mut state = folded(&[message(1, 0, &[customer(1)], added(1, 1, 1))]);
    assert_eq!(state.next_deadline(T), Some(at(1800)));
    assert_eq!(due(&mut state, 1799), []);
    assert_eq!(due(&mut state, 1800), [1800]);
    assert_eq!(due(&mut state, 9999), []);
    assert_eq!(state.next_deadline(T), None);
    add(&mut state, &message(2, 2000, &[customer(1)], added(1, 1, 1)));
    assert_eq!(due(&mut state, 9000), [3800]);
}

#[test]
fn activity_moves_the_deadline() {
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 5, &[customer(2)], added(2, 1, 1)),
        message(3, 1000, &[customer(1)], added(1, 1, 1)),
    ]);
    assert_eq!(state.next_deadline(T), Some(at(1805)));
    assert_eq!(due(&mut state, 2500), [1805]);
    assert_eq!(state.next_deadline(T), Some(at(2800)));
    assert_eq!(due(&mut state, 2800), [2800]);
}

#[test]
fn carts_that_are_ordered_or_empty_have_no_deadline() {
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 0, &[customer(2)], added(2, 1, 1)),
        message(3, 0, &[customer(3)], added(3, 1, 1)),
        message(4, 10, &[customer(1)], ordered(Some(1), &[1])),
        message(5, 10, &[customer(2)], removed(2, 1, 1)),
        message(6, 10, &[customer(3)], ordered(None, &[1])),
    ]);
    assert_eq!(due(&mut state, 5000), []);
}

#[test]
fn imported_carts_have_no_deadline() {
    let mut imported = message(1, 0, &[customer(1)], added(1, 1, 1));
    imported.imported = true;
    let mut state = folded(&[imported]);
    assert!(state.cart(&cart_id(1)).unwrap().imported());
    assert_eq!(due(&mut state, 5000), []);
}

#[test]
fn a_cart_leaves_after_its_retention() {
    let day = 86_400;
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 0, &[customer(1)], added(2, 1, 1)),
        message(3, 20 * day, &[customer(1)], added(2, 1, 1)),
    ]);
    add(&mut state, &tick(31 * day));
    assert!(state.cart(&cart_id(1)).is_none());
    assert!(state.cart(&cart_id(2)).is_some());
    add(&mut state, &tick(51 * day));
    assert!(state.cart(&cart_id(2)).is_none());
}

#[test]
fn a_cart_leaves_thirty_days_after_its_last_event_whatever_comes_of_others() {
    let day = 86_400;
    let mut state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 60, &[customer(1)], added(1, 2, 1)),
        message(3, 29 * day, &[customer(2)], added(2, 1, 1)),
    ]);
    add(&mut state, &tick(30 * day + 59));
    assert!(state.cart(&cart_id(1)).is_some());
    add(&mut state, &tick(30 * day + 61));
    assert!(state.cart(&cart_id(1)).is_none());
}

#[test]
fn the_steps_of_a_visit_leave_after_their_retention_and_what_they_added_up_to_stays() {
    let day = 86_400;
    let mut state = folded(&[
        message(1, 0, &[customer(1)], viewed(1)),
        message(2, day, &[customer(1)], viewed(2)),
    ]);
    let steps = |state: &State| {
        let known = state.customer(&[alias(1)]);
        known.activities().map(|activity| activity.moments.len()).sum::<usize>()
    };
    add(&mut state, &tick(31 * day));
    assert_eq!(steps(&state), 2);
    add(&mut state, &tick(31 * day + 1));
    assert_eq!(steps(&state), 0);
    let views = |state: &State| {
        let known = state.customer(&[alias(1)]);
        known
            .activities()
            .map(|activity| activity.decayed.counter(Counter::Views)[2])
            .sum::<f32>()
    };
    assert!(views(&state) > 1.0);
    add(&mut state, &message(3, 40 * day, &[customer(1)], viewed(1)));
    assert_eq!(steps(&state), 1);
}

#[test]
fn an_inline_cart_counts_for_its_content_and_the_fold_for_its_history() {
    let state = folded(&[
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 10, &[customer(1)], ordered(Some(1), &[1])),
    ]);
    let held = state.cart(&cart_id(1));
    let known = state.customer(&[alias(1)]);
    let same = Cart::inline(held, &cart(1, &[(1, 1)]), "shop", at(50));
    assert!(known.ordered(&same));
    assert_eq!(same.version(), held.unwrap().version());
    let other = Cart::inline(held, &cart(1, &[(1, 2)]), "shop", at(50));
    assert!(!known.ordered(&other));
    assert_ne!(other.version(), same.version());
    assert_eq!(other.first_activity(), at(0));
}

#[test]
fn the_version_does_not_depend_on_the_order_of_lines() {
    let one = Cart::inline(None, &cart(1, &[(1, 1), (2, 2)]), "shop", at(0));
    let other = Cart::inline(None, &cart(1, &[(2, 2), (1, 1)]), "shop", at(9));
    assert_eq!(one.version(), other.version());
}

#[test]
fn a_snapshot_of_what_was_ordered_opens_the_cart_no_more() {
    let snapshot = |product, quantity| {
        Kind::CartUpdated(CartUpdated {
            cart: Some(cart(1, &[(product, quantity)])),
        })
    };
    let bought = [
        message(1, 0, &[customer(1)], added(1, 1, 1)),
        message(2, 10, &[customer(1)], ordered(Some(1), &[1])),
    ];
    let mut state = folded(&bought);
    add(&mut state, &message(3, 12, &[customer(1)], snapshot(1, 1)));
    assert!(state.cart(&cart_id(1)).unwrap().ordered_itself());
    assert_eq!(state.next_deadline(T), None);
    for (id, again) in [(4, snapshot(1, 2)), (5, snapshot(2, 1)), (6, added(1, 1, 1))] {
        let mut state = folded(&bought);
        add(&mut state, &message(id, 12, &[customer(1)], again));
        assert!(!state.cart(&cart_id(1)).unwrap().ordered_itself(), "{id}");
    }
}
