//! The Python face of the engine: registration only. Each file wraps one area; none holds logic.

// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod arrow;
mod engine;
mod error;
mod forest;
mod front;
mod keys;
mod load;
mod metrics;
mod offline;
mod replay;
mod spool;
mod status;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// Requests and records are many short strings: a quarter of the engine's time went to the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[pymodule]
fn rust_features(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENGINE_VERSION", cart_recovery_core::ENGINE_VERSION)?;
    error::register(module)?;
    module.add_class::<forest::PyFactoredTrees>()?;
    module.add_class::<keys::PyKeys>()?;
    module.add_class::<engine::PyEngine>()?;
    module.add_class::<status::PyEngineStatus>()?;
    module.add_class::<front::PyNativeFront>()?;
    module.add_class::<front::PyCallQueue>()?;
    module.add_class::<front::PyQuota>()?;
    module.add_class::<metrics::PyCallMetrics>()?;
    module.add_class::<metrics::PyLatencyHistogram>()?;
    module.add_class::<load::PyLoadOutcome>()?;
    module.add_class::<load::PyLoadAnswers>()?;
    module.add_class::<offline::PyOffline>()?;
    module.add_class::<spool::PySpoolReport>()?;
    module.add_class::<spool::PySegmentReport>()?;
    module.add_function(wrap_pyfunction!(front::too_many_streams, module)?)?;
    module.add_function(wrap_pyfunction!(spool::inspect_spool, module)?)?;
    module.add_function(wrap_pyfunction!(load::offer_load, module)?)?;
    module.add_function(wrap_pyfunction!(load::read_journal, module)?)?;
    module.add_function(wrap_pyfunction!(keys::outside_token, module)?)?;
    module.add_function(wrap_pyfunction!(forest::forest_margins, module)?)?;
    module.add_function(wrap_pyfunction!(replay::replay_rows, module)?)?;
    module.add_function(wrap_pyfunction!(replay::execute, module)?)?;
    module.add_function(wrap_pyfunction!(replay::verify_bundle, module)?)?;
    module.add_function(wrap_pyfunction!(replay::feature_table, module)?)?;
    module.add_function(wrap_pyfunction!(replay::feature_documentation, module)?)?;
    module.add_function(wrap_pyfunction!(replay::feature_schema_hash, module)?)
}
