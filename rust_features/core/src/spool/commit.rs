//! Group commit: frames that callers wrote while one sync ran become durable together by the next.

use std::io;
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// The frames that one sync makes durable, and what became of it.
pub(super) type Group = Arc<OnceLock<Result<(), io::ErrorKind>>>;

/// Lets one of the waiting callers sync for all: no thread of its own, and nobody waits but those who wrote.
#[derive(Default)]
pub(super) struct Commit {
    /// Whether one of them syncs just now.
    syncing: Mutex<bool>,
    ended: Condvar,
}

impl Commit {
    /// Waits for the fate of `group`. Where nobody syncs, the caller does: `sync` decides the fate of the group that is
    /// open at that moment, so at the latest the second sync from now is that of `group`.
    pub(super) fn wait(&self, group: &Group, sync: impl Fn()) -> io::Result<()> {
        let mut syncing = self.syncing.lock();
        loop {
            if let Some(fate) = group.get() {
                return fate.map_err(io::Error::from);
            }
            if *syncing {
                self.ended.wait(&mut syncing);
            } else {
                self.lead(&mut syncing, &sync);
            }
        }
    }

    /// Does `work` while nobody syncs.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut syncing = self.syncing.lock();
        while *syncing {
            self.ended.wait(&mut syncing);
        }
        self.lead(&mut syncing, work)
    }

    fn lead<T>(&self, syncing: &mut MutexGuard<'_, bool>, work: impl FnOnce() -> T) -> T {
        **syncing = true;
        let done = MutexGuard::unlocked(syncing, work);
        **syncing = false;
        self.ended.notify_all();
        done
    }
}
