//! What is told of a spool folder without touching it.

use prost::Message;

use crate::contract::journal_message::Content;
use crate::contract::{JournalMessage, SpoolFrame, Tick};
use crate::time::Micros;

use super::*;

fn tick(time: Micros) -> Vec<u8> {
    let message = JournalMessage {
        received_time: Some(time.to_timestamp()),
        content: Some(Content::Tick(Tick {})),
        ..JournalMessage::default()
    };
    let frame = SpoolFrame {
        message: Some(message),
        contacts: Vec::new(),
    };
    frame.encode_to_vec()
}

#[test]
fn every_spool_is_told_with_kinds_times_and_sizes_while_it_is_written() {
    let folder = TempDir::new().unwrap();
    let older = open(&folder, 2);
    for time in [30, 10, 20] {
        older.append(&tick(Micros(time))).unwrap();
    }
    drop(older);
    let spool = open(&folder, 1);
    spool.append(b"no message").unwrap();
    let reports = inspect(folder.path()).unwrap();
    let ids: Vec<_> = reports.iter().map(|report| (report.number, report.id)).collect();
    assert_eq!(ids, [(0, id(2)), (1, id(1))]);
    assert_eq!(
        (reports[0].oldest, reports[0].newest),
        (Some(Micros(10)), Some(Micros(30)))
    );
    assert_eq!(reports[0].kinds, [("tick", 3)].into());
    assert_eq!(reports[1].kinds, [("unreadable", 1)].into());
    let segment = &reports[1].segments[0];
    assert_eq!((segment.frames, segment.bytes), (1, spool.log().depth().1));
    assert!(segment.file_bytes > segment.bytes);
    assert!(reports.iter().all(|report| report.condition == SpoolCondition::Sound));
}

#[test]
fn torn_tail_and_damage_are_told_and_left_as_they_are() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1);
    for time in 0..3 {
        spool.append(&tick(Micros(time))).unwrap();
    }
    let length = spool.log().depth().1;
    drop(spool);
    let path = last_segment(&folder, 1);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[1; 5], length).unwrap();
    let before = std::fs::read(&path).unwrap();
    let torn = SpoolCondition::Torn {
        path: path.clone(),
        position: length,
    };
    assert_eq!(inspect(folder.path()).unwrap()[0].condition, torn);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    file.write_all_at(&[255], 20).unwrap();
    let report = &inspect(folder.path()).unwrap()[0];
    assert!(
        matches!(&report.condition, SpoolCondition::Damaged(damage) if damage.position == 0 && damage.path == path)
    );
    assert!(report.kinds.is_empty());
}
