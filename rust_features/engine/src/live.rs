//! What calls and feed share: one state behind one lock, so that a decision reads everything at one sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::Reason;
use cart_recovery_core::edge::Edge;
use cart_recovery_core::keyed::Key;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Spool;
use cart_recovery_core::state::State;
use parking_lot::RwLock;

use crate::clock::{Clock, wall_now};
use crate::counters::Counters;
use crate::directory::Directory;
use crate::in_flight::InFlight;

/// When a caller may ask again whether the state is loaded.
const LOADING_RETRY: Duration = Duration::from_secs(1);

/// The shared parts of one engine.
pub struct Live {
    pub edge: Edge,
    /// Source of seeds and of the holdout.
    pub decision_key: Key,
    pub offer_key: Key,
    pub clock: Clock,
    pub spool: Arc<Spool>,
    /// Callers hold it for one decision, the feed for a bounded batch.
    pub state: RwLock<State>,
    pub directory: Directory,
    pub in_flight: InFlight,
    pub counters: Counters,
    pub bundle: RwLock<Option<Arc<Bundle>>>,
    pub caught_up: AtomicBool,
    pub stopping: AtomicBool,
    /// Wall clock of the last fold, microseconds.
    pub folded_at: AtomicI64,
    /// Nothing waits to be decided or spooled.
    pub settled: AtomicBool,
}

impl Live {
    /// Refuses while the engine stops.
    pub fn open(&self) -> Result<(), Refusal> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(Refusal::new(Reason::Stopping));
        }
        Ok(())
    }

    /// Refuses until the fold has caught up.
    pub fn loaded(&self) -> Result<(), Refusal> {
        if self.caught_up.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Refusal::new(Reason::StateNotLoaded).retry_after(LOADING_RETRY))
    }

    /// Refuses until the fold has caught up; the active bundle then.
    pub fn ready(&self) -> Result<Arc<Bundle>, Refusal> {
        self.open()?;
        self.loaded()?;
        self.active_bundle().ok_or_else(|| Refusal::new(Reason::NoBundle))
    }

    /// The active bundle.
    pub fn active_bundle(&self) -> Option<Arc<Bundle>> {
        self.bundle.read().clone()
    }

    /// How long ago the state last advanced, on the wall clock.
    pub fn state_age_seconds(&self) -> u32 {
        let age = wall_now().0.saturating_sub(self.folded_at.load(Ordering::Relaxed));
        u32::try_from(age / 1_000_000).unwrap_or_default()
    }
}
