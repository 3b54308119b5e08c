//! A snapshot onto disk.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::Writer;
use super::part::take_apart;
use super::{ENDING, Snapshot, SnapshotError, paths};
use crate::keyed::Key;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// How much.
    pub bytes: u64,
}

/// Writes a snapshot into `folder`, made if it is not there. All but it and the one of the sequence `before`, which is known
/// to be sound, is deleted; nothing is where none is known. Gives up between two parts when `give_up` becomes true.
///
/// # Errors
/// Where the disk fails; what was written so far is deleted, and older snapshots stay.
pub fn write(
    folder: &Path,
    key: &Key,
    snapshot: Snapshot,
    before: Option<u64>,
    give_up: &AtomicBool,
) -> Result<Written, SnapshotError> {
    let path_of = |sequence| folder.join(format!("{sequence:020}.{ENDING}"));
    let path = path_of(snapshot.state.sequence());
    let kept = before.map(|before| [path.clone(), path_of(before)]);
    let unfinished = path.with_extension("unfinished");
    let result = write_file(folder, &unfinished, key, snapshot, give_up).and_then(|bytes| {
        let finish = || {
            std::fs::rename(&unfinished, &path)?;
            File::open(folder)?.sync_all()?;
            if let Some(kept) = &kept {
                for old in paths(folder)?.iter().filter(|path| !kept.contains(path)) {
                    std::fs::remove_file(old)?;
                }
            }
            Ok(())
        };
        finish().map_err(|source| SnapshotError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(bytes)
    });
    if result.is_err() {
        // What cannot be deleted now is written over by the next one of its sequence, or cleared at the next start.
        let _ = std::fs::remove_file(&unfinished);
    }
    result.map(|bytes| Written { path, bytes })
}

fn write_file(
    folder: &Path,
    path: &Path,
    key: &Key,
    snapshot: Snapshot,
    give_up: &AtomicBool,
) -> Result<u64, SnapshotError> {
    let failed = |source| SnapshotError::Io {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut options = OpenOptions::new();
    // It holds no personal data, yet says which token is which alias.
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = BufWriter::with_capacity(1 << 20, file.map_err(failed)?);
    let mut writer = Writer::begin(file, key, snapshot.state.sequence()).map_err(failed)?;
    take_apart(snapshot, &mut |part| {
        if give_up.load(Ordering::Relaxed) {
            return Err(SnapshotError::GivenUp);
        }
        part.encode()
            .and_then(|payload| writer.append(&payload))
            .map_err(failed)
    })?;
    let (file, bytes) = writer.end();
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(bytes)
}
