//! How the lines of the cart suit the customer's taste.

use super::super::{Feature, Group, Source};
use super::MAX;

/// Rows of the table.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "category_affinity",
        group: Group::Affinity,
        unit: "share",
        meaning: "Interest in the categories of the lines, of all interest in categories, halving each 30 days",
        missing: "no line with a category, or no interest known",
        range: (0.0, 1.001),
        example: (0.6, "most of what was looked at is of this kind"),
        source: Source::Context(|reading| reading.past.category_affinity),
    },
    Feature {
        name: "brand_affinity",
        group: Group::Affinity,
        unit: "share",
        meaning: "Interest in the brands of the lines, of all interest in brands, halving each 30 days",
        missing: "no line with a brand, or no interest known",
        range: (0.0, 1.001),
        example: (0.3, "a third of it of this brand"),
        source: Source::Context(|reading| reading.past.brand_affinity),
    },
    Feature {
        name: "taste_strength",
        group: Group::Affinity,
        unit: "events",
        meaning: "All interest in categories, halving each 30 days",
        missing: "never",
        range: (0.0, MAX),
        example: (25.0, "twenty-five views and additions lately"),
        source: Source::Context(|reading| reading.past.taste),
    },
];
