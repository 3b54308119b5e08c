//! What can go wrong on the way to and from the journal:
//!
//! ```text
//! SessionError
//! ├── Lost      the connection or the server failed; a new session begins after a delay
//! └── Fatal     nothing will get better by itself; relay and feed stop and say why
//! ```

use cart_recovery_core::spool::SpoolError;

/// Why a session with the server ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{0}")]
    Lost(String),
    #[error("{0}")]
    Fatal(String),
}

impl SessionError {
    /// A failure of the network or the server while doing `what`.
    pub(crate) fn lost<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Lost(format!("{what}: {error}"))
    }
}

impl From<SpoolError> for SessionError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Corrupt { .. } => Self::Fatal(error.to_string()),
            SpoolError::Io { .. } | SpoolError::InUse { .. } => Self::Lost(error.to_string()),
        }
    }
}

/// Why the background thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the relay's thread cannot be started: {0}")]
pub struct StartError(#[from] pub(crate) std::io::Error);

/// Why JOURNAL could not be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReadError(#[from] SessionError);
