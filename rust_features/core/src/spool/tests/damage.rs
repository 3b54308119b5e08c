//! Torn tails are cut; whatever had been accepted and is not there any more stops the start.

use proptest::prelude::*;

use super::*;

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_reported() {
    for zeros_follow in [false, true] {
        for kept in 0..(frame::OVERHEAD + 40) as u64 {
            let folder = TempDir::new().unwrap();
            let spool = open(&folder, 1);
            spool.append(b"first").unwrap();
            let start = spool.log().depth().1;
            spool.append(&[200; 40]).unwrap();
            drop(spool);
            let file = File::options().write(true).open(last_segment(&folder, 1)).unwrap();
            file.set_len(start + kept).unwrap();
            if zeros_follow {
                file.set_len(start + 10_000).unwrap();
            }
            let spool = open(&folder, 2);
            let older = spool.older();
            assert_eq!(told(&all(&older[0])), [(0, b"first".to_vec())], "{kept}");
            assert_eq!(spool.cuts().len(), usize::from(kept > 0), "{kept}");
            assert!(spool.cuts().iter().all(|cut| cut.position == start));
        }
    }
}

#[test]
fn damage_before_sound_frames_stops_the_start() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    for index in 0..10 {
        spool.append(&payload(index)).unwrap();
    }
    drop(spool);
    let path = last_segment(&folder, 1);
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&[255], 20).unwrap();
    assert!(matches!(
        open_with(&folder, 2, LIMIT, Durability::Process),
        Err(SpoolError::Corrupt { .. })
    ));
}

#[test]
fn a_torn_segment_before_others_stops_the_start() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    for index in 0..3000 {
        spool.append(&payload(index)).unwrap();
    }
    drop(spool);
    let paths = segments(&folder, 1);
    let length = std::fs::metadata(&paths[0]).unwrap().len();
    File::options()
        .write(true)
        .open(&paths[0])
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    assert!(matches!(
        open_with(&folder, 2, LIMIT, Durability::Process),
        Err(SpoolError::Corrupt { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_behind_the_last_frame_are_cut(tail in proptest::collection::vec(any::<u8>(), 1..200)) {
        let folder = TempDir::new().unwrap();
        let spool = open(&folder, 1);
        spool.append(b"kept").unwrap();
        let end = spool.log().depth().1;
        drop(spool);
        File::options().write(true).open(last_segment(&folder, 1)).unwrap().write_all_at(&tail, end).unwrap();
        let spool = open(&folder, 2);
        prop_assert_eq!(all(&spool.older()[0]).len(), 1);
        prop_assert_eq!(spool.cuts().len(), usize::from(tail.iter().any(|byte| *byte != 0)));
    }
}

/// A spool of small frames, in `durability`, each accepted by itself; then as many that nobody waited for.
fn small_spool(folder: &TempDir, durability: Durability, waiting: u64) -> Vec<Vec<u8>> {
    let spool = open_with(folder, 1, LIMIT, durability).unwrap();
    let payloads: Vec<_> = (0..6 + waiting).map(payload).collect();
    for (payload, index) in payloads.iter().zip(0..) {
        let written = spool.write(payload).unwrap();
        if index < 6 {
            spool.sync(&written).unwrap();
        }
    }
    payloads
}

#[test]
fn a_flipped_bit_refuses_the_start_or_cuts_the_last_frame_and_never_shows_another() {
    for durability in DURABILITIES {
        let folder = TempDir::new().unwrap();
        let written = small_spool(&folder, durability, 0);
        let path = last_segment(&folder, 1);
        let sound = std::fs::read(&path).unwrap();
        let used: usize = written.iter().map(|payload| payload.len() + frame::OVERHEAD).sum();
        let last = used - written.last().unwrap().len() - frame::OVERHEAD;
        for bit in 0..used * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            match open_with(&folder, 1, LIMIT, Durability::Process) {
                Ok(spool) => {
                    assert!(bit / 8 >= last, "bit {bit} of an accepted frame before others");
                    let read: Vec<_> = all(spool.log()).into_iter().map(|frame| frame.payload).collect();
                    assert_eq!(read, written[..5], "bit {bit}");
                    assert_eq!(spool.cuts().len(), 1);
                }
                Err(SpoolError::Corrupt(damage)) => {
                    assert!(
                        bit / 8 < last && damage.position <= bit as u64 / 8,
                        "bit {bit}: {damage}"
                    );
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn frames_that_nobody_was_answered_for_are_cut_from_the_first_bad_one_on() {
    let folder = TempDir::new().unwrap();
    let written = small_spool(&folder, Durability::Disk, 3);
    let path = last_segment(&folder, 1);
    let file = File::options().write(true).open(&path).unwrap();
    // A page of the seventh frame never reached the disk, those of the eighth and ninth did.
    let start: usize = written[..6].iter().map(|payload| payload.len() + frame::OVERHEAD).sum();
    file.write_all_at(&[0; 12], start as u64).unwrap();
    let spool = open(&folder, 2);
    let read: Vec<_> = all(&spool.older()[0]).into_iter().map(|frame| frame.payload).collect();
    assert_eq!(read, written[..6]);
    assert_eq!(spool.cuts().len(), 1);
}

#[test]
fn a_missing_segment_stops_the_start() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    for index in 0..3000 {
        spool.append(&payload(index)).unwrap();
    }
    drop(spool);
    let paths = segments(&folder, 1);
    assert!(paths.len() > 2);
    std::fs::remove_file(&paths[1]).unwrap();
    let refused = open_with(&folder, 2, LIMIT, Durability::Process);
    assert!(matches!(refused, Err(SpoolError::Corrupt(damage)) if damage.path == paths[2]));
}

/// Frames with true checksums, whatever they say of themselves, and anything else.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    let framed = (0..40_u64, 0..40_u64, proptest::collection::vec(any::<u8>(), 0..60));
    prop_oneof![
        4 => framed.prop_map(|(offset, accepted, payload)| {
            let mut bytes = Vec::new();
            frame::encode(&mut bytes, offset, accepted, &payload).unwrap();
            bytes
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => (0..60_usize).prop_map(|length| vec![0; length]),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_opening_reading_or_inspecting_panic(
        files in proptest::collection::btree_map(0..50_u64, proptest::collection::vec(stretch(), 0..8), 0..4),
    ) {
        let folder = TempDir::new().unwrap();
        let spool = folder.path().join(name::Name { number: 0, id: id(1) }.to_string());
        std::fs::create_dir(&spool).unwrap();
        for (first, stretches) in &files {
            std::fs::write(spool.join(format!("{first:020}.seg")), stretches.concat()).unwrap();
        }
        let inspected = inspect(folder.path()).unwrap();
        match open_with(&folder, 2, LIMIT, Durability::Process) {
            Ok(opened) => {
                let frames = all(&opened.older()[0]);
                prop_assert!(frames.windows(2).all(|pair| pair[0].offset < pair[1].offset));
                let counted: u64 = inspected[0].segments.iter().map(|segment| segment.frames).sum();
                prop_assert_eq!(frames.len() as u64, counted);
                prop_assert_eq!(opened.cuts().is_empty(), inspected[0].condition == SpoolCondition::Sound);
            }
            Err(SpoolError::Corrupt(damage)) => {
                prop_assert_eq!(&inspected[0].condition, &SpoolCondition::Damaged(damage));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
