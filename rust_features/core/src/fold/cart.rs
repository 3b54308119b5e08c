//! What shoppers do to carts, and how far they get in the checkout.

use super::browse::{Glance, note};
use super::keys::actor;
use super::scene::Scene;
use crate::contract::event::Kind;
use crate::contract::{Line, ProductAdded, ProductRemoved};
use crate::ids::CartId;
use crate::state::{Cart, Counter, State, Step, product_hash};

pub(super) fn fold(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    match kind {
        Kind::ProductAdded(ProductAdded {
            cart_id,
            line: Some(line),
            currency_code,
        }) => {
            note(
                state,
                scene,
                Step::Add,
                Some(Counter::Adds),
                Glance::of(scene.storefront, Some(line)),
            );
            state.popularity.add(
                scene.storefront,
                product_hash(scene.storefront, &line.product_id),
                scene.stamp.time,
            );
            with_cart(state, scene, cart_id, |cart| {
                cart.change(line, currency_code, units(line), scene.stamp);
            });
        }
        Kind::ProductRemoved(ProductRemoved {
            cart_id,
            line: Some(line),
        }) => {
            note(
                state,
                scene,
                Step::Remove,
                Some(Counter::Removes),
                Glance::of(scene.storefront, Some(line)),
            );
            with_cart(state, scene, cart_id, |cart| {
                cart.change(line, "", -units(line), scene.stamp);
            });
        }
        Kind::CartUpdated(update) => {
            let Some(content) = &update.cart else { return };
            let mut stamp = scene.stamp;
            if content.shop_version > 0 {
                stamp.tie = content.shop_version;
            }
            note(state, scene, Step::Checkout, None, Glance::default());
            with_cart(state, scene, &content.cart_id, |cart| cart.replace(content, stamp));
        }
        Kind::CartViewed(view) => {
            note(state, scene, Step::Checkout, None, Glance::default());
            with_cart(state, scene, &view.cart_id, |_| {});
        }
        Kind::CheckoutStarted(checkout) => {
            note(
                state,
                scene,
                Step::Checkout,
                Some(Counter::Checkouts),
                Glance::default(),
            );
            with_cart(state, scene, &checkout.cart_id, |cart| cart.reach(1));
        }
        Kind::CheckoutStepViewed(step) => reach(state, scene, &step.cart_id, step.step),
        Kind::CheckoutStepCompleted(step) => reach(state, scene, &step.cart_id, step.step.saturating_add(1)),
        Kind::PaymentFailed(failure) => {
            note(state, scene, Step::FailedPayment, None, Glance::default());
            with_cart(state, scene, &failure.cart_id, Cart::fail_payment);
        }
        _ => {}
    }
}

fn reach(state: &mut State, scene: &Scene<'_>, cart_id: &str, step: u32) {
    note(state, scene, Step::Checkout, None, Glance::default());
    with_cart(state, scene, cart_id, |cart| cart.reach(step.saturating_add(1)));
}

fn units(line: &Line) -> i64 {
    i64::from(line.quantity)
}

/// Changes a cart, made now if it is new, and starts its deadline.
pub(super) fn with_cart(state: &mut State, scene: &Scene<'_>, cart_id: &str, change: impl FnOnce(&mut Cart)) {
    let Some(id) = CartId::from_hex(cart_id) else { return };
    let cart = state.cart_or_new(id, scene.storefront, scene.stamp.time);
    let before = cart.owner();
    cart.act(scene.strongest(), scene.stamp, scene.imported);
    change(cart);
    state.hand_over(id, before);
    state.watch(id);
    if let Some(actor) = actor(scene) {
        state.act_in_cart(id, actor);
    }
}
