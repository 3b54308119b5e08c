//! The storefront's channels and the clock.

use super::super::{Feature, Group, Source};
use super::MAX;
use crate::feature::Reading;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "usable_channels",
        group: Group::Storefront,
        unit: "channels",
        meaning: "Of e-mail, SMS, push and in-app, those available and not paused",
        missing: "no cart",
        range: (0.0, 4.0),
        example: (3.0, "SMS is paused"),
        source: Source::Context(|reading| reading.storefront.usable_channels),
    },
    Feature {
        name: "email_cost",
        group: Group::Storefront,
        unit: "minor units",
        meaning: "Cost of one e-mail",
        missing: "no event said it in the cart's currency",
        range: (-MAX, MAX),
        example: (0.0, "less than half a cent"),
        source: Source::Context(|reading| reading.storefront.email_cost_minor),
    },
    Feature {
        name: "sms_cost",
        group: Group::Storefront,
        unit: "minor units",
        meaning: "Cost of one SMS",
        missing: "no event said it in the cart's currency",
        range: (-MAX, MAX),
        example: (7.0, "seven cents"),
        source: Source::Context(|reading| reading.storefront.sms_cost_minor),
    },
    Feature {
        name: "clock_hour",
        group: Group::Storefront,
        unit: "hours",
        meaning: "Hour of the day, UTC, with its fraction",
        missing: "never",
        range: (0.0, 24.0),
        example: (18.5, "half past six in the evening"),
        source: Source::Context(Reading::clock_hour),
    },
    Feature {
        name: "clock_weekday",
        group: Group::Storefront,
        unit: "days",
        meaning: "Day of the week, UTC: 1 Monday to 7 Sunday",
        missing: "never",
        range: (1.0, 7.0),
        example: (5.0, "a Friday"),
        source: Source::Context(Reading::clock_weekday),
    },
];
