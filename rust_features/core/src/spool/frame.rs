//! The form of one frame on disk: u32 length, u32 CRC32C, then what both cover: u64 offset and payload. All numbers
//! are little-endian. A length of zero means that nothing was written there.

/// Bytes of length and checksum.
const HEAD: usize = 8;
/// Bytes of the offset.
const OFFSET: usize = 8;
/// Bytes that a frame takes beside its payload.
pub(super) const OVERHEAD: usize = HEAD + OFFSET;

/// A frame as it stands in a segment.
pub(super) struct RawFrame<'a> {
    pub(super) offset: u64,
    pub(super) payload: &'a [u8],
    /// Bytes from its start to the next frame.
    pub(super) size: usize,
}

/// What stands at a position.
pub(super) enum Parsed<'a> {
    Frame(RawFrame<'a>),
    /// The bytes end before the frame does; it would need this many.
    Incomplete(usize),
    /// Nothing was written here.
    Nothing,
    /// Something that is no frame.
    Damaged,
}

/// Replaces `buffer` by a frame. `None` where the payload is too long to be counted.
pub(super) fn encode(buffer: &mut Vec<u8>, offset: u64, payload: &[u8]) -> Option<()> {
    let length = u32::try_from(payload.len().checked_add(OFFSET)?).ok()?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&offset.to_le_bytes()), payload);
    buffer.clear();
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum.to_le_bytes());
    buffer.extend_from_slice(&offset.to_le_bytes());
    buffer.extend_from_slice(payload);
    Some(())
}

/// Reads what stands at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let (Some(length), Some(checksum)) = (number(bytes, 0), number(bytes, 4)) else {
        return if bytes.iter().all(|byte| *byte == 0) {
            Parsed::Nothing
        } else {
            Parsed::Incomplete(OVERHEAD)
        };
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 && checksum == 0 {
        return Parsed::Nothing;
    }
    if length < OFFSET {
        return Parsed::Damaged;
    }
    let size = HEAD.saturating_add(length);
    let Some((offset, payload)) = bytes
        .get(HEAD..size)
        .and_then(|body| body.split_first_chunk::<OFFSET>())
    else {
        return Parsed::Incomplete(size);
    };
    if crc32c::crc32c_append(crc32c::crc32c(offset), payload) != checksum {
        return Parsed::Damaged;
    }
    Parsed::Frame(RawFrame {
        offset: u64::from_le_bytes(*offset),
        payload,
        size,
    })
}

/// The offset that a frame at the start of `bytes` would have, unchecked.
pub(super) fn offset_at(bytes: &[u8]) -> Option<u64> {
    bytes
        .get(HEAD..)?
        .first_chunk()
        .map(|offset| u64::from_le_bytes(*offset))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}
