//! Relay and feed against a real nats-server: what is spooled, journalled and delivered while nothing fails.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{JournalMessage, Reason, SpoolFrame, Tick};
use cart_recovery_core::ids::{Alias, SpoolId};
use cart_recovery_core::spool::{Durability, Spool};
use cart_recovery_journal::{Journal, Resume};
use prost::Message;
use support::{Collector, PATIENCE, Server, frame, read_all, settings, spool, start, start_at, token};
use tempfile::TempDir;

#[test]
fn events_come_back_in_order_under_aliases() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    for index in 0..3000 {
        spool
            .append(&frame(&format!("e{index}"), &format!("p{}", index % 50)))
            .unwrap();
    }
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(collector.offsets(SpoolId([1; 16])), (0..3000).collect::<Vec<_>>());
    let collected = collector.lock();
    assert!(collected.caught_up);
    assert!(
        collected
            .messages
            .iter()
            .zip(1..)
            .all(|(message, sequence)| message.sequence == sequence)
    );
    let keys = |index: usize| collected.messages[index].message.identity_keys.clone();
    assert_eq!(keys(0), keys(50));
    assert!(keys(0).iter().all(|key| key.alias.len() == 16 && key.token.is_empty()));
    assert_ne!(keys(0)[0].alias, keys(0)[1].alias);
    assert_eq!(collected.aliases[&token("p0")][0].0.to_vec(), keys(0)[0].alias);
    assert_eq!(collected.aliases.len(), 100);
    let status = journal.status();
    assert!(status.flushed && status.failure.is_none() && status.folded_sequence == 3000);
    assert_eq!(status.unsettled, 0);
    assert_eq!(spool.depth().0, 3000);
}

#[test]
fn subject_headers_and_contact_are_stored() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    spool.append(&frame("e", "p")).unwrap();
    assert!(journal.stop(PATIENCE));
    let alias = |index: usize| collector.lock().messages[0].message.identity_keys[index].alias.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&server.url).await.unwrap());
        let journal = context.get_stream("JOURNAL").await.unwrap();
        let message = journal.get_raw_message(1).await.unwrap();
        let first = alias(0);
        let shard = u16::from_le_bytes([first[0], first[1]]) % 1024;
        assert_eq!(message.subject.as_str(), format!("evt.{shard}.cart_viewed"));
        let header = |name| message.headers.get(name).unwrap().as_str();
        assert_eq!(header("Nats-Msg-Id"), format!("{}:0", SpoolId([1; 16])));
        assert_eq!(header("ce-id"), "e");
        let contacts = context.get_stream("CONTACTS").await.unwrap();
        let email: String = Alias::from_bytes(&alias(1)).unwrap().to_string();
        let sealed = contacts
            .get_last_raw_message_by_subject(&format!("contact.{email}.email"))
            .await
            .unwrap();
        assert_eq!(&sealed.payload[..], b"sealed p");
        // The contact is stored before the event that needs it can be read.
        assert!(sealed.time <= message.time);
    });
}

/// The frame of an event that brings a name after the address.
fn named(event_id: &str, person: &str, ciphertext: &str) -> Vec<u8> {
    let mut frame = SpoolFrame::decode(frame(event_id, person).as_slice()).unwrap();
    frame.contacts[0].ciphertext = ciphertext.into();
    frame.contacts[0].replaces = true;
    frame.encode_to_vec()
}

#[test]
fn a_later_name_takes_the_place_of_the_stored_contact_alone() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    spool.append(&frame("e1", "p")).unwrap();
    spool.append(&named("e2", "p", "sealed p with name")).unwrap();
    spool.append(&named("e3", "erased", "sealed once more")).unwrap();
    assert!(journal.stop(PATIENCE));
    let contact = |message: usize| {
        let alias = &collector.lock().messages[message].message.identity_keys[1].alias;
        format!("contact.{}.email", Alias::from_bytes(alias).unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&server.url).await.unwrap());
        let contacts = context.get_stream("CONTACTS").await.unwrap();
        let stored = contacts.get_last_raw_message_by_subject(&contact(0)).await.unwrap();
        assert_eq!(&stored.payload[..], b"sealed p with name");
        assert!(contacts.get_last_raw_message_by_subject(&contact(2)).await.is_err());
        // Four tokens and the one contact: what it replaced is gone.
        assert_eq!(contacts.cached_info().state.messages, 5);
        // As a relay leaves them that dies between writing the new one and taking the old one away.
        for left in ["sealed p", "sealed p with name"] {
            context.publish(contact(0), left.into()).await.unwrap().await.unwrap();
        }
    });
    let later = TempDir::new().unwrap();
    let again = support::spool(later.path(), 2);
    let (journal, _) = start(&server.url, &again);
    again.append(&named("e2", "p", "sealed p with name")).unwrap();
    assert!(journal.stop(PATIENCE));
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&server.url).await.unwrap());
        let contacts = context.get_stream("CONTACTS").await.unwrap();
        assert_eq!(contacts.cached_info().state.messages, 5);
    });
}

