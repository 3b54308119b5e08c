//! The action weighed; all 0 for doing nothing.

use super::super::{Feature, Group, Source};
use super::MAX;
use crate::contract::Channel;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "action_email",
        group: Group::Action,
        unit: "flag",
        meaning: "Sent by e-mail",
        missing: "never",
        range: (0.0, 1.0),
        example: (1.0, "an e-mail"),
        source: Source::Action(|action| flag(action.channel == Channel::Email)),
    },
    Feature {
        name: "action_sms",
        group: Group::Action,
        unit: "flag",
        meaning: "Sent by SMS",
        missing: "never",
        range: (0.0, 1.0),
        example: (1.0, "an SMS"),
        source: Source::Action(|action| flag(action.channel == Channel::Sms)),
    },
    Feature {
        name: "action_push",
        group: Group::Action,
        unit: "flag",
        meaning: "Sent by push message",
        missing: "never",
        range: (0.0, 1.0),
        example: (1.0, "a push message"),
        source: Source::Action(|action| flag(action.channel == Channel::Push)),
    },
    Feature {
        name: "action_in_app",
        group: Group::Action,
        unit: "flag",
        meaning: "Shown in the app or shop",
        missing: "never",
        range: (0.0, 1.0),
        example: (1.0, "a banner in the shop"),
        source: Source::Action(|action| flag(action.channel == Channel::InApp)),
    },
    Feature {
        name: "action_discount_share",
        group: Group::Action,
        unit: "share",
        meaning: "What the offer takes off, of the cart's value",
        missing: "never",
        range: (0.0, 1.0),
        example: (0.1, "ten per cent off"),
        source: Source::Action(|action| f64::from(action.discount_share)),
    },
    Feature {
        name: "action_free_shipping",
        group: Group::Action,
        unit: "flag",
        meaning: "The offer is free shipping",
        missing: "never",
        range: (0.0, 1.0),
        example: (1.0, "no shipping to pay"),
        source: Source::Action(|action| flag(action.free_shipping)),
    },
    Feature {
        name: "action_delay",
        group: Group::Action,
        unit: "hours",
        meaning: "From the decision to the send",
        missing: "never",
        range: (0.0, MAX),
        example: (4.0, "sent in four hours"),
        source: Source::Action(|action| f64::from(action.delay_hours)),
    },
    Feature {
        name: "action_touch",
        group: Group::Action,
        unit: "touches",
        meaning: "Which touch it is, from 1",
        missing: "never",
        range: (0.0, MAX),
        example: (2.0, "the second reminder"),
        source: Source::Action(|action| f64::from(action.touch)),
    },
];

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}
