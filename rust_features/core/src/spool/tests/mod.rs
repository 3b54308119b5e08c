//! What a spool does while nothing is damaged. Damage, lost power and failing disks have files of their own.

mod damage;
mod full;
mod inspection;
mod power;
mod simulated;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;

const LIMIT: u64 = 1 << 20;
/// Names the folder that a child process works in.
const CHILD: &str = "SPOOL_TEST_FOLDER";
const DURABILITIES: [Durability; 2] = [Durability::Process, Durability::Disk];

fn id(byte: u8) -> SpoolId {
    SpoolId([byte; 16])
}

/// What a test does in a process of its own, which this same executable becomes: `wrap` runs it, for example under another
/// limit. `None` in that process.
fn in_child(test: &str, wrap: &[&str], folder: &Path) -> Option<Command> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let own = std::env::current_exe().unwrap();
    let (program, arguments) = wrap
        .split_first()
        .map_or((own.as_os_str(), wrap), |(first, rest)| (first.as_ref(), rest));
    let mut command = Command::new(program);
    command.args(arguments);
    if !wrap.is_empty() {
        command.arg(&own);
    }
    command
        .args(["--exact", "--nocapture", &format!("spool::tests::{test}")])
        .env(CHILD, folder);
    Some(command)
}

/// The folder that the parent hands to the process of a test.
fn folder_of_parent() -> PathBuf {
    std::env::var_os(CHILD).unwrap().into()
}

/// Opens without the lock: children that other tests start hold it on for a moment.
fn open_with(folder: &TempDir, byte: u8, limit: u64, durability: Durability) -> Result<Spool, SpoolError> {
    Spool::open_on(Arc::new(System), None, folder.path(), id(byte), limit, durability)
}

fn open(folder: &TempDir, byte: u8) -> Spool {
    open_with(folder, byte, LIMIT, Durability::Process).unwrap()
}

fn all(log: &Log) -> Vec<Frame> {
    let mut cursor = Cursor::default();
    let mut frames = Vec::new();
    loop {
        let read = log.read(&mut cursor, 7).unwrap();
        if read.is_empty() {
            return frames;
        }
        frames.extend(read);
    }
}

fn told(frames: &[Frame]) -> Vec<(u64, Vec<u8>)> {
    frames
        .iter()
        .map(|frame| (frame.offset, frame.payload.clone()))
        .collect()
}

/// The folder of the only spool with this id.
fn folder_of(folder: &TempDir, byte: u8) -> PathBuf {
    let names = name::list(&System, folder.path()).unwrap();
    let name = names.iter().find(|name| name.id == id(byte)).unwrap();
    folder.path().join(name.to_string())
}

fn segments(folder: &TempDir, byte: u8) -> Vec<PathBuf> {
    let listed = segment::list(&System, &folder_of(folder, byte)).unwrap();
    listed.into_iter().map(|(_, path)| path).collect()
}

fn last_segment(folder: &TempDir, byte: u8) -> PathBuf {
    segments(folder, byte).pop().unwrap()
}

fn payload(index: u64) -> Vec<u8> {
    vec![b'a' + u8::try_from(index % 20).unwrap(); 1 + usize::try_from(index % 300).unwrap()]
}

#[test]
fn what_was_appended_is_read_back_in_order_while_it_grows() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    let mut cursor = Cursor::default();
    for index in 0..3000 {
        assert_eq!(spool.append(&payload(index)).unwrap(), index);
        let read = spool.log().read(&mut cursor, 10).unwrap();
        assert_eq!(told(&read), [(index, payload(index))]);
    }
    assert!(segments(&folder, 1).len() > 1);
    assert_eq!(all(spool.log()).len(), 3000);
}

