//! The spool: accepted messages on local disk until the journal has them. `append` returns after `write(2)`, so what
//! it accepted survives the death of the process. A start writes to a new spool; older ones are only drained.

mod frame;
mod log;
mod segment;
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

pub use log::{Cursor, Frame, Log};

const SEGMENT_BYTES: u64 = 8 << 20;
const LEAST_SEGMENT_BYTES: u64 = 4096;
/// Segments that a full spool has at least, so that draining it makes room before it is empty.
const SEGMENTS_PER_SPOOL: u64 = 8;
/// A NATS server takes payloads of 1 MiB unless told otherwise; headers need some of it.
const DEFAULT_PAYLOAD_LIMIT: usize = (1 << 20) - (8 << 10);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a spool cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
    /// Something worse than a torn tail.
    #[error("{} is damaged at byte {position}: {why}; restore it, or move it away and lose its messages", path.display())]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// The first bad byte.
        position: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// Another process writes to this spool folder.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
}

/// A torn tail that was cut off at opening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where it now ends.
    pub position: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, position, bytes } = self;
        write!(
            formatter,
            "{}: {bytes} bytes from {position} on were no whole frame, as after a crash, and were cut off; nothing in them was accepted",
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
    total: Arc<AtomicU64>,
    payload_limit: AtomicUsize,
    waker: OnceLock<Waker>,
    /// Held as long as the spool is open.
    _lock: File,
}

impl Spool {
    /// Opens `folder` for writing under `id`, which is new at each start; the id of an import is the same at each run
    /// and goes on where it ended. All spools together hold at most `limit` bytes.
    ///
    /// # Errors
    /// Damage that is more than a torn tail, a folder in use, a failing disk.
    pub fn open(folder: &Path, id: SpoolId, limit: u64) -> Result<Self, SpoolError> {
        let failed = |source| SpoolError::Io {
            path: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = lock(folder.join("lock"))?;
        let total = Arc::new(AtomicU64::new(0));
        let mut cuts = Vec::new();
        let mut open = |id: SpoolId| {
            let (log, cut) = Log::open(id, folder.join(id.to_string()), Arc::clone(&total))?;
            cuts.extend(cut);
            Ok(Arc::new(log))
        };
        let found = spool_ids(folder)
            .map_err(failed)?
            .into_iter()
            .filter(|found| *found != id);
        let older = found.map(&mut open).collect::<Result<Vec<_>, _>>()?;
        let log = open(id)?;
        Ok(Self {
            log,
            older: Mutex::new(older),
            cuts,
            limit,
            total,
            payload_limit: AtomicUsize::new(DEFAULT_PAYLOAD_LIMIT),
            waker: OnceLock::new(),
            _lock: lock,
        })
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

    /// Appends a serialised `SpoolFrame`; returns its offset.
    ///
    /// # Errors
    /// The spool is full, the disk fails, or the payload is longer than the journal takes. Nothing was accepted then.
    pub fn append(&self, payload: &[u8]) -> Result<u64, Refusal> {
        self.admit(payload)?;
        self.write(None, payload).map(Option::unwrap_or_default)
    }

    /// Appends beyond the bound, for the few messages without which a full spool could not be drained.
    ///
    /// # Errors
    /// The disk fails. Nothing was accepted then.
    pub fn append_to_drain(&self, payload: &[u8]) -> Result<u64, Refusal> {
        self.write(None, payload).map(Option::unwrap_or_default)
    }

    /// Appends row `offset` of an import; `false` where this spool has gone past it already.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub fn append_at(&self, offset: u64, payload: &[u8]) -> Result<bool, Refusal> {
        self.admit(payload)?;
        self.write(Some(offset), payload).map(|written| written.is_some())
    }

    fn admit(&self, payload: &[u8]) -> Result<(), Refusal> {
        let payload_limit = self.payload_limit.load(Ordering::Relaxed);
        if payload.len() > payload_limit {
            let detail = format!("{} bytes, at most {payload_limit}", payload.len());
            return Err(Refusal::new(Reason::TooManyElements).with_detail(detail));
        }
        if self.total.load(Ordering::Relaxed) + log::size_on_disk(payload) > self.limit {
            return Err(Refusal::new(Reason::SpoolFull).retry_after(RETRY_AFTER));
        }
        Ok(())
    }

    fn write(&self, offset: Option<u64>, payload: &[u8]) -> Result<Option<u64>, Refusal> {
        let room = (self.limit / SEGMENTS_PER_SPOOL).clamp(LEAST_SEGMENT_BYTES, SEGMENT_BYTES);
        let written = self.log.append(offset, payload, room).map_err(|error| {
            Refusal::new(Reason::DiskWriteFailed)
                .with_detail(error.kind())
                .retry_after(RETRY_AFTER)
        })?;
        if let Some(wake) = self.waker.get() {
            wake();
        }
        Ok(written)
    }

    /// Has `wake` called after every append; only the first one set counts.
    pub fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.waker.set(Box::new(wake));
    }

    /// Tells the longest payload that the journal takes.
    pub fn limit_payloads(&self, bytes: usize) {
        self.payload_limit.store(bytes, Ordering::Relaxed);
    }

    /// Deletes an older spool whose messages are all in the journal.
    ///
    /// # Errors
    /// Where the disk fails; the spool stays.
    pub fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        let found = self.older.lock().iter().find(|log| log.id() == id).cloned();
        if let Some(log) = found {
            log.remove()?;
            self.older.lock().retain(|log| log.id() != id);
        }
        Ok(())
    }
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

/// The spools of a folder, the longest untouched first: their lives do not overlap, so this is their order.
fn spool_ids(folder: &Path) -> io::Result<Vec<SpoolId>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(id) = entry.file_name().to_str().and_then(SpoolId::from_hex) {
            let touched = segment::paths(&entry.path())?
                .last()
                .map(std::fs::metadata)
                .transpose()?;
            let touched = touched.unwrap_or(entry.metadata()?).modified()?;
            found.push((touched, id));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}
