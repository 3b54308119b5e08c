//! `EngineStatus`: a reading, copied out.

use std::collections::HashMap;

use cart_recovery_engine::EngineStatus;
use pyo3::prelude::*;

/// A reading of an engine's gauges and counters.
#[pyclass(name = "EngineStatus", module = "rust_features", frozen, get_all)]
pub struct PyEngineStatus {
    bundle_id: Option<String>,
    folded_sequence: u64,
    journal_sequence: u64,
    caught_up: bool,
    connected: bool,
    failure: Option<String>,
    last_error: Option<String>,
    state_age_seconds: f64,
    spool_depth_messages: u64,
    spool_depth_bytes: u64,
    customers: usize,
    carts: usize,
    decisions: usize,
    decisions_in_flight: usize,
    snapshot_sequence: Option<u64>,
    snapshot_failure: Option<String>,
    at_rest: bool,
    counters: HashMap<&'static str, u64>,
}

impl From<EngineStatus> for PyEngineStatus {
    fn from(status: EngineStatus) -> Self {
        Self {
            bundle_id: status.bundle_id,
            folded_sequence: status.folded_sequence,
            journal_sequence: status.journal_sequence,
            caught_up: status.caught_up,
            connected: status.connected,
            failure: status.failure,
            last_error: status.last_error,
            state_age_seconds: status.state_age_seconds,
            spool_depth_messages: status.spool_depth_messages,
            spool_depth_bytes: status.spool_depth_bytes,
            customers: status.customers,
            carts: status.carts,
            decisions: status.decisions,
            decisions_in_flight: status.decisions_in_flight,
            snapshot_sequence: status.snapshot_sequence,
            snapshot_failure: status.snapshot_failure,
            at_rest: status.at_rest,
            counters: status.counters.into_iter().collect(),
        }
    }
}
