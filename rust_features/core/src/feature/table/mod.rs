//! The table itself, a file per group. Adding a feature is adding a row.

mod action;
mod affinity;
mod cart;
mod catalogue;
mod contact;
mod discount;
mod session;
mod storefront;
mod value;

use super::Feature;

/// Where a feature has no bound.
const MAX: f32 = f32::MAX;

const CONTEXT: [&[Feature]; 8] = [
    cart::FEATURES,
    session::FEATURES,
    value::FEATURES,
    affinity::FEATURES,
    discount::FEATURES,
    contact::FEATURES,
    catalogue::FEATURES,
    storefront::FEATURES,
];

/// Number of context features.
pub const CONTEXT_COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < CONTEXT.len() {
        count += CONTEXT[group].len();
        group += 1;
    }
    count
};
/// Number of action features.
pub const ACTION_COUNT: usize = action::FEATURES.len();
/// Number of all features.
pub const FEATURE_COUNT: usize = CONTEXT_COUNT + ACTION_COUNT;

/// Every feature in the models' order: the context features, then the action features.
pub static TABLE: [Feature; FEATURE_COUNT] = {
    let mut table = [cart::FEATURES[0]; FEATURE_COUNT];
    let mut next = 0;
    let mut group = 0;
    while group <= CONTEXT.len() {
        let rows = if group < CONTEXT.len() {
            CONTEXT[group]
        } else {
            action::FEATURES
        };
        let mut row = 0;
        while row < rows.len() {
            table[next] = rows[row];
            next += 1;
            row += 1;
        }
        group += 1;
    }
    table
};