#[test]
fn two_relays_give_one_alias_to_one_token() {
    let Some(server) = Server::started() else { return };
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let spools = [spool(folders[0].path(), 1), spool(folders[1].path(), 2)];
    for spool in &spools {
        for index in 0..300 {
            spool
                .append(&frame(&format!("e{index}"), &format!("p{index}")))
                .unwrap();
        }
    }
    let journals = [start(&server.url, &spools[0]), start(&server.url, &spools[1])];
    for (journal, _) in &journals {
        assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    }
    let collector = read_all(&server.url);
    let collected = collector.lock();
    assert_eq!((collected.messages.len(), collected.aliases.len()), (600, 600));
    for index in 0..300 {
        let event_id = format!("e{index}");
        let found = collected
            .messages
            .iter()
            .filter(|message| match &message.message.content {
                Some(Content::Event(event)) => event.event_id == event_id,
                _ => false,
            });
        let keys: Vec<_> = found.map(|message| &message.message.identity_keys).collect();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
    }
    assert!(
        collected
            .aliases
            .values()
            .all(|aliases| aliases.iter().all(|alias| *alias == aliases[0]))
    );
}

#[test]
fn aliases_of_a_rehearsal_follow_from_the_seed() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let seed = cart_recovery_core::keyed::Key([3; 32]);
    let derived = cart_recovery_journal::JournalSettings {
        alias_seed: Some(seed.clone()),
        ..settings(&server.url)
    };
    let collector = Collector::default();
    let journal = Journal::start(derived, spool.clone(), collector.clone(), Resume::default()).unwrap();
    spool.append(&frame("e", "p")).unwrap();
    assert!(journal.stop(PATIENCE));
    let alias = seed.hash("alias", &[&token("p").0]);
    assert_eq!(collector.lock().messages[0].message.identity_keys[0].alias, alias);
}

#[test]
fn a_start_from_a_place_folds_what_came_since_and_sends_nothing_twice() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let first = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &first);
    first.append(&frame("e0", "p0")).unwrap();
    let resume = collector
        .wait("the first message", |it| it.resume.is_some())
        .resume
        .clone();
    let resume = Resume::decode(&resume.unwrap().encode()).unwrap();
    assert!(resume.holds(SpoolId([1; 16]), 0) && !resume.holds(SpoolId([1; 16]), 1));
    first.append(&frame("e1", "p1")).unwrap();
    assert!(journal.stop(PATIENCE));
    drop((journal, first));
    // The older spool still has both frames.
    let second = spool(folder.path(), 2);
    let (journal, collector) = start_at(&server.url, &second, resume);
    second.append(&frame("e2", "p2")).unwrap();
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(journal.status().repeated, 0);
    let collected = collector.lock();
    let sequences: Vec<_> = collected.messages.iter().map(|message| message.sequence).collect();
    // The second event, the one of the new spool, and that the older one is closed.
    assert_eq!(sequences, [2, 3, 4]);
    assert!(
        !collected.aliases.contains_key(&token("p0")),
        "known from before the place"
    );
    assert!(collected.aliases.contains_key(&token("p1")));
}

#[test]
fn a_place_in_another_journal_is_refused() {
    let (Some(one), Some(other)) = (Server::started(), Server::started()) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let first = spool(&folder.path().join("one"), 1);
    let (journal, collector) = start(&one.url, &first);
    first.append(&frame("e", "p")).unwrap();
    assert!(journal.stop(PATIENCE));
    let resume = collector.lock().resume.clone().unwrap();
    let second = spool(&folder.path().join("other"), 2);
    let (journal, collector) = start(&other.url, &second);
    second.append(&frame("e", "p")).unwrap();
    drop(collector.wait("its message", |it| !it.messages.is_empty()));
    drop(journal);
    let third = spool(&folder.path().join("third"), 3);
    let (journal, _collector) = start_at(&other.url, &third, resume);
    let refused = support::eventually(|| journal.status().failure);
    assert!(
        refused.contains("not those that the state was folded from"),
        "{refused}"
    );
}

