//! How the customer responds to discounts.

use super::super::{Feature, Group, Source};
use super::MAX;
use crate::feature::past::Window;
use crate::feature::reading::share;
use crate::state::Counter;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "discounted_order_share",
        group: Group::Discount,
        unit: "share",
        meaning: "Orders with a discount or code, of orders, each halving each 30 days",
        missing: "no order known",
        range: (0.0, 1.001),
        example: (0.5, "every second order with a code"),
        source: Source::Context(|reading| {
            share(
                reading.past.counter(Counter::DiscountedOrders, Window::Month),
                reading.past.counter(Counter::Orders, Window::Month),
            )
        }),
    },
    Feature {
        name: "redemptions_total",
        group: Group::Discount,
        unit: "redemptions",
        meaning: "Offers redeemed ever",
        missing: "never",
        range: (0.0, MAX),
        example: (2.0, "two codes were used"),
        source: Source::Context(|reading| reading.past.redemptions),
    },
    Feature {
        name: "redemption_share",
        group: Group::Discount,
        unit: "share",
        meaning: "Offers redeemed ever per offer given, of each alias the newest 16",
        missing: "no offer was given",
        range: (0.0, MAX),
        example: (0.5, "one of two codes was used"),
        source: Source::Context(|reading| share(reading.past.redemptions, reading.past.offers)),
    },
    Feature {
        name: "offers_30d",
        group: Group::Discount,
        unit: "offers",
        meaning: "Offers given within 30 days, at most 16 per alias",
        missing: "never",
        range: (0.0, 256.0),
        example: (1.0, "one code was given"),
        source: Source::Context(|reading| reading.past.offers_30d),
    },
    Feature {
        name: "adds_per_order",
        group: Group::Discount,
        unit: "events",
        meaning: "Additions over orders plus one, each halving each 30 days: high where carts are left to fish for offers",
        missing: "never",
        range: (0.0, MAX),
        example: (6.0, "six additions and no order"),
        source: Source::Context(|reading| {
            reading.past.counter(Counter::Adds, Window::Month)
                / (reading.past.counter(Counter::Orders, Window::Month) + 1.0)
        }),
    },
];
