//! Products, channels and budget prices: what operators and feeds say about the shop.

use super::scene::Scene;
use crate::contract::BudgetPricesUpdated;
use crate::contract::event::Kind;
use crate::state::{BudgetPrices, Channels, MAX_PRODUCTS, MAX_STOREFRONTS, Product, State, product_key};

pub(super) fn fold(state: &mut State, scene: &Scene<'_>, kind: &Kind) {
    match kind {
        Kind::ProductUpdated(update) => {
            if let Some(product) = product(state, scene, &update.product_id) {
                product.update(update, scene.stamp);
            }
        }
        Kind::ProductDiscontinued(end) => {
            if let Some(product) = product(state, scene, &end.product_id) {
                product.discontinue(scene.stamp);
            }
        }
        Kind::ChannelUpdated(update) => {
            if let Some(channels) = channels(state, scene) {
                channels.update(update, scene.stamp);
            }
        }
        Kind::ChannelPaused(pause) => set_paused(state, scene, pause.channel, true),
        Kind::ChannelResumed(resume) => set_paused(state, scene, resume.channel, false),
        Kind::BudgetPricesUpdated(update) => price_budgets(state, scene, update),
        _ => {}
    }
}

fn product<'a>(state: &'a mut State, scene: &Scene<'_>, product_id: &str) -> Option<&'a mut Product> {
    let key = product_key(scene.storefront, product_id);
    if state.products.len() >= MAX_PRODUCTS && !state.products.contains_key(&key) {
        return None;
    }
    Some(state.products.get_or_insert_with(key, Box::default))
}

fn set_paused(state: &mut State, scene: &Scene<'_>, channel: i32, paused: bool) {
    if let Some(channels) = channels(state, scene) {
        channels.pause(channel, paused, scene.stamp);
    }
}

fn channels<'a>(state: &'a mut State, scene: &Scene<'_>) -> Option<&'a mut Channels> {
    if state.channels.len() >= MAX_STOREFRONTS && !state.channels.contains_key(scene.storefront) {
        return None;
    }
    Some(state.channels.entry(scene.storefront.into()).or_default())
}

/// The highest version holds.
fn price_budgets(state: &mut State, scene: &Scene<'_>, update: &BudgetPricesUpdated) {
    if state
        .budget_prices
        .as_ref()
        .is_some_and(|held| held.version >= update.version)
    {
        return;
    }
    let prices = update
        .prices
        .iter()
        .map(|price| (price.budget_id.as_str().into(), price.price));
    state.budget_prices = Some(BudgetPrices {
        version: update.version,
        time: scene.stamp.time,
        prices: prices.collect(),
    });
}