#[test]
fn what_was_written_is_read_back_alone_also_after_its_segment_is_gone() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    let written: Vec<_> = (0..3000).map(|index| spool.write(&payload(index)).unwrap()).collect();
    let found: Vec<_> = all(spool.log()).iter().map(Frame::written).collect();
    spool.log().release(3000).unwrap();
    assert_eq!(segments(&folder, 1).len(), 1);
    for (index, (written, found)) in written.iter().zip(&found).enumerate() {
        let payload = payload(index as u64);
        assert_eq!(
            (written.read().unwrap(), found.read().unwrap()),
            (payload.clone(), payload)
        );
    }
}

#[test]
fn what_the_disk_does_not_give_back_is_refused() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    let written = spool.write(b"first").unwrap();
    let file = File::options().write(true).open(last_segment(&folder, 1)).unwrap();
    file.set_len(10).unwrap();
    assert_eq!(written.read().unwrap_err().reason, Reason::DiskReadFailed);
    let nowhere = open_with(&TempDir::new().unwrap(), 1, LIMIT, Durability::Nothing).unwrap();
    assert_eq!(
        nowhere.write(b"first").unwrap().read().unwrap_err().reason,
        Reason::DiskReadFailed
    );
}

#[test]
fn a_payload_longer_than_one_read_comes_back_whole() {
    let folder = TempDir::new().unwrap();
    let spool = open_with(&folder, 1, 64 << 20, Durability::Process).unwrap();
    spool.limit_payloads(8 << 20);
    spool.append(&vec![7; 3 << 20]).unwrap();
    spool.append(b"after").unwrap();
    let sizes: Vec<_> = all(spool.log()).iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(sizes, [3 << 20, 5]);
    spool.limit_payloads(4);
    assert_eq!(spool.append(b"after").unwrap_err().reason, Reason::TooManyElements);
}

