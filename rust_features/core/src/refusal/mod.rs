//! Why a request is refused: data until the very end, prose and gRPC form in one place.

mod code;
mod status;

use std::fmt;
use std::time::Duration;

pub use code::Code;

use crate::contract::{FieldViolation, Reason};

/// Stands for a value that may be personal.
pub const HIDDEN: &str = "(hidden)";

/// One field that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// What is wrong with it.
    pub reason: Reason,
    /// Path in the request, for example `event.cart_updated.cart.lines[3].quantity`.
    pub field: String,
    /// What was found there; [`HIDDEN`] where that may be personal.
    pub value: String,
    /// What to send instead.
    pub remedy: String,
}

impl Violation {
    /// Value and remedy as one sentence.
    #[must_use]
    pub fn description(&self) -> String {
        format!("Got {}; {}.", self.value, self.remedy)
    }

    /// The form in which a stream's answer carries it.
    #[must_use]
    pub fn to_contract(&self) -> FieldViolation {
        FieldViolation {
            field: self.field.clone(),
            description: self.description(),
        }
    }
}

/// A refused request, with all that a gRPC status needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// How gRPC classes it.
    pub code: Code,
    /// The stable reason.
    pub reason: Reason,
    /// What a person reads.
    pub message: String,
    /// The fields at fault, if fields are.
    pub violations: Vec<Violation>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal in the words of the reason table.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self {
            code: Code::of(reason),
            reason,
            message: reason.sentence().to_owned(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    /// A refusal that names the fields at fault.
    #[must_use]
    pub fn of_fields(reason: Reason, violations: Vec<Violation>) -> Self {
        let mut refusal = Self::new(reason);
        if let Some(first) = violations.first() {
            refusal.message = format!("{}: {}", first.field, first.description());
        }
        refusal.violations = violations;
        refusal
    }

    /// The refusal of fields of a message that stands in `field` of the request.
    #[must_use]
    pub fn inside(self, field: &str) -> Self {
        let inside = |violation: Violation| Violation {
            field: format!("{field}.{}", violation.field),
            ..violation
        };
        Self::of_fields(self.reason, self.violations.into_iter().map(inside).collect())
    }

    /// Says more than the table does; `detail` must hold nothing personal.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.message = format!("{} ({detail})", self.message);
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Serialised `google.rpc.Status` with `BadRequest`, `ErrorInfo` and `RetryInfo` details.
    #[must_use]
    pub fn to_status(&self) -> Vec<u8> {
        status::encode(self)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason.as_str_name(), self.message)
    }
}

impl std::error::Error for Refusal {}
