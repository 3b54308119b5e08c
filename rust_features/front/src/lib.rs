//! The native gRPC front: HTTP/2 and gRPC on one thread, the engine's bytes in and out, and what both fronts share:
//! durations, quota, and the refusals that the engine does not know of.

mod answer;
mod call;
mod connections;
mod deadline;
mod desk;
mod front;
mod health;
mod histogram;
mod method;
mod metrics;
mod phase;
mod pieces;
mod queue;
mod quota;
mod reflection;
mod socket;
#[cfg(test)]
mod testing;
mod tls;

pub use answer::too_many_streams;
pub use desk::Calls;
pub use front::{Front, FrontError, FrontSettings};
pub use histogram::Histogram;
pub use method::Method;
pub use metrics::{CallMetrics, MEASURED};
pub use queue::CallQueue;
pub use quota::Quota;
pub use tls::{TlsError, TlsFiles};
