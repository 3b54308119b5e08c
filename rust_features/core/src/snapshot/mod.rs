//! Snapshots: a state on disk, so that a start folds only what the journal has got since. A snapshot is derived; whoever
//! deletes it loses time alone.
//!
//! A file holds a head (magic, version, sequence, mark of the deployment's key) and then parts, each with its length and
//! a keyed hash over version, sequence, its place and its bytes. The last part says how many there were. A file is
//! written under another name and renamed when all of it is on disk; the one before stays.

mod part;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use crate::ids::{Alias, Token};
use crate::keyed::Key;
use crate::sharded::Sharded;
use crate::state::State;

pub use read::{Loaded, load};
pub use write::{Written, write};

/// Of the form of the parts. To be raised whenever what is written of a state changes.
pub const VERSION: u32 = 2;

const MAGIC: &[u8; 8] = b"CARTSNAP";
const ENDING: &str = "snapshot";
/// Snapshots kept: the newest and the one before.
const KEPT: usize = 2;
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
    /// The file is no snapshot, or bytes of it changed or are missing.
    #[error("{} is damaged in part {part}; it is not used and may be deleted", path.display())]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// The first bad part.
        part: u32,
    },
    /// It was written under another key.
    #[error("{} was written by another deployment; it is not used and may be deleted", path.display())]
    Foreign {
        /// The snapshot.
        path: PathBuf,
    },
    /// Another release wrote it.
    #[error("{} was written by another release ({found}, here {}); it is not used and may be deleted", path.display(), release())]
    Version {
        /// The snapshot.
        path: PathBuf,
        /// What wrote it.
        found: String,
    },
    /// The writing was given up because the process ends.
    #[error("the snapshot was given up at the end of the process")]
    GivenUp,
}

/// What must be equal for a snapshot to be used: its form and the fold behind it.
fn release() -> String {
    format!("form {VERSION}, engine {}", crate::ENGINE_VERSION)
}

/// The head of a file, as bytes.
const HEAD_BYTES: usize = MAGIC.len() + 4 + 8 + 16;

fn head(key: &Key, sequence: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..20].copy_from_slice(&sequence.to_le_bytes());
    head[20..].copy_from_slice(&key_mark(key));
    head
}

/// Tells keys apart and says nothing of them.
fn key_mark(key: &Key) -> [u8; 16] {
    key.hash("snapshot key", &[])
}

/// The seal of one part.
fn seal(key: &Key, sequence: u64, index: u32, payload: &[u8]) -> [u8; 16] {
    let numbers = [
        &VERSION.to_le_bytes()[..],
        &sequence.to_le_bytes(),
        &index.to_le_bytes(),
    ]
    .concat();
    key.hash("snapshot part", &[&numbers, payload])
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
