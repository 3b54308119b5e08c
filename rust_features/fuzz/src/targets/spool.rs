//! The bytes of a spool's segment: refused as damaged, or recovered to frames that are still there, with one more after
//! them, at the next start.

use std::fs;
use std::path::{Path, PathBuf};

use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::spool::{Cursor, Durability, Frame, Spool, SpoolError};

const ID: SpoolId = SpoolId([7; 16]);
const LIMIT: u64 = 1 << 16;

pub(super) fn run(segment: &[u8]) {
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
