//! What feed and relay have reached, for themselves and for every thread that asks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cart_recovery_core::contract::Reason;
use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::refusal::Refusal;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::seen::SeenSpools;

/// Own messages whose journal sequence is remembered for callers that wait for them.
const RECENT_LIMIT: usize = 4096;
/// When a caller may ask again whether the journal has its event.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A reading of relay and feed at one moment.
#[derive(Clone, Debug, Default)]
pub struct JournalStatus {
    /// Whether a session with the server is open.
    pub connected: bool,
    /// The last sequence folded.
    pub folded_sequence: u64,
    /// The journal's last sequence as last heard of.
    pub journal_sequence: u64,
    /// Whether all that was spooled is in the journal and folded.
    pub flushed: bool,
    /// Messages of the spool being written that are not yet in the journal and folded.
    pub unsettled: u64,
    /// Messages that the journal holds twice; the fold ignores the later ones.
    pub repeated: u64,
    /// Why the last session ended.
    pub last_error: Option<String>,
    /// Why relay and feed stopped for good.
    pub failure: Option<String>,
}

/// Behind the lock.
pub(crate) struct State {
    pub(crate) status: JournalStatus,
    pub(crate) seen: SeenSpools,
    /// The end of the journal as read when the session began.
    pub(crate) target: u64,
    /// Whether the sink was told that the fold has reached the end.
    pub(crate) caught_up: bool,
    /// Whether the directory of aliases has reached its end in this session.
    pub(crate) directory_read: bool,
    /// Every offset of the own spool below this is in the journal.
    pub(crate) settled: u64,
    /// Older spools that are not drained yet.
    pub(crate) older: usize,
    pub(crate) stopping: bool,
    /// Callers that wait for what they spooled.
    pub(crate) waiters: usize,
    recent: VecDeque<(u64, u64)>,
}

pub(crate) struct Progress {
    own: SpoolId,
    state: Mutex<State>,
    /// Wakes the threads that wait.
    changed: Condvar,
    /// Wakes the tasks that wait.
    moved: Notify,
    /// Wakes a relay that has nothing to do: something was spooled.
    pub(crate) spooled: Notify,
    /// Wakes the relay: the feed moved on, or a caller waits for what it spooled.
    pub(crate) relay: Notify,
    /// Ends all work, whatever it waits for.
    pub(crate) stop: Notify,
}

