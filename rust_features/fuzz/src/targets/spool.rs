//! A spool's segment: refused as damaged, or recovered to frames that are still there, with one more after them, at the
//! next start. It is the bytes as they are, or frames that are sealed here, so that what they claim of each other is met.

use std::fs;
use std::path::{Path, PathBuf};

use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::spool::{Cursor, Durability, Frame, Spool, SpoolError, encode_frame};

use crate::wire::{self, Field, Value};

const ID: SpoolId = SpoolId([7; 16]);
const LIMIT: u64 = 1 << 16;

/// Fields of an input.
const FRAME: u64 = 1;
const BARE: u64 = 2;
/// Fields of a frame.
const OFFSET: u64 = 1;
const ACCEPTED: u64 = 2;
const PAYLOAD: u64 = 3;

pub(super) fn run(input: &[u8]) {
    match wire::read(input) {
        Some(fields) => recover(&segment(&fields)),
        None => recover(input),
    }
}

/// Sound segments: whole, with a frame that was not synced when its neighbour was, and with a torn tail.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let whole = || (0..3).map(|offset| frame(offset, offset));
    let late = [frame(0, 0), frame(1, 0), frame(5, 2)];
    let tail = Field {
        number: BARE,
        value: Value::Bytes(vec![9; 5]),
    };
    let segments = [whole().collect(), late.to_vec(), whole().chain([tail]).collect()];
    segments.map(|fields: Vec<_>| wire::write(&fields)).into()
}

fn frame(offset: u64, accepted: u64) -> Field {
    let field = |number, value| Field { number, value };
    let fields = vec![
        field(OFFSET, Value::Varint(offset)),
        field(ACCEPTED, Value::Varint(accepted)),
        field(PAYLOAD, Value::Bytes(b"payload".to_vec())),
    ];
    field(FRAME, Value::Message(fields))
}

fn segment(fields: &[Field]) -> Vec<u8> {
    let parts = fields.iter().filter_map(|field| match &field.value {
        Value::Message(frame) if field.number == FRAME => Some(sealed(frame)),
        bare if field.number == BARE => bare.bytes(),
        _ => None,
    });
    parts.collect::<Vec<_>>().concat()
}

/// A frame as it stands in a segment, whatever it claims.
fn sealed(fields: &[Field]) -> Vec<u8> {
    let [offset, accepted] = [OFFSET, ACCEPTED].map(|wanted| wire::varint_of(fields, wanted).unwrap_or_default());
    let payload = fields.iter().find(|field| field.number == PAYLOAD);
    let payload = payload.and_then(|field| field.value.bytes()).unwrap_or_default();
    let mut frame = Vec::new();
    encode_frame(&mut frame, offset, accepted, &payload).expect("an input is short");
    frame
}

fn recover(segment: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(segment_of(folder.path()), segment).expect("a file can be written");
    let spool = match Spool::open(folder.path(), ID, LIMIT, Durability::Process) {
        Ok(spool) => spool,
        Err(SpoolError::Corrupt { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let found = frames(&spool);
    let appended = spool.append(b"one more").expect("a recovered spool takes more");
    drop(spool);
    let spool = Spool::open(folder.path(), ID, LIMIT, Durability::Process).expect("a recovered spool opens again");
    assert!(spool.cuts().is_empty());
    let mut kept = frames(&spool);
    let last = kept.pop().expect("the appended frame is there");
    assert_eq!(
        (last.offset, last.payload.as_slice()),
        (appended, b"one more".as_slice())
    );
    let plain =
        |frames: Vec<Frame>| -> Vec<_> { frames.into_iter().map(|frame| (frame.offset, frame.payload)).collect() };
    assert_eq!(plain(kept), plain(found));
}

/// Makes an empty spool and gives the path of the segment it writes to.
fn segment_of(folder: &Path) -> PathBuf {
    let spool = Spool::open(folder, ID, LIMIT, Durability::Process).expect("an empty folder is an empty spool");
    spool.append(b"first").expect("an empty spool takes a frame");
    drop(spool);
    let logs = entries(folder).into_iter().filter(|path| path.is_dir());
    let segments = logs.flat_map(|log| entries(&log));
    segments.last().expect("the spool has a segment")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder can be read");
    entries.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

fn frames(spool: &Spool) -> Vec<Frame> {
    let mut cursor = Cursor::default();
    let mut found = Vec::new();
    loop {
        let frames = spool
            .log()
            .read(&mut cursor, 1 << 20)
            .expect("what was opened can be read");
        if frames.is_empty() {
            return found;
        }
        found.extend(frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The campaign begins behind the checksums.
    #[test]
    fn every_seed_is_a_segment_whose_frames_are_used() {
        for seed in seeds() {
            let folder = tempfile::tempdir().unwrap();
            let fields = wire::read(&seed).unwrap();
            fs::write(segment_of(folder.path()), segment(&fields)).unwrap();
            let spool = Spool::open(folder.path(), ID, LIMIT, Durability::Process).unwrap();
            assert_eq!(frames(&spool).len(), 3);
        }
    }
}
