//! The Python face of the engine: registration only. Each file wraps one area; none holds logic.

mod engine;
mod error;
mod keys;
mod status;

use pyo3::prelude::*;

#[pymodule]
fn rust_features(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENGINE_VERSION", cart_recovery_core::ENGINE_VERSION)?;
    error::register(module)?;
    module.add_class::<keys::PyKeys>()?;
    module.add_class::<engine::PyEngine>()?;
    module.add_class::<status::PyEngineStatus>()?;
    module.add_function(wrap_pyfunction!(keys::outside_token, module)?)
}
