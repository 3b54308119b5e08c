//! The segments of one spool: writing at the end, syncing, taking back, deleting from the front.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::ids::SpoolId;

use super::commit::{Commit, Group};
use super::disk::{Access, Disk};
use super::error::{Cut, SpoolError};
use super::frame::{self, OVERHEAD};
use super::kept::Kept;
use super::retire::{retire, retired};
use super::segment::{Extent, Segment};
use super::survey::{Condition, Found, survey};
use super::{Durability, Written};

/// What all logs of a spool folder share.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) durability: Durability,
    /// Bytes of all logs of the folder.
    pub(super) total: Arc<AtomicU64>,
}

/// One spool's frames on disk.
pub struct Log {
    id: SpoolId,
    folder: PathBuf,
    ground: Ground,
    pub(super) inner: Mutex<Inner>,
    commit: Commit,
}

pub(super) struct Inner {
    pub(super) segments: VecDeque<Segment>,
    /// The offset that comes next. An offset is given once, also where its frame was taken back.
    next: u64,
    /// One more than the last accepted offset.
    accepted: u64,
    /// The group of the frames that no sync has begun on.
    group: Group,
    /// A file was created or removed that a loss of power may undo.
    folder_unsynced: bool,
    /// Frames were taken back that may still stand on disk.
    unrepaired: bool,
    /// Files removed by repairs since the folder was last synced.
    removed: Vec<PathBuf>,
    buffer: Vec<u8>,
}

impl Log {
    /// Opens the log in `folder`, which may be empty; a torn tail is cut and reported.
    pub(super) fn open(id: SpoolId, folder: PathBuf, ground: Ground) -> Result<(Self, Option<Cut>), SpoolError> {
        let disk = ground.disk.as_ref();
        let failed = |source| SpoolError::Io {
            path: folder.clone(),
            source,
        };
        disk.create_folder(&folder).map_err(failed)?;
        for retired in retired(disk, &folder).map_err(failed)? {
            disk.remove_file(&retired).map_err(failed)?;
        }
        let mut found = survey(disk, &folder, Access::Write, &mut |_| {})?;
        let cut = match found.condition {
            Condition::Sound => None,
            Condition::Torn { segment } => Some(cut(disk, &mut found.segments, segment).map_err(failed)?),
            Condition::Damaged(damage) => return Err(SpoolError::Corrupt(damage)),
        };
        let mut segments = VecDeque::new();
        for Found {
            first,
            path,
            file,
            extent,
            ..
        } in found.segments
        {
            let mut segment = Segment::found(first, path, file, extent);
            segment.cut().map_err(failed)?;
            ground.total.fetch_add(extent.length, Ordering::Relaxed);
            segments.push_back(segment);
        }
        let next = segments.back().map_or(0, |last| last.written.end);
        let inner = Mutex::new(Inner {
            segments,
            next,
            accepted: next,
            group: Group::default(),
            folder_unsynced: true,
            unrepaired: false,
            removed: Vec::new(),
            buffer: Vec::new(),
        });
        let commit = Commit::default();
        let log = Self {
            id,
            folder,
            ground,
            inner,
            commit,
        };
        Ok((log, cut))
    }

    /// Makes durable what was found at opening: the process before may have accepted it with less.
    pub(super) fn sync_opened(&self) -> Result<(), SpoolError> {
        let group = Arc::clone(&self.inner.lock().group);
        self.wait_durable(&group).map_err(|source| SpoolError::Io {
            path: self.folder.clone(),
            source,
        })
    }

