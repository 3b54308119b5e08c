//! What identifies the feature vector to models and to columns.

use arrow_schema::{DataType, Field};

use super::table::TABLE;
use crate::ids::Token;
use crate::keyed::public_hash;

/// Hash of names, units and order, 32 hexadecimal digits. A model is loaded only where it names this hash.
#[must_use]
pub fn schema_hash() -> String {
    let parts: Vec<&[u8]> = TABLE
        .iter()
        .flat_map(|feature| [feature.name.as_bytes(), feature.unit.as_bytes()])
        .collect();
    Token(public_hash("feature schema", &parts)).to_string()
}

/// One `f32` column per feature, in table order; missing is NaN, never null.
#[must_use]
pub fn arrow_fields() -> Vec<Field> {
    TABLE
        .iter()
        .map(|feature| Field::new(feature.name, DataType::Float32, false))
        .collect()
}