#[test]
fn a_full_spool_refuses_until_segments_are_released() {
    let folder = TempDir::new().unwrap();
    let spool = open_with(&folder, 1, 64 << 10, Durability::Process).unwrap();
    let mut accepted = 0;
    let refusal = loop {
        match spool.append(&[1; 500]) {
            Ok(_) => accepted += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(
        (refusal.reason, refusal.retry_after),
        (Reason::SpoolFull, Some(RETRY_AFTER))
    );
    assert_eq!(all(spool.log()).len(), accepted);
    assert!(spool.depth().1 <= 64 << 10);
    spool.log().release(spool.log().end() / 2).unwrap();
    assert!(spool.append(&[1; 500]).is_ok());
    let left = all(spool.log());
    assert!(left.len() < accepted && left.windows(2).all(|pair| pair[0].offset + 1 == pair[1].offset));
}

#[test]
fn a_failed_write_is_not_half_accepted() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    spool.append(b"first").unwrap();
    let spool_folder = folder_of(&folder, 1);
    let away = folder.path().join("away");
    // The next segment cannot be created while the folder is gone.
    std::fs::rename(&spool_folder, &away).unwrap();
    let mut accepted = 1;
    let refusal = loop {
        match spool.append(&[3; 900]) {
            Ok(_) => accepted += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.reason, Reason::DiskWriteFailed);
    std::fs::rename(&away, &spool_folder).unwrap();
    assert_eq!(spool.append(b"last").unwrap(), accepted);
    drop(spool);
    assert_eq!(all(&open(&folder, 2).older()[0]).len() as u64, accepted + 1);
}

#[test]
fn older_spools_are_drained_and_removed() {
    let folder = TempDir::new().unwrap();
    open(&folder, 3).append(b"a").unwrap();
    open(&folder, 2).append(b"b").unwrap();
    let spool = open(&folder, 1);
    let ids: Vec<_> = spool.older().iter().map(|log| log.id()).collect();
    assert_eq!(ids, [id(3), id(2)]);
    assert_eq!(spool.depth().0, 2);
    spool.remove(id(3)).unwrap();
    assert_eq!(spool.older().len(), 1);
    drop(spool);
    assert_eq!(open(&folder, 4).older().len(), 2);
}

#[test]
fn an_import_goes_on_where_it_ended() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    for row in [0, 1, 5, 900] {
        assert!(spool.append_at(row, b"row").unwrap());
    }
    drop(spool);
    let spool = open(&folder, 1);
    assert!(spool.older().is_empty());
    assert!(!spool.append_at(5, b"row").unwrap());
    assert!(spool.append_at(901, b"row").unwrap());
    let offsets: Vec<_> = all(spool.log()).iter().map(|frame| frame.offset).collect();
    assert_eq!(offsets, [0, 1, 5, 900, 901]);
}

#[test]
fn a_killed_process_loses_nothing_that_it_accepted() {
    let folder = TempDir::new().unwrap();
    let Some(mut command) = in_child("a_killed_process_loses_nothing_that_it_accepted", &[], folder.path()) else {
        let spool = Spool::open(&folder_of_parent(), id(1), 1 << 30, Durability::Process).unwrap();
        for index in 0.. {
            println!("accepted {}", spool.append(&payload(index)).unwrap());
        }
        return;
    };
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut accepted = 0;
    for line in lines {
        if let Some(offset) = line
            .strip_prefix("accepted ")
            .and_then(|offset| offset.parse::<u64>().ok())
        {
            accepted = accepted.max(offset + 1);
            if accepted == 5000 {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    let frames = all(&open(&folder, 2).older()[0]);
    assert!(accepted >= 5000 && frames.len() as u64 >= accepted);
    assert!(
        frames
            .iter()
            .zip(0..)
            .all(|(frame, index)| frame.offset == index && frame.payload == payload(index))
    );
}

#[test]
fn one_process_at_a_time_writes() {
    let folder = TempDir::new().unwrap();
    let open = |byte| Spool::open(folder.path(), id(byte), LIMIT, Durability::Process);
    let _spool = open(1).unwrap();
    assert!(matches!(open(2), Err(SpoolError::InUse { .. })));
}

#[test]
fn what_drains_a_full_spool_is_taken_beyond_its_bound() {
    let folder = TempDir::new().unwrap();
    let spool = open_with(&folder, 1, 4096, Durability::Process).unwrap();
    while spool.append(b"frame").is_ok() {}
    assert_eq!(spool.append(b"frame").unwrap_err().reason, Reason::SpoolFull);
    let offset = spool.append_to_drain(b"closing").unwrap();
    let last = all(spool.log()).pop().unwrap();
    assert_eq!((last.offset, last.payload.as_slice()), (offset, b"closing".as_slice()));
}

#[test]
fn callers_that_wait_together_are_all_accepted() {
    const THREADS: u64 = 8;
    const EACH: u64 = 60;
    for durability in DURABILITIES {
        let folder = TempDir::new().unwrap();
        let spool = open_with(&folder, 1, LIMIT, durability).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let spool = &spool;
                scope.spawn(move || {
                    for index in 0..EACH {
                        let offset = spool.append(&payload(thread * EACH + index)).unwrap();
                        assert!(spool.log().end() > offset, "answered before it was accepted");
                    }
                });
            }
        });
        let mut read: Vec<_> = all(spool.log()).into_iter().map(|frame| frame.payload).collect();
        let mut sent: Vec<_> = (0..THREADS * EACH).map(payload).collect();
        read.sort();
        sent.sort();
        assert_eq!(read, sent);
    }
}

#[test]
fn what_waits_for_the_disk_is_neither_read_nor_counted_as_accepted() {
    let folder = TempDir::new().unwrap();
    let spool = open_with(&folder, 1, LIMIT, Durability::Disk).unwrap();
    let (first, second) = (spool.write(b"first").unwrap(), spool.write(b"second").unwrap());
    assert_eq!((spool.log().end(), all(spool.log()).len()), (0, 0));
    spool.sync(&first).unwrap();
    assert_eq!((spool.log().end(), all(spool.log()).len()), (2, 2));
    spool.sync(&second).unwrap();
}
