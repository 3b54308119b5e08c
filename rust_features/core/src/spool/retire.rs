//! Removing for good what must not come back after a loss of power.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;

const EXTENSION: &str = "removed";

/// Renames a file or folder to a name that means nothing to a spool, and makes that durable; what bears it may be removed at
/// leisure. After an error the next try renames anew: a sync that failed would say nothing the second time.
pub(super) fn retire(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(EXTENSION);
    let retired = PathBuf::from(name);
    match disk.rename(path, &retired) {
        // An earlier try could not take its own back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.rename(&retired, path)?;
            disk.rename(path, &retired)?;
        }
        renamed => renamed?,
    }
    if let Err(error) = disk.sync_folder(path.parent().unwrap_or(path)) {
        disk.rename(&retired, path)?;
        return Err(error);
    }
    Ok(retired)
}

/// What a crash has left of things retired in `folder`.
pub(super) fn retired(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = disk.names(folder)?.into_iter().map(|name| folder.join(name));
    Ok(paths
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect())
}
