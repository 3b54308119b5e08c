//! One file of a spool: frames in the order of their offsets, then zeros.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::SpoolError;
use super::frame::{self, Parsed};

const EXTENSION: &str = "seg";

/// A segment and how far it is written.
#[derive(Clone)]
pub(super) struct Segment {
    /// Offset of its first frame, or the least that the first may get.
    pub(super) first: u64,
    /// One more than the offset of its last frame.
    pub(super) end: u64,
    /// Bytes of its frames.
    pub(super) length: u64,
    /// Number of its frames.
    pub(super) frames: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Bytes of a failed write may stand behind the last frame.
    dirty: bool,
}

/// What stood behind the last sound frame of a segment.
pub(super) enum Tail {
    Clean,
    /// So many bytes from the first bad frame on, and no sound frame after them.
    Torn(u64),
}

impl Segment {
    /// Creates a file with its room set aside, so that a full disk shows here and not in the middle of a frame.
    pub(super) fn create(folder: &Path, first: u64, room: u64) -> io::Result<Self> {
        let path = folder.join(format!("{first:020}.{EXTENSION}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, room) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(room),
            result => result.map_err(io::Error::from),
        };
        if let Err(error) = reserved {
            std::fs::remove_file(&path)?;
            return Err(error);
        }
        Ok(Self {
            first,
            end: first,
            length: 0,
            frames: 0,
            path,
            file: Arc::new(file),
            dirty: false,
        })
    }

    /// Opens a file and finds its end. Damage before sound frames, or before `is_last`'s tail, is an error.
    pub(super) fn open(path: PathBuf, is_last: bool) -> Result<(Self, Tail), SpoolError> {
        let first = first_offset(&path).ok_or_else(|| corrupt(&path, 0, "its name is no offset"))?;
        let failed = |source| SpoolError::Io {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let bytes = std::fs::read(&path).map_err(failed)?;
        let mut segment = Self {
            first,
            end: first,
            length: 0,
            frames: 0,
            path,
            file: Arc::new(file),
            dirty: false,
        };
        let mut rest = bytes.as_slice();
        while let Parsed::Frame(found) = frame::parse(rest) {
            if found.offset < segment.end {
                return Err(corrupt(&segment.path, segment.length, "offsets do not rise"));
            }
            segment.end = found.offset.saturating_add(1);
            segment.frames += 1;
            segment.length += found.size as u64;
            rest = rest.get(found.size..).unwrap_or_default();
        }
        if rest.iter().all(|byte| *byte == 0) {
            return Ok((segment, Tail::Clean));
        }
        if !is_last {
            return Err(corrupt(
                &segment.path,
                segment.length,
                "a bad frame stands before other segments",
            ));
        }
        if has_frame(rest, segment.end) {
            return Err(corrupt(
                &segment.path,
                segment.length,
                "a bad frame stands before sound ones",
            ));
        }
        Ok((segment, Tail::Torn(rest.len() as u64)))
    }

    /// Writes a frame behind the last one. After an error the segment is as it was before.
    pub(super) fn append(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.dirty {
            self.cut()?;
        }
        if let Err(error) = self.file.write_all_at(bytes, self.length) {
            self.dirty = true;
            // Should this fail too, the next append tries again before it writes.
            let _ = self.cut();
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.end = offset.saturating_add(1);
        self.frames += 1;
        Ok(())
    }

    /// Removes whatever stands behind the last frame.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.dirty = false;
        Ok(())
    }

    /// Up to `size` bytes from `position`, never beyond the last frame.
    pub(super) fn read(&self, position: u64, size: usize) -> Result<Vec<u8>, SpoolError> {
        let left = usize::try_from(self.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(left)];
        let result = self.file.read_exact_at(&mut bytes, position);
        result.map_err(|source| SpoolError::Io {
            path: self.path.clone(),
            source,
        })?;
        Ok(bytes)
    }
}

/// The segments of a folder in the order of their offsets.
pub(super) fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    Ok(paths)
}

pub(super) fn corrupt(path: &Path, position: u64, why: &'static str) -> SpoolError {
    SpoolError::Corrupt {
        path: path.to_owned(),
        position,
        why,
    }
}

fn first_offset(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Whether a sound frame stands anywhere in `bytes`; its offset must be plausible, which spares most checksums.
fn has_frame(bytes: &[u8], end: u64) -> bool {
    (1..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let plausible =
            frame::offset_at(rest).is_some_and(|offset| offset >= end && u32::try_from(offset - end).is_ok());
        plausible && matches!(frame::parse(rest), Parsed::Frame(_))
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn bytes_of_a_failed_write_are_gone_before_the_next_one() {
        let folder = TempDir::new().unwrap();
        let mut segment = Segment::create(folder.path(), 0, 4096).unwrap();
        let mut buffer = Vec::new();
        frame::encode(&mut buffer, 0, b"first").unwrap();
        segment.append(0, &buffer).unwrap();
        // Neither writing nor cutting works, and half a frame stands on disk.
        let writable = std::mem::replace(&mut segment.file, Arc::new(File::open(&segment.path).unwrap()));
        frame::encode(&mut buffer, 1, &[9; 100]).unwrap();
        assert!(segment.append(1, &buffer).is_err());
        writable.write_all_at(&buffer[..60], segment.length).unwrap();
        assert!(segment.append(1, &buffer).is_err());
        segment.file = writable;
        frame::encode(&mut buffer, 1, b"second").unwrap();
        segment.append(1, &buffer).unwrap();
        let (reopened, tail) = Segment::open(segment.path.clone(), false).unwrap();
        assert!(matches!(tail, Tail::Clean));
        assert_eq!((reopened.end, reopened.frames, reopened.length), (2, 2, segment.length));
    }
}
