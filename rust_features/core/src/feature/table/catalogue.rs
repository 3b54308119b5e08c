//! What the catalogue says of the lines.

use super::super::{Feature, Group, Source};
use super::MAX;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "price_change",
        group: Group::Catalogue,
        unit: "share",
        meaning: "Today's prices of the lines over those in the cart, less one",
        missing: "no line with both prices",
        range: (-MAX, MAX),
        source: Source::Context(|reading| reading.lines.price_change),
    },
    Feature {
        name: "stock_cover",
        group: Group::Catalogue,
        unit: "carts",
        meaning: "Units in stock per unit in the cart, of the scarcest line",
        missing: "no line with a known stock",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.lines.stock_cover),
    },
    Feature {
        name: "out_of_stock_share",
        group: Group::Catalogue,
        unit: "share",
        meaning: "Lines without stock, of those with a known stock",
        missing: "no line with a known stock",
        range: (0.0, 1.0),
        source: Source::Context(|reading| reading.lines.out_of_stock_share),
    },
    Feature {
        name: "margin_share",
        group: Group::Catalogue,
        unit: "share",
        meaning: "Price less cost, of the price, over lines with a known cost",
        missing: "no line with a known cost",
        range: (-MAX, MAX),
        source: Source::Context(|reading| reading.lines.margin_share),
    },
    Feature {
        name: "lead_time",
        group: Group::Catalogue,
        unit: "days",
        meaning: "Longest lead time of the lines",
        missing: "no line with a known lead time",
        range: (0.0, MAX),
        source: Source::Context(|reading| reading.lines.lead_time_days),
    },
    Feature {
        name: "catalogue_share",
        group: Group::Catalogue,
        unit: "share",
        meaning: "Lines that the catalogue knows",
        missing: "no cart, or an empty one",
        range: (0.0, 1.0),
        source: Source::Context(|reading| reading.lines.known_share),
    },
];
