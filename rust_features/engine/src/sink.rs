//! What the feed brings: aliases into the directory, messages into the state, and the deadlines they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cart_recovery_core::contract::JournalMessage;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::fold::{Folded, fold};
use cart_recovery_core::ids::{Alias, Token};
use cart_recovery_core::state::{State, decision_id};
use cart_recovery_core::time::Micros;
use cart_recovery_journal::{Delivered, Resume, Sink};
use parking_lot::RwLockWriteGuard;

use crate::clock::wall_now;
use crate::fire::Deadlines;
use crate::live::Live;
use crate::snapshots::Snapshots;

/// Messages folded under one hold of the lock, beside the deadlines that they pass: a Score waits for at most so many.
const BATCH: usize = 64;

/// The feed's end of an engine.
pub struct LiveSink {
    live: Arc<Live>,
    deadlines: Deadlines,
    /// None where none are written.
    snapshots: Option<Snapshots>,
}

impl LiveSink {
    /// A sink into `live`.
    pub fn new(live: Arc<Live>, snapshots: Option<Snapshots>) -> Self {
        Self {
            live,
            deadlines: Deadlines::default(),
            snapshots,
        }
    }

    fn fold_one(&mut self, state: &mut RwLockWriteGuard<'_, State>, delivered: &Delivered) -> Result<(), String> {
        if self.live.caught_up.load(Ordering::Acquire) {
            let received = delivered.message.received_time.as_ref().map(Micros::from_timestamp);
            self.deadlines.fire(&self.live, state, received.unwrap_or_default());
        }
        let folded = fold(state, delivered.sequence, &delivered.message).map_err(|error| error.to_string())?;
        self.count(&delivered.message, folded);
        Ok(())
    }

    fn count(&self, message: &JournalMessage, folded: Folded) {
        match (&message.content, folded) {
            (Some(Content::Event(_)), Folded::Applied) => self.live.counters.events_folded.add_one(),
            (Some(Content::Event(_)), Folded::Duplicate) => self.live.counters.events_duplicate.add_one(),
            (Some(Content::Decision(record)), _) => {
                if let Some(id) = decision_id(record) {
                    self.live.in_flight.landed(&id);
                }
            }
            _ => {}
        }
    }
}

/// Dropped where a fold failed or panicked: nothing may be decided from what it left.
struct Unfinished<'a> {
    caught_up: &'a AtomicBool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.caught_up.store(false, Ordering::Release);
    }
}

impl Sink for LiveSink {
    fn aliases(&mut self, pairs: &[(Token, Alias)]) {
        self.live.directory.learn(pairs.iter().copied());
    }

    fn fold(&mut self, messages: &[Delivered]) -> Result<(), String> {
        let live = Arc::clone(&self.live);
        for batch in messages.chunks(BATCH) {
            let mut state = live.state.write();
            // Declared after the state, so dropped before its lock is let go.
            let unfinished = Unfinished {
                caught_up: &live.caught_up,
            };
            for delivered in batch {
                self.fold_one(&mut state, delivered)?;
            }
            std::mem::forget(unfinished);
            drop(state);
            self.deadlines.accept(&live);
            if live.caught_up.load(Ordering::Acquire) {
                // Calls wait for the state, or for the processor.
                thread::yield_now();
            }
        }
        live.folded_at.store(wall_now().0, Ordering::Relaxed);
        Ok(())
    }

    fn rest(&mut self, resume: &dyn Fn() -> Resume) {
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.consider(&self.live, resume);
        }
    }

    fn caught_up(&mut self) {
        let live = Arc::clone(&self.live);
        let mut state = live.state.write();
        let journal_time = state.journal_time();
        self.deadlines.fire(&live, &mut state, journal_time);
        drop(state);
        self.deadlines.accept(&live);
        live.caught_up.store(true, Ordering::Release);
        live.folded_at.store(wall_now().0, Ordering::Relaxed);
    }
}
