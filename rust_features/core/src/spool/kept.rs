//! Where one frame lies, so that it can be read back alone.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::disk::Bytes;
use super::frame::{self, Parsed};

/// The place of a frame. It holds its file open: what is released meanwhile can still be read.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) file: Arc<dyn Bytes>,
    pub(super) position: u64,
    /// Bytes of the frame.
    pub(super) size: usize,
}

impl Kept {
    /// The payload of the frame with this offset. What was taken back since may still be found: whether it counts, only a
    /// sync tells.
    pub(super) fn read(&self, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.size];
        let filled = self.file.read(&mut bytes, self.position)?;
        match frame::parse(bytes.get(..filled).unwrap_or_default()) {
            Parsed::Frame(found) if found.offset == offset => Ok(found.payload.to_vec()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, size, .. } = self;
        write!(formatter, "{size} bytes at {position}")
    }
}
