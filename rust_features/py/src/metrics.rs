//! `LatencyHistogram` and `CallMetrics`: what the fronts measure, counted without the GIL on the native one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cart_recovery_core::contract::Reason;
use cart_recovery_front::{CallMetrics, Histogram, MEASURED, Method};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Durations of one kind of call.
#[pyclass(name = "LatencyHistogram", module = "rust_features", frozen)]
pub struct PyLatencyHistogram {
    inner: Arc<Histogram>,
}

#[pymethods]
impl PyLatencyHistogram {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::default() }
    }

    fn record(&self, nanos: u64) {
        self.inner.record(nanos);
    }

    #[getter]
    fn count(&self) -> u64 {
        self.inner.count()
    }

    #[getter]
    fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.inner.total_nanos()).as_secs_f64()
    }

    fn cumulative(&self, bounds_seconds: Vec<f64>) -> PyResult<Vec<u64>> {
        bounds_seconds
            .iter()
            .map(|bound| Ok(self.inner.within(nanos(*bound)?)))
            .collect()
    }

    fn quantile_seconds(&self, share: f64) -> Option<f64> {
        let nanos = self.inner.quantile_nanos(share)?;
        Some(Duration::from_nanos(nanos).as_secs_f64())
    }
}

fn nanos(seconds: f64) -> PyResult<u64> {
    let bound = Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(format!("bounds_seconds: {seconds}: {error}")))?;
    Ok(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX))
}

/// Durations, refusals and failures of the calls of one front.
#[pyclass(name = "CallMetrics", module = "rust_features", frozen)]
pub struct PyCallMetrics {
    pub inner: Arc<CallMetrics>,
}

#[pymethods]
impl PyCallMetrics {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::default() }
    }

    fn durations(&self) -> HashMap<&'static str, PyLatencyHistogram> {
        let measured = MEASURED.iter().filter_map(|method| {
            let inner = Arc::clone(self.inner.durations(*method)?);
            Some((method.name(), PyLatencyHistogram { inner }))
        });
        measured.collect()
    }

    fn refused(&self, method: &str, reason: &str) -> PyResult<()> {
        let reason = Reason::from_str_name(reason)
            .ok_or_else(|| PyValueError::new_err(format!("reason: {reason:?} is none; see the reason table")))?;
        self.inner.refused(named(method)?, reason);
        Ok(())
    }

    fn failed(&self, method: &str) -> PyResult<()> {
        self.inner.failed(named(method)?);
        Ok(())
    }

    fn refusals(&self) -> HashMap<(&'static str, &'static str), u64> {
        let refusals = self.inner.refusals().into_iter();
        refusals
            .map(|(method, reason, count)| ((method.name(), reason.as_str_name()), count))
            .collect()
    }

    fn failures(&self) -> HashMap<&'static str, u64> {
        let failures = self.inner.failures().into_iter();
        failures.map(|(method, count)| (method.name(), count)).collect()
    }
}

fn named(method: &str) -> PyResult<Method> {
    Method::named(method).ok_or_else(|| PyValueError::new_err(format!("method: {method:?} is none of the services")))
}
