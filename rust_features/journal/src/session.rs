//! One connection to the server and all that runs over it. Whatever fails ends the session; the next one finds out
//! from the journal itself what is missing there.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::sync::Arc;

use async_nats::jetstream::Context;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{JournalMessage, SpoolFrame, Tick};
use cart_recovery_core::ids::{Alias, SpoolId, Token};
use cart_recovery_core::spool::Spool;
use prost::Message;
use tokio::sync::Notify;

use crate::contacts::Aliases;
use crate::error::SessionError;
use crate::journal::{JournalSettings, Sink};
use crate::progress::Progress;
use crate::pull::Cluster;
use crate::resume::{Origin, Resume};
use crate::streams::{self, Streams};
use crate::{directory, feed, relay};

/// Room that a message's headers take of the server's largest payload.
const HEADER_BYTES: usize = 8 << 10;

/// What outlives a session. It belongs to the background thread alone, but for progress and spool.
pub(crate) struct Shared<S> {
    pub(crate) settings: JournalSettings,
    pub(crate) progress: Arc<Progress>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) sink: RefCell<S>,
    pub(crate) aliases: RefCell<Aliases>,
    /// The sequence of CONTACTS that is read next.
    pub(crate) directory_next: Cell<u64>,
    /// The streams that the state was folded from; none before the first session.
    pub(crate) origin: Cell<Option<Origin>>,
    /// The last offset of a batch that failed; up to there messages go one by one.
    pub(crate) singles_through: Cell<Option<(SpoolId, u64)>>,
}

/// A session in being.
pub(crate) struct Session<'a, S> {
    pub(crate) shared: &'a Shared<S>,
    pub(crate) context: Context,
    pub(crate) streams: Streams,
    /// For the connection that reads ahead.
    pub(crate) cluster: Arc<Cluster>,
}

impl<S: Sink> Shared<S> {
    pub(crate) fn learn(&self, pairs: &[(Token, Alias)]) {
        if !pairs.is_empty() {
            let mut aliases = self.aliases.borrow_mut();
            for (token, alias) in pairs {
                aliases.insert(*token, *alias);
            }
            self.sink.borrow_mut().aliases(pairs);
        }
    }

    /// Nothing is half folded.
    pub(crate) fn rest(&self) {
        self.sink.borrow_mut().rest(&|| self.resume());
    }

    /// Where relay and feed stand.
    fn resume(&self) -> Resume {
        let state = self.progress.lock();
        Resume {
            sequence: state.status.folded_sequence,
            seen: state.seen.clone(),
            contacts_next: self.directory_next.get(),
            origin: self.origin.get(),
        }
    }

    /// Refuses streams other than those that the state was folded from.
    fn recognise(&self, streams: &Streams) -> Result<(), SessionError> {
        let found = Origin::of(streams);
        if self.origin.get().is_some_and(|origin| origin != found) {
            let words = "JOURNAL and CONTACTS are not those that the state was folded from: restore them, or empty the data \
                         directory's snapshots and start again";
            return Err(SessionError::Fatal(words.to_owned()));
        }
        self.origin.set(Some(found));
        Ok(())
    }

    /// Once the fold has reached the end for the first time, it may act.
    pub(crate) fn tell_if_caught_up(&self) {
        let mut state = self.progress.lock();
        if state.reached_end() && !state.caught_up {
            state.caught_up = true;
            drop(state);
            self.sink.borrow_mut().caught_up();
        }
    }
}

/// Connects and works until something fails.
pub(crate) async fn run<S: Sink>(shared: &Shared<S>) -> Result<Infallible, SessionError> {
    let lost = Arc::new(Notify::new());
    let settings = &shared.settings;
    let cluster = Arc::new(Cluster::find(&settings.nats_url, settings.credentials.as_deref())?);
    let context = cluster.connect(Arc::clone(&lost)).await?;
    shared
        .spool
        .limit_payloads(context.client().max_payload().saturating_sub(HEADER_BYTES));
    let streams = streams::ensure(&context, settings.replicas).await?;
    shared.recognise(&streams)?;
    let info = streams
        .journal
        .get_info()
        .await
        .map_err(SessionError::lost("reading JOURNAL's state"))?;
    begin(&shared.progress, info.state.last_sequence)?;
    let session = Session {
        shared,
        context,
        streams,
        cluster,
    };
    tokio::select! {
        end = feed::run(&session) => end,
        end = directory::run(&session) => end,
        end = relay::run(&session) => end,
        end = tick(shared) => end,
        () = lost.notified() => Err(SessionError::Lost("disconnected".to_owned())),
    }
}

fn begin(progress: &Progress, last_sequence: u64) -> Result<(), SessionError> {
    let mut state = progress.lock();
    let folded = state.status.folded_sequence;
    if last_sequence < folded {
        let words = format!("JOURNAL ends at {last_sequence}, but {folded} was folded already: it is another journal");
        return Err(SessionError::Fatal(words));
    }
    state.target = last_sequence;
    state.directory_read = false;
    state.status.journal_sequence = last_sequence;
    state.status.connected = true;
    Ok(())
}

/// Spools a tick whenever nothing but ticks was folded for a whole interval, so that journal time goes on.
async fn tick<S: Sink>(shared: &Shared<S>) -> Result<Infallible, SessionError> {
    let Some(interval) = shared.settings.tick else {
        std::future::pending().await
    };
    let mut expected = None;
    loop {
        tokio::time::sleep(interval).await;
        let state = shared.progress.lock();
        let is_idle = state.reached_end() && state.settled >= shared.spool.log().end() && !state.stopping;
        let folded = state.status.folded_sequence;
        drop(state);
        let ticks = is_idle && expected == Some(folded) && spool_tick(shared);
        expected = Some(folded + u64::from(ticks));
    }
}

/// A full spool is not idle, and a failing disk shows with the next event: a refused tick needs no report.
fn spool_tick<S>(shared: &Shared<S>) -> bool {
    let received_time = Some((shared.settings.clock)().to_timestamp());
    let content = Some(Content::Tick(Tick {}));
    let message = JournalMessage {
        received_time,
        content,
        ..JournalMessage::default()
    };
    let frame = SpoolFrame {
        message: Some(message),
        contacts: Vec::new(),
    };
    shared.spool.append(&frame.encode_to_vec()).is_ok()
}
