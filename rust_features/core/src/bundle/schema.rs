//! What tells another feature schema from this engine's.

use std::fmt;

use crate::feature::TABLE;

/// The first of these that holds, and the first feature that it holds of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchemaDifference {
    /// The models read a feature that the table does not have.
    Gone(String),
    /// The table has a feature that the models do not read.
    New(String),
    /// The models read a feature at another place than the table's.
    Moved(String),
    /// A feature has another unit; a manifest names no units, so which is not known.
    Unit,
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(name) => write!(formatter, "feature {name:?} is gone"),
            Self::New(name) => write!(formatter, "feature {name:?} is new"),
            Self::Moved(name) => write!(formatter, "feature {name:?} has moved"),
            Self::Unit => formatter.write_str("a feature has another unit"),
        }
    }
}

impl SchemaDifference {
    /// Between the features that models of another schema read and the table.
    pub(super) fn of(features: &[String]) -> Self {
        let table = TABLE.each_ref().map(|feature| feature.name);
        let gone = features.iter().find(|name| !table.contains(&name.as_str()));
        let new = table
            .iter()
            .find(|name| !features.iter().any(|feature| feature == *name));
        let moved = features.iter().zip(table).find(|(name, expected)| name != expected);
        match (gone, new, moved) {
            (Some(name), _, _) => Self::Gone(name.clone()),
            (_, Some(name), _) => Self::New((*name).to_owned()),
            (_, _, Some((name, _))) => Self::Moved(name.clone()),
            _ => Self::Unit,
        }
    }
}
