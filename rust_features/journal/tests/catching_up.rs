//! A journal that is far ahead of the fold: read ahead by a thread of its own, folded in its order, each message once.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use cart_recovery_core::ids::SpoolId;
use cart_recovery_journal::read_journal;
use support::{PATIENCE, Server, frame, read_all, spool, start, start_at};
use tempfile::TempDir;

/// More than what is worth a thread.
const MESSAGES: u64 = 25_000;
const OWN: SpoolId = SpoolId([1; 16]);

/// A server whose journal has so many messages.
fn filled() -> Option<Server> {
    let server = Server::started()?;
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, _collector) = start(&server.url, &spool);
    for index in 0..MESSAGES {
        spool
            .append(&frame(&format!("e{index}"), &format!("p{}", index % 500)))
            .unwrap();
    }
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    Some(server)
}

#[test]
fn a_long_journal_is_folded_in_its_order_and_what_comes_then_too() {
    let Some(server) = filled() else { return };
    assert_eq!(read_journal(&server.url, None).unwrap(), MESSAGES);
    let folder = TempDir::new().unwrap();
    let later = spool(folder.path(), 2);
    let (journal, collector) = start(&server.url, &later);
    drop(collector.wait("the end", |collected| collected.caught_up));
    later.append(&frame("later", "p")).unwrap();
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    let status = journal.status();
    assert_eq!(
        (status.folded_sequence, status.journal_sequence),
        (MESSAGES + 1, MESSAGES + 1)
    );
    assert!(journal.holds(OWN, MESSAGES - 1) && !journal.holds(OWN, MESSAGES));
    assert_eq!(collector.offsets(OWN), (0..MESSAGES).collect::<Vec<_>>());
    let collected = collector.lock();
    let sequences = collected.messages.iter().map(|message| message.sequence);
    assert!(sequences.eq(1..=MESSAGES + 1));
    assert_eq!(collected.aliases.len(), 1002);
}

#[test]
fn a_place_far_behind_goes_on_from_there() {
    let Some(server) = filled() else { return };
    let folder = TempDir::new().unwrap();
    let first = spool(&folder.path().join("first"), 2);
    let (journal, collector) = start(&server.url, &first);
    let resume = collector.wait("a part", |it| it.resume.is_some()).resume.clone();
    drop(journal);
    let second = spool(&folder.path().join("second"), 3);
    let (_journal, collector) = start_at(&server.url, &second, resume.unwrap());
    drop(collector.wait("the end", |collected| collected.caught_up));
    let collected = collector.lock();
    let first = collected.messages[0].sequence;
    assert!(first > 1);
    assert!(
        collected
            .messages
            .iter()
            .map(|message| message.sequence)
            .eq(first..=MESSAGES)
    );
}

#[test]
fn a_server_killed_while_it_is_read_ahead_gives_each_message_once() {
    let Some(mut server) = filled() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 2);
    let (journal, collector) = start(&server.url, &spool);
    for share in [1, MESSAGES / 2] {
        let share = usize::try_from(share).unwrap();
        drop(collector.wait("the next kill", |collected| collected.messages.len() >= share));
        server.kill();
        server.start();
    }
    drop(collector.wait("the end", |collected| collected.caught_up));
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert!(
        collector
            .lock()
            .messages
            .iter()
            .map(|message| message.sequence)
            .eq(1..=MESSAGES)
    );
}

#[test]
fn a_journal_is_left_in_the_midst_of_catching_up() {
    let Some(server) = filled() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 2);
    let (journal, collector) = start(&server.url, &spool);
    drop(collector.wait("a part", |collected| !collected.messages.is_empty()));
    drop(journal);
    assert!(collector.lock().messages.len() < usize::try_from(MESSAGES).unwrap());
    assert_eq!(read_all(&server.url).lock().messages.len() as u64, MESSAGES);
}

#[test]
fn a_server_that_is_away_is_named() {
    let Some(server) = Server::prepare() else { return };
    let error = read_journal(&server.url, None).unwrap_err().to_string();
    assert!(error.contains("connecting"), "{error}");
}
