//! One file of a spool: frames in the order of their offsets, then zeros.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SpoolError;
use super::disk::{Bytes, Disk};
use super::kept::Kept;

const EXTENSION: &str = "seg";

/// How far a segment reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    /// One more than the offset of the last frame.
    pub(super) end: u64,
    /// Bytes of the frames.
    pub(super) length: u64,
    /// Number of the frames.
    pub(super) frames: u64,
}

/// A segment and how far it is written.
#[derive(Clone)]
pub(super) struct Segment {
    /// The end of the segment before it: no frame in it has a lower offset.
    pub(super) first: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn Bytes>,
    pub(super) written: Extent,
    /// What is read back, and never taken back.
    pub(super) accepted: Extent,
    /// Something was done to the file that a loss of power may undo.
    pub(super) unsynced: bool,
    /// Takes no further frame.
    pub(super) closed: bool,
    /// Bytes of no frame may stand behind the last one.
    dirty: bool,
}

impl Extent {
    /// Of a segment without frames.
    pub(super) fn empty(first: u64) -> Self {
        Self {
            end: first,
            length: 0,
            frames: 0,
        }
    }

    /// With one more frame of `size` bytes.
    pub(super) fn with(self, offset: u64, size: u64) -> Self {
        Self {
            end: offset.saturating_add(1),
            length: self.length + size,
            frames: self.frames + 1,
        }
    }
}

impl Segment {
    /// Creates the file.
    pub(super) fn create(disk: &dyn Disk, folder: &Path, first: u64, room: u64) -> io::Result<Self> {
        let path = folder.join(format!("{first:020}.{EXTENSION}"));
        let file = disk.create(&path, room)?;
        Ok(Self::found(first, path, file, Extent::empty(first)))
    }

    /// A segment that lies on disk, all of it accepted.
    pub(super) fn found(first: u64, path: PathBuf, file: Arc<dyn Bytes>, extent: Extent) -> Self {
        Self {
            first,
            path,
            file,
            written: extent,
            accepted: extent,
            unsynced: true,
            closed: false,
            dirty: false,
        }
    }

    /// Writes a frame behind the last one. After an error the segment is as it was before.
    pub(super) fn append(&mut self, offset: u64, bytes: &[u8]) -> io::Result<Kept> {
        let position = self.written.length;
        if self.dirty {
            self.cut()?;
        }
        self.unsynced = true;
        if let Err(error) = self.file.write(bytes, position) {
            self.dirty = true;
            // Should this fail too, the next append tries again before it writes.
            let _ = self.cut();
            return Err(error);
        }
        self.written = self.written.with(offset, bytes.len() as u64);
        Ok(self.kept(position, bytes.len()))
    }

    /// The place of a frame of it.
    pub(super) fn kept(&self, position: u64, size: usize) -> Kept {
        let file = Arc::clone(&self.file);
        Kept { file, position, size }
    }

    /// Takes back what is not accepted; the bytes themselves go with [`Segment::cut`].
    pub(super) fn take_back(&mut self) {
        self.dirty |= self.written != self.accepted;
        self.unsynced = true;
        self.written = self.accepted;
    }

    /// Removes whatever stands behind the last frame.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.unsynced = true;
        self.file.set_size(self.written.length)?;
        self.dirty = false;
        Ok(())
    }

    /// Up to `size` bytes from `position`, never beyond what is accepted.
    pub(super) fn read(&self, position: u64, size: usize) -> Result<Vec<u8>, SpoolError> {
        let left = usize::try_from(self.accepted.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(left)];
        let filled = self.file.read(&mut bytes, position).map_err(|source| SpoolError::Io {
            path: self.path.clone(),
            source,
        })?;
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// The segments of a folder with the offsets that they begin at, in their order.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let names = disk.names(folder)?.into_iter();
    let mut found: Vec<_> = names
        .filter_map(|name| Some((first_offset(&name)?, folder.join(name))))
        .collect();
    found.sort();
    Ok(found)
}

fn first_offset(name: &str) -> Option<u64> {
    name.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}
