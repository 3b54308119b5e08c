//! Replay, re-execution and the feature table.

use std::path::PathBuf;

use cart_recovery_core::bundle::{self, BundleRefused};
use cart_recovery_core::contract::DecisionRecord;
use cart_recovery_core::feature::{self, TABLE};
use cart_recovery_core::replay::{self, Journal};
use prost::Message;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyTable;

use crate::arrow::{batches, stream};
use crate::error::{self, failed};
use crate::keys::PyKeys;

/// Point-in-time feature rows of every decision in a journal.
#[pyfunction]
#[pyo3(name = "replay", signature = (journal, *, attribution_window_seconds))]
pub fn replay_rows(py: Python<'_>, journal: PyTable, attribution_window_seconds: u32) -> PyResult<PyTable> {
    let journal = batches(journal);
    let rows = py
        .detach(|| replay::replay(&journal, attribution_window_seconds))
        .map_err(|error| failed(&error))?;
    let schema = rows.schema();
    stream(vec![rows], schema)
}

type Executed<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, String);

/// Re-executes one decision, or every decision, from the journal.
#[pyfunction]
#[pyo3(signature = (journal, *, keys, bundles_directory, decision_id=None))]
pub fn execute<'py>(
    py: Python<'py>,
    journal: PyTable,
    keys: &PyKeys,
    bundles_directory: PathBuf,
    decision_id: Option<&str>,
) -> PyResult<Vec<Executed<'py>>> {
    let batches = batches(journal);
    let executions = py.detach(|| {
        let load = |id: &str| bundle::load(&bundles_directory.join(id), &keys.inner.bundle_public);
        replay::executions(&Journal::new(&batches)?, decision_id, load, &keys.inner.decision)
    });
    let bytes = |record: &DecisionRecord| PyBytes::new(py, &record.encode_to_vec());
    let executed = executions
        .map_err(|error| failed(&error))?
        .into_iter()
        .map(|execution| {
            let stored = bytes(&execution.stored);
            match execution.executed {
                Ok(record) => (stored, bytes(&record), String::new()),
                Err(failure) => (stored, PyBytes::new(py, b""), failure.to_string()),
            }
        });
    Ok(executed.collect())
}

/// Checks a bundle as activation does; returns its id.
#[pyfunction]
#[pyo3(signature = (directory, *, keys))]
pub fn verify_bundle(py: Python<'_>, directory: PathBuf, keys: &PyKeys) -> PyResult<String> {
    py.detach(|| bundle::load(&directory, &keys.inner.bundle_public))
        .map(|bundle| bundle.id.clone())
        .map_err(|error: BundleRefused| error::BundleRefused::new_err(error.to_string()))
}

type FeatureRow = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    bool,
);

/// The feature table in the models' order.
#[pyfunction]
pub fn feature_table() -> Vec<FeatureRow> {
    let row = |feature: &feature::Feature| {
        (
            feature.name,
            feature.group.name(),
            feature.unit,
            feature.meaning,
            feature.missing,
            feature.is_action(),
        )
    };
    TABLE.iter().map(row).collect()
}

/// The page about the features, in Markdown.
#[pyfunction]
pub fn feature_documentation() -> String {
    feature::documentation()
}

/// Hash of the table's names, units and order.
#[pyfunction]
pub fn feature_schema_hash() -> String {
    feature::schema_hash()
}
