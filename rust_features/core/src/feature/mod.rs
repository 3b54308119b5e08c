//! Features: one declarative table from which order, schema hash, Arrow schema and documentation come, and the one
//! reading that fills it. A feature reads its customer, its cart and the catalogue and channel index, nothing else.

mod action;
mod documentation;
mod lines;
mod past;
mod reading;
mod schema;
mod table;
mod visit;

#[cfg(test)]
mod tests;

pub use action::ActionInput;
pub use documentation::documentation;
pub use reading::{action_features, context_features};
pub use schema::{arrow_fields, schema_hash};
pub use table::{ACTION_COUNT, CONTEXT_COUNT, FEATURE_COUNT, TABLE};

pub(crate) use reading::Reading;

/// One feature: everything that is said of it anywhere.
#[derive(Clone, Copy)]
pub struct Feature {
    /// Unique; what models and people call it.
    pub name: &'static str,
    /// The part of the world it describes.
    pub group: Group,
    /// What one of it is.
    pub unit: &'static str,
    /// What it means, as a person reads it.
    pub meaning: &'static str,
    /// When it is NaN, or "never".
    pub missing: &'static str,
    /// Smallest and largest value.
    pub range: (f32, f32),
    /// A value, and what it says.
    pub example: (f32, &'static str),
    pub(crate) source: Source,
}

/// How a feature is computed.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Context(fn(&Reading) -> f64),
    Action(fn(&ActionInput) -> f64),
}

/// The part of the world that a feature describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// The cart itself.
    Cart,
    /// The last visit.
    Session,
    /// Recency, frequency, monetary value.
    Value,
    /// How the lines suit the customer.
    Affinity,
    /// Response to discounts.
    Discount,
    /// Response to messages, and their pressure.
    Contact,
    /// The catalogue's word on the lines.
    Catalogue,
    /// The storefront and its clock.
    Storefront,
    /// The action weighed.
    Action,
}

impl Group {
    /// The word used in tables and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Session => "session",
            Self::Value => "value",
            Self::Affinity => "affinity",
            Self::Discount => "discount",
            Self::Contact => "contact",
            Self::Catalogue => "catalogue",
            Self::Storefront => "storefront",
            Self::Action => "action",
        }
    }
}

impl Feature {
    /// Whether it describes the action rather than the context.
    #[must_use]
    pub fn is_action(&self) -> bool {
        matches!(self.source, Source::Action(_))
    }
}
