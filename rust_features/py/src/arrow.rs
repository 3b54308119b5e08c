//! Arrow streams in and out, by the C stream interface: no copy of a buffer.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::error::failed;

/// The batches of a stream that Python gave.
pub fn batches(stream: PyTable) -> Vec<RecordBatch> {
    stream.into_inner().0
}

/// Batches as a stream that Python takes.
pub fn stream(batches: Vec<RecordBatch>, schema: SchemaRef) -> PyResult<PyTable> {
    PyTable::try_new(batches, schema).map_err(|error| failed(&error))
}
