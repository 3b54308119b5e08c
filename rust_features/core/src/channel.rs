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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::CHANNELS;

    /// More than the contract will ever number.
    const NUMBERS: i32 = 100;

    #[test]
    fn every_channel_of_the_contract_has_its_places() {
        let all: Vec<_> = (0..NUMBERS)
            .filter_map(|number| Channel::try_from(number).ok())
            .collect();
        assert_eq!(all.len(), CHANNELS);
        let of_messages = all
            .into_iter()
            .filter(|channel| !matches!(channel, Channel::Unspecified | Channel::None));
        assert!(of_messages.eq(MESSAGE_CHANNELS));
    }
}
