//! A snapshot from disk: one thread reads, all processors check and decode, one puts the parts together.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{available_parallelism, scope};

use parking_lot::Mutex;

use super::part::{Part, Scalars};
use super::{HEAD_BYTES, MAGIC, Snapshot, SnapshotError, VERSION, key_mark, paths, release, seal};
use crate::ENGINE_VERSION;
use crate::keyed::Key;
use crate::state::Storefronts;

/// What a folder gave.
pub struct Loaded {
    /// The newest that can be used.
    pub snapshot: Option<Snapshot>,
    /// Why newer ones are not used.
    pub refused: Vec<SnapshotError>,
}

/// Loads the newest usable snapshot of `folder`; what was never finished is deleted. A folder that is not there holds
/// none.
///
/// # Errors
/// Where the folder cannot be read.
pub fn load(folder: &Path, key: &Key) -> Result<Loaded, SnapshotError> {
    let mut loaded = Loaded {
        snapshot: None,
        refused: Vec::new(),
    };
    let failed = |source| SnapshotError::Io {
        path: folder.to_owned(),
        source,
    };
    if !folder.try_exists().map_err(failed)? {
        return Ok(loaded);
    }
    clear_unfinished(folder).map_err(failed)?;
    for path in paths(folder).map_err(failed)? {
        match Reader::open(&path, key).and_then(Reader::read) {
            Ok(snapshot) => {
                loaded.snapshot = Some(snapshot);
                break;
            }
            Err(error) => loaded.refused.push(error),
        }
    }
    Ok(loaded)
}

fn clear_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "unfinished") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A part as it stands in the file.
struct Sealed {
    index: u32,
    seal: [u8; 16],
    payload: Vec<u8>,
}

struct Reader<'a> {
    path: &'a Path,
    key: &'a Key,
    file: BufReader<File>,
    /// Bytes of the file that were not read yet: no part can be longer.
    left: u64,
    sequence: u64,
    next: u32,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path, key: &'a Key) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let left = file.metadata().map_err(failed)?.len();
        let mut reader = Self {
            path,
            key,
            file: BufReader::with_capacity(1 << 20, file),
            left,
            sequence: 0,
            next: 0,
        };
        let head: [u8; HEAD_BYTES] = reader.take().ok_or_else(|| reader.damaged(0))?;
        let (magic, head) = head.split_at(MAGIC.len());
        let (version, head) = head.split_at(4);
        let (sequence, mark) = head.split_at(8);
        if magic != MAGIC {
            return Err(reader.damaged(0));
        }
        if version != VERSION.to_le_bytes() {
            let found = version.try_into().map(u32::from_le_bytes).unwrap_or_default();
            return Err(reader.of_version(format!("form {found}")));
        }
        if mark != key_mark(key) {
            return Err(SnapshotError::Foreign { path: path.to_owned() });
        }
        reader.sequence = sequence.try_into().map(u64::from_le_bytes).unwrap_or_default();
        Ok(reader)
    }

    fn read(mut self) -> Result<Snapshot, SnapshotError> {
        let scalars = self.scalars()?;
        if scalars.engine_version != ENGINE_VERSION {
            return Err(self.of_version(format!("form {VERSION}, engine {}", scalars.engine_version)));
        }
        let storefronts = scalars.storefronts.clone();
        let mut snapshot = Snapshot::begin(scalars);
        let (key, sequence, path) = (self.key, self.sequence, self.path.to_owned());
        let workers = available_parallelism().map_or(1, usize::from);
        let ended = scope(|threads| {
            let (to_workers, sealed) = sync_channel(workers * 2);
            let sealed = Arc::new(Mutex::new(sealed));
            let (to_assembler, decoded) = sync_channel(workers * 2);
            threads.spawn(move || self.hand_on(&to_workers));
            for _ in 0..workers {
                let (sealed, to_assembler) = (Arc::clone(&sealed), to_assembler.clone());
                let mut storefronts = storefronts.clone();
                threads.spawn(move || decode_all(key, sequence, &sealed, &to_assembler, &mut storefronts));
            }
            // The workers' own ends say when all is done, or that nobody wants more.
            drop((to_assembler, sealed));
            assemble(&mut snapshot, &decoded)
        });
        ended.map_err(|part| SnapshotError::Damaged { path, part })?;
        snapshot.state.watch_all();
        Ok(snapshot)
    }

    fn scalars(&mut self) -> Result<Scalars, SnapshotError> {
        let sealed = self.next_part().ok_or_else(|| self.damaged(0))?;
        match sealed.open(self.key, self.sequence) {
            Some(Part::Scalars(scalars)) => Ok(*scalars),
            _ => Err(self.damaged(0)),
        }
    }

    /// Reads on to the end of the file, or until nobody wants more.
    fn hand_on(mut self, to_workers: &SyncSender<Sealed>) {
        while let Some(sealed) = self.next_part() {
            if to_workers.send(sealed).is_err() {
                return;
            }
        }
    }

    fn next_part(&mut self) -> Option<Sealed> {
        let length = u64::from_le_bytes(self.take()?);
        let seal = self.take()?;
        if length > self.left {
            return None;
        }
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact(&mut payload).ok()?;
        self.left -= length;
        let index = self.next;
        self.next += 1;
        Some(Sealed { index, seal, payload })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.left = self.left.checked_sub(N as u64)?;
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn damaged(&self, part: u32) -> SnapshotError {
        SnapshotError::Damaged {
            path: self.path.to_owned(),
            part,
        }
    }

    fn of_version(&self, found: String) -> SnapshotError {
        debug_assert_ne!(found, release());
        SnapshotError::Version {
            path: self.path.to_owned(),
            found,
        }
    }
}

impl Sealed {
    /// Decodes the part if it is what was written.
    fn open(&self, key: &Key, sequence: u64) -> Option<Part> {
        if seal(key, sequence, self.index, &self.payload) != self.seal {
            return None;
        }
        postcard::from_bytes(&self.payload).ok()
    }
}

type Decoded = (u32, Option<Part>);

fn decode_all(
    key: &Key,
    sequence: u64,
    sealed: &Mutex<Receiver<Sealed>>,
    to_assembler: &SyncSender<Decoded>,
    storefronts: &mut Storefronts,
) {
    loop {
        let Ok(sealed) = sealed.lock().recv() else { return };
        let mut part = sealed.open(key, sequence);
        if let Some(part) = &mut part {
            part.share_names(storefronts);
        }
        if to_assembler.send((sealed.index, part)).is_err() {
            return;
        }
    }
}

/// Puts the parts together in their order. The first one that is bad or missing is the error.
fn assemble(snapshot: &mut Snapshot, decoded: &Receiver<Decoded>) -> Result<(), u32> {
    // At most as many wait here as are in the channels and in hands.
    let mut early = BTreeMap::new();
    let mut next = 1;
    let mut end = None;
    for (index, part) in decoded {
        early.insert(index, part);
        while let Some(part) = early.remove(&next) {
            if end.is_some() {
                return Err(next);
            }
            end = snapshot.put_back(part.ok_or(next)?);
            next += 1;
        }
    }
    (end == Some(next - 1)).then_some(()).ok_or(next)
}
