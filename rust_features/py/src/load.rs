//! What load tests need of Rust, because Python would be too slow: open-loop load, and the feed's client alone.

use std::path::PathBuf;
use std::time::Duration;

use cart_recovery_load::{Answers, Kind, Outcome, Plan, run};
use pyo3::exceptions::{PyConnectionError, PyValueError};
use pyo3::prelude::*;

use crate::error::JournalFailed;

/// Shares of calls whose latency is told.
const QUANTILES: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0];

/// What came of one kind of call.
#[pyclass(name = "LoadAnswers", module = "rust_features", frozen, get_all)]
pub struct PyLoadAnswers {
    answered: u64,
    in_time: u64,
    refused: u64,
    failed: u64,
    first_failure: Option<String>,
    latency_micros: Vec<u64>,
}

/// What came of a plan.
#[pyclass(name = "LoadOutcome", module = "rust_features", frozen, get_all)]
pub struct PyLoadOutcome {
    kinds: Vec<Py<PyLoadAnswers>>,
    dropped: u64,
    lateness_micros: Vec<u64>,
}

/// A kind of call: method, weight, requests.
type Call = (String, f64, Vec<Vec<u8>>);

/// Offers calls at random moments and times each from the moment when it should have begun.
#[pyfunction]
#[pyo3(signature = (*, address, calls, rate, seconds, connections, deadline_seconds, objective_seconds, in_flight_limit,
    seed, first_number))]
#[allow(clippy::too_many_arguments)]
pub fn offer_load(
    py: Python<'_>,
    address: String,
    calls: Vec<Call>,
    rate: f64,
    seconds: f64,
    connections: usize,
    deadline_seconds: f64,
    objective_seconds: f64,
    in_flight_limit: usize,
    seed: u64,
    first_number: u64,
) -> PyResult<PyLoadOutcome> {
    let duration = |name: &str, seconds: f64| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|error| PyValueError::new_err(format!("{name}: {seconds}: {error}; send seconds above 0")))
    };
    let kinds = calls.into_iter().map(|(method, weight, requests)| Kind {
        method,
        weight,
        requests,
    });
    let plan = Plan {
        address,
        kinds: kinds.collect(),
        rate,
        duration: duration("seconds", seconds)?,
        connections,
        deadline: duration("deadline_seconds", deadline_seconds)?,
        objective: duration("objective_seconds", objective_seconds)?,
        in_flight_limit,
        seed,
        first_number,
    };
    let outcome = py.detach(|| run(&plan));
    told(
        py,
        outcome.map_err(|error| PyConnectionError::new_err(error.to_string()))?,
    )
}

/// Reads JOURNAL to its end and keeps nothing.
#[pyfunction]
#[pyo3(signature = (*, nats_url, nats_credentials=None))]
pub fn read_journal(py: Python<'_>, nats_url: String, nats_credentials: Option<PathBuf>) -> PyResult<u64> {
    py.detach(|| cart_recovery_journal::read_journal(&nats_url, nats_credentials.as_deref()))
        .map_err(|error| JournalFailed::new_err(error.to_string()))
}

fn told(py: Python<'_>, outcome: Outcome) -> PyResult<PyLoadOutcome> {
    let kinds = outcome
        .kinds
        .into_iter()
        .map(|answers| Py::new(py, answers_of(answers)));
    Ok(PyLoadOutcome {
        kinds: kinds.collect::<PyResult<_>>()?,
        dropped: outcome.dropped,
        lateness_micros: QUANTILES
            .iter()
            .map(|share| outcome.lateness.value_at_quantile(*share))
            .collect(),
    })
}

fn answers_of(answers: Answers) -> PyLoadAnswers {
    PyLoadAnswers {
        answered: answers.latency.len(),
        in_time: answers.in_time,
        refused: answers.refused,
        failed: answers.failed,
        first_failure: answers.first_failure,
        latency_micros: QUANTILES
            .iter()
            .map(|share| answers.latency.value_at_quantile(*share))
            .collect(),
    }
}
