//! The names of spools in their folder: `<number>-<id>`. The number is their order: their lives do not overlap, and neither
//! the machine's clock nor a copy of the files changes it.

use std::fmt;
use std::io;
use std::path::Path;

use crate::ids::SpoolId;

use super::disk::Disk;

/// One spool's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Name {
    pub(super) number: u64,
    pub(super) id: SpoolId,
}

impl Name {
    fn read(name: &str) -> Option<Self> {
        let (number, id) = name.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            id: SpoolId::from_hex(id)?,
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:010}-{}", self.number, self.id)
    }
}

/// The spools of a folder, oldest first.
pub(super) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<Name>> {
    let mut found: Vec<_> = disk.names(folder)?.iter().filter_map(|name| Name::read(name)).collect();
    found.sort();
    Ok(found)
}
