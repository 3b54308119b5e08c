//! What an engine is opened with, and what its start finds on disk.

use std::path::{Path, PathBuf};

use cart_recovery_core::contract::SpoolFrame;
use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::keyed::{Key, public_hash};
use cart_recovery_core::snapshot::{self, SnapshotError};
use cart_recovery_core::spool::{Cursor, Durability, Log, SpoolError};
use cart_recovery_core::state::{State, decision_id};
use cart_recovery_journal::Resume;
use prost::Message;

use crate::directory::Directory;
use crate::in_flight::{InFlight, decision_in};

/// Frames read at once from an older spool.
const FRAMES: usize = 1024;

/// The secrets of one deployment.
#[derive(Clone)]
pub struct Keys {
    /// Keys tokens.
    pub edge: Key,
    /// Keys seeds and the holdout.
    pub decision: Key,
    /// Keys single-use codes.
    pub offer: Key,
    /// The dispatcher's X25519 public key.
    pub contact_public: [u8; 32],
    /// The Ed25519 key that bundles are signed with.
    pub bundle_public: [u8; 32],
}

/// How an engine is opened.
pub struct EngineSettings {
    /// Holds `spool/` and `snapshots/`.
    pub data_directory: PathBuf,
    /// The secrets.
    pub keys: Keys,
    /// Bytes that all spools together may hold.
    pub spool_limit_bytes: u64,
    /// What an accepted message survives.
    pub durability: Durability,
    /// Time follows the events, not the machine.
    pub events_clock: bool,
    /// Derives aliases instead of drawing them, for rehearsals.
    pub alias_seed: Option<Key>,
    /// Names the spool of an import, whose offsets are row numbers. The data directory is then the import's own, and
    /// nothing but rows enters the spool: no tick may take a row's number.
    pub import_id: Option<String>,
    /// Copies of JOURNAL and CONTACTS in the cluster.
    pub replicas: usize,
    /// Callers that may wait for the journal at once.
    pub waiter_limit: usize,
    /// Messages folded between two snapshots; 0 writes none.
    pub snapshot_messages: u64,
}

/// Why an engine cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The spool is damaged, in use, or on a failing disk.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The folder of snapshots cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The system gives no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Random, but for an import, whose spool has one name at each run.
pub fn spool_id(import_id: Option<&str>) -> Result<SpoolId, OpenError> {
    if let Some(import_id) = import_id {
        return Ok(SpoolId(public_hash("import", &[import_id.as_bytes()])));
    }
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(OpenError::Random)?;
    Ok(SpoolId(id))
}

/// What a start begins with.
#[derive(Default)]
pub struct Start {
    pub state: State,
    pub directory: Directory,
    pub resume: Resume,
    pub notices: Vec<String>,
}

impl Start {
    /// The newest snapshot that can be used, or nothing folded yet.
    pub fn load(folder: &Path, key: &Key) -> Result<Self, SnapshotError> {
        let loaded = snapshot::load(folder, key, Resume::decode)?;
        let notices = loaded.refused.iter().map(ToString::to_string).collect();
        Ok(match loaded.newest {
            Some((snapshot, resume)) => Self {
                state: snapshot.state,
                directory: snapshot.directory.into(),
                resume,
                notices,
            },
            None => Self {
                notices,
                ..Self::default()
            },
        })
    }
}

/// Decisions of an older spool count as in flight until they are folded.
pub fn remember_decisions(log: &Log, resume: &Resume, in_flight: &InFlight) -> Result<(), SpoolError> {
    let mut cursor = Cursor::default();
    loop {
        let frames = log.read(&mut cursor, FRAMES)?;
        if frames.is_empty() {
            return Ok(());
        }
        for frame in frames.into_iter().filter(|frame| !resume.holds(log.id(), frame.offset)) {
            let decoded = SpoolFrame::decode(frame.payload.as_slice()).ok();
            if let Some(id) = decoded.and_then(decision_in).as_ref().and_then(decision_id) {
                in_flight.restore(id, frame.written());
            }
        }
    }
}
