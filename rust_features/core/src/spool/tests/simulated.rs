//! A disk that keeps apart what is synced and what is not, so that it can lose power: of what was not synced, any subset
//! of sectors, sizes and directory entries survives. It can also fill up, and fail a sync.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::disk::{Access, Bytes, Disk};

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Sector(u64, Vec<u8>),
    Size(u64),
}

#[derive(Clone)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Clone)]
enum Move {
    Added(PathBuf, Entry),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

type Tree = BTreeMap<PathBuf, Entry>;

#[derive(Clone, Default)]
struct Inner {
    files: Vec<Content>,
    now: Tree,
    synced: Tree,
    unsynced: Vec<(PathBuf, Move)>,
    /// Operations until the power is gone.
    left: Option<u64>,
    is_full: bool,
    fails_next_sync: bool,
    /// Called once, while the next sync of a file is under way.
    during_sync: Option<Meanwhile>,
    random: u64,
}

type Meanwhile = Arc<dyn Fn() + Send + Sync>;

/// The disk; its clones are the same one.
#[derive(Clone)]
pub(super) struct Simulated(Arc<Mutex<Inner>>);

/// An open file of it.
struct Open(Simulated, usize);

impl Simulated {
    pub(super) fn new(random: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random,
            ..Inner::default()
        })))
    }

    /// The power is gone after so many more operations.
    pub(super) fn power_for(&self, operations: u64) {
        self.0.lock().left = Some(operations);
    }

    pub(super) fn fill(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    pub(super) fn fail_next_sync(&self) {
        self.0.lock().fails_next_sync = true;
    }

    pub(super) fn during_next_sync(&self, meanwhile: impl Fn() + Send + Sync + 'static) {
        self.0.lock().during_sync = Some(Arc::new(meanwhile));
    }

    /// The disk as it is found when the power is back.
    pub(super) fn after_power_loss(&self) -> Self {
        let mut inner = self.0.lock().clone();
        for index in 0..inner.files.len() {
            inner.settle_by_chance(index);
            inner.files[index].now = inner.files[index].synced.clone();
        }
        for (_, change) in std::mem::take(&mut inner.unsynced) {
            if inner.chance() {
                apply(&mut inner.synced, change);
            }
        }
        inner.now = inner.synced.clone();
        inner.left = None;
        inner.is_full = false;
        inner.fails_next_sync = false;
        inner.during_sync = None;
        Self(Arc::new(Mutex::new(inner)))
    }

    fn step(&self) -> io::Result<parking_lot::MutexGuard<'_, Inner>> {
        let mut inner = self.0.lock();
        match &mut inner.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(inner)
    }
}

