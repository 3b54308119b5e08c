//! The one map from engine errors to Python exceptions.
//!
//! ```text
//! Exception
//! └── EngineError
//!     ├── Refused          a request, with code, reason and google.rpc.Status
//!     ├── BundleRefused    a bundle
//!     ├── SpoolCorrupt     worse than a torn tail
//!     ├── JournalFailed    relay or feed cannot go on
//!     └── FrontUnusable    there can be no front
//! ```

use cart_recovery_core::refusal::Refusal;
use cart_recovery_front::FrontError;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{Bound, create_exception};

create_exception!(
    rust_features,
    EngineError,
    PyException,
    "Base of everything the engine raises."
);
create_exception!(rust_features, Refused, EngineError, "A request is refused.");
create_exception!(rust_features, BundleRefused, EngineError, "A bundle is refused.");
create_exception!(
    rust_features,
    SpoolCorrupt,
    EngineError,
    "The spool holds worse than a torn tail."
);
create_exception!(rust_features, JournalFailed, EngineError, "Relay or feed cannot go on.");
create_exception!(rust_features, FrontUnusable, EngineError, "There can be no front.");

/// A refusal as the exception that carries its status.
pub fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    let error = Refused::new_err(refusal.to_string());
    let value = error.value(py);
    let attributes = || -> PyResult<()> {
        value.setattr("code", refusal.code as i32)?;
        value.setattr("reason", refusal.reason.as_str_name())?;
        value.setattr("status", PyBytes::new(py, &refusal.to_status()))
    };
    match attributes() {
        Ok(()) => error,
        Err(failure) => failure,
    }
}

/// Why there is no front. An address that cannot be bound is told as grpcio tells it: whoever chose it knows its setting.
pub fn frontless(error: &FrontError) -> PyErr {
    match error {
        FrontError::Bind { .. } => PyRuntimeError::new_err(error.to_string()),
        FrontError::System(_) | FrontError::Descriptors(_) | FrontError::Tls(_) => {
            FrontUnusable::new_err(error.to_string())
        }
    }
}

/// Any other engine error in its own words.
pub fn failed(error: &impl std::fmt::Display) -> PyErr {
    EngineError::new_err(error.to_string())
}

/// Puts the exceptions into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineError", py.get_type::<EngineError>())?;
    module.add("Refused", py.get_type::<Refused>())?;
    module.add("BundleRefused", py.get_type::<BundleRefused>())?;
    module.add("SpoolCorrupt", py.get_type::<SpoolCorrupt>())?;
    module.add("JournalFailed", py.get_type::<JournalFailed>())?;
    module.add("FrontUnusable", py.get_type::<FrontUnusable>())
}
