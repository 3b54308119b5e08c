//! `forest_margins`: the evaluator of forests by itself, so that a model is checked against its booster before it is
//! signed.

use cart_recovery_core::trees::{Evaluator, FactoredTrees};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

#[pyfunction]
pub fn forest_margins(py: Python<'_>, forest: &[u8], rows: &[u8]) -> PyResult<Vec<f64>> {
    let trees = FactoredTrees::read(forest).map_err(|error| PyValueError::new_err(format!("forest: {error}")))?;
    let row_bytes = size_of::<f32>() * trees.features().max(1);
    if !rows.len().is_multiple_of(row_bytes) {
        let message = format!("rows: {} bytes; send a multiple of {row_bytes}", rows.len());
        return Err(PyValueError::new_err(message));
    }
    Ok(py.detach(|| {
        let values: Vec<f32> = rows
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let mut margins = vec![f64::NAN; rows.len() / row_bytes];
        trees.margins(&[], &values, &mut margins);
        margins
    }))
}
