//! What each action is worth in money: arithmetic over the models' probabilities.

use super::Occasion;
use super::plan::Plan;
use super::score::Scores;
use crate::contract::Channel;
use crate::policy::{BudgetPrices, Rules, Storefront};
use crate::state::{CartLine, Product};

/// The arithmetic of one candidate, minor units; zeros where it is not eligible.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Value {
    pub(super) contact_cost: f64,
    pub(super) budget_cost: f64,
    /// Over "none".
    pub(super) incremental: f64,
}

/// The values of all candidates, in their order.
pub(super) fn values(
    occasion: &Occasion<'_>,
    rules: &Rules,
    settings: &Storefront,
    plans: &[Plan],
    scores: &Scores,
) -> Vec<Value> {
    let journalled = occasion.state.budget_prices().map(|newest| {
        let prices = newest.prices.iter().map(|(budget, price)| (budget.as_ref(), *price));
        BudgetPrices::read(prices).0
    });
    let prices = journalled.as_ref().unwrap_or(&rules.budget_prices);
    let kept = margin_minor(occasion, settings) * (1.0 - settings.return_probability);
    let mut nothing = 0.0;
    let mut values = Vec::with_capacity(plans.len());
    for (plan, score) in plans.iter().zip(&scores.candidates) {
        if !plan.eligible() {
            values.push(Value::default());
            continue;
        }
        let channel = plan.action.channel();
        let contact_cost = contact_cost(occasion, settings, channel);
        let discount = score.probability * minor(plan.action.discount_minor);
        let budget_cost = prices.cost(channel, contact_cost, discount);
        let total = score.probability * kept - discount - contact_cost - budget_cost;
        if !plan.acts() {
            nothing = total;
        }
        values.push(Value {
            contact_cost,
            budget_cost,
            incremental: total - nothing,
        });
    }
    values
}

/// What the cart earns if it is bought: price less cost where the catalogue knows the cost in the cart's currency,
/// else the storefront's share of the price; less the discounts already given. Without prices nothing.
pub(super) fn margin_minor(occasion: &Occasion<'_>, settings: &Storefront) -> f64 {
    let currency = occasion.currency(&settings.currency);
    let line_margin = |line: &CartLine| {
        let price = minor(line.unit_price_minor()?);
        let product = occasion.state.product(&line.product());
        let known = product.filter(|product| ["", currency].contains(&product.currency()));
        let cost = known.and_then(Product::cost_minor);
        let unit = cost.map_or(price * settings.margin_share, |cost| price - minor(cost));
        Some(f64::from(line.quantity()) * unit - minor(line.discount_minor()))
    };
    occasion
        .cart
        .lines()
        .filter_map(line_margin)
        .fold(0.0, |sum, margin| sum + margin)
}

/// The journal's word on the cost of a message in the storefront's currency, else the policy's.
fn contact_cost(occasion: &Occasion<'_>, settings: &Storefront, channel: Channel) -> f64 {
    if channel == Channel::None {
        return 0.0;
    }
    let said = occasion
        .state
        .channel(&occasion.request.storefront_id, channel)
        .unit_cost;
    said.filter(|cost| cost.currency_code == settings.currency)
        .map_or_else(|| settings.contact_cost_minor(channel), |cost| minor(cost.minor_units))
}

/// Minor units as a number to calculate with: exact below 2⁵³.
#[allow(clippy::cast_precision_loss)]
fn minor(minor_units: i64) -> f64 {
    minor_units as f64
}
