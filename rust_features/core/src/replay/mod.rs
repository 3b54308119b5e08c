//! Replay: the same fold over a stored journal, read at the moments at which decisions were taken. A decision comes
//! later in the journal than the state it saw, so a first pass finds out where to read.

mod ahead;
mod awaited;
mod execution;
#[cfg(test)]
mod golden;
mod input;
mod labels;
mod output;
mod payloads;
mod rows;
#[cfg(test)]
mod serial;
#[cfg(test)]
mod tests;

pub use execution::{Execution, NotExecuted, executions};
pub use input::{Journal, journal_schema};
pub use output::{row_schema, to_batch};
pub use payloads::Payloads;
pub use rows::{Row, rows};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use prost::{DecodeError, Message};

use crate::fold::UnknownKind;

/// Why a journal could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A message of a newer engine.
    #[error(transparent)]
    UnknownKind(#[from] UnknownKind),
    /// Bytes that are no journal message.
    #[error("message {sequence} is no journal message: {source}")]
    Undecodable {
        /// Where the journal holds it.
        sequence: u64,
        /// What was wrong.
        source: DecodeError,
    },
    /// The columns are not (sequence: uint64, payload: binary) without nulls.
    #[error("{0}")]
    Columns(String),
    /// The journal is not sorted by sequence.
    #[error("sequence {sequence} does not follow {previous}")]
    Unsorted {
        /// The sequence that came too late.
        sequence: u64,
        /// The one before it.
        previous: u64,
    },
    /// The rows could not be written as columns.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Point-in-time feature rows with outcomes, one per decision, in the order of the decisions in the journal.
///
/// # Errors
/// Where the journal has other columns, is unsorted, or holds a message that this engine cannot read.
pub fn replay(journal: &[RecordBatch], attribution_window_seconds: u32) -> Result<RecordBatch, ReplayError> {
    let journal = Journal::new(journal)?;
    Ok(to_batch(&rows(&journal, attribution_window_seconds)?)?)
}

fn decode<T: Message + Default>(sequence: u64, payload: &[u8]) -> Result<T, ReplayError> {
    T::decode(payload).map_err(|source| ReplayError::Undecodable { sequence, source })
}
