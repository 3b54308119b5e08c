//! What stands in the segments of one spool, for opening and for inspection: the frames that are sound in their order, and
//! what is to be thought of the rest.
//!
//! Each frame says up to where everything had been accepted when it was written. So the bytes themselves tell a loss of
//! power from damage: what a crash left half on disk had not been accepted, and no frame behind it says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Access, Bytes, Disk};
use super::error::{Damage, SpoolError};
use super::frame::{self, OVERHEAD, Parsed, RawFrame};
use super::segment::{self, Extent};

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

const NO_FRAME: &str = "accepted messages follow something that is no frame";
const NO_ORDER: &str = "accepted messages follow a frame whose offset does not rise";
const MISSING: &str = "accepted messages before it are missing";

/// One segment as found.
pub(super) struct Found {
    pub(super) first: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn Bytes>,
    /// Bytes of the file.
    pub(super) size: u64,
    /// Its sound frames; none from the tail on.
    pub(super) extent: Extent,
}

/// All of one spool.
pub(super) struct Survey {
    pub(super) segments: Vec<Found>,
    pub(super) condition: Condition,
}

/// How a spool is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Sound,
    /// Nothing from the end of this segment's sound frames on had been accepted.
    Torn {
        segment: usize,
    },
    /// Something that had been accepted is not there any more.
    Damaged(Damage),
}

/// Reads all segments of `folder`; `each` gets every sound frame in its order.
pub(super) fn survey(
    disk: &dyn Disk,
    folder: &Path,
    access: Access,
    each: &mut dyn FnMut(&RawFrame<'_>),
) -> Result<Survey, SpoolError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SpoolError::Io { path, source }
    };
    let mut segments: Vec<Found> = Vec::new();
    let mut torn: Option<Torn> = None;
    for (first, path) in segment::list(disk, folder).map_err(failed(folder))? {
        let file = disk.open(&path, access).map_err(failed(&path))?;
        let size = file.size().map_err(failed(&path))?;
        let mut window = Window::new(file.as_ref(), size);
        let mut extent = Extent::empty(first);
        let before = segments.last().map(|found| found.extent.end);
        if torn.is_none() && before.is_some_and(|end| end != first) {
            torn = Some(Torn {
                segment: segments.len() - 1,
                end: before.unwrap_or_default(),
                damage: damage(&path, 0, MISSING),
            });
        }
        if torn.is_none() {
            let why = read_frames(&mut window, &mut extent, each).map_err(failed(&path))?;
            torn = why.map(|why| Torn {
                segment: segments.len(),
                end: extent.end,
                damage: damage(&path, extent.length, why),
            });
        }
        if let Some(torn) = &torn
            && window
                .is_accepted_behind(extent.length, torn.end)
                .map_err(failed(&path))?
        {
            let condition = Condition::Damaged(torn.damage.clone());
            segments.push(Found {
                first,
                path,
                file,
                size,
                extent,
            });
            return Ok(Survey { segments, condition });
        }
        segments.push(Found {
            first,
            path,
            file,
            size,
            extent,
        });
    }
    let condition = torn.map_or(Condition::Sound, |torn| Condition::Torn { segment: torn.segment });
    Ok(Survey { segments, condition })
}

/// Where the sound frames end, before it is known whether what follows had been accepted.
struct Torn {
    segment: usize,
    /// The end of the sound frames.
    end: u64,
    /// What it is if something behind it had been accepted.
    damage: Damage,
}

/// Walks along the frames from the start of a segment; tells why it stopped, where that was not at zeros.
fn read_frames(
    window: &mut Window<'_>,
    extent: &mut Extent,
    each: &mut dyn FnMut(&RawFrame<'_>),
) -> io::Result<Option<&'static str>> {
    loop {
        match window.frame(extent.length)? {
            Parsed::Frame(found) if found.accepted > extent.end => return Ok(Some(MISSING)),
            Parsed::Frame(found) if found.offset < extent.end => return Ok(Some(NO_ORDER)),
            Parsed::Frame(found) => {
                each(&found);
                *extent = extent.with(found.offset, found.size as u64);
            }
            _ => break,
        }
    }
    let only_zeros = window.is_zero_from(extent.length)?;
    Ok((!only_zeros).then_some(NO_FRAME))
}

fn damage(path: &Path, position: u64, why: &'static str) -> Damage {
    Damage {
        path: path.to_owned(),
        position,
        why,
    }
}

/// A part of a file in memory: about a mebibyte of it, or one frame.
struct Window<'a> {
    file: &'a dyn Bytes,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn Bytes, size: u64) -> Self {
        Self {
            file,
            size,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// At least `wanted` bytes from `position`, fewer only at the end of the file.
    fn get(&mut self, position: u64, wanted: usize) -> io::Result<&[u8]> {
        let left = self.size.saturating_sub(position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        let holds = position >= self.start && position + wanted as u64 <= self.start + self.bytes.len() as u64;
        if !holds {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(wanted.max(CHUNK));
            self.bytes.resize(size, 0);
            let filled = self.file.read(&mut self.bytes, position)?;
            self.bytes.truncate(filled);
            self.start = position;
        }
        let from = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..).unwrap_or_default())
    }

    fn frame(&mut self, position: u64) -> io::Result<Parsed<'_>> {
        let wanted = match frame::parse(self.get(position, OVERHEAD)?) {
            Parsed::Incomplete(size) => size,
            _ => OVERHEAD,
        };
        Ok(frame::parse(self.get(position, wanted)?))
    }

    fn is_zero_from(&mut self, mut position: u64) -> io::Result<bool> {
        while position < self.size {
            let bytes = self.get(position, 1)?;
            if bytes.is_empty() {
                break;
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            position += bytes.len() as u64;
        }
        Ok(true)
    }

    /// Whether a sound frame anywhere from `position` on says that more than `end` had been accepted. What would be its
    /// offset and end must be plausible, which spares most checksums.
    fn is_accepted_behind(&mut self, position: u64, end: u64) -> io::Result<bool> {
        for at in position..self.size {
            let Some((offset, accepted)) = frame::place(self.get(at, OVERHEAD)?) else {
                return Ok(false);
            };
            let is_plausible = accepted > end && accepted <= offset && u32::try_from(offset - end).is_ok();
            if is_plausible && matches!(self.frame(at)?, Parsed::Frame(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