    /// The name of the spool.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// One more than the highest offset accepted.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.inner.lock().accepted
    }

    /// Frames and bytes that are not released.
    #[must_use]
    pub fn depth(&self) -> (u64, u64) {
        let inner = self.inner.lock();
        let sum = |count: fn(&Extent) -> u64| inner.segments.iter().map(|segment| count(&segment.written)).sum();
        (sum(|written| written.frames), sum(|written| written.length))
    }

    /// Writes at `offset`, or at the end where none is given. `Ok(None)`: the log has gone past that offset.
    pub(super) fn write(&self, offset: Option<u64>, payload: &[u8], room: u64) -> io::Result<Option<Written>> {
        let mut inner = self.inner.lock();
        let offset = offset.unwrap_or(inner.next);
        if offset < inner.next {
            return Ok(None);
        }
        let mut buffer = std::mem::take(&mut inner.buffer);
        let result = match frame::encode(&mut buffer, offset, inner.accepted, payload) {
            Some(()) => self.write_frame(&mut inner, offset, &buffer, room),
            None => Err(io::ErrorKind::FileTooLarge.into()),
        };
        inner.buffer = buffer;
        let kept = Some(result?);
        let group = match self.ground.durability {
            Durability::Process | Durability::Nothing => {
                inner.accept_all();
                None
            }
            Durability::Disk => Some(Arc::clone(&inner.group)),
        };
        Ok(Some(Written { offset, kept, group }))
    }

    fn write_frame(&self, inner: &mut Inner, offset: u64, bytes: &[u8], room: u64) -> io::Result<Kept> {
        let size = bytes.len() as u64;
        if inner.unrepaired {
            self.repair(inner)?;
        }
        let last = inner.segments.back_mut();
        if last.is_none_or(|last| last.closed || (last.written.length > 0 && last.written.length + size > room)) {
            let end = match inner.segments.back_mut() {
                Some(last) => {
                    last.cut()?;
                    last.written.end
                }
                None => inner.accepted,
            };
            let segment = Segment::create(self.ground.disk.as_ref(), &self.folder, end, room.max(size))?;
            inner.folder_unsynced = true;
            inner.segments.push_back(segment);
        }
        let Some(last) = inner.segments.back_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let kept = last.append(offset, bytes)?;
        inner.next = offset.saturating_add(1);
        self.ground.total.fetch_add(size, Ordering::Relaxed);
        Ok(kept)
    }

    /// Returns once the frames of `group` outlive a loss of power. The caller holds no lock that others wait for.
    ///
    /// # Errors
    /// The disk failed to sync: all that it had not synced before is taken back.
    pub(super) fn wait_durable(&self, group: &Group) -> io::Result<()> {
        self.commit.wait(group, || self.sync())
    }

    /// Syncs all that is written so far. The lock is not held meanwhile, so others go on writing, to the next group.
    fn sync(&self) {
        let mut inner = self.inner.lock();
        let group = std::mem::take(&mut inner.group);
        let with_folder = std::mem::take(&mut inner.folder_unsynced);
        let removed = std::mem::take(&mut inner.removed);
        let mut synced = Vec::new();
        for segment in inner.segments.iter_mut().filter(|segment| segment.unsynced) {
            segment.unsynced = false;
            synced.push((segment.first, Arc::clone(&segment.file), segment.written));
        }
        drop(inner);
        let result = synced.iter().try_for_each(|(_, file, _)| file.sync());
        let result = result.and_then(|()| {
            if with_folder {
                return self.ground.disk.sync_folder(&self.folder);
            }
            Ok(())
        });
        let fate = match result {
            Ok(()) => {
                let mut inner = self.inner.lock();
                for (first, _, written) in synced {
                    inner.accept(first, written);
                }
                Ok(())
            }
            Err(error) => {
                self.inner.lock().removed.extend(removed);
                self.refuse(error.kind());
                Err(error.kind())
            }
        };
        let _ = group.set(fate);
    }

    /// Refuses all that is not accepted, after a sync that failed. A second one would answer that all is well: the kernel
    /// reports a failed write once, and then takes what it could not write for written. So nothing that waited counts, also
    /// what was written while the sync ran.
    fn refuse(&self, kind: io::ErrorKind) {
        let mut inner = self.inner.lock();
        self.take_back(&mut inner);
        let _ = std::mem::take(&mut inner.group).set(Err(kind));
    }

    /// Takes back every frame that is not accepted. Their offsets are not given again.
    fn take_back(&self, inner: &mut Inner) {
        for segment in &mut inner.segments {
            let lost = segment.written.length - segment.accepted.length;
            self.ground.total.fetch_sub(lost, Ordering::Relaxed);
            segment.take_back();
        }
        inner.folder_unsynced = true;
        inner.unrepaired = true;
        // Should this fail, the next frame waits for a repair that does not.
        let _ = self.repair(inner);
    }

    /// Removes from disk what was taken back. The next frame begins a new segment: the file in which a page may be lost
    /// holds only what an earlier sync has seen through, and is synced as cut before anything new is accepted.
    fn repair(&self, inner: &mut Inner) -> io::Result<()> {
        let (accepted, disk) = (inner.accepted, self.ground.disk.as_ref());
        // A failed sync of the folder may have lost a removal, and a later one would not know of it: so it is done anew.
        for path in &inner.removed {
            if !inner.segments.iter().any(|segment| segment.path == *path) {
                disk.create(path, 1)?;
                disk.remove_file(path)?;
            }
        }
        while let Some(last) = inner.segments.back()
            && last.written.length == 0
            && last.first >= accepted
        {
            match disk.remove_file(&last.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            if let Some(last) = inner.segments.pop_back()
                && !inner.removed.contains(&last.path)
            {
                inner.removed.push(last.path);
            }
        }
        if let Some(last) = inner.segments.back_mut() {
            last.cut()?;
            last.closed = true;
        }
        inner.unrepaired = false;
        Ok(())
    }

    /// Deletes every segment whose frames all stand below `upto`, but never the one being written.
    ///
    /// # Errors
    /// Where a file cannot be deleted; it is tried again with the next release.
    pub fn release(&self, upto: u64) -> Result<(), SpoolError> {
        loop {
            let inner = self.inner.lock();
            let done =
                inner.segments.len() > 1 && inner.segments.front().is_some_and(|first| first.written.end <= upto);
            let Some(segment) = inner.segments.front().filter(|_| done).cloned() else {
                return Ok(());
            };
            drop(inner);
            self.delete(&segment.path)?;
            self.inner.lock().segments.pop_front();
            self.ground.total.fetch_sub(segment.written.length, Ordering::Relaxed);
        }
    }

    /// In [`Durability::Disk`] one after the other and each for good, or a loss of power could bring back a segment and not the
    /// one behind it, which reads as damage.
    fn delete(&self, path: &Path) -> Result<(), SpoolError> {
        let disk = self.ground.disk.as_ref();
        let removed = match self.ground.durability {
            Durability::Process | Durability::Nothing => disk.remove_file(path),
            Durability::Disk => self.retire_segment(path),
        };
        removed.map_err(|source| SpoolError::Io {
            path: path.to_owned(),
            source,
        })
    }

    /// Not beside a sync: it syncs the folder too, and a failure of that would be reported once, to one of the two.
    fn retire_segment(&self, path: &Path) -> io::Result<()> {
        let disk = self.ground.disk.as_ref();
        let retired = self
            .commit
            .alone(|| retire(disk, path).inspect_err(|error| self.refuse(error.kind())))?;
        // Should this fail, the next opening sees to it.
        let _ = disk.remove_file(&retired);
        Ok(())
    }

    /// Deletes the whole log from disk, for good. Should only the files of what is retired stay, the next opening removes them.
    pub(super) fn remove(&self) -> Result<(), SpoolError> {
        let disk = self.ground.disk.as_ref();
        let retired = retire(disk, &self.folder).map_err(|source| SpoolError::Io {
            path: self.folder.clone(),
            source,
        })?;
        let _ = disk.remove_folder(&retired);
        let mut inner = self.inner.lock();
        let bytes = inner.segments.drain(..).map(|segment| segment.written.length).sum();
        self.ground.total.fetch_sub(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Inner {
    fn accept_all(&mut self) {
        if let Some(last) = self.segments.back_mut() {
            last.accepted = last.written;
        }
        self.accepted = self.next;
    }

    /// The segment that begins at `first` is durable as far as `written`.
    fn accept(&mut self, first: u64, written: Extent) {
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.first == first) {
            segment.accepted = written;
        }
        self.accepted = self.accepted.max(written.end);
    }
}

/// Removes what stands behind the sound frames of one segment; the last file goes first, so that no gap comes to be.
fn cut(disk: &dyn Disk, found: &mut Vec<Found>, segment: usize) -> io::Result<Cut> {
    let mut bytes = 0;
    while found.len() > segment + 1
        && let Some(behind) = found.pop()
    {
        disk.remove_file(&behind.path)?;
        bytes += behind.size;
    }
    let torn = found.get(segment).ok_or(io::ErrorKind::NotFound)?;
    torn.file.set_size(torn.extent.length)?;
    Ok(Cut {
        path: torn.path.clone(),
        position: torn.extent.length,
        bytes: bytes + torn.size.saturating_sub(torn.extent.length),
    })
}

/// Bytes that a payload takes in a segment.
pub(super) fn size_on_disk(payload: &[u8]) -> u64 {
    (payload.len() + OVERHEAD) as u64
}
