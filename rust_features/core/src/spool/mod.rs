//! The spool: accepted messages on local disk until the journal has them. What it accepted survives the death of the
//! process, or with [`Durability::Disk`] a loss of power. A start writes to a new spool; older ones are only drained.

mod commit;
mod disk;
mod error;
mod frame;
mod inspect;
mod kept;
mod log;
mod name;
mod read;
mod retire;
mod segment;
mod survey;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::contract::Reason;
use crate::ids::SpoolId;
use crate::refusal::Refusal;

use commit::Group;
use disk::{Disk, System};
use kept::Kept;
use log::Ground;
use name::Name;

pub use error::{Cut, Damage, SpoolError};
pub use frame::encode as encode_frame;
pub use inspect::{SegmentReport, SpoolCondition, SpoolReport, inspect};
pub use log::Log;
pub use read::{Cursor, Frame};

const SEGMENT_BYTES: u64 = 8 << 20;
const LEAST_SEGMENT_BYTES: u64 = 4096;
/// Segments that a full spool has at least, so that draining it makes room before it is empty.
const SEGMENTS_PER_SPOOL: u64 = 8;
/// A NATS server takes payloads of 1 MiB unless told otherwise; headers need some of it.
const DEFAULT_PAYLOAD_LIMIT: usize = (1 << 20) - (8 << 10);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What an accepted message survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// The death of the process: it is accepted once the kernel has it.
    #[default]
    Process,
    /// A loss of power: it is accepted once the disk has synced it.
    Disk,
    /// Nothing: it is accepted and not kept. To measure what the others cost; no setting offers it.
    Nothing,
}

/// A message that is written, and accepted once [`Spool::sync`] has returned.
#[derive(Clone, Debug)]
#[must_use = "it is not accepted before it is synced"]
pub struct Written {
    /// Its place in the spool.
    pub offset: u64,
    /// None where it is not kept.
    kept: Option<Kept>,
    /// Nothing to wait for where there is none.
    group: Option<Group>,
}

impl Written {
    /// The serialised `SpoolFrame`, read back. A message that is read may still be refused by [`Spool::sync`].
    ///
    /// # Errors
    /// The disk fails, the message is not kept, or what was taken back is gone.
    pub fn read(&self) -> Result<Vec<u8>, Refusal> {
        let kept = self.kept.as_ref().ok_or(io::ErrorKind::NotFound.into());
        let payload = kept.and_then(|kept| kept.read(self.offset));
        payload.map_err(|error: io::Error| refused(Reason::DiskReadFailed, error.kind()))
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, position, bytes } = self;
        write!(
            formatter,
            "{}: {bytes} bytes from {position} on were no whole frame, as after a crash, and were cut off; nobody was answered for \
             them, unless power was lost or the file was damaged",
            path.display()
        )
    }
}

type Waker = Box<dyn Fn() + Send + Sync>;

/// The spool folder of one scorer: the spool that is written, and older ones.
pub struct Spool {
    log: Arc<Log>,
    older: Mutex<Vec<Arc<Log>>>,
    cuts: Vec<Cut>,
    limit: u64,
    ground: Ground,
    payload_limit: AtomicUsize,
    waker: OnceLock<Waker>,
    /// Held as long as the spool is open; a simulated disk has none.
    _lock: Option<File>,
}

impl Spool {
    /// Opens `folder` for writing under `id`, which is new at each start; the id of an import is the same at each run
    /// and goes on where it ended. All spools together hold at most `limit` bytes.
    ///
    /// # Errors
    /// Damage that is more than a torn tail, a folder in use, a failing disk.
    pub fn open(folder: &Path, id: SpoolId, limit: u64, durability: Durability) -> Result<Self, SpoolError> {
        let path = folder.join("lock");
        System.create_folder(folder).map_err(|source| SpoolError::Io {
            path: path.clone(),
            source,
        })?;
        let lock = lock(path)?;
        Self::open_on(Arc::new(System), Some(lock), folder, id, limit, durability)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        lock: Option<File>,
        folder: &Path,
        id: SpoolId,
        limit: u64,
        durability: Durability,
    ) -> Result<Self, SpoolError> {
        let failed = |source| SpoolError::Io {
            path: folder.to_owned(),
            source,
        };
        for retired in retire::retired(disk.as_ref(), folder).map_err(failed)? {
            disk.remove_folder(&retired).map_err(failed)?;
        }
        let mut found = name::list(disk.as_ref(), folder).map_err(failed)?;
        let total = Arc::new(AtomicU64::new(0));
        let ground = Ground {
            disk,
            durability,
            total,
        };
        let own = found.iter().position(|spool| spool.id == id).map(|at| found.remove(at));
        let own = own.unwrap_or_else(|| Name {
            number: found.last().map_or(0, |last| last.number + 1),
            id,
        });
        let mut cuts = Vec::new();
        let mut open = |name: Name| {
            let (log, cut) = Log::open(name.id, folder.join(name.to_string()), ground.clone())?;
            cuts.extend(cut);
            Ok(Arc::new(log))
        };
        let older = found.into_iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
        let log = open(own)?;
        if durability == Durability::Disk {
            log.sync_opened()?;
            // The folder of the log, and the spool folder itself, are entries that a loss of power may undo.
            for folder in [Some(folder), folder.parent()].into_iter().flatten() {
                ground.disk.sync_folder(folder).map_err(failed)?;
            }
        }
        Ok(Self {
            log,
            older: Mutex::new(older),
            cuts,
            limit,
            ground,
            payload_limit: AtomicUsize::new(DEFAULT_PAYLOAD_LIMIT),
            waker: OnceLock::new(),
            _lock: lock,
        })
    }

