//! Why a spool cannot be opened or read, in words for the person who has to see to it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a spool cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk failed.
    #[error("{}: {source}{}", path.display(), remedy(source.kind()))]
    Io {
        /// Where.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// Something worse than a torn tail.
    #[error("{0}; restore it, or move it away and lose its messages")]
    Corrupt(Damage),
    /// Another process writes to this spool folder.
    #[error("{} is in use by another process; end that one, or name another data directory", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
}

/// Where a spool is not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// The first bad byte.
    pub position: u64,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, position, why } = self;
        write!(formatter, "{} is damaged at byte {position}: {why}", path.display())
    }
}

/// What was cut off at opening: bytes from the first bad one on, and the segments behind it. What a crash of the process leaves
/// so had not been accepted; what a loss of power or damage leaves so may have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where it now ends.
    pub position: u64,
    /// Bytes cut off, in this and later segments.
    pub bytes: u64,
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "; let this user write there, or name another data directory",
        io::ErrorKind::ReadOnlyFilesystem => "; mount it for writing, or name another data directory",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "; move away what stands there, or name another data directory"
        }
        io::ErrorKind::NotFound => "; name a folder that exists",
        _ => "",
    }
}
