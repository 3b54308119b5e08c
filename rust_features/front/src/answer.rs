//! The one place where a refusal becomes a gRPC status.

use std::time::Duration;

use bytes::Bytes;
use cart_recovery_core::contract::Reason;
use cart_recovery_core::refusal::Refusal;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// A larger request is refused.
pub(crate) const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Trailing metadata that tells a gRPC client's retry policy how long to wait.
const PUSHBACK: &str = "grpc-retry-pushback-ms";
/// When another stream may have ended.
const STREAMS_RETRY: Duration = Duration::from_secs(1);

/// The refusal of a stream beyond the `limit` of those open at once.
#[must_use]
pub fn too_many_streams(limit: usize) -> Refusal {
    let message =
        format!("All {limit} places for open streams are taken; close one, or try again after the given delay.");
    Refusal {
        message,
        ..Refusal::new(Reason::TooManyWaiters).retry_after(STREAMS_RETRY)
    }
}

/// A refusal with its details, and the pushback where waiting helps.
pub(crate) fn status(refusal: &Refusal) -> Status {
    let mut metadata = MetadataMap::new();
    if let Some(delay) = refusal.retry_after {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        metadata.insert(PUSHBACK, MetadataValue::from(millis));
    }
    let (code, details) = (Code::from(refusal.code as i32), Bytes::from(refusal.to_status()));
    Status::with_details_and_metadata(code, refusal.message.clone(), details, metadata)
}

/// What a reader of requests met, as the reference front tells it: tonic calls a message beyond the limit out of range.
pub(crate) fn unreadable(status: Status) -> Status {
    if status.code() == Code::OutOfRange {
        return Status::resource_exhausted(format!("the request is larger than {MAX_REQUEST_BYTES} bytes"));
    }
    status
}

/// A call met a fault of the scorer itself.
pub(crate) fn failed() -> Status {
    Status::internal("the scorer failed on this call; its log says why")
}

/// The caller's deadline has passed.
pub(crate) fn late() -> Status {
    Status::deadline_exceeded("Deadline Exceeded")
}

/// The front ends before the call does.
pub(crate) fn stopping() -> Status {
    status(&Refusal::new(Reason::Stopping))
}
