//! The streams this crate owns: JOURNAL, the one order of everything, and CONTACTS, which knows aliases and sealed
//! contacts.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};

use crate::error::SessionError;

pub(crate) const JOURNAL: &str = "JOURNAL";
pub(crate) const CONTACTS: &str = "CONTACTS";
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

/// Both streams, made where they were missing and checked where they were not.
pub(crate) struct Streams {
    pub(crate) journal: Stream,
    pub(crate) contacts: Stream,
}

pub(crate) async fn ensure(context: &Context, replicas: usize) -> Result<Streams, SessionError> {
    Ok(Streams {
        journal: ensure_one(context, journal(replicas)).await?,
        contacts: ensure_one(context, contacts(replicas)).await?,
    })
}

async fn ensure_one(context: &Context, wanted: Config) -> Result<Stream, SessionError> {
    let stream = context
        .get_or_create_stream(wanted.clone())
        .await
        .map_err(|error| SessionError::Lost(format!("opening stream {}: {error}", wanted.name)))?;
    let found = &stream.cached_info().config;
    let is_sound = found.storage == wanted.storage
        && found.retention == wanted.retention
        && found.discard == wanted.discard
        && found.deny_delete == wanted.deny_delete
        && found.deny_purge == wanted.deny_purge
        && found.allow_atomic_publish == wanted.allow_atomic_publish
        && found.num_replicas >= wanted.num_replicas
        && found.duplicate_window >= wanted.duplicate_window
        && wanted.subjects.iter().all(|subject| found.subjects.contains(subject));
    if is_sound {
        Ok(stream)
    } else {
        Err(SessionError::Fatal(format!(
            "stream {} exists with other settings than the journal needs; it has {} copies, wanted are {}: mend it \
             with `nats stream edit`, as docs/operations.md has it",
            wanted.name, found.num_replicas, wanted.num_replicas
        )))
    }
}

fn journal(replicas: usize) -> Config {
    Config {
        name: JOURNAL.to_owned(),
        subjects: vec!["evt.*.*".to_owned(), "dec.*.*".to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_atomic_publish: true,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

fn contacts(replicas: usize) -> Config {
    Config {
        name: CONTACTS.to_owned(),
        subjects: vec!["token.*".to_owned(), "contact.*.*".to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
        discard: DiscardPolicy::New,
        allow_atomic_publish: true,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}
