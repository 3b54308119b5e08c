//! The segments of one spool: appending at the end, reading from anywhere, deleting from the front.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::ids::SpoolId;

use super::frame::{self, OVERHEAD, Parsed};
use super::segment::{self, Segment, Tail, corrupt};
use super::{Cut, SpoolError};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// One frame read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its place in the spool.
    pub offset: u64,
    /// Serialised `SpoolFrame`.
    pub payload: Vec<u8>,
}

/// Where a reader stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    segment: u64,
    position: u64,
}

/// One spool's frames on disk.
pub struct Log {
    id: SpoolId,
    folder: PathBuf,
    /// Bytes of all logs of the spool folder, this one's among them.
    total: Arc<AtomicU64>,
    inner: Mutex<Inner>,
}

struct Inner {
    segments: VecDeque<Segment>,
    next: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// Opens the log in `folder`, which may be empty; a torn tail is cut and reported.
    pub(super) fn open(id: SpoolId, folder: PathBuf, total: Arc<AtomicU64>) -> Result<(Self, Option<Cut>), SpoolError> {
        let failed = |source| SpoolError::Io {
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let paths = segment::paths(&folder).map_err(failed)?;
        let mut segments = VecDeque::new();
        let mut cut = None;
        let mut next = 0;
        let count = paths.len();
        for (index, path) in paths.into_iter().enumerate() {
            let (mut segment, tail) = Segment::open(path, index + 1 == count)?;
            if segment.first < next {
                return Err(corrupt(&segment.path, 0, "its offsets stand in an earlier segment too"));
            }
            if let Tail::Torn(bytes) = tail {
                cut = Some(Cut {
                    path: segment.path.clone(),
                    position: segment.length,
                    bytes,
                });
            }
            segment.cut().map_err(|source| SpoolError::Io {
                path: segment.path.clone(),
                source,
            })?;
            next = segment.end;
            total.fetch_add(segment.length, Ordering::Relaxed);
            segments.push_back(segment);
        }
        let inner = Mutex::new(Inner {
            segments,
            next,
            buffer: Vec::new(),
        });
        Ok((
            Self {
                id,
                folder,
                total,
                inner,
            },
            cut,
        ))
    }

    /// The name of the spool.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// One more than the highest offset ever appended.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.inner.lock().next
    }

    /// Frames and bytes that are not released.
    #[must_use]
    pub fn depth(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        let sum = |count: fn(&Segment) -> u64| inner.segments.iter().map(count).sum();
        (sum(|segment| segment.frames), sum(|segment| segment.length))
    }

    /// Appends at `offset`, or at the end where none is given. `Ok(None)`: the log has gone past that offset.
    pub(super) fn append(&self, offset: Option<u64>, payload: &[u8], room: u64) -> io::Result<Option<u64>> {
        let mut inner = self.inner.lock();
        let offset = offset.unwrap_or(inner.next);
        if offset < inner.next {
            return Ok(None);
        }
        let mut buffer = std::mem::take(&mut inner.buffer);
        let result = match frame::encode(&mut buffer, offset, payload) {
            Some(()) => inner.write(&self.folder, offset, &buffer, room),
            None => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        };
        if result.is_ok() {
            self.total.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        }
        inner.buffer = buffer;
        result.map(|()| Some(offset))
    }

    /// Reads on from `cursor`: at most `limit` frames, and about a mebibyte. Nothing means that the end is reached.
    ///
    /// # Errors
    /// Where the disk fails or a frame is no longer what was written.
    pub fn read(&self, cursor: &mut Cursor, limit: usize) -> Result<Vec<Frame>, SpoolError> {
        let mut frames = Vec::new();
        while frames.is_empty() {
            let Some(segment) = self.segment_at(cursor) else { break };
            read_segment(&segment, cursor, limit, &mut frames)?;
        }
        Ok(frames)
    }

    /// The segment that holds what comes at `cursor`, which moves there.
    fn segment_at(&self, cursor: &mut Cursor) -> Option<Segment> {
        let inner = self.inner.lock();
        let at = inner.segments.partition_point(|segment| segment.first < cursor.segment);
        for segment in inner.segments.iter().skip(at) {
            if segment.first != cursor.segment {
                *cursor = Cursor {
                    segment: segment.first,
                    position: 0,
                };
            }
            if cursor.position < segment.length {
                return Some(segment.clone());
            }
        }
        None
    }

    /// Deletes every segment whose frames all stand below `upto`, but never the one being written.
    ///
    /// # Errors
    /// Where a file cannot be deleted; it is tried again with the next release.
    pub fn release(&self, upto: u64) -> Result<(), SpoolError> {
        loop {
            let mut inner = self.inner.lock();
            let done = inner.segments.len() > 1 && inner.segments.front().is_some_and(|first| first.end <= upto);
            let Some(segment) = inner.segments.front().filter(|_| done).cloned() else {
                return Ok(());
            };
            let path = segment.path.clone();
            std::fs::remove_file(&path).map_err(|source| SpoolError::Io { path, source })?;
            inner.segments.pop_front();
            self.total.fetch_sub(segment.length, Ordering::Relaxed);
        }
    }

    /// Deletes the whole log from disk.
    pub(super) fn remove(&self) -> Result<(), SpoolError> {
        let mut inner = self.inner.lock();
        let failed = |source| SpoolError::Io {
            path: self.folder.clone(),
            source,
        };
        std::fs::remove_dir_all(&self.folder).map_err(failed)?;
        let bytes = inner.segments.drain(..).map(|segment| segment.length).sum();
        self.total.fetch_sub(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Inner {
    fn write(&mut self, folder: &Path, offset: u64, bytes: &[u8], room: u64) -> io::Result<()> {
        let size = bytes.len() as u64;
        if self
            .segments
            .back()
            .is_none_or(|last| last.length > 0 && last.length + size > room)
        {
            if let Some(last) = self.segments.back_mut() {
                last.cut()?;
            }
            self.segments
                .push_back(Segment::create(folder, offset, room.max(size))?);
        }
        let Some(last) = self.segments.back_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        last.append(offset, bytes)?;
        self.next = offset.saturating_add(1);
        Ok(())
    }
}

fn read_segment(
    segment: &Segment,
    cursor: &mut Cursor,
    limit: usize,
    frames: &mut Vec<Frame>,
) -> Result<(), SpoolError> {
    let mut size = CHUNK;
    loop {
        let bytes = segment.read(cursor.position, size)?;
        let mut at = 0;
        while frames.len() < limit.max(1) {
            match frame::parse(bytes.get(at..).unwrap_or_default()) {
                Parsed::Frame(found) => {
                    frames.push(Frame {
                        offset: found.offset,
                        payload: found.payload.to_vec(),
                    });
                    at += found.size;
                }
                Parsed::Incomplete(needed) if frames.is_empty() && bytes.len() == size && needed > size => {
                    size = needed;
                    break;
                }
                Parsed::Incomplete(_) | Parsed::Nothing if !frames.is_empty() => break,
                _ => {
                    return Err(corrupt(
                        &segment.path,
                        cursor.position,
                        "a frame is not what was written",
                    ));
                }
            }
        }
        if !frames.is_empty() {
            cursor.position += at as u64;
            return Ok(());
        }
    }
}

/// Bytes that a payload takes in a segment.
pub(super) fn size_on_disk(payload: &[u8]) -> u64 {
    (payload.len() + OVERHEAD) as u64
}
