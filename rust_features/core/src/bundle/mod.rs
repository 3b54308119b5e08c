//! Release bundles: models and policy that decide together. Nothing unsigned is loaded, and nothing is half loaded:
//! a directory becomes a whole [`Bundle`] or a [`BundleRefused`].

mod files;
mod golden;
mod load;
mod manifest;
mod refused;
mod schema;
#[cfg(test)]
pub(crate) mod testing;

pub use load::load;
pub use refused::{BundleRefused, Model};
pub use schema::SchemaDifference;

use std::fmt;

use crate::policy::Rules;
use crate::trees::Evaluator;

/// A bundle in force.
pub struct Bundle {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// The feature table that its models read, which is this engine's.
    pub feature_schema_hash: String,
    /// Its policy.
    pub rules: Rules,
    /// Log-odds of a purchase without contact, from the context features.
    pub baseline: Box<dyn Evaluator>,
    /// What an action adds to them, from the context features and then the action features.
    pub effect: Box<dyn Evaluator>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bundle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
