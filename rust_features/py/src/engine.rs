//! `Engine`: one scorer's engine as Python sees it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_recovery_core::ids::Alias;
use cart_recovery_core::keyed::Key;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Durability;
use cart_recovery_core::time::Micros;
use cart_recovery_engine::{Engine, EngineSettings, OpenError, envelope, streamed};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{BundleRefused, JournalFailed, SpoolCorrupt, failed, refused};
use crate::front::PyQuota;
use crate::keys::{PyKeys, key};
use crate::status::PyEngineStatus;

/// The spool, the relay to and the feed from the journal, the state and the active bundle.
#[pyclass(name = "Engine", module = "rust_features", frozen)]
pub struct PyEngine {
    pub inner: Arc<Engine>,
}

/// The value that goes by `name`.
fn chosen<T>(argument: &str, name: &str, [first, second]: [(&str, T); 2]) -> PyResult<T> {
    if name == first.0 {
        return Ok(first.1);
    }
    if name == second.0 {
        return Ok(second.1);
    }
    Err(PyValueError::new_err(format!(
        "{argument}: {name:?} is none; send {:?} or {:?}",
        first.0, second.0
    )))
}

type Reply<'py> = PyResult<Bound<'py, PyBytes>>;

impl PyEngine {
    /// Works on one call. It keeps the interpreter for these microseconds, since beside busy threads whoever gives it up
    /// waits for milliseconds to have it back; but not where the answer waits for a sync.
    fn answer<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&Engine) -> T + Send) -> T {
        if self.inner.waits_for_disk() {
            py.detach(|| work(&self.inner))
        } else {
            work(&self.inner)
        }
    }

    /// The reply to one event, which its sender gets once it is spooled, or in the journal where it asked for that.
    fn spool(&self, py: Python<'_>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        let spooled = self.answer(py, |engine| engine.track(request))?;
        if spooled.waits() {
            py.detach(|| spooled.blocking_reply())
        } else {
            spooled.blocking_reply()
        }
    }
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, data_directory, keys, spool_limit_bytes=1 << 30, durability="process", clock="wall", alias_seed=None,
        import_id=None, replicas=1, journal_waiters=8, snapshot_messages=0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        data_directory: PathBuf,
        keys: &PyKeys,
        spool_limit_bytes: u64,
        durability: &str,
        clock: &str,
        alias_seed: Option<&[u8]>,
        import_id: Option<String>,
        replicas: usize,
        journal_waiters: usize,
        snapshot_messages: u64,
    ) -> PyResult<Self> {
        let durabilities = [("process", Durability::Process), ("disk", Durability::Disk)];
        let durability = chosen("durability", durability, durabilities)?;
        let events_clock = chosen("clock", clock, [("wall", false), ("events", true)])?;
        let settings = EngineSettings {
            data_directory,
            keys: keys.inner.clone(),
            spool_limit_bytes,
            durability,
            events_clock,
            alias_seed: alias_seed.map(|seed| key("alias_seed", seed)).transpose()?.map(Key),
            import_id,
            replicas,
            waiter_limit: journal_waiters,
            snapshot_messages,
        };
        let inner = Engine::open(settings).map_err(|error| match error {
            OpenError::Spool(error) => SpoolCorrupt::new_err(error.to_string()),
            OpenError::Snapshot(_) | OpenError::Random(_) => failed(&error),
        })?;
        Ok(Self { inner: Arc::new(inner) })
    }

    #[pyo3(signature = (*, nats_url, nats_credentials=None))]
    fn start(&self, nats_url: String, nats_credentials: Option<PathBuf>) -> PyResult<()> {
        self.inner
            .start(nats_url, nats_credentials)
            .map_err(|error| JournalFailed::new_err(error.to_string()))
    }

    fn track<'py>(&self, py: Python<'py>, request: &[u8]) -> Reply<'py> {
        self.spool(py, request)
            .map(|reply| PyBytes::new(py, &reply))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn track_streamed<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        quota: &PyQuota,
        caller: &str,
    ) -> (Bound<'py, PyBytes>, Option<&'static str>) {
        let outcome = envelope(request).and_then(|track| {
            quota.inner.take(caller, Instant::now())?;
            self.spool(py, &track)
        });
        let reason = outcome.as_ref().err().map(|refusal| refusal.reason.as_str_name());
        (PyBytes::new(py, &streamed(&outcome)), reason)
    }

    fn track_row(&self, py: Python<'_>, request: &[u8], row: u64) -> PyResult<bool> {
        py.detach(|| self.inner.track_row(request, row))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn score<'py>(&self, py: Python<'py>, request: &[u8]) -> Reply<'py> {
        self.answer(py, |engine| engine.score(request))
            .map(|reply| PyBytes::new(py, &reply))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn confirm<'py>(&self, py: Python<'py>, request: &[u8]) -> Reply<'py> {
        self.answer(py, |engine| engine.confirm(request))
            .map(|reply| PyBytes::new(py, &reply))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn explain<'py>(&self, py: Python<'py>, request: &[u8]) -> Reply<'py> {
        let reply = py.detach(|| self.inner.explain(request));
        reply
            .map(|reply| PyBytes::new(py, &reply))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn load_bundle(&self, py: Python<'_>, directory: PathBuf) -> PyResult<String> {
        py.detach(|| self.inner.load_bundle(&directory))
            .map_err(|error| BundleRefused::new_err(error.to_string()))
    }

    fn advance(&self, py: Python<'_>, time_micros: i64) -> PyResult<()> {
        self.inner
            .advance(Micros(time_micros))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn next_deadline(&self, py: Python<'_>) -> Option<i64> {
        py.detach(|| self.inner.next_deadline()).map(|deadline| deadline.0)
    }

    fn notices(&self) -> Vec<String> {
        self.inner.notices().to_vec()
    }

    fn digest(&self, py: Python<'_>) -> (u64, String) {
        let (sequence, digest) = py.detach(|| self.inner.digest());
        (sequence, Alias(digest).to_string())
    }

    fn status(&self, py: Python<'_>) -> PyEngineStatus {
        PyEngineStatus::from(py.detach(|| self.inner.status()))
    }

    #[pyo3(signature = (*, timeout_seconds))]
    fn stop(&self, py: Python<'_>, timeout_seconds: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout_seconds)
            .map_err(|error| PyValueError::new_err(format!("timeout_seconds: {timeout_seconds}: {error}")))?;
        Ok(py.detach(|| self.inner.stop(timeout)))
    }
}
