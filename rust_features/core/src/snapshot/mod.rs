//! Snapshots: a state on disk, so that a start folds only what the journal has got since. A snapshot is derived; whoever
//! deletes it loses time alone.
//!
//! A file is written under another name and renamed when all of it is on disk; the one before stays.

mod file;
mod memory;
mod part;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use crate::ids::{Alias, Token};
use crate::sharded::Sharded;
use crate::state::State;

pub use memory::{decode, payloads, sealed};
pub use read::{Loaded, load};
pub use write::{Written, write};

/// Of the form of the parts. To be raised whenever what is written of a state changes.
pub const VERSION: u32 = 6;

const ENDING: &str = "snapshot";
/// Shards of one part.
const SHARDS_PER_PART: usize = 64;
/// Entries of a queue in one part.
const ENTRIES_PER_PART: usize = 1 << 16;

/// What a scorer needs to go on from a sequence.
#[derive(Clone)]
pub struct Snapshot {
    /// The fold up to there.
    pub state: State,
    /// Which alias a token had.
    pub directory: Sharded<Token, Alias>,
    /// What relay and feed need, in their own form.
    pub resume: Vec<u8>,
}

/// Why a snapshot was not written or is not used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// A snapshot cannot be used.
    #[error("{} {flaw}; it is not used and may be deleted", path.display())]
    Unusable {
        /// The snapshot.
        path: PathBuf,
        /// Why.
        flaw: Flaw,
    },
    /// The writing was given up because the process ends.
    #[error("the snapshot was given up at the end of the process")]
    GivenUp,
}

/// Why a snapshot cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// It is no snapshot, or bytes of it changed or are missing; the first bad part.
    #[error("is damaged in part {0}")]
    Damaged(u32),
    /// It was written under another key.
    #[error("was written by another deployment")]
    Foreign,
    /// Another release wrote it.
    #[error("was written by another release ({found}, here {})", release(crate::ENGINE_VERSION))]
    Version {
        /// What wrote it.
        found: String,
    },
    /// Nobody can tell where relay and feed stood.
    #[error("does not say where to go on in the journal")]
    Resume,
}

/// What must be equal for a snapshot to be used: its form and the fold behind it.
fn release(engine_version: &str) -> String {
    format!("form {VERSION}, engine {engine_version}")
}

/// The snapshots of a folder, newest first.
fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    // The names are sequences of one length.
    paths.sort_unstable_by(|one, other| other.cmp(one));
    Ok(paths)
}
