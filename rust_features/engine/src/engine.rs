//! The face of an engine: opened on a directory, started on a journal, stopped with its spool flushed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cart_recovery_core::bundle::{self, BundleRefused};
use cart_recovery_core::contract::Tick;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::edge::Edge;
use cart_recovery_core::keyed::Key;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::{Durability, Spool};
use cart_recovery_core::time::Micros;
use cart_recovery_journal::{Journal, JournalSettings, Resume, StartError};
use parking_lot::{Mutex, RwLock};

use crate::clock::{Clock, wall_now};
use crate::counters::Counters;
use crate::in_flight::InFlight;
use crate::live::Live;
use crate::open::{EngineSettings, OpenError, Start, remember_decisions, spool_id};
use crate::sink::LiveSink;
use crate::snapshots::{SnapshotSettings, SnapshotStatus, Snapshots};
use crate::status::EngineStatus;
use crate::track::Spooled;
use crate::{confirm, explain, score, track};

/// How long nothing may happen before journal time is moved on.
const TICK: Duration = Duration::from_secs(1);

/// One scorer's engine.
pub struct Engine {
    live: Arc<Live>,
    journal: OnceLock<Journal>,
    bundle_public: [u8; 32],
    alias_seed: Option<Key>,
    replicas: usize,
    waiter_limit: usize,
    is_import: bool,
    /// None where none are written.
    snapshot_settings: Option<SnapshotSettings>,
    snapshot_status: Arc<Mutex<SnapshotStatus>>,
    /// Where relay and feed start.
    resume: Mutex<Resume>,
    notices: Vec<String>,
}

impl Engine {
    /// Opens the spool, cutting a torn tail, loads the newest sound snapshot, and remembers the decisions that still wait
    /// in older spools.
    ///
    /// # Errors
    /// Where the spool or the folder of snapshots cannot be used.
    pub fn open(settings: EngineSettings) -> Result<Self, OpenError> {
        let id = spool_id(settings.import_id.as_deref())?;
        let folder = settings.data_directory.join("spool");
        let spool = Arc::new(Spool::open(
            &folder,
            id,
            settings.spool_limit_bytes,
            settings.durability,
        )?);
        let snapshots = settings.data_directory.join("snapshots");
        let start = Start::load(&snapshots, &settings.keys.edge)?;
        let in_flight = InFlight::default();
        for log in spool.older() {
            remember_decisions(&log, &start.resume, &in_flight)?;
        }
        let notices = spool.cuts().iter().map(ToString::to_string).chain(start.notices);
        let notices = notices.collect();
        let snapshot_settings = (settings.snapshot_messages > 0).then(|| SnapshotSettings {
            folder: snapshots,
            key: settings.keys.edge.clone(),
            messages: settings.snapshot_messages,
        });
        let snapshot_status = SnapshotStatus {
            sequence: Some(start.state.sequence()).filter(|sequence| *sequence > 0),
            failure: None,
        };
        let live = Live {
            edge: Edge::new(settings.keys.edge, settings.keys.contact_public),
            decision_key: settings.keys.decision,
            offer_key: settings.keys.offer,
            clock: if settings.events_clock {
                Clock::events()
            } else {
                Clock::wall()
            },
            spool,
            state: RwLock::new(start.state),
            directory: start.directory,
            in_flight,
            counters: Counters::default(),
            bundle: RwLock::new(None),
            caught_up: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            folded_at: AtomicI64::new(wall_now().0),
            settled: AtomicBool::new(true),
        };
        Ok(Self {
            live: Arc::new(live),
            journal: OnceLock::new(),
            bundle_public: settings.keys.bundle_public,
            alias_seed: settings.alias_seed,
            replicas: settings.replicas,
            waiter_limit: settings.waiter_limit,
            is_import: settings.import_id.is_some(),
            snapshot_settings,
            snapshot_status: Arc::new(Mutex::new(snapshot_status)),
            resume: Mutex::new(start.resume),
            notices,
        })
    }

