//! `NativeFront` and `Quota`: the gRPC server that answers without Python, and what both fronts refuse alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_recovery_engine::Engine;
use cart_recovery_front::{CallQueue, Front, FrontSettings, Quota, TlsFiles};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::engine::PyEngine;
use crate::error::{frontless, refused};
use crate::metrics::PyCallMetrics;

/// Calls a second that each caller may make.
#[pyclass(name = "Quota", module = "rust_features", frozen)]
pub struct PyQuota {
    pub inner: Arc<Quota>,
}

#[pymethods]
impl PyQuota {
    #[new]
    fn new(calls_per_second: u32) -> Self {
        Self {
            inner: Arc::new(Quota::new(calls_per_second)),
        }
    }

    #[getter]
    fn bounds_callers(&self) -> bool {
        self.inner.bounds_callers()
    }

    fn take(&self, py: Python<'_>, caller: &str) -> PyResult<()> {
        self.inner
            .take(caller, Instant::now())
            .map_err(|refusal| refused(py, &refusal))
    }
}

/// The calls that wait for a front.
#[pyclass(name = "CallQueue", module = "rust_features", frozen)]
pub struct PyCallQueue {
    inner: Arc<CallQueue>,
}

#[pymethods]
impl PyCallQueue {
    #[new]
    #[pyo3(signature = (burst_budget_nanos, standing_budget_nanos = None))]
    fn new(burst_budget_nanos: u64, standing_budget_nanos: Option<u64>) -> Self {
        let burst_budget = Duration::from_nanos(burst_budget_nanos);
        let standing_budget = standing_budget_nanos.map(Duration::from_nanos);
        Self {
            inner: Arc::new(CallQueue::new(burst_budget, standing_budget)),
        }
    }

    fn found_empty(&self) {
        self.inner.found_empty();
    }

    fn admit(&self, py: Python<'_>, waited_nanos: u64) -> PyResult<()> {
        let waited = Duration::from_nanos(waited_nanos);
        self.inner.admit(waited).map_err(|refusal| refused(py, &refusal))
    }
}

/// The refusal of a stream beyond the bound.
#[pyfunction]
pub fn too_many_streams(py: Python<'_>, limit: usize) -> PyErr {
    refused(py, &cart_recovery_front::too_many_streams(limit))
}

/// Certificate chain, key, and the CAs of callers.
type TlsParts = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// The gRPC server in Rust.
#[pyclass(name = "NativeFront", module = "rust_features", frozen)]
pub struct PyNativeFront {
    inner: Front<Engine>,
}

#[pymethods]
impl PyNativeFront {
    #[new]
    #[pyo3(signature = (engine, *, address, streams, watchers, services, descriptors, calls, queue, quota, tls=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        engine: &PyEngine,
        address: &str,
        streams: usize,
        watchers: usize,
        services: Vec<String>,
        descriptors: &[u8],
        calls: &PyCallMetrics,
        queue: &PyCallQueue,
        quota: &PyQuota,
        tls: Option<TlsParts>,
    ) -> PyResult<Self> {
        let tls = tls.map(|(certificate, key, client_ca)| TlsFiles {
            certificate,
            key,
            client_ca,
        });
        let settings = FrontSettings {
            address,
            streams,
            watchers,
            services,
            descriptors,
            tls: tls.as_ref(),
        };
        let (engine, calls) = (Arc::clone(&engine.inner), Arc::clone(&calls.inner));
        let (queue, quota) = (Arc::clone(&queue.inner), Arc::clone(&quota.inner));
        Front::bind(engine, calls, queue, quota, settings)
            .map(|inner| Self { inner })
            .map_err(|error| frontless(&error))
    }

    #[getter]
    fn port(&self) -> u16 {
        self.inner.port()
    }

    fn start(&self) -> PyResult<()> {
        self.inner.start().map_err(|error| frontless(&error))
    }

    #[pyo3(signature = (*, serving))]
    fn set_scoring(&self, serving: bool) {
        self.inner.set_scoring(serving);
    }

    #[pyo3(signature = (*, grace_seconds))]
    fn stop(&self, py: Python<'_>, grace_seconds: f64) -> PyResult<()> {
        let grace = Duration::try_from_secs_f64(grace_seconds)
            .map_err(|error| PyValueError::new_err(format!("grace_seconds: {grace_seconds}: {error}")))?;
        py.detach(|| self.inner.stop(grace));
        Ok(())
    }
}
