//! The form of one frame on disk: u32 length, u32 CRC32C, then what both cover: u64 offset, u64 accepted end, and the
//! payload. All numbers are little-endian. A length of zero means that nothing was written there.

/// Bytes of length and checksum.
const HEAD: usize = 8;
/// Bytes of offset and accepted end.
const PLACE: usize = 16;
/// Bytes that a frame takes beside its payload.
pub(super) const OVERHEAD: usize = HEAD + PLACE;
/// Bytes of the longest frame: the longest payload that a NATS server can be told to take. What claims to be longer is
/// no frame, so that reading allocates no more.
const LIMIT: usize = 64 << 20;

/// A frame as it stands in a segment.
pub(super) struct RawFrame<'a> {
    pub(super) offset: u64,
    /// Every frame below this offset had been accepted when this one was written.
    pub(super) accepted: u64,
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

/// Replaces `buffer` by a frame, whatever it claims of others. `None` where the payload is too long for one.
#[must_use]
pub fn encode(buffer: &mut Vec<u8>, offset: u64, accepted: u64, payload: &[u8]) -> Option<()> {
    let length = payload.len().checked_add(PLACE).filter(|length| *length <= LIMIT)?;
    buffer.clear();
    buffer.extend_from_slice(&[0; HEAD]);
    buffer.extend_from_slice(&offset.to_le_bytes());
    buffer.extend_from_slice(&accepted.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(buffer.get(HEAD..)?), payload);
    buffer
        .get_mut(..4)?
        .copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    buffer.get_mut(4..HEAD)?.copy_from_slice(&checksum.to_le_bytes());
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
    if !(PLACE..=LIMIT).contains(&length) {
        return Parsed::Damaged;
    }
    let size = HEAD + length;
    let (Some(body), Some((offset, accepted))) = (bytes.get(HEAD..size), place(bytes)) else {
        return Parsed::Incomplete(size);
    };
    if accepted > offset || crc32c::crc32c(body) != checksum {
        return Parsed::Damaged;
    }
    Parsed::Frame(RawFrame {
        offset,
        accepted,
        payload: body.get(PLACE..).unwrap_or_default(),
        size,
    })
}

/// Offset and accepted end that a frame at the start of `bytes` would have, unchecked.
pub(super) fn place(bytes: &[u8]) -> Option<(u64, u64)> {
    let (offset, rest) = bytes.get(HEAD..)?.split_first_chunk()?;
    let accepted = rest.first_chunk()?;
    Some((u64::from_le_bytes(*offset), u64::from_le_bytes(*accepted)))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}
