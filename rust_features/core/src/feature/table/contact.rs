//! Response to messages and their pressure.

use super::super::{Feature, Group, Source};
use super::MAX;
use crate::contract::Channel;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "sends_1d",
        group: Group::Contact,
        unit: "messages",
        meaning: "Messages sent within a day",
        missing: "never",
        range: (0.0, 512.0),
        source: Source::Context(|reading| reading.past.sends_1d),
    },
    Feature {
        name: "sends_7d",
        group: Group::Contact,
        unit: "messages",
        meaning: "Messages sent within 7 days",
        missing: "never",
        range: (0.0, 512.0),
        source: Source::Context(|reading| reading.past.sends_7d),
    },
    Feature {
        name: "sends_30d",
        group: Group::Contact,
        unit: "messages",
        meaning: "Messages sent within 30 days, at most 32 per alias",
        missing: "never",
        range: (0.0, 512.0),
        source: Source::Context(|reading| reading.past.sends_30d),
    },
    Feature {
        name: "send_recency",
        group: Group::Contact,
        unit: "hours",
        meaning: "Since the last message",
        missing: "nothing was sent",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.send_hours),
    },
    Feature {
        name: "click_recency",
        group: Group::Contact,
        unit: "hours",
        meaning: "Since the last click",
        missing: "nothing was clicked",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.click_hours),
    },
    Feature {
        name: "email_open_rate",
        group: Group::Contact,
        unit: "share",
        meaning: "E-mails opened by a person, of those sent; above 1 where one is opened twice",
        missing: "no e-mail was sent",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.open_rate(Channel::Email)),
    },
    Feature {
        name: "email_click_rate",
        group: Group::Contact,
        unit: "share",
        meaning: "Clicks per e-mail sent",
        missing: "no e-mail was sent",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.click_rate(Channel::Email)),
    },
    Feature {
        name: "sms_click_rate",
        group: Group::Contact,
        unit: "share",
        meaning: "Clicks per SMS sent",
        missing: "no SMS was sent",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.click_rate(Channel::Sms)),
    },
    Feature {
        name: "push_click_rate",
        group: Group::Contact,
        unit: "share",
        meaning: "Clicks per push message sent",
        missing: "no push message was sent",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.past.click_rate(Channel::Push)),
    },
    Feature {
        name: "reachable_channels",
        group: Group::Contact,
        unit: "channels",
        meaning: "Of e-mail, SMS and push, those with an address",
        missing: "never",
        range: (0.0, 3.0),
        source: Source::Context(|reading| reading.past.reachable_channels),
    },
];
