//! The evaluator of forests by itself: for checking a model against its booster before it is signed, and for timing it
//! against other evaluators.

use cart_recovery_core::trees::{Evaluator, FactoredTrees};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A forest as the engine evaluates it.
#[pyclass(frozen, name = "FactoredTrees", module = "rust_features")]
pub struct PyFactoredTrees {
    inner: FactoredTrees,
}

#[pymethods]
impl PyFactoredTrees {
    #[new]
    fn new(forest: &[u8]) -> PyResult<Self> {
        let inner = FactoredTrees::read(forest).map_err(|error| PyValueError::new_err(format!("forest: {error}")))?;
        Ok(Self { inner })
    }

    #[getter]
    fn features(&self) -> usize {
        self.inner.features()
    }

    /// Margins of every context with every action, f64 little-endian, context by context.
    fn margins<'py>(
        &self,
        py: Python<'py>,
        contexts: &[u8],
        actions: &[u8],
        action_features: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let width = self.inner.features().saturating_sub(action_features);
        let contexts = floats("contexts", contexts, width)?;
        let actions = floats("actions", actions, action_features)?;
        let margins = py.detach(|| {
            let each = actions.len() / action_features.max(1);
            let mut margins = vec![f64::NAN; contexts.len() / width.max(1) * each];
            let places = margins.chunks_exact_mut(each.max(1));
            for (context, out) in contexts.chunks_exact(width.max(1)).zip(places) {
                self.inner.margins(context, &actions, out);
            }
            margins.into_iter().flat_map(f64::to_le_bytes).collect::<Vec<u8>>()
        });
        Ok(PyBytes::new(py, &margins))
    }
}

/// The margins of a serialised forest for rows of all features.
#[pyfunction]
pub fn forest_margins(py: Python<'_>, forest: &[u8], rows: &[u8]) -> PyResult<Vec<f64>> {
    let forest = PyFactoredTrees::new(forest)?;
    let values = floats("rows", rows, forest.inner.features())?;
    let mut margins = vec![f64::NAN; values.len() / forest.inner.features().max(1)];
    py.detach(|| forest.inner.margins(&[], &values, &mut margins));
    Ok(margins)
}

/// Rows of so many little-endian values, one after the other.
fn floats(name: &str, bytes: &[u8], width: usize) -> PyResult<Vec<f32>> {
    let row_bytes = size_of::<f32>() * width.max(1);
    if !bytes.len().is_multiple_of(row_bytes) {
        let message = format!("{name}: {} bytes; send a multiple of {row_bytes}", bytes.len());
        return Err(PyValueError::new_err(message));
    }
    let (values, _) = bytes.as_chunks();
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}
