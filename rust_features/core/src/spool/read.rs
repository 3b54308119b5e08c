//! Reading a log from anywhere, up to what is accepted.

use super::Written;
use super::error::{Damage, SpoolError};
use super::frame::{self, Parsed};
use super::kept::Kept;
use super::log::Log;
use super::segment::Segment;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// One frame read back.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its place in the spool.
    pub offset: u64,
    /// Serialised `SpoolFrame`.
    pub payload: Vec<u8>,
    kept: Kept,
}

/// Where a reader stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    segment: u64,
    position: u64,
}

impl Frame {
    /// As it was when it had been accepted.
    pub fn written(&self) -> Written {
        Written {
            offset: self.offset,
            kept: Some(self.kept.clone()),
            group: None,
        }
    }
}

impl Log {
    /// Reads on from `cursor`: at most `limit` frames, and about a mebibyte. Nothing means that the end is reached. What is
    /// not accepted yet is not read: it may have to be taken back, and nobody who was refused finds his message journalled.
    ///
    /// # Errors
    /// Where the disk fails or a frame is no longer what was written.
    pub fn read(&self, cursor: &mut Cursor, limit: usize) -> Result<Vec<Frame>, SpoolError> {
        let mut frames = Vec::new();
        while frames.is_empty() {
            let Some(segment) = self.segment_at(cursor) else { break };
            read_segment(&segment, cursor, limit, &mut frames)?;
        }
        Ok(frames)
    }

    /// The segment that holds what comes at `cursor`, which moves there.
    fn segment_at(&self, cursor: &mut Cursor) -> Option<Segment> {
        let inner = self.inner.lock();
        let at = inner.segments.partition_point(|segment| segment.first < cursor.segment);
        for segment in inner.segments.iter().skip(at) {
            if segment.first != cursor.segment {
                *cursor = Cursor {
                    segment: segment.first,
                    position: 0,
                };
            }
            if cursor.position < segment.accepted.length {
                return Some(segment.clone());
            }
            if segment.accepted != segment.written {
                break;
            }
        }
        None
    }
}

fn read_segment(
    segment: &Segment,
    cursor: &mut Cursor,
    limit: usize,
    frames: &mut Vec<Frame>,
) -> Result<(), SpoolError> {
    let mut size = CHUNK;
    loop {
        let bytes = segment.read(cursor.position, size)?;
        let mut at = 0;
        while frames.len() < limit.max(1) {
            match frame::parse(bytes.get(at..).unwrap_or_default()) {
                Parsed::Frame(found) => {
                    frames.push(Frame {
                        offset: found.offset,
                        payload: found.payload.to_vec(),
                        kept: segment.kept(cursor.position + at as u64, found.size),
                    });
                    at += found.size;
                }
                Parsed::Incomplete(needed) if frames.is_empty() && bytes.len() == size && needed > size => {
                    size = needed;
                    break;
                }
                Parsed::Incomplete(_) | Parsed::Nothing if !frames.is_empty() => break,
                _ => {
                    return Err(SpoolError::Corrupt(Damage {
                        path: segment.path.clone(),
                        position: cursor.position,
                        why: "a frame is not what was written",
                    }));
                }
            }
        }
        if !frames.is_empty() {
            cursor.position += at as u64;
            return Ok(());
        }
    }
}
