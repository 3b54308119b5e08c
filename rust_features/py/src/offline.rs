//! `Offline`: the engine without server, spool or journal, as Python sees it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{LargeBinaryArray, RecordBatch, UInt64Array};
use cart_recovery_core::bundle;
use cart_recovery_core::edge::Edge;
use cart_recovery_core::offline::{Offline, Setup};
use cart_recovery_core::replay::{Payloads, journal_schema};
use cart_recovery_core::time::Micros;
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyTable;

use crate::arrow::{batches, stream};
use crate::error::{BundleRefused, failed, refused};
use crate::keys::{PyKeys, key};

/// Events in time order in, decisions out.
#[pyclass(name = "Offline", module = "rust_features", frozen)]
pub struct PyOffline {
    inner: Mutex<Offline>,
}

#[pymethods]
impl PyOffline {
    #[new]
    #[pyo3(signature = (*, keys, bundle_directory, run_seed, keep_journal=false))]
    fn new(keys: &PyKeys, bundle_directory: Option<PathBuf>, run_seed: &[u8], keep_journal: bool) -> PyResult<Self> {
        let keys = keys.inner.clone();
        let bundle = bundle_directory
            .map(|directory| bundle::load(&directory, &keys.bundle_public))
            .transpose()
            .map_err(|error| BundleRefused::new_err(error.to_string()))?;
        let setup = Setup {
            edge: Edge::without_dispatcher(keys.edge),
            bundle,
            run_seed: key("run_seed", run_seed)?,
            offer: keys.offer,
            keep_journal,
        };
        Ok(Self {
            inner: Mutex::new(Offline::new(setup)),
        })
    }

    fn track(&self, py: Python<'_>, request: &[u8]) -> PyResult<()> {
        py.detach(|| self.inner.lock().track(request))
            .map_err(|refusal| refused(py, &refusal))
    }

    fn run(&self, py: Python<'_>, requests: PyTable) -> PyResult<Vec<(usize, String)>> {
        let batches = batches(requests);
        let columns = batches.iter().map(first_column).collect::<PyResult<Vec<_>>>()?;
        let refused = py.detach(|| self.inner.lock().run(columns.iter().flat_map(Payloads::iter)));
        Ok(refused
            .into_iter()
            .map(|row| (row.row, row.refusal.to_string()))
            .collect())
    }

    fn advance(&self, py: Python<'_>, time_micros: i64) {
        py.detach(|| self.inner.lock().advance(Micros(time_micros)));
    }

    fn take_decisions<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        to_python(py, self.inner.lock().take_decisions())
    }

    fn take_sends<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        to_python(py, self.inner.lock().take_sends())
    }

    fn journal(&self, py: Python<'_>) -> PyResult<PyTable> {
        let schema = Arc::new(journal_schema());
        let batch = py.detach(|| {
            let offline = self.inner.lock();
            let messages = offline.journal();
            let sequences = UInt64Array::from_iter_values(messages.iter().map(|(sequence, _)| *sequence));
            let payloads = LargeBinaryArray::from_iter_values(messages.iter().map(|(_, payload)| payload));
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(sequences), Arc::new(payloads)])
        });
        stream(vec![batch.map_err(|error| failed(&error))?], schema)
    }

    fn counts(&self) -> HashMap<String, u64> {
        self.inner.lock().counts().by_name().into_iter().collect()
    }

    fn next_due(&self) -> Option<i64> {
        self.inner.lock().next_due().map(|due| due.0)
    }
}

fn first_column(batch: &RecordBatch) -> PyResult<Payloads<'_>> {
    let column = batch.columns().first().and_then(Payloads::of);
    column.ok_or_else(|| PyValueError::new_err("requests: the first column must be binary without nulls"))
}

fn to_python(py: Python<'_>, messages: Vec<Vec<u8>>) -> Vec<Bound<'_, PyBytes>> {
    messages.iter().map(|message| PyBytes::new(py, message)).collect()
}