    /// What an accepted message survives.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.ground.durability
    }

    /// The name of the spool that is written.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.log.id()
    }

    /// The spool that is written.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Spools of earlier starts, oldest first.
    #[must_use]
    pub fn older(&self) -> Vec<Arc<Log>> {
        self.older.lock().clone()
    }

    /// Torn tails that were cut off at opening.
    #[must_use]
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Frames and bytes of all spools that are not released.
    #[must_use]
    pub fn depth(&self) -> (u64, u64) {
        let older = self.older();
        older.iter().fold(self.log.depth(), |(frames, bytes), log| {
            let depth = log.depth();
            (frames + depth.0, bytes + depth.1)
        })
    }

    /// Accepts a serialised `SpoolFrame`; returns its offset.
    ///
    /// # Errors
    /// The spool is full, the disk fails, or the payload is longer than the journal takes. Nothing was accepted then.
    pub fn append(&self, payload: &[u8]) -> Result<u64, Refusal> {
        let written = self.write(payload)?;
        self.sync(&written)?;
        Ok(written.offset)
    }

    /// The first step of accepting a serialised `SpoolFrame`, which waits for no sync and so may be taken under a lock. What
    /// is written earlier is never accepted later.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub fn write(&self, payload: &[u8]) -> Result<Written, Refusal> {
        self.admit(payload)?;
        let written = self.write_at(None, payload)?;
        written.ok_or_else(|| failed(io::ErrorKind::AlreadyExists))
    }

    /// The second step: returns once the message is accepted. The caller may be the one who syncs, so it holds no lock that
    /// others need.
    ///
    /// # Errors
    /// The disk fails. The message was not accepted then, and is never published.
    pub fn sync(&self, written: &Written) -> Result<(), Refusal> {
        if let Some(group) = &written.group {
            self.log.wait_durable(group).map_err(|error| failed(error.kind()))?;
            self.wake();
        }
        Ok(())
    }

    /// Accepts beyond the bound, for the few messages without which a full spool could not be drained.
    ///
    /// # Errors
    /// The disk fails. Nothing was accepted then.
    pub fn append_to_drain(&self, payload: &[u8]) -> Result<u64, Refusal> {
        let written = self.write_at(None, payload)?;
        let written = written.ok_or_else(|| failed(io::ErrorKind::AlreadyExists))?;
        self.sync(&written)?;
        Ok(written.offset)
    }

    /// Accepts row `offset` of an import; `false` where this spool has gone past it already.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub fn append_at(&self, offset: u64, payload: &[u8]) -> Result<bool, Refusal> {
        self.admit(payload)?;
        let written = self.write_at(Some(offset), payload)?;
        written.as_ref().map_or(Ok(()), |written| self.sync(written))?;
        Ok(written.is_some())
    }

    fn admit(&self, payload: &[u8]) -> Result<(), Refusal> {
        let payload_limit = self.payload_limit.load(Ordering::Relaxed);
        if payload.len() > payload_limit {
            let detail = format!("{} bytes, at most {payload_limit}", payload.len());
            return Err(Refusal::new(Reason::TooManyElements).with_detail(detail));
        }
        if self.ground.total.load(Ordering::Relaxed) + log::size_on_disk(payload) > self.limit {
            return Err(Refusal::new(Reason::SpoolFull).retry_after(RETRY_AFTER));
        }
        Ok(())
    }

    fn write_at(&self, offset: Option<u64>, payload: &[u8]) -> Result<Option<Written>, Refusal> {
        if self.ground.durability == Durability::Nothing {
            return Ok(Some(Written {
                offset: 0,
                kept: None,
                group: None,
            }));
        }
        let room = (self.limit / SEGMENTS_PER_SPOOL).clamp(LEAST_SEGMENT_BYTES, SEGMENT_BYTES);
        let written = self.log.write(offset, payload, room);
        let written = written.map_err(|error| failed(error.kind()))?;
        if written.as_ref().is_some_and(|written| written.group.is_none()) {
            self.wake();
        }
        Ok(written)
    }

    fn wake(&self) {
        if let Some(wake) = self.waker.get() {
            wake();
        }
    }

    /// Has `wake` called whenever something is accepted; only the first one set counts.
    pub fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.waker.set(Box::new(wake));
    }

    /// Tells the longest payload that the journal takes.
    pub fn limit_payloads(&self, bytes: usize) {
        self.payload_limit.store(bytes, Ordering::Relaxed);
    }

    /// Deletes an older spool whose messages are all in the journal, for good: once the journal says that it is closed, it
    /// must not come back.
    ///
    /// # Errors
    /// Where the disk fails; the spool stays.
    pub fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        let Some(log) = self.older.lock().iter().find(|log| log.id() == id).cloned() else {
            return Ok(());
        };
        log.remove()?;
        self.older.lock().retain(|log| log.id() != id);
        Ok(())
    }
}

fn failed(kind: io::ErrorKind) -> Refusal {
    refused(Reason::DiskWriteFailed, kind)
}

fn refused(reason: Reason, kind: io::ErrorKind) -> Refusal {
    Refusal::new(reason).with_detail(kind).retry_after(RETRY_AFTER)
}

fn lock(path: PathBuf) -> Result<File, SpoolError> {
    let file = File::options().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(|source| SpoolError::Io {
        path: path.clone(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(SpoolError::Io { path, source }),
    }
}
