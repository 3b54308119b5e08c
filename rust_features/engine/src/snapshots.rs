//! When a snapshot of the state is taken, and the thread that writes it while the fold goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use cart_recovery_core::keyed::Key;
use cart_recovery_core::snapshot::{self, Snapshot, SnapshotError};
use cart_recovery_core::time::Micros;
use cart_recovery_journal::Resume;
use parking_lot::Mutex;

use crate::live::Live;

/// A caught-up engine takes a snapshot at least so often, in journal time: what was erased has left both snapshots kept
/// after two of these.
const LONGEST_SECONDS: u32 = 86_400;

/// How snapshots of one engine are written.
#[derive(Clone)]
pub struct SnapshotSettings {
    /// Where they are.
    pub folder: PathBuf,
    /// Seals them.
    pub key: Key,
    /// Messages folded between two of them.
    pub messages: u64,
}

/// What became of the snapshots so far.
#[derive(Clone, Default, Debug)]
pub struct SnapshotStatus {
    /// Sequence of the newest that was loaded or written; none before the first.
    pub sequence: Option<u64>,
    /// Why the last one was not written.
    pub failure: Option<String>,
}

/// Takes the snapshots of one engine. Owned by the feed, which alone writes the state.
pub struct Snapshots {
    settings: SnapshotSettings,
    /// Sequence and journal time of the last one taken, whatever became of it.
    last: (u64, Micros),
    status: Arc<Mutex<SnapshotStatus>>,
    writer: Option<JoinHandle<()>>,
    give_up: Arc<AtomicBool>,
}

impl Snapshots {
    /// Goes on after the snapshot that the state came from, if it did.
    pub fn new(settings: SnapshotSettings, last: (u64, Micros), status: Arc<Mutex<SnapshotStatus>>) -> Self {
        Self {
            settings,
            last,
            status,
            writer: None,
            give_up: Arc::default(),
        }
    }

    /// Takes a snapshot if one is due and none is being written. Callers read the state meanwhile; the fold waits for
    /// as long as it takes to count a reference per part of the state.
    pub fn consider(&mut self, live: &Live, resume: &dyn Fn() -> Resume) {
        let state = live.state.read();
        let place = (state.sequence(), state.journal_time());
        if !self.is_due(place, live.caught_up.load(Ordering::Acquire)) {
            return;
        }
        let snapshot = Snapshot {
            state: state.frozen(),
            directory: live.directory.aliases(),
            resume: resume().encode(),
        };
        drop(state);
        self.last = place;
        self.write(snapshot);
    }

    fn is_due(&self, (sequence, time): (u64, Micros), caught_up: bool) -> bool {
        let is_writing = self.writer.as_ref().is_some_and(|writer| !writer.is_finished());
        let messages = sequence - self.last.0;
        let long_ago = caught_up && messages > 0 && time >= self.last.1.plus_seconds(LONGEST_SECONDS);
        !is_writing && (messages >= self.settings.messages || long_ago)
    }

    fn write(&mut self, snapshot: Snapshot) {
        let SnapshotSettings { folder, key, .. } = self.settings.clone();
        let (status, give_up) = (Arc::clone(&self.status), Arc::clone(&self.give_up));
        let sequence = snapshot.state.sequence();
        let writer = std::thread::Builder::new().name("snapshot".to_owned()).spawn(move || {
            let before = status.lock().sequence;
            let written = snapshot::write(&folder, &key, snapshot, before, &give_up);
            let mut status = status.lock();
            match written {
                Ok(_) => (status.sequence, status.failure) = (Some(sequence), None),
                Err(SnapshotError::GivenUp) => {}
                Err(error) => status.failure = Some(error.to_string()),
            }
        });
        match writer {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.status.lock().failure = Some(error.to_string()),
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.give_up.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            // A panic has been printed by its thread.
            let _ = writer.join();
        }
    }
}
