//! Loss of power, failing syncs and a full disk, on a simulated one: whatever happens, what was accepted is read back.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::super::disk::Disk;
use super::super::retire::retire;
use super::simulated::Simulated;
use super::*;

const SPOOLS: &str = "data/spool";

#[derive(Clone, Debug)]
enum Step {
    /// Writes so many frames of so many bytes.
    Write(u8, u16),
    Sync,
    /// Another caller writes a frame while it is under way.
    BusySync(u16),
    FailSync,
    Fill(bool),
    /// Releases what the journal is said to have: this share of 256.
    Release(u8),
    /// Drains the oldest spool of an earlier start.
    RemoveOlder,
    /// The process dies and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..6_u8, 1..2500_u16).prop_map(|(count, size)| Step::Write(count, size)),
        4 => Just(Step::Sync),
        2 => (1..2500_u16).prop_map(Step::BusySync),
        1 => Just(Step::FailSync),
        1 => any::<bool>().prop_map(Step::Fill),
        2 => any::<u8>().prop_map(Step::Release),
        1 => Just(Step::RemoveOlder),
        1 => Just(Step::Restart),
    ]
}

/// What is known of one spool's frames.
#[derive(Default)]
struct Known {
    written: BTreeMap<u64, Vec<u8>>,
    /// May be found after a loss of power, put together from what was left of several.
    refused: Vec<Vec<u8>>,
    accepted: Vec<u64>,
    released: u64,
    removed: bool,
}

impl Known {
    /// Notes what became of a frame; hands on what waits for a sync.
    fn note(&mut self, written: Result<Written, Refusal>, payload: Vec<u8>) -> Option<Written> {
        let Ok(written) = written else {
            self.refused.push(payload);
            return None;
        };
        assert!(
            self.written.insert(written.offset, payload).is_none(),
            "an offset given twice"
        );
        Some(written)
    }
}

type Meanwhile = Arc<Mutex<Vec<(Result<Written, Refusal>, Vec<u8>)>>>;

/// A spool on a simulated disk, and what must be true of it.
struct World {
    disk: Simulated,
    spool: Option<Arc<Spool>>,
    starts: u8,
    known: BTreeMap<SpoolId, Known>,
    pending: Vec<Written>,
    /// What was written while a sync was under way.
    meanwhile: Meanwhile,
}

impl World {
    fn new(random: u64) -> Self {
        Self {
            disk: Simulated::new(random),
            spool: None,
            starts: 0,
            known: BTreeMap::new(),
            pending: Vec::new(),
            meanwhile: Arc::default(),
        }
    }

    fn start(&mut self) -> Result<(), SpoolError> {
        if let Some(spool) = self.spool.take() {
            let known = self.known.get_mut(&spool.id()).unwrap();
            for (written, payload) in self.meanwhile.lock().drain(..) {
                known.note(written, payload);
            }
        }
        self.pending.clear();
        self.disk.during_next_sync(|| {});
        self.starts += 1;
        self.disk.create_folder(Path::new(SPOOLS)).ok();
        self.known.insert(id(self.starts), Known::default());
        let disk = Arc::new(self.disk.clone());
        let spool = Spool::open_on(
            disk,
            None,
            Path::new(SPOOLS),
            id(self.starts),
            LIMIT / 16,
            Durability::Disk,
        )?;
        self.spool = Some(Arc::new(spool));
        Ok(())
    }

    fn take(&mut self, step: &Step) {
        let Some(spool) = &self.spool else { return };
        let known = self.known.get_mut(&spool.id()).unwrap();
        match step {
            Step::Write(count, size) => {
                for index in 0..*count {
                    // Never zero: half a frame of zeros would be a whole one.
                    let payload = vec![self.starts * 16 + index + 1; usize::from(*size)];
                    let written = spool.write(&payload);
                    self.pending.extend(known.note(written, payload));
                }
            }
            Step::Sync => self.sync(),
            Step::BusySync(size) => {
                let (spool, meanwhile) = (Arc::clone(spool), Arc::clone(&self.meanwhile));
                let payload = vec![99; usize::from(*size)];
                self.disk.during_next_sync(move || {
                    meanwhile.lock().push((spool.write(&payload), payload.clone()));
                });
                self.sync();
            }
            Step::FailSync => self.disk.fail_next_sync(),
            Step::Fill(is_full) => self.disk.fill(*is_full),
            Step::Release(share) => {
                let upto = spool.log().end() * u64::from(*share) / 256;
                known.released = known.released.max(upto);
                let _ = spool.log().release(upto);
            }
            Step::RemoveOlder => {
                if let Some(older) = spool.older().first() {
                    let removed = spool.remove(older.id()).is_ok();
                    let known = self.known.get_mut(&older.id()).unwrap();
                    known.removed = known.removed || removed;
                    // A removal that failed may still have come to pass.
                    known.released = u64::MAX;
                }
            }
            Step::Restart => {
                let _ = self.start();
            }
        }
    }

