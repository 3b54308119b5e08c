//! Open-loop load: calls begin when a schedule says so, whether or not earlier ones were answered, and each is timed
//! from the moment when it should have begun. A server that stalls is thus charged for every caller who would have
//! come meanwhile.

mod calls;
mod connection;
mod schedule;
#[cfg(test)]
mod testing;

use std::time::Duration;

use hdrhistogram::Histogram;

pub use calls::run;

/// One kind of call.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Full name, /package.Service/Method.
    pub method: String,
    /// Share of the calls, in proportion to the other kinds' weights.
    pub weight: f64,
    /// Serialised requests, taken in turn. Where one holds [`MARK`], the number of the call stands instead.
    pub requests: Vec<Vec<u8>>,
}

/// Replaced by the number of the call in as many hexadecimal digits, so that every call can name a cart or an event of
/// its own.
pub const MARK: &[u8; 12] = b"@call-number";

/// What to offer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// HOST:PORT.
    pub address: String,
    /// Kinds of calls; at least one.
    pub kinds: Vec<Kind>,
    /// Calls a second over all kinds, at random moments (Poisson).
    pub rate: f64,
    /// How long calls begin.
    pub duration: Duration,
    /// Connections, used in turn.
    pub connections: usize,
    /// How long a call may take; a later answer counts as failed.
    pub deadline: Duration,
    /// How long it should take.
    pub objective: Duration,
    /// Calls in flight at most: arrivals beyond are not made and counted as dropped.
    pub in_flight_limit: usize,
    /// Of the random moments and the mix.
    pub seed: u64,
    /// The number of the first call.
    pub first_number: u64,
}

/// What came of one kind.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Microseconds from the moment when the call should have begun to its answer; answered calls alone.
    pub latency: Histogram<u64>,
    /// Answered within the objective.
    pub in_time: u64,
    /// Refused with `RESOURCE_EXHAUSTED`, or by gRPC itself with `CANCELLED`.
    pub refused: u64,
    /// Any other error, and calls that got no answer in time.
    pub failed: u64,
    /// The first error of `failed`.
    pub first_failure: Option<String>,
}

/// What came of a plan.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In the order of the plan's kinds.
    pub kinds: Vec<Answers>,
    /// Arrivals that met the limit of calls in flight.
    pub dropped: u64,
    /// Microseconds by which the generator began calls too late: where this is not small beside the latencies, they say
    /// little of the server.
    pub lateness: Histogram<u64>,
}

/// Why no load could be offered.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plan asks for nothing.
    #[error("{0}")]
    Plan(&'static str),
    /// No server, no runtime, no timer.
    #[error("{0}")]
    Connection(String),
}

/// Longer waits count as a minute.
const HIGHEST_MICROS: u64 = 60_000_000;

/// An empty histogram of microseconds, three digits exact.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(HIGHEST_MICROS, 3).unwrap_or_else(|_| unreachable!("these bounds are allowed"))
}
