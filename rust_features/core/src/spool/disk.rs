//! What a spool asks of a disk, and the machine's own. The one place where it touches files, so that a simulated disk can
//! lose power under it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// Folders and the files in them. What is created, renamed or removed outlives a loss of power only once its folder is
/// synced.
pub(super) trait Disk: Send + Sync {
    /// Names of what stands in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Creates a folder and those above it, where they are not there.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a folder with all that stands in it.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Creates a file, empty where one is left over, with its room set aside, so that a full disk shows here and not in
    /// the middle of a frame.
    fn create(&self, path: &Path, room: u64) -> io::Result<Arc<dyn Bytes>>;
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn Bytes>>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
}

/// What an open file may be used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// An open file.
pub(super) trait Bytes: Send + Sync {
    fn size(&self) -> io::Result<u64>;
    /// Fills `buffer` from `position`; fewer bytes only at the end of the file.
    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Returns once size and bytes outlive a loss of power.
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own files.
pub(super) struct System;

impl Disk for System {
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        // Whatever is not UTF-8 is nothing of ours.
        Ok(entries
            .into_iter()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn create(&self, path: &Path, room: u64) -> io::Result<Arc<dyn Bytes>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, room) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(room),
            result => result.map_err(io::Error::from),
        };
        if let Err(error) = reserved {
            std::fs::remove_file(path)?;
            return Err(error);
        }
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn Bytes>> {
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::Write)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

impl Bytes for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, position + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.write_all_at(bytes, position)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