    /// Starts relay and feed; returns at once, also while the server is away. A second start changes nothing.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(&self, nats_url: String, credentials: Option<PathBuf>) -> Result<(), StartError> {
        if self.journal.get().is_some() {
            return Ok(());
        }
        let live = Arc::clone(&self.live);
        let settings = JournalSettings {
            nats_url,
            credentials,
            alias_seed: self.alias_seed.clone(),
            replicas: self.replicas,
            clock: Arc::new(move || live.clock.now()),
            tick: (!self.live.clock.follows_events() && !self.is_import).then_some(TICK),
            waiter_limit: self.waiter_limit,
        };
        let sink = LiveSink::new(Arc::clone(&self.live), self.snapshots());
        let resume = std::mem::take(&mut *self.resume.lock());
        let journal = Journal::start(settings, Arc::clone(&self.live.spool), sink, resume)?;
        // A start that lost the race is stopped by its drop.
        let _ = self.journal.set(journal);
        Ok(())
    }

    fn snapshots(&self) -> Option<Snapshots> {
        let state = self.live.state.read();
        let place = (state.sequence(), state.journal_time());
        let settings = self.snapshot_settings.clone()?;
        Some(Snapshots::new(settings, place, Arc::clone(&self.snapshot_status)))
    }

    /// Whether `track`, `score` and `confirm` may wait for the disk.
    #[must_use]
    pub fn waits_for_disk(&self) -> bool {
        self.live.spool.durability() == Durability::Disk
    }

    /// What an operator should know of the opening: torn tails that were cut, snapshots that were refused.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Sequence and digest of the state: equal digests at one sequence mean equal states.
    #[must_use]
    pub fn digest(&self) -> (u64, [u8; 16]) {
        let state = self.live.state.read();
        (state.sequence(), state.digest())
    }

    /// Serialised `TrackRequest` in; the reply waits for the journal where the sender asked for it.
    ///
    /// # Errors
    /// The refusal of edge or spool.
    pub fn track(&self, request: &[u8]) -> Result<Spooled, Refusal> {
        track::track(&self.live, self.journal.get(), request)
    }

    /// Spools a `TrackRequest` as a row of the import; false where the journal has it already.
    ///
    /// # Errors
    /// The refusal of edge or spool.
    pub fn track_row(&self, request: &[u8], row: u64) -> Result<bool, Refusal> {
        track::track_row(&self.live, self.journal.get(), request, row)
    }

    /// Serialised `ScoreRequest` in, `ScoreResponse` out.
    ///
    /// # Errors
    /// The refusal of edge, state or spool.
    pub fn score(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        score::score(&self.live, request)
    }

    /// Serialised `ConfirmRequest` in, `ConfirmResponse` out.
    ///
    /// # Errors
    /// Where the state is behind or knows no such decision.
    pub fn confirm(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        confirm::confirm(&self.live, request)
    }

    /// Serialised `ExplainRequest` in, `ExplainResponse` out.
    ///
    /// # Errors
    /// Where there is no such decision, or the request to decide is refused.
    pub fn explain(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        explain::explain(&self.live, request)
    }

    /// Verifies a bundle and activates it between two requests; returns its id.
    ///
    /// # Errors
    /// The active bundle stays where this one is refused.
    pub fn load_bundle(&self, directory: &Path) -> Result<String, BundleRefused> {
        let bundle = bundle::load(directory, &self.bundle_public)?;
        let id = bundle.id.clone();
        *self.live.bundle.write() = Some(bundle);
        Ok(id)
    }

    /// Moves an events clock on by a tick through the journal.
    ///
    /// # Errors
    /// Where the spool refuses the tick.
    pub fn advance(&self, time: Micros) -> Result<(), Refusal> {
        let time = self.live.clock.received(time);
        let tick = Content::Tick(Tick {});
        let written = self.live.write_message(Vec::new(), tick, Vec::new(), time)?;
        self.live.spool.sync(&written)
    }

    /// When the next inactivity deadline falls due in the folded state; none without a bundle.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Micros> {
        let bundle = self.live.active_bundle()?;
        let state = self.live.state.read();
        state.next_deadline(bundle.rules.abandonment_seconds())
    }

    /// A reading at this moment.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let live = &self.live;
        // Read first: whoever finds it caught up and at rest finds what its first deadlines brought to rest, too.
        let caught_up = live.caught_up.load(Ordering::Acquire);
        let started = self.journal.get().map(Journal::status);
        // Segments go as a whole, so what lies on disk may long be in the journal.
        let own = started
            .as_ref()
            .map_or_else(|| live.spool.log().depth().0, |journal| journal.unsettled);
        let older: u64 = live.spool.older().iter().map(|log| log.depth().0).sum();
        let journal = started.unwrap_or_default();
        let state = live.state.read();
        let snapshots = self.snapshot_status.lock().clone();
        EngineStatus {
            bundle_id: live.active_bundle().map(|bundle| bundle.id.clone()),
            folded_sequence: state.sequence(),
            journal_sequence: journal.journal_sequence,
            caught_up,
            connected: journal.connected,
            failure: journal.failure,
            last_error: journal.last_error,
            state_age_seconds: wall_now().seconds_since(Micros(live.folded_at.load(Ordering::Relaxed))),
            spool_depth_messages: own + older,
            spool_depth_bytes: live.spool.depth().1,
            customers: state.customer_count(),
            carts: state.cart_count(),
            decisions: state.decision_count(),
            decisions_in_flight: live.in_flight.len(),
            snapshot_sequence: snapshots.sequence,
            snapshot_failure: snapshots.failure,
            at_rest: journal.flushed && live.settled.load(Ordering::Acquire),
            counters: live.counters.read(),
        }
    }

    /// Refuses new calls and flushes the spool; true where all of it is in the journal in time.
    pub fn stop(&self, timeout: Duration) -> bool {
        self.live.stopping.store(true, Ordering::Release);
        match self.journal.get() {
            Some(journal) => journal.stop(timeout),
            None => self.live.spool.depth().0 == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use cart_recovery_core::contract::JournalMessage;
    use cart_recovery_journal::{Delivered, Sink};

    use super::*;
    use crate::open::Keys;

    fn opened(folder: &Path) -> Engine {
        let key = || Key([1; 32]);
        let keys = Keys {
            edge: key(),
            decision: key(),
            offer: key(),
            contact_public: [9; 32],
            bundle_public: [9; 32],
        };
        let settings = EngineSettings {
            data_directory: folder.to_owned(),
            keys,
            spool_limit_bytes: 1 << 20,
            durability: Durability::Process,
            events_clock: true,
            alias_seed: None,
            import_id: None,
            replicas: 1,
            waiter_limit: 1,
            snapshot_messages: 0,
        };
        Engine::open(settings).unwrap()
    }

    #[test]
    fn it_is_caught_up_once_its_deadlines_have_fired_until_a_fold_fails() {
        let folder = tempfile::tempdir().unwrap();
        let engine = opened(folder.path());
        let mut sink = LiveSink::new(Arc::clone(&engine.live), None);
        assert!(!engine.status().caught_up);
        sink.caught_up();
        assert!(engine.status().caught_up);
        let of_no_kind = Delivered {
            sequence: 1,
            origin: None,
            message: JournalMessage::default(),
        };
        assert!(sink.fold(&[of_no_kind]).is_err());
        assert!(!engine.status().caught_up);
    }
}
