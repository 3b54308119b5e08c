//! Collects what is wrong with one request, so that the sender hears of all of it at once.

use crate::contract::Reason;
use crate::refusal::{Refusal, Violation};

use super::path::Path;

/// Violations told at once; further ones are not looked at.
const VIOLATION_LIMIT: usize = 16;

/// What was found wrong so far.
#[derive(Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
}

impl Findings {
    /// Notes a violation. `value` must be fit to be shown; see [`crate::refusal::HIDDEN`].
    pub(super) fn add(&mut self, reason: Reason, path: Path, value: impl Into<String>, remedy: impl Into<String>) {
        if self.violations.len() < VIOLATION_LIMIT {
            self.violations.push(Violation {
                reason,
                field: path.to_string(),
                value: value.into(),
                remedy: remedy.into(),
            });
        }
    }

    /// Notes a required field that is not there.
    pub(super) fn missing(&mut self, path: Path, remedy: impl Into<String>) {
        self.add(Reason::FieldMissing, path, "nothing", remedy);
    }

    /// Whether looking further would tell nothing more.
    pub(super) fn full(&self) -> bool {
        self.violations.len() >= VIOLATION_LIMIT
    }

    /// The refusal, under the reason of the first violation.
    pub(super) fn into_result(self) -> Result<(), Refusal> {
        match self.violations.first() {
            Some(first) => Err(Refusal::of_fields(first.reason, self.violations)),
            None => Ok(()),
        }
    }
}
