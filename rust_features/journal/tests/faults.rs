//! Relay and feed against a nats-server that dies, and after deaths of their own.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{JournalMessage, Tick};
use cart_recovery_core::ids::SpoolId;
use prost::Message;
use support::{PATIENCE, Server, frame, read_all, spool, start};
use tempfile::TempDir;

fn sorted(mut offsets: Vec<u64>) -> Vec<u64> {
    offsets.sort_unstable();
    offsets
}

#[test]
fn what_was_spooled_without_a_server_arrives_when_it_comes() {
    let Some(mut server) = Server::prepare() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    for index in 0..2500 {
        spool.append(&frame(&format!("e{index}"), "p")).unwrap();
    }
    server.start();
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(collector.offsets(SpoolId([1; 16])), (0..2500).collect::<Vec<_>>());
}

#[test]
fn the_end_does_not_wait_for_a_server_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    spool.append(&frame("e", "p")).unwrap();
    let (journal, _) = start(&format!("nats://{}", silent.local_addr().unwrap()), &spool);
    let _connection = silent.accept().unwrap();
    let began = Instant::now();
    assert!(!journal.stop(Duration::ZERO));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_server_killed_under_load_gets_every_message_once() {
    let Some(mut server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    let accepted = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut accepted = 0;
            // Bursts of single messages and of whole batches in turn.
            for round in 0..40_u64 {
                let burst = if round % 2 == 0 { 40 } else { 700 };
                for index in 0..burst {
                    let person = format!("p{}", (round * 7 + index) % 900);
                    accepted = spool.append(&frame(&format!("e{round}.{index}"), &person)).unwrap() + 1;
                }
                let waiter = journal.waiter().unwrap();
                let _ = waiter.wait_folded(accepted - 1, Duration::from_millis(150));
            }
            accepted
        });
        for share in [1000, 4000, 7000, 10_000, 13_000] {
            drop(collector.wait("the next kill", |collected| collected.messages.len() >= share));
            server.kill();
            server.start();
        }
        writing.join().unwrap()
    });
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    let expected: Vec<_> = (0..accepted).collect();
    assert_eq!(sorted(collector.offsets(SpoolId([1; 16]))), expected);
    assert_eq!(sorted(read_all(&server.url).offsets(SpoolId([1; 16]))), expected);
    assert_eq!(journal.status().repeated, 0);
}

#[test]
fn a_batch_of_which_one_message_is_stored_already_goes_on_one_by_one() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    drop(collector.wait("the end", |collected| collected.caught_up));
    let tick = JournalMessage {
        content: Some(Content::Tick(Tick {})),
        ..JournalMessage::default()
    }
    .encode_to_vec();
    let own = SpoolId([1; 16]);
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("{own}:5"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // The fold stands still at the first message while the second is stored and the spool fills.
    let held = collector.lock();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&server.url).await.unwrap());
        context
            .publish("evt.0.tick", tick.clone().into())
            .await
            .unwrap()
            .await
            .unwrap();
        context
            .publish_with_headers("evt.0.tick", headers, tick.into())
            .await
            .unwrap()
            .await
            .unwrap();
    });
    for index in 0..900 {
        spool.append(&frame(&format!("e{index}"), "p")).unwrap();
    }
    drop(held);
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(
        sorted(collector.offsets(SpoolId([1; 16]))),
        (0..900).collect::<Vec<_>>()
    );
}

#[test]
fn an_older_spool_is_finished_closed_and_removed() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let mut accepted = 0;
    let first = spool(folder.path(), 1);
    {
        let (journal, collector) = start(&server.url, &first);
        for index in 0..4000 {
            accepted = first
                .append(&frame(&format!("e{index}"), &format!("p{}", index % 90)))
                .unwrap()
                + 1;
        }
        // Ends with some of it journalled, some in flight and some only spooled.
        drop(collector.wait("a part", |collected| collected.messages.len() >= 500));
        drop(journal);
    }
    assert!(Arc::into_inner(first).is_some(), "the spool is closed");
    let second = spool(folder.path(), 2);
    second.append(&frame("later", "p1")).unwrap();
    let (journal, collector) = start(&server.url, &second);
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(
        sorted(collector.offsets(SpoolId([1; 16]))),
        (0..accepted).collect::<Vec<_>>()
    );
    let collected = collector.lock();
    let closed = collected.messages.last().and_then(|last| last.message.content.clone());
    let Some(Content::SpoolClosed(closed)) = closed else {
        panic!("not closed: {closed:?}")
    };
    assert_eq!(closed.spool_id, SpoolId([1; 16]).to_string());
    let names = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(second.older().is_empty() && !names.into_iter().any(|name| name.contains(&closed.spool_id)));
}

#[test]
fn an_import_run_again_adds_only_what_is_missing() {
    let Some(server) = Server::started() else { return };
    let rows = [0, 1, 2, 9, 10, 500];
    for run in 1..=2 {
        // The folder of the first run is gone: the journal alone tells.
        let folder = TempDir::new().unwrap();
        let spool = spool(folder.path(), 7);
        let (journal, collector) = start(&server.url, &spool);
        let more = if run == 2 { vec![3, 501] } else { Vec::new() };
        let mut all: Vec<u64> = rows.iter().copied().chain(more).collect();
        all.sort_unstable();
        for row in &all {
            spool.append_at(*row, &frame(&format!("row{row}"), "p")).unwrap();
        }
        assert!(journal.stop(PATIENCE), "{:?}", journal.status());
        assert_eq!(sorted(collector.offsets(SpoolId([7; 16]))), all);
    }
}
