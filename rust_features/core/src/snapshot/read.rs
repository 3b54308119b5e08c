//! A snapshot from disk: one thread reads, all processors check and decode, one puts the parts together.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{available_parallelism, scope};

use parking_lot::Mutex;

use super::file::{Reader, Sealed};
use super::part::Part;
use super::{Flaw, Snapshot, SnapshotError, paths, release};
use crate::ENGINE_VERSION;
use crate::keyed::Key;
use crate::state::Storefronts;

/// What a folder gave.
pub struct Loaded<R> {
    /// The newest that can be used, and where to go on from it.
    pub newest: Option<(Snapshot, R)>,
    /// Why newer ones are not used.
    pub refused: Vec<SnapshotError>,
}

/// Loads the newest usable snapshot of `folder`; what was never finished is deleted. A folder that is not there holds
/// none. `resume` reads what relay and feed need; a snapshot of which it gives nothing is not used.
///
/// # Errors
/// Where the folder cannot be read.
pub fn load<R>(folder: &Path, key: &Key, resume: impl Fn(&[u8]) -> Option<R>) -> Result<Loaded<R>, SnapshotError> {
    let mut loaded = Loaded {
        newest: None,
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
        let (file, bytes) = match open(&path) {
            Ok(opened) => opened,
            Err(source) => {
                loaded.refused.push(SnapshotError::Io { path, source });
                continue;
            }
        };
        let read = Reader::open(file, bytes, key).and_then(|reader| read(reader, key));
        let with_resume = read.and_then(|snapshot| {
            let resume = resume(&snapshot.resume).ok_or(Flaw::Resume)?;
            Ok((snapshot, resume))
        });
        match with_resume {
            Ok(newest) => {
                loaded.newest = Some(newest);
                break;
            }
            Err(flaw) => loaded.refused.push(SnapshotError::Unusable { path, flaw }),
        }
    }
    Ok(loaded)
}

fn clear_unfinished(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "unfinished") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<(BufReader<File>, u64)> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((BufReader::with_capacity(1 << 20, file), bytes))
}

/// Turns sealed parts into what they hold.
#[derive(Clone)]
pub(super) struct Decoder<'a> {
    key: &'a Key,
    storefronts: Storefronts,
}

impl<'a> Decoder<'a> {
    /// Reads the first part, which begins a snapshot.
    pub(super) fn begin(file: &mut Reader<impl Read>, key: &'a Key) -> Result<(Snapshot, Self), Flaw> {
        let mut decoder = Self {
            key,
            storefronts: Storefronts::default(),
        };
        let first = file.next_part().and_then(|sealed| decoder.open(&sealed));
        let Some(Part::Scalars(scalars)) = first else {
            return Err(Flaw::Damaged(0));
        };
        if scalars.engine_version != ENGINE_VERSION {
            let found = release(&scalars.engine_version);
            return Err(Flaw::Version { found });
        }
        if scalars.sequence != file.sequence() {
            return Err(Flaw::Damaged(0));
        }
        decoder.storefronts = scalars.storefronts.clone();
        Ok((Snapshot::begin(*scalars), decoder))
    }

    /// Decodes the part if it is what was written.
    pub(super) fn open(&mut self, sealed: &Sealed) -> Option<Part> {
        Part::decode(sealed.open(self.key)?, &mut self.storefronts)
    }
}

fn read(mut file: Reader<impl Read + Send>, key: &Key) -> Result<Snapshot, Flaw> {
    let (snapshot, decoder) = Decoder::begin(&mut file, key)?;
    let workers = available_parallelism().map_or(1, usize::from);
    scope(|threads| {
        let (to_workers, sealed) = sync_channel(workers * 2);
        let sealed = Arc::new(Mutex::new(sealed));
        let (to_assembler, parts) = sync_channel(workers * 2);
        threads.spawn(move || hand_on(file, &to_workers));
        for _ in 0..workers {
            let (sealed, to_assembler, decoder) = (Arc::clone(&sealed), to_assembler.clone(), decoder.clone());
            threads.spawn(move || decode_all(decoder, &sealed, &to_assembler));
        }
        // The workers' own ends say when all is done, or that nobody wants more.
        drop((to_assembler, sealed));
        assemble(snapshot, parts)
    })
}

/// Reads on to the end of the file, or until nobody wants more.
fn hand_on(mut file: Reader<impl Read>, to_workers: &SyncSender<Sealed>) {
    while let Some(sealed) = file.next_part() {
        if to_workers.send(sealed).is_err() {
            return;
        }
    }
}

/// A part by its index; `None` where it is not what was written.
type Decoded = (u32, Option<Part>);

fn decode_all(mut decoder: Decoder<'_>, sealed: &Mutex<Receiver<Sealed>>, to_assembler: &SyncSender<Decoded>) {
    loop {
        let Ok(sealed) = sealed.lock().recv() else { return };
        if to_assembler.send((sealed.index, decoder.open(&sealed))).is_err() {
            return;
        }
    }
}

/// Puts the parts together in their order. The first one that is bad or missing is the flaw.
pub(super) fn assemble(mut snapshot: Snapshot, decoded: impl IntoIterator<Item = Decoded>) -> Result<Snapshot, Flaw> {
    // At most as many wait here as are in the channels and in hands.
    let mut early = BTreeMap::new();
    let mut next = 1;
    let mut end = None;
    for (index, part) in decoded {
        early.insert(index, part);
        while let Some(part) = early.remove(&next) {
            let part = part.filter(|_| end.is_none()).ok_or(Flaw::Damaged(next))?;
            end = snapshot.put_back(part);
            next += 1;
        }
    }
    if end != Some(next - 1) {
        return Err(Flaw::Damaged(next));
    }
    snapshot.state.watch_all();
    Ok(snapshot)
}
