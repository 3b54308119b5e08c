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
            assert_eq!(
                all(&older[0]),
                [Frame {
                    offset: 0,
                    payload: b"first".to_vec()
                }],
                "{kept}"
            );
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
        Spool::open(folder.path(), id(2), LIMIT, Durability::Process),
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
        Spool::open(folder.path(), id(2), LIMIT, Durability::Process),
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
