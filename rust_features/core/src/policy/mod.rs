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

use crate::contract::Channel;

/// The channels a message can take, in the order of the contract; "none" is not one of them.
pub const MESSAGE_CHANNELS: [Channel; 5] = [
    Channel::Email,
    Channel::Sms,
    Channel::Push,
    Channel::InApp,
    Channel::Webhook,
];

/// The name of a channel in subjects, budgets and sentences.
#[must_use]
pub fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Unspecified => "unspecified",
        Channel::None => "none",
        Channel::Email => "email",
        Channel::Sms => "sms",
        Channel::Push => "push",
        Channel::InApp => "in_app",
        Channel::Webhook => "webhook",
    }
}