    /// Everything written so far is accepted or refused.
    fn sync(&mut self) {
        let Some(spool) = &self.spool else { return };
        let known = self.known.get_mut(&spool.id()).unwrap();
        for written in self.pending.drain(..) {
            if spool.sync(&written).is_ok() {
                known.accepted.push(written.offset);
            }
        }
        for (written, payload) in self.meanwhile.lock().drain(..) {
            self.pending.extend(known.note(written, payload));
        }
        let read: Vec<_> = all(spool.log()).iter().map(|frame| frame.offset).collect();
        let first = read.first().copied().unwrap_or(u64::MAX).min(known.released);
        let left = known.accepted.iter().filter(|offset| **offset >= first);
        assert!(left.eq(&read), "what is read is what was accepted");
    }

    /// Every accepted frame is read back in its order, and nothing that was not written.
    fn check(&self) {
        let spool = self.spool.as_ref().unwrap();
        let older = spool.older();
        assert!(
            older.is_sorted_by_key(|log| log.id()),
            "spools in the order of their starts"
        );
        for (id, known) in &self.known {
            let read = older
                .iter()
                .find(|log| log.id() == *id)
                .map_or_else(Vec::new, |log| all(log));
            assert!(!known.removed || read.is_empty(), "a removed spool came back");
            assert!(read.windows(2).all(|pair| pair[0].offset < pair[1].offset));
            for frame in &read {
                let is_known = known.written.get(&frame.offset) == Some(&frame.payload);
                assert!(
                    is_known || known.refused.contains(&frame.payload),
                    "a frame that was not written"
                );
            }
            for offset in known.accepted.iter().filter(|offset| **offset >= known.released) {
                assert!(
                    read.iter().any(|frame| frame.offset == *offset),
                    "{id} lost accepted frame {offset}"
                );
            }
        }
    }
}

/// Lets a spool live, its power go after so many operations of the disk, and looks at what is left; once for each life.
fn live(random: u64, lives: &[(Vec<Step>, u64)]) {
    let mut world = World::new(random);
    for (steps, power) in lives {
        world.start().unwrap();
        world.disk.power_for(*power);
        for step in steps {
            world.take(step);
        }
        world.disk = world.disk.after_power_loss();
        world.start().unwrap();
        world.check();
    }
}

proptest! {
    #[test]
    fn what_was_accepted_outlives_any_loss_of_power(
        random in any::<u64>(),
        lives in proptest::collection::vec((proptest::collection::vec(step(), 1..30), 0..300_u64), 1..4),
    ) {
        live(random, &lives);
    }
}

#[test]
fn after_a_failed_sync_each_place_holds_its_own_frame_or_none() {
    let mut world = World::new(1);
    world.start().unwrap();
    let spool = world.spool.take().unwrap();
    let lost = spool.write(b"lost").unwrap();
    world.disk.fail_next_sync();
    assert_eq!(spool.sync(&lost).unwrap_err().reason, Reason::DiskWriteFailed);
    let next = spool.write(b"next").unwrap();
    spool.sync(&next).unwrap();
    assert_eq!(next.read().unwrap(), b"next");
    match lost.read() {
        Ok(found) => assert_eq!(found, b"lost"),
        Err(refusal) => assert_eq!(refusal.reason, Reason::DiskReadFailed),
    }
    let told: Vec<_> = all(spool.log()).into_iter().map(|frame| frame.payload).collect();
    assert_eq!(told, [b"next"]);
}

/// Found by the property above among twenty thousand cases, on a spool that did not remove anew.
#[test]
fn a_segment_whose_removal_a_failed_sync_lost_does_not_come_back_before_later_ones() {
    use Step::{BusySync, FailSync, Release, Sync, Write};
    let steps = vec![
        Write(2, 2207),
        Write(4, 1842),
        Sync,
        Write(4, 625),
        FailSync,
        Sync,
        FailSync,
        Release(128),
        Write(2, 2220),
        Write(4, 1829),
        BusySync(1),
        Sync,
        Release(196),
    ];
    for random in 0..200 {
        live(random, &[(steps.clone(), u64::MAX)]);
    }
}

#[test]
fn what_a_failing_disk_leaves_half_retired_is_retired_the_next_time() {
    let disk = Simulated::new(1);
    let (folder, path) = (Path::new("spool"), Path::new("spool/segment"));
    disk.create_folder(folder).unwrap();
    disk.create(path, 0).unwrap();
    // Renamed, but neither synced nor renamed back.
    disk.power_for(1);
    retire(&disk, path).unwrap_err();
    disk.power_for(u64::MAX);
    retire(&disk, path).unwrap();
    let left = disk.after_power_loss().names(folder).unwrap();
    assert_eq!(left, ["segment.removed"]);
}