#[test]
fn callers_wait_for_the_journal_within_bounds() {
    let Some(mut server) = Server::prepare() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, _collector) = start(&server.url, &spool);
    let offset = spool.append(&frame("e", "p")).unwrap();
    let wait = |patience| journal.waiter()?.wait_folded(offset, patience);
    let late = wait(Duration::from_millis(10)).unwrap_err();
    assert_eq!(late.reason, Reason::NotYetJournalled);
    std::thread::scope(|scope| {
        let wait_long = || loop {
            match wait(PATIENCE) {
                // The place was taken by the caller that tries the bound.
                Err(refusal) if refusal.reason == Reason::TooManyWaiters => std::thread::yield_now(),
                answer => break answer,
            }
        };
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(wait_long)).collect();
        let refusal = loop {
            // Until all four are in, the fifth is let in too and times out.
            let refusal = wait(Duration::from_millis(1)).unwrap_err();
            if refusal.reason == Reason::TooManyWaiters {
                break refusal;
            }
        };
        assert!(refusal.retry_after.is_some());
        server.start();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap().unwrap(), 1);
        }
    });
    assert!(journal.holds(SpoolId([1; 16]), offset));
}

#[test]
fn idle_time_goes_on_by_ticks() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let ticking = cart_recovery_journal::JournalSettings {
        tick: Some(Duration::from_millis(20)),
        ..settings(&server.url)
    };
    let collector = Collector::default();
    let _journal = Journal::start(ticking, spool.clone(), collector.clone(), Resume::default()).unwrap();
    let collected = collector.wait("three ticks", |collected| collected.messages.len() >= 3);
    assert!(
        collected
            .messages
            .iter()
            .all(|it| matches!(it.message.content, Some(Content::Tick(_))))
    );
}

#[test]
fn an_unknown_kind_stops_the_feed_with_words() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let spool = spool(folder.path(), 1);
    let (journal, collector) = start(&server.url, &spool);
    drop(collector.wait("the end", |collected| collected.caught_up));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&server.url).await.unwrap());
        context
            .publish("evt.0.from_tomorrow", "".into())
            .await
            .unwrap()
            .await
            .unwrap();
    });
    assert!(!journal.stop(Duration::ZERO) || journal.status().flushed);
    drop(journal);
    let (journal, _collector) = start(&server.url, &spool);
    spool.append(&frame("e", "p")).unwrap();
    assert!(!journal.stop(PATIENCE));
    let failure = journal.status().failure.unwrap();
    assert!(failure.contains("from_tomorrow"), "{failure}");
}

#[test]
fn a_full_spool_behind_an_older_one_is_drained() {
    let Some(server) = Server::started() else { return };
    let folder = TempDir::new().unwrap();
    let older = spool(folder.path(), 1);
    older.append(&frame("older", "p")).unwrap();
    drop(older);
    let full = Arc::new(Spool::open(folder.path(), SpoolId([2; 16]), 16 << 10, Durability::Process).unwrap());
    let mut accepted = 0;
    // Smaller and smaller frames, until not even a closing message would fit.
    for person in ["a person with a long name", "person", "p"] {
        while full.append(&frame(&accepted.to_string(), person)).is_ok() {
            accepted += 1;
        }
    }
    let tick = SpoolFrame {
        message: Some(JournalMessage {
            content: Some(Content::Tick(Tick {})),
            ..JournalMessage::default()
        }),
        ..SpoolFrame::default()
    };
    while full.append(&tick.encode_to_vec()).is_ok() {
        accepted += 1;
    }
    let (journal, collector) = start(&server.url, &full);
    drop(collector.wait("everything", |collected| collected.messages.len() > accepted));
    assert!(journal.stop(PATIENCE), "{:?}", journal.status());
    assert_eq!(collector.offsets(SpoolId([1; 16])), [0]);
    assert!(full.append(&frame("after", "p")).is_ok(), "{:?}", full.depth());
}
