//! What all calls of one front share.

use std::sync::Arc;

use cart_recovery_core::refusal::Refusal;
use cart_recovery_engine::{Engine, Spooled};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::answer::too_many_streams;
use crate::health::Health;
use crate::metrics::CallMetrics;
use crate::phase::Phase;
use crate::queue::CallQueue;
use crate::quota::Quota;
use crate::reflection::Reflection;

/// The part of the engine that answers requests: serialised messages in and out.
#[allow(clippy::missing_errors_doc)] // Each refuses what it cannot answer.
pub trait Calls: Send + Sync + 'static {
    /// Whether an answer waits for the disk, so that it must not be worked for on the front's own thread.
    fn wait_for_disk(&self) -> bool;
    /// `TrackRequest` in; its reply may wait for the journal.
    fn track(&self, request: &[u8]) -> Result<Spooled, Refusal>;
    /// `ScoreRequest` in, `ScoreResponse` out.
    fn score(&self, request: &[u8]) -> Result<Vec<u8>, Refusal>;
    /// `ConfirmRequest` in, `ConfirmResponse` out.
    fn confirm(&self, request: &[u8]) -> Result<Vec<u8>, Refusal>;
    /// `ExplainRequest` in, `ExplainResponse` out.
    fn explain(&self, request: &[u8]) -> Result<Vec<u8>, Refusal>;
}

impl Calls for Engine {
    fn wait_for_disk(&self) -> bool {
        self.waits_for_disk()
    }

    fn track(&self, request: &[u8]) -> Result<Spooled, Refusal> {
        self.track(request)
    }

    fn score(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.score(request)
    }

    fn confirm(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.confirm(request)
    }

    fn explain(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.explain(request)
    }
}

/// Engine, measures and bounds of one front.
pub(crate) struct Desk<C> {
    pub(crate) calls: Arc<C>,
    pub(crate) metrics: Arc<CallMetrics>,
    pub(crate) queue: Arc<CallQueue>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) health: Health,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) reflection: Reflection,
    /// Shared by all streams but those of `watchers`.
    pub(crate) streams: Slots,
    /// Watchers of health.
    pub(crate) watchers: Slots,
    /// Threads that may wait for the disk; whoever waits for one leaves nothing when it gives up.
    pub(crate) disk: Arc<Semaphore>,
}

/// How many streams may be open at once.
pub(crate) struct Slots {
    limit: usize,
    free: Arc<Semaphore>,
}

impl Slots {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            free: Arc::new(Semaphore::new(limit)),
        }
    }

    /// A slot until it is dropped.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let slot = Arc::clone(&self.free).try_acquire_owned();
        slot.map_err(|_| too_many_streams(self.limit))
    }
}
