//! What a front measures: durations of each method, and how often it refused or failed, and why.

use std::sync::Arc;

use cart_recovery_core::contract::Reason;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::histogram::Histogram;
use crate::method::Method;

/// The measured methods; of `TrackStream` each event is.
pub const MEASURED: [Method; 5] = [
    Method::Track,
    Method::TrackStream,
    Method::Score,
    Method::Confirm,
    Method::Explain,
];

/// Durations and refusals of the calls of one front.
#[derive(Default)]
pub struct CallMetrics {
    durations: [Arc<Histogram>; MEASURED.len()],
    refusals: Mutex<FxHashMap<(Method, Reason), u64>>,
    failures: Mutex<FxHashMap<Method, u64>>,
}

impl CallMetrics {
    /// The durations of a measured method; none of any other.
    #[must_use]
    pub fn durations(&self, method: Method) -> Option<&Arc<Histogram>> {
        let index = MEASURED.iter().position(|measured| *measured == method)?;
        Some(&self.durations[index])
    }

    /// Counts a refused call.
    pub fn refused(&self, method: Method, reason: Reason) {
        *self.refusals.lock().entry((method, reason)).or_default() += 1;
    }

    /// Counts a call that met a fault of the scorer itself.
    pub fn failed(&self, method: Method) {
        *self.failures.lock().entry(method).or_default() += 1;
    }

    /// Refusals so far.
    #[must_use]
    pub fn refusals(&self) -> Vec<(Method, Reason, u64)> {
        let refusals = self.refusals.lock();
        refusals
            .iter()
            .map(|((method, reason), count)| (*method, *reason, *count))
            .collect()
    }

    /// Failures so far.
    #[must_use]
    pub fn failures(&self) -> Vec<(Method, u64)> {
        let failures = self.failures.lock();
        failures.iter().map(|(method, count)| (*method, *count)).collect()
    }
}
