//! The face of this crate: starts the background thread, answers about it, stops it.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use cart_recovery_core::ids::{Alias, SpoolId, Token};
use cart_recovery_core::keyed::Key;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Spool;
use cart_recovery_core::time::Micros;
use parking_lot::Mutex;
use rustix::process::setpriority_process;
use rustix::thread::gettid;

use crate::contacts::Aliases;
use crate::error::{SessionError, StartError};
use crate::progress::{JournalStatus, Progress, Waiter};
use crate::reading::Delivered;
use crate::resume::Resume;
use crate::session::{self, Shared};

const LEAST_BACKOFF: Duration = Duration::from_millis(50);
const MOST_BACKOFF: Duration = Duration::from_secs(2);

/// Whoever calls comes first: relay and feed take what callers leave of a busy processor, and a tenth.
const NICENESS: i32 = 10;

/// Reads the time that spooled messages of the journal itself carry.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// How relay and feed work.
#[derive(Clone)]
pub struct JournalSettings {
    /// One URL, or several of one cluster with commas between them.
    pub nats_url: String,
    /// A credentials file.
    pub credentials: Option<PathBuf>,
    /// Derives aliases instead of drawing them, for rehearsals.
    pub alias_seed: Option<Key>,
    /// Copies of each stream in the cluster.
    pub replicas: usize,
    /// The clock of ticks and closing messages.
    pub clock: Clock,
    /// How long nothing may happen before a tick; none where the clock follows events.
    pub tick: Option<Duration>,
    /// Callers that may wait for the journal at once.
    pub waiter_limit: usize,
}

/// Where messages and aliases go. Called on the background thread alone; a call that takes long holds up the relay.
pub trait Sink: Send + 'static {
    /// Learns which token has which alias; pairs may come again.
    fn aliases(&mut self, pairs: &[(Token, Alias)]);

    /// Folds messages, in the order of the journal, each exactly once.
    ///
    /// # Errors
    /// Words that say why the fold cannot go on; relay and feed then stop for good.
    fn fold(&mut self, messages: &[Delivered]) -> Result<(), String>;

    /// Told after each batch, while nothing is half folded; `resume` says where relay and feed stand then.
    fn rest(&mut self, resume: &dyn Fn() -> Resume);

    /// Everything that the journal held at connecting is folded; called once.
    fn caught_up(&mut self);
}

/// Relay and feed at work.
pub struct Journal {
    progress: Arc<Progress>,
    spool: Arc<Spool>,
    waiter_limit: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Starts relay and feed where `resume` left off; returns at once, also while the server is away.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        settings: JournalSettings,
        spool: Arc<Spool>,
        sink: impl Sink,
        resume: Resume,
    ) -> Result<Self, StartError> {
        let progress = Progress::new(spool.id(), spool.older().len(), resume.sequence, resume.seen);
        let progress = Arc::new(progress);
        let waker = Arc::clone(&progress);
        spool.wake_with(move || waker.spooled.notify_one());
        let waiter_limit = settings.waiter_limit;
        let (own_progress, own_spool) = (Arc::clone(&progress), Arc::clone(&spool));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            // Best effort: without it, callers wait longer where the processors are busy.
            let _ = setpriority_process(Some(gettid()), NICENESS);
            let shared = Shared {
                settings,
                progress: own_progress,
                spool: own_spool,
                sink: RefCell::new(sink),
                aliases: RefCell::new(Aliases::default()),
                directory_next: Cell::new(resume.contacts_next.max(1)),
                origin: Cell::new(resume.origin),
                singles_through: Cell::new(None),
            };
            let work = std::panic::AssertUnwindSafe(|| runtime.block_on(work_until_stopped(&shared)));
            if std::panic::catch_unwind(work).is_err() {
                let panicked = SessionError::Fatal("the fold or the relay panicked".to_owned());
                record_end(&shared.progress, Some(&panicked));
            }
            // Tasks of a connection that is still closing are not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self {
            progress,
            spool,
            waiter_limit,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A reading at this moment.
    #[must_use]
    pub fn status(&self) -> JournalStatus {
        self.progress.status(self.spool.log().end())
    }

    /// Whether the journal holds this message of a spool; certain only once caught up.
    #[must_use]
    pub fn holds(&self, spool: SpoolId, offset: u64) -> bool {
        self.progress.lock().seen.contains(spool, offset)
    }

    /// Takes a place among the callers that wait for the fold of what they hand in.
    ///
    /// # Errors
    /// `REASON_TOO_MANY_WAITERS`.
    pub fn waiter(&self) -> Result<Waiter, Refusal> {
        self.progress.waiter(self.waiter_limit)
    }

    /// Waits until all that was spooled is in the journal and folded, then ends; whether it was in time. Nothing may
    /// be appended to the spool meanwhile.
    pub fn stop(&self, timeout: Duration) -> bool {
        self.progress.lock().stopping = true;
        let flushed = self.progress.wait_flushed(|| self.spool.log().end(), timeout);
        self.end();
        flushed
    }

    fn end(&self) {
        self.progress.stop.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the sink has been printed by its thread; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end();
    }
}

/// Works until a session fails for good, or until the end is asked for: a server may take long to answer.
async fn work_until_stopped<S: Sink>(shared: &Shared<S>) {
    tokio::select! {
        () = supervise(shared) => {}
        () = shared.progress.stop.notified() => {
            record_end(&shared.progress, None);
        }
    }
}

/// One session after the other, with a growing delay between those that fail.
async fn supervise<S: Sink>(shared: &Shared<S>) {
    let mut backoff = LEAST_BACKOFF;
    loop {
        let before = shared.progress.position();
        let Err(error) = Box::pin(session::run(shared)).await;
        record_end(&shared.progress, Some(&error));
        if matches!(error, SessionError::Fatal(_)) {
            return;
        }
        // A server may take every connection and refuse every message.
        if shared.progress.position() != before {
            backoff = LEAST_BACKOFF;
        }
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(MOST_BACKOFF);
    }
}

/// Notes why a session ended, where it failed.
fn record_end(progress: &Progress, failed: Option<&SessionError>) {
    let mut state = progress.lock();
    state.status.connected = false;
    match failed {
        None => {}
        Some(SessionError::Lost(words)) => state.status.last_error = Some(words.clone()),
        Some(SessionError::Fatal(words)) => state.status.failure = Some(words.clone()),
    }
    drop(state);
    progress.announce();
}
