//! Orders: they settle carts and tell what a customer is worth.

use super::browse::activity;
use super::cart::with_cart;
use super::scene::Scene;
use crate::contract::OrderCompleted;
use crate::state::{Counter, OrderMark, RECENT_ORDERS, State, keep_newest, product_hash};

/// A completed order: settles the cart it names, and by its record the customer's carts that share a line with it.
pub(super) fn complete(state: &mut State, scene: &Scene<'_>, order: &OrderCompleted) {
    if let Some((activity, weights)) = activity(state, scene) {
        activity.decayed.add(Counter::Orders, weights, 1.0);
        activity
            .decayed
            .add(Counter::Revenue, weights, minor(order_value_minor(order)));
        if order.discount_minor > 0 || !order.offer_codes.is_empty() {
            activity.decayed.add(Counter::DiscountedOrders, weights, 1.0);
        }
        activity.orders = activity.orders.saturating_add(1);
        let mark = OrderMark {
            stamp: scene.stamp,
            products: order_products(scene.storefront, order),
        };
        keep_newest(&mut activity.recent_orders, RECENT_ORDERS, mark, |mark| mark.stamp);
    }
    with_cart(state, scene, &order.cart_id, |cart| {
        cart.order(scene.stamp.time, &order.lines);
    });
}

/// A cancelled or refunded order.
pub(super) fn give_back(state: &mut State, scene: &Scene<'_>) {
    if let Some((activity, weights)) = activity(state, scene) {
        activity.decayed.add(Counter::Returns, weights, 1.0);
    }
}

/// Hashes of the products of an order, sorted, each once.
pub(crate) fn order_products(storefront: &str, order: &OrderCompleted) -> Box<[u32]> {
    let hashes = order
        .lines
        .iter()
        .map(|line| product_hash(storefront, &line.product_id));
    let mut products: Vec<u32> = hashes.collect();
    products.sort_unstable();
    products.dedup();
    products.into()
}

/// The total, else the sum of the lines that have a price.
pub(crate) fn order_value_minor(order: &OrderCompleted) -> i64 {
    let of_lines = || {
        let values = order.lines.iter().filter_map(|line| {
            let price = line.unit_price_minor?.saturating_mul(i64::from(line.quantity));
            Some(price.saturating_sub(line.discount_minor))
        });
        values.fold(0_i64, i64::saturating_add)
    };
    order.total.as_ref().map_or_else(of_lines, |total| total.minor_units)
}

#[allow(clippy::cast_precision_loss)]
fn minor(amount: i64) -> f32 {
    amount as f32
}
