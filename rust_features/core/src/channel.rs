//! The channels of the contract: which of them carry messages, and what they are called outside of Rust.

use crate::contract::Channel;

/// The channels that a message can take, in the order of the contract; "none" is not one of them.
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