impl Progress {
    pub(crate) fn new(own: SpoolId, older: usize, sequence: u64, seen: SeenSpools) -> Self {
        let state = State {
            status: JournalStatus {
                folded_sequence: sequence,
                ..JournalStatus::default()
            },
            seen,
            target: 0,
            caught_up: false,
            directory_read: false,
            settled: 0,
            older,
            stopping: false,
            recent: VecDeque::with_capacity(RECENT_LIMIT),
            waiters: 0,
        };
        Self {
            own,
            state: Mutex::new(state),
            changed: Condvar::new(),
            moved: Notify::new(),
            spooled: Notify::new(),
            relay: Notify::new(),
            stop: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// How far fold and relay have come.
    pub(crate) fn position(&self) -> (u64, u64) {
        let state = self.lock();
        (state.status.folded_sequence, state.settled)
    }

    /// Tells everyone that something has changed.
    pub(crate) fn announce(&self) {
        self.tell_waiters();
        self.relay.notify_one();
    }

    /// Tells the threads and tasks that wait.
    pub(crate) fn tell_waiters(&self) {
        self.changed.notify_all();
        self.moved.notify_waiters();
    }

    /// Marks one message as folded.
    pub(crate) fn folded(&self, state: &mut State, sequence: u64, origin: Option<(SpoolId, u64)>) {
        state.status.folded_sequence = sequence;
        let Some((spool, offset)) = origin else { return };
        if !state.seen.insert(spool, offset, sequence) {
            state.status.repeated += 1;
        } else if spool == self.own {
            if state.recent.len() == RECENT_LIMIT {
                state.recent.pop_front();
            }
            state.recent.push_back((offset, sequence));
        }
    }

    /// The status, as of a spool that ends there.
    pub(crate) fn status(&self, spool_end: u64) -> JournalStatus {
        let state = self.lock();
        let mut status = state.status.clone();
        status.flushed = state.is_flushed(spool_end);
        status.unsettled = spool_end.saturating_sub(state.settled);
        status
    }

    /// Takes one of `limit` places for callers that wait.
    pub(crate) fn waiter(self: &Arc<Self>, limit: usize) -> Result<Waiter, Refusal> {
        let mut state = self.lock();
        if state.waiters >= limit {
            return Err(Refusal::new(Reason::TooManyWaiters).retry_after(RETRY_AFTER));
        }
        state.waiters += 1;
        Ok(Waiter {
            progress: Arc::clone(self),
        })
    }

    /// Waits until all that was spooled is folded; whether it was in time.
    pub(crate) fn wait_flushed(&self, spool_end: impl Fn() -> u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !state.is_flushed(spool_end()) && state.status.failure.is_none() {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.is_flushed(spool_end())
    }
}

/// A place among the callers that wait, taken before one hands anything in: whoever is refused it has handed in nothing.
pub struct Waiter {
    progress: Arc<Progress>,
}

impl Waiter {
    /// Waits until `offset` of the spool being written is folded; returns its sequence (of a message folded long ago, a
    /// later one). Holds no thread, and its place only until it is dropped.
    ///
    /// # Errors
    /// `REASON_NOT_YET_JOURNALLED` after `timeout`.
    pub async fn folded(self, offset: u64, timeout: Duration) -> Result<u64, Refusal> {
        let progress = &self.progress;
        let deadline = tokio::time::Instant::now() + timeout;
        progress.relay.notify_one();
        loop {
            // From here on no change is missed.
            let moved = progress.moved.notified();
            if let Some(sequence) = progress.lock().sequence_of(progress.own, offset) {
                return Ok(sequence);
            }
            let in_time = timeout_at(deadline, moved).await;
            in_time.map_err(|_| Refusal::new(Reason::NotYetJournalled))?;
        }
    }

    /// [`Self::folded`] on a thread, which it holds until the end.
    ///
    /// # Errors
    /// `REASON_NOT_YET_JOURNALLED` after `timeout`.
    pub fn wait_folded(self, offset: u64, timeout: Duration) -> Result<u64, Refusal> {
        let progress = &self.progress;
        let deadline = Instant::now() + timeout;
        progress.relay.notify_one();
        let mut state = progress.lock();
        loop {
            if let Some(sequence) = state.sequence_of(progress.own, offset) {
                return Ok(sequence);
            }
            if Instant::now() >= deadline {
                return Err(Refusal::new(Reason::NotYetJournalled));
            }
            progress.changed.wait_until(&mut state, deadline);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.progress.lock().waiters -= 1;
    }
}

impl State {
    fn is_flushed(&self, spool_end: u64) -> bool {
        self.older == 0 && self.settled >= spool_end
    }

    /// The sequence of an own message; of one that is long folded, the sequence folded since.
    fn sequence_of(&self, own: SpoolId, offset: u64) -> Option<u64> {
        let recent = self
            .recent
            .iter()
            .rev()
            .find(|(found, _)| *found == offset)
            .map(|(_, sequence)| *sequence);
        recent.or_else(|| self.seen.contains(own, offset).then_some(self.status.folded_sequence))
    }

    /// Notes the journal's end as a message told it.
    pub(crate) fn advance(&mut self, journal_sequence: u64) {
        self.status.journal_sequence = self.status.journal_sequence.max(journal_sequence);
    }

    /// Whether the feed has reached the end of the journal as read at the session's begin.
    pub(crate) fn reached_end(&self) -> bool {
        self.directory_read && self.status.folded_sequence >= self.target
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{FutureExt, join};

    use super::*;

    const OWN: SpoolId = SpoolId([1; 16]);
    const PATIENCE: Duration = Duration::from_mins(1);

    fn progress() -> Arc<Progress> {
        Arc::new(Progress::new(OWN, 0, 0, SeenSpools::default()))
    }

    #[tokio::test]
    async fn whoever_waits_no_longer_gives_the_place_back() {
        let progress = progress();
        let mut waiting = Box::pin(progress.waiter(1).unwrap().folded(0, PATIENCE));
        assert!(waiting.as_mut().now_or_never().is_none());
        let Err(refusal) = progress.waiter(1) else {
            panic!("there is one place");
        };
        assert_eq!(refusal.reason, Reason::TooManyWaiters);
        drop(waiting);
        assert!(progress.waiter(1).is_ok());
    }

    #[tokio::test]
    async fn a_task_waits_until_its_message_is_folded() {
        let progress = progress();
        let waiting = progress.waiter(1).unwrap().folded(1, PATIENCE);
        let fold = async {
            for (offset, sequence) in [(0, 6), (1, 7)] {
                progress.folded(&mut progress.lock(), sequence, Some((OWN, offset)));
                progress.announce();
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(join(waiting, fold).await.0.unwrap(), 7);
        assert!(progress.waiter(1).is_ok());
    }

    #[tokio::test]
    async fn a_task_waits_no_longer_than_it_said() {
        let waiter = progress().waiter(1).unwrap();
        let late = waiter.folded(0, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(late.reason, Reason::NotYetJournalled);
    }
}