impl Inner {
    /// The finaliser of splitmix64.
    fn chance(&mut self) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }

    /// Any subset of what is not synced reaches the disk, the rest never.
    fn settle_by_chance(&mut self, index: usize) {
        for change in std::mem::take(&mut self.files[index].unsynced) {
            if self.chance() {
                write_through(&mut self.files[index].synced, change);
            }
        }
    }

    fn set_size(&mut self, index: usize, size: u64) {
        let file = &mut self.files[index];
        file.now.resize(usize::try_from(size).unwrap(), 0);
        file.unsynced.push(Change::Size(size));
    }

    fn fails_sync(&mut self) -> bool {
        std::mem::take(&mut self.fails_next_sync)
    }

    fn change(&mut self, folder: &Path, change: Move) {
        apply(&mut self.now, change.clone());
        self.unsynced.push((folder.to_owned(), change));
    }

    fn file_at(&self, path: &Path) -> io::Result<usize> {
        match self.now.get(path) {
            Some(Entry::File(index)) => Ok(*index),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn write_through(synced: &mut Vec<u8>, change: Change) {
    match change {
        Change::Size(size) => synced.resize(usize::try_from(size).unwrap(), 0),
        Change::Sector(position, bytes) => {
            let start = usize::try_from(position).unwrap();
            let end = start + bytes.len();
            synced.resize(synced.len().max(end), 0);
            synced[start..end].copy_from_slice(&bytes);
        }
    }
}

fn apply(tree: &mut Tree, change: Move) {
    match change {
        Move::Added(path, entry) => {
            tree.insert(path, entry);
        }
        Move::Removed(path) => tree.retain(|found, _| !found.starts_with(&path)),
        Move::Renamed(from, to) => {
            let moved: Vec<_> = tree.keys().filter(|found| found.starts_with(&from)).cloned().collect();
            for path in moved {
                let entry = tree.remove(&path).unwrap();
                let below = path.strip_prefix(&from).unwrap();
                let path = if below.as_os_str().is_empty() {
                    to.clone()
                } else {
                    to.join(below)
                };
                tree.insert(path, entry);
            }
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

impl Disk for Simulated {
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inner = self.0.lock();
        let inside = inner.now.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        if !inner.now.contains_key(folder) {
            inner.change(&parent(folder), Move::Added(folder.to_owned(), Entry::Folder));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        if !inner.now.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.change(&parent(from), Move::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let inside: Vec<_> = self.names(folder)?.iter().map(|name| folder.join(name)).collect();
        for path in inside {
            self.remove_file(&path)?;
        }
        let mut inner = self.step()?;
        inner.change(&parent(folder), Move::Removed(folder.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        let fails = inner.fails_sync();
        let (these, others) = std::mem::take(&mut inner.unsynced)
            .into_iter()
            .partition(|(of, _)| of == folder);
        inner.unsynced = others;
        let these: Vec<_> = these;
        for (_, change) in these {
            if !fails || inner.chance() {
                apply(&mut inner.synced, change);
            }
        }
        if fails {
            Err(io::Error::other("a failing disk"))
        } else {
            Ok(())
        }
    }

    fn create(&self, path: &Path, room: u64) -> io::Result<Arc<dyn Bytes>> {
        let mut inner = self.step()?;
        if inner.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let index = inner.file_at(path).unwrap_or(inner.files.len());
        if index == inner.files.len() {
            inner.files.push(Content::default());
            inner.change(&parent(path), Move::Added(path.to_owned(), Entry::File(index)));
        }
        inner.set_size(index, 0);
        inner.set_size(index, room);
        Ok(Arc::new(Open(self.clone(), index)))
    }

    fn open(&self, path: &Path, _access: Access) -> io::Result<Arc<dyn Bytes>> {
        let index = self.step()?.file_at(path)?;
        Ok(Arc::new(Open(self.clone(), index)))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.step()?;
        inner.file_at(path)?;
        inner.change(&parent(path), Move::Removed(path.to_owned()));
        Ok(())
    }
}

impl Bytes for Open {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().files[self.1].now.len() as u64)
    }

    fn read(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let inner = self.0.0.lock();
        let bytes = inner.files[self.1]
            .now
            .get(usize::try_from(position).unwrap()..)
            .unwrap_or_default();
        let filled = bytes.len().min(buffer.len());
        buffer[..filled].copy_from_slice(&bytes[..filled]);
        Ok(filled)
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut inner = self.0.step()?;
        let is_full = inner.is_full;
        let written = if is_full { bytes.len() / 2 } else { bytes.len() };
        let file = &mut inner.files[self.1];
        let start = usize::try_from(position).unwrap();
        let end = start + written;
        file.now.resize(file.now.len().max(end), 0);
        file.now[start..end].copy_from_slice(&bytes[..written]);
        let mut at = position;
        while at < end as u64 {
            let next = ((at / SECTOR + 1) * SECTOR).min(end as u64);
            let sector = file.now[usize::try_from(at).unwrap()..usize::try_from(next).unwrap()].to_vec();
            file.unsynced.push(Change::Sector(at, sector));
            at = next;
        }
        if is_full {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.step()?.set_size(self.1, size);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.0.step()?;
        if inner.fails_sync() {
            // What did not reach the disk counts as clean from now on: no later sync writes it.
            inner.settle_by_chance(self.1);
            return Err(io::Error::other("a failing disk"));
        }
        let file = &mut inner.files[self.1];
        for change in std::mem::take(&mut file.unsynced) {
            write_through(&mut file.synced, change);
        }
        let meanwhile = inner.during_sync.take();
        drop(inner);
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        Ok(())
    }
}
