//! The Python face of the engine: registration only. Each file wraps one area; none holds logic.

mod error;

use pyo3::prelude::*;

#[pymodule]
fn rust_features(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENGINE_VERSION", cart_recovery_core::ENGINE_VERSION)?;
    error::register(module)
}
