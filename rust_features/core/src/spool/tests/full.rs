//! Disks that are full, read-only, or let no file grow: real ones, in a process of their own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8};

use super::*;

/// Runs the rest of its arguments with a disk of a mebibyte mounted on the first. Needs no privilege where the kernel lets a
/// user have a mount namespace.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=1m none "$0" && exec "$@""#;
const READ_ONLY_DISK: &str = r#"mount -t tmpfs -o ro none "$0" && exec "$@""#;

/// Whether this machine lets a process mount a disk of its own; says so where not.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/tmp"])
        .output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: this machine gives a user no mount namespace");
    }
    can
}

/// Runs `test` in a process for which `script` has prepared `folder`; whether this is the one that goes on.
fn runs_elsewhere(test: &str, script: &str, folder: &Path) -> bool {
    let wrap = ["unshare", "-rm", "sh", "-c", script, folder.to_str().unwrap()];
    let Some(mut command) = in_child(test, &wrap, folder) else {
        return false;
    };
    if can_mount() {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}{said}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    true
}

#[test]
fn a_disk_that_fills_under_load_accepts_nothing_falsely_and_is_used_again_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let name = "full::a_disk_that_fills_under_load_accepts_nothing_falsely_and_is_used_again_when_there_is_room";
    if runs_elsewhere(name, SMALL_DISK, folder.path()) {
        return;
    }
    for durability in DURABILITIES {
        fill_under_load(&folder_of_parent(), durability);
    }
}

fn fill_under_load(disk: &Path, durability: Durability) {
    const THREADS: u8 = 4;
    let (ballast, folder) = (disk.join("ballast"), disk.join("spool"));
    std::fs::write(&ballast, vec![1; 700 << 10]).unwrap();
    let spool = Spool::open(&folder, id(1), 512 << 10, durability).unwrap();
    let (refused, has_room) = (AtomicU8::new(0), AtomicBool::new(false));
    let accepted: Vec<_> = std::thread::scope(|scope| {
        let (spool, refused, has_room) = (&spool, &refused, &has_room);
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || load(spool, thread, refused, has_room)))
            .collect();
        while refused.load(Ordering::Acquire) < THREADS {
            std::thread::yield_now();
        }
        std::fs::remove_file(&ballast).unwrap();
        has_room.store(true, Ordering::Release);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let read: BTreeSet<_> = all(spool.log()).into_iter().map(|frame| frame.payload).collect();
    assert_eq!(read, accepted.into_iter().collect(), "{durability:?}");
    drop(spool);
    let spool = Spool::open(&folder, id(2), 512 << 10, durability).unwrap();
    let again = all(&spool.older()[0]).into_iter().map(|frame| frame.payload);
    assert_eq!(again.collect::<BTreeSet<_>>(), read, "{durability:?}");
    assert!(spool.cuts().is_empty());
    drop(spool);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Appends until it has been refused, and then accepted again; returns what was accepted.
fn load(spool: &Spool, thread: u8, refused_threads: &AtomicU8, has_room: &AtomicBool) -> Vec<Vec<u8>> {
    let (mut accepted, mut was_refused, mut after) = (Vec::new(), false, 0);
    for index in 0_u64.. {
        let mut payload = vec![thread; 1000];
        payload.extend_from_slice(&index.to_le_bytes());
        let knew_of_room = has_room.load(Ordering::Acquire);
        match spool.append(&payload) {
            Ok(_) => {
                accepted.push(payload);
                after += u32::from(knew_of_room);
            }
            Err(refusal) => {
                assert_eq!(refusal.reason, Reason::DiskWriteFailed, "{refusal}");
                assert!(!knew_of_room, "there is room again: {refusal}");
                if !std::mem::replace(&mut was_refused, true) {
                    refused_threads.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
        if after == 20 {
            break;
        }
    }
    accepted
}

#[test]
fn a_read_only_disk_is_refused_with_path_and_remedy() {
    let folder = TempDir::new().unwrap();
    if runs_elsewhere(
        "full::a_read_only_disk_is_refused_with_path_and_remedy",
        READ_ONLY_DISK,
        folder.path(),
    ) {
        return;
    }
    let folder = folder_of_parent().join("spool");
    let Err(error) = Spool::open(&folder, id(1), LIMIT, Durability::Process) else {
        panic!("it opened");
    };
    let said = error.to_string();
    assert!(said.starts_with(folder.to_str().unwrap()), "{said}");
    assert!(
        said.ends_with("mount it for writing, or name another data directory"),
        "{said}"
    );
}

#[test]
fn what_stands_in_the_way_is_named_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spool");
    std::fs::write(&path, b"a file").unwrap();
    let Err(error) = Spool::open(&path, id(1), LIMIT, Durability::Process) else {
        panic!("it opened");
    };
    assert!(
        error
            .to_string()
            .ends_with("move away what stands there, or name another data directory"),
        "{error}"
    );
}

#[test]
fn a_file_that_may_not_grow_keeps_no_half_of_a_frame() {
    const BYTES: u64 = 32 << 10;
    let folder = TempDir::new().unwrap();
    // In blocks of 512 bytes. A signal would end the process before the write could fail.
    let wrap = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 64; exec "$@""#, "sh"];
    let test = "full::a_file_that_may_not_grow_keeps_no_half_of_a_frame";
    let Some(mut command) = in_child(test, &wrap, folder.path()) else {
        let spool = Spool::open(&folder_of_parent(), id(1), 1 << 30, Durability::Disk).unwrap();
        while spool.append(&[2; 700]).is_ok() {}
        let length = spool.depth().1;
        assert!(
            length < BYTES && length + 700 + frame::OVERHEAD as u64 > BYTES,
            "{length}"
        );
        assert_eq!(spool.append(&[2; 700]).unwrap_err().reason, Reason::DiskWriteFailed);
        spool.append(b"fits").unwrap();
        return;
    };
    // Its file has no room set aside any more once it is opened again.
    let spool = open_with(&folder, 1, 1 << 30, Durability::Disk).unwrap();
    spool.append(&vec![1; 20 << 10]).unwrap();
    drop(spool);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let spool = open(&folder, 2);
    assert!(spool.cuts().is_empty());
    assert_eq!(all(&spool.older()[0]).pop().unwrap().payload, b"fits");
}
