//! Spool reports, copied out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cart_recovery_core::spool::{SegmentReport, SpoolCondition, SpoolReport, inspect};
use pyo3::prelude::*;

use crate::error::SpoolCorrupt;

/// One spool, as found.
#[pyclass(name = "SpoolReport", module = "rust_features", frozen, get_all)]
pub struct PySpoolReport {
    number: u64,
    spool_id: String,
    segments: Vec<Py<PySegmentReport>>,
    kinds: BTreeMap<&'static str, u64>,
    oldest_micros: Option<i64>,
    newest_micros: Option<i64>,
    condition: &'static str,
    path: Option<PathBuf>,
    position: Option<u64>,
    why: Option<&'static str>,
}

/// One file of a spool, as found.
#[pyclass(name = "SegmentReport", module = "rust_features", frozen, get_all)]
pub struct PySegmentReport {
    path: PathBuf,
    frames: u64,
    bytes: u64,
    file_bytes: u64,
}

impl From<SegmentReport> for PySegmentReport {
    fn from(segment: SegmentReport) -> Self {
        Self {
            path: segment.path,
            frames: segment.frames,
            bytes: segment.bytes,
            file_bytes: segment.file_bytes,
        }
    }
}

impl PySpoolReport {
    fn new(py: Python<'_>, report: SpoolReport) -> PyResult<Self> {
        let (condition, path, position, why) = match report.condition {
            SpoolCondition::Sound => ("sound", None, None, None),
            SpoolCondition::Torn { path, position } => ("torn", Some(path), Some(position), None),
            SpoolCondition::Damaged(damage) => ("damaged", Some(damage.path), Some(damage.position), Some(damage.why)),
        };
        let segments = report
            .segments
            .into_iter()
            .map(|segment| Py::new(py, PySegmentReport::from(segment)));
        Ok(Self {
            number: report.number,
            spool_id: report.id.to_string(),
            segments: segments.collect::<PyResult<_>>()?,
            kinds: report.kinds,
            oldest_micros: report.oldest.map(|time| time.0),
            newest_micros: report.newest.map(|time| time.0),
            condition,
            path,
            position,
            why,
        })
    }
}

/// Reports on every spool of a folder, oldest first.
#[pyfunction]
pub fn inspect_spool(py: Python<'_>, directory: PathBuf) -> PyResult<Vec<PySpoolReport>> {
    let reports = py
        .detach(|| inspect(&directory))
        .map_err(|error| SpoolCorrupt::new_err(error.to_string()))?;
    reports
        .into_iter()
        .map(|report| PySpoolReport::new(py, report))
        .collect()
}
