//! The policy of a bundle, checked once and put into the shape that decisions read: actions, offers, caps, prices
//! and the settings of every storefront. What a decision does with them lives in `decide`.

mod budget;
mod offer;
mod quiet;
mod rules;
mod storefront;
#[cfg(test)]
pub(crate) mod testing;
mod zones;

pub use budget::BudgetPrices;
pub use offer::{Amount, Code, Offer, OfferCap, Terms};
pub use quiet::Period;
pub use rules::{ActionRule, CapRule, Exploration, MAX_ACTIONS, PolicyFault, Rules};
pub use storefront::Storefront;
pub use zones::Zones;
