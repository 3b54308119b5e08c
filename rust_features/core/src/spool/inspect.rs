//! What lies in a spool folder, told without touching it: while a scorer writes there, and where it is damaged.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::contract::SpoolFrame;
use crate::ids::SpoolId;
use crate::time::Micros;

use super::disk::{Access, Disk, System};
use super::error::{Damage, SpoolError};
use super::frame::RawFrame;
use super::name;
use super::survey::{Condition, Survey, survey};

/// Looks taken at a spool that does not seem sound: a scorer may be in the middle of writing or removing.
const LOOKS: usize = 3;
/// What is told of frames that are no messages.
const UNREADABLE: &str = "unreadable";

/// One spool, as found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpoolReport {
    /// Its place in the order of the starts.
    pub number: u64,
    /// Its name.
    pub id: SpoolId,
    /// Its files in their order.
    pub segments: Vec<SegmentReport>,
    /// Messages by kind, as the journal's subjects name them.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The lowest received time of a message.
    pub oldest: Option<Micros>,
    /// The highest received time of a message.
    pub newest: Option<Micros>,
    /// What the next start does about it.
    pub condition: SpoolCondition,
}

/// One segment, as found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// Sound frames.
    pub frames: u64,
    /// Bytes of the sound frames.
    pub bytes: u64,
    /// Bytes of the file, with what is set aside for frames to come.
    pub file_bytes: u64,
}

/// How a spool is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpoolCondition {
    /// Every frame is sound.
    Sound,
    /// Bytes that are no frame stand behind the last sound one, as a crash leaves them; the next start cuts them.
    Torn {
        /// The segment.
        path: PathBuf,
        /// Where its sound frames end.
        position: u64,
    },
    /// Accepted messages are missing; a start refuses.
    Damaged(Damage),
}

/// Reports on every spool of `folder`, oldest first. It takes no lock and writes nothing.
///
/// # Errors
/// Where the folder or a file cannot be read.
pub fn inspect(folder: &Path) -> Result<Vec<SpoolReport>, SpoolError> {
    let names = name::list(&System, folder).map_err(|source| SpoolError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let reports = names.into_iter().map(|name| {
        let report = look(&System, &folder.join(name.to_string()))?;
        Ok(report.map(|(survey, messages)| report_of(name, survey, messages)))
    });
    // A spool that was drained meanwhile is not there to be reported on.
    reports.filter_map(Result::transpose).collect()
}

/// What the messages of a spool say.
#[derive(Default)]
struct Messages {
    kinds: BTreeMap<&'static str, u64>,
    oldest: Option<Micros>,
    newest: Option<Micros>,
}

impl Messages {
    fn add(&mut self, frame: &RawFrame<'_>) {
        let message = SpoolFrame::decode(frame.payload).ok().and_then(|frame| frame.message);
        let kind = message.as_ref().map_or(UNREADABLE, |message| message.kind_name());
        *self.kinds.entry(kind).or_default() += 1;
        if let Some(time) = message.and_then(|message| message.received_time) {
            let time = Micros::from_timestamp(&time);
            self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
            self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        }
    }
}

/// `None`: the spool is gone.
fn look(disk: &dyn Disk, folder: &Path) -> Result<Option<(Survey, Messages)>, SpoolError> {
    let mut looks = 1;
    loop {
        let mut messages = Messages::default();
        let seen = survey(disk, folder, Access::Read, &mut |frame| messages.add(frame));
        let is_last = looks == LOOKS;
        looks += 1;
        match seen {
            Ok(found) if is_last || found.condition == Condition::Sound => return Ok(Some((found, messages))),
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                if is_last {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
}

fn report_of(name: name::Name, survey: Survey, messages: Messages) -> SpoolReport {
    let condition = match survey.condition {
        Condition::Sound => SpoolCondition::Sound,
        Condition::Damaged(damage) => SpoolCondition::Damaged(damage),
        Condition::Torn { segment } => {
            survey
                .segments
                .get(segment)
                .map_or(SpoolCondition::Sound, |torn| SpoolCondition::Torn {
                    path: torn.path.clone(),
                    position: torn.extent.length,
                })
        }
    };
    let segments = survey.segments.into_iter().map(|found| SegmentReport {
        path: found.path,
        frames: found.extent.frames,
        bytes: found.extent.length,
        file_bytes: found.size,
    });
    SpoolReport {
        number: name.number,
        id: name.id,
        segments: segments.collect(),
        kinds: messages.kinds,
        oldest: messages.oldest,
        newest: messages.newest,
        condition,
    }
}
