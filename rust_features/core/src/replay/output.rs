//! Rows as Arrow columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::rows::Row;
use crate::feature::{ACTION_COUNT, CONTEXT_COUNT, arrow_fields};

/// The columns of replayed rows: the decision, the features in table order, the outcome.
#[must_use]
pub fn row_schema() -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let mut fields = vec![
        text("decision_id", false),
        text("send_id", false),
        Field::new("sequence", DataType::UInt64, false),
        Field::new("clock_micros", DataType::Int64, false),
        text("customer", true),
        text("storefront_id", false),
        text("trigger", false),
        text("action_id", false),
        Field::new("propensity", DataType::Float64, false),
        Field::new("contacted", DataType::Boolean, false),
        text("sent_by", true),
        Field::new("holdout", DataType::Boolean, false),
    ];
    fields.extend(arrow_fields());
    fields.extend([
        Field::new("recovered", DataType::Boolean, false),
        Field::new("order_value_minor", DataType::Int64, true),
        Field::new("recovered_seconds", DataType::Float64, true),
        Field::new("observed_seconds", DataType::Float64, false),
    ]);
    Arc::new(Schema::new(fields))
}

/// One batch of all rows.
///
/// # Errors
/// Where Arrow refuses the columns, which their schema rules out.
pub fn to_batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = vec![
        texts(rows, |row| &row.decision_id),
        texts(rows, |row| &row.send_id),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.sequence))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.clock.0))),
        Arc::new(
            rows.iter()
                .map(|row| row.customer.map(|alias| alias.to_string()))
                .collect::<StringArray>(),
        ),
        texts(rows, |row| &row.storefront_id),
        texts(rows, |row| row.trigger.as_str_name()),
        texts(rows, |row| &row.action_id),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.propensity))),
        flags(rows, |row| row.contacted),
        Arc::new(
            rows.iter()
                .map(|row| row.sent_by.map(|decision| decision.to_string()))
                .collect::<StringArray>(),
        ),
        flags(rows, |row| row.holdout),
    ];
    for index in 0..CONTEXT_COUNT {
        columns.push(floats(rows.iter().map(|row| row.context[index])));
    }
    for index in 0..ACTION_COUNT {
        columns.push(floats(rows.iter().map(|row| row.action[index])));
    }
    columns.push(flags(rows, |row| row.recovered));
    columns.push(Arc::new(
        rows.iter().map(|row| row.order_value_minor).collect::<Int64Array>(),
    ));
    columns.push(Arc::new(
        rows.iter().map(|row| row.recovered_seconds).collect::<Float64Array>(),
    ));
    columns.push(Arc::new(Float64Array::from_iter_values(
        rows.iter().map(|row| row.observed_seconds),
    )));
    RecordBatch::try_new(row_schema(), columns)
}

fn texts(rows: &[Row], read: fn(&Row) -> &str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(read)))
}

fn flags(rows: &[Row], read: fn(&Row) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(read(row))).collect::<BooleanArray>())
}

fn floats(values: impl Iterator<Item = f32>) -> ArrayRef {
    Arc::new(Float32Array::from_iter_values(values))
}
