//! The one table from reason to gRPC code.

use crate::contract::Reason;

/// The `google.rpc.Code` values that refusals use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// The request is wrong and stays wrong.
    InvalidArgument = 3,
    /// The outcome is not known in time; the work goes on.
    DeadlineExceeded = 4,
    /// The thing asked about does not exist here.
    NotFound = 5,
    /// A bound is reached; try again later.
    ResourceExhausted = 8,
    /// The state does not allow it yet.
    FailedPrecondition = 9,
    /// This process cannot answer now; another may.
    Unavailable = 14,
}

impl Code {
    /// The code of a reason.
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        match reason {
            Reason::FieldMissing
            | Reason::FieldMalformed
            | Reason::FieldOutOfRange
            | Reason::CurrencyUnknown
            | Reason::TimeInFuture
            | Reason::TooManyElements
            | Reason::Unparsable
            | Reason::KindUnknown => Self::InvalidArgument,
            // Not UNAVAILABLE: clients retry that by themselves, and the event is already spooled.
            Reason::NotYetJournalled => Self::DeadlineExceeded,
            Reason::DecisionUnknown => Self::NotFound,
            Reason::SpoolFull
            | Reason::TooManyWaiters
            | Reason::DiskWriteFailed
            | Reason::DiskReadFailed
            | Reason::Overloaded
            | Reason::QuotaExceeded => Self::ResourceExhausted,
            Reason::StateNotLoaded | Reason::Stopping => Self::Unavailable,
            _ => Self::FailedPrecondition,
        }
    }
}
