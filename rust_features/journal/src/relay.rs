//! Spool to JOURNAL. A session first waits until the feed has reached the journal's end, then sends exactly what the
//! journal lacks: older spools first, then the one being written. Any failure ends the session, so no message is
//! ever sent beside one whose fate is unknown.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use async_nats::jetstream::context::PublishAckFuture;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{JournalMessage, SpoolClosed, SpoolFrame};
use cart_recovery_core::ids::SpoolId;
use cart_recovery_core::spool::{Cursor, Frame, Log};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prost::Message;
use tokio::time::{Instant, sleep_until};

use crate::contacts::Contacts;
use crate::envelope;
use crate::error::SessionError;
use crate::journal::Sink;
use crate::paced::paced;
use crate::publish::{self, Prepared};
use crate::session::Session;

/// Frames read at once, and messages of one atomic batch: the server takes no more. Their bytes are bounded by what is read
/// of a spool at once.
const BATCH_LIMIT: usize = 1000;
/// From here on a batch costs less than single messages.
const BACKLOG: usize = 64;
/// Messages published and not yet seen by the feed.
const PENDING_LIMIT: usize = 20_000;
/// Acknowledgements of single messages awaited at once: few enough for a slow disk to give them all in time.
const IN_FLIGHT: usize = 256;
/// Between two readings of a spool without a backlog. What comes in meanwhile goes together, and whoever spools it need
/// not wake this thread, which costs as much as answering.
const GATHERING: Duration = Duration::from_millis(2);
/// How long the relay waits for room on the disk.
const FULL_DELAY: Duration = Duration::from_secs(1);

type Acknowledgement = <PublishAckFuture as IntoFuture>::IntoFuture;

/// One spool on its way into the journal.
struct Drain<'a, 's, S> {
    session: &'a Session<'s, S>,
    log: &'a Log,
    cursor: Cursor,
    /// One more than the last offset read.
    read: u64,
    /// Offsets sent that the feed has not seen, in the order of the spool.
    pending: VecDeque<u64>,
    in_flight: FuturesUnordered<Acknowledgement>,
    /// Nothing is read before, unless a caller waits for it.
    gathers_until: Instant,
}

pub(crate) async fn run<S: Sink>(session: &Session<'_, S>) -> Result<Infallible, SessionError> {
    let shared = session.shared;
    while !shared.progress.lock().reached_end() {
        shared.progress.relay.notified().await;
    }
    for log in shared.spool.older() {
        Drain::new(session, &log).until_done(true).await?;
        close(session, log.id()).await?;
        shared.spool.remove(log.id())?;
        shared.progress.lock().older = shared.spool.older().len();
    }
    Drain::new(session, shared.spool.log()).until_done(false).await?;
    Err(SessionError::Lost("the relay came to an end".to_owned()))
}

/// Journals that a spool holds nothing more; the message goes through the spool being written, also where that is full:
/// nothing of it is drained before the older ones are closed.
async fn close<S: Sink>(session: &Session<'_, S>, spool: SpoolId) -> Result<(), SessionError> {
    let shared = session.shared;
    let content = Some(Content::SpoolClosed(SpoolClosed {
        spool_id: spool.to_string(),
    }));
    let received_time = Some((shared.settings.clock)().to_timestamp());
    let message = JournalMessage {
        received_time,
        content,
        ..JournalMessage::default()
    };
    let frame = SpoolFrame {
        message: Some(message),
        contacts: Vec::new(),
    }
    .encode_to_vec();
    while let Err(refusal) = shared.spool.append_to_drain(&frame) {
        shared.progress.lock().status.last_error = Some(refusal.to_string());
        tokio::time::sleep(FULL_DELAY).await;
    }
    Ok(())
}

impl<'a, 's, S: Sink> Drain<'a, 's, S> {
    fn new(session: &'a Session<'s, S>, log: &'a Log) -> Self {
        let in_flight = FuturesUnordered::new();
        Self {
            session,
            log,
            cursor: Cursor::default(),
            read: 0,
            pending: VecDeque::new(),
            in_flight,
            gathers_until: Instant::now(),
        }
    }

    /// Sends what comes; an older spool until the journal holds all of it, the one being written forever.
    async fn until_done(mut self, is_older: bool) -> Result<(), SessionError> {
        loop {
            self.settle(is_older)?;
            let has_room = self.pending.len() < PENDING_LIMIT && self.in_flight.len() < IN_FLIGHT;
            let gathers = Instant::now() < self.gathers_until && self.session.shared.progress.lock().waiters == 0;
            let frames = if has_room && !gathers {
                self.log.read(&mut self.cursor, BATCH_LIMIT)?
            } else {
                Vec::new()
            };
            if (1..BACKLOG).contains(&frames.len()) {
                self.gathers_until = Instant::now() + GATHERING;
            }
            if !frames.is_empty() {
                self.send(frames).await?;
            } else if is_older && has_room && !gathers && self.pending.is_empty() && self.in_flight.is_empty() {
                return Ok(());
            } else {
                self.wait(gathers).await?;
            }
        }
    }

    /// Takes out what the feed has seen, and frees its segments.
    fn settle(&mut self, is_older: bool) -> Result<(), SessionError> {
        let progress = &self.session.shared.progress;
        let mut state = progress.lock();
        while self
            .pending
            .front()
            .is_some_and(|offset| state.seen.contains(self.log.id(), *offset))
        {
            self.pending.pop_front();
        }
        let settled = self.pending.front().copied().unwrap_or(self.read);
        let moved = !is_older && settled > state.settled;
        if moved {
            state.settled = settled;
        }
        drop(state);
        if moved {
            progress.tell_waiters();
        }
        Ok(self.log.release(settled)?)
    }

    async fn wait(&mut self, gathers: bool) -> Result<(), SessionError> {
        let progress = &self.session.shared.progress;
        tokio::select! {
            Some(acknowledged) = self.in_flight.next() => {
                acknowledged.map_err(|error| publish::failed(&error))?;
                Ok(())
            }
            () = progress.relay.notified() => Ok(()),
            () = progress.spooled.notified(), if !gathers => Ok(()),
            () = sleep_until(self.gathers_until), if gathers => Ok(()),
        }
    }

    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), SessionError> {
        let spool = self.log.id();
        self.read = frames.last().map_or(self.read, |frame| frame.offset.saturating_add(1));
        let missing = {
            let state = self.session.shared.progress.lock();
            frames
                .into_iter()
                .filter(|frame| !state.seen.contains(spool, frame.offset))
                .collect::<Vec<_>>()
        };
        let Some(last) = missing.last().map(|frame| frame.offset) else {
            return Ok(());
        };
        let offsets: Vec<_> = missing.iter().map(|frame| frame.offset).collect();
        let prepared = self.prepare(missing).await?;
        self.pending.extend(offsets);
        let after_failure = self
            .session
            .shared
            .singles_through
            .get()
            .is_some_and(|through| last <= through.1 && spool == through.0);
        if prepared.len() >= BACKLOG && !after_failure {
            self.send_batch(prepared, last).await
        } else {
            self.send_singles(prepared).await
        }
    }

    /// One batch at a time, and nothing else beside it. Should it fail, its messages are next sent one by one.
    async fn send_batch(&mut self, prepared: Vec<Prepared>, last: u64) -> Result<(), SessionError> {
        self.acknowledged_but(0).await?;
        let through = &self.session.shared.singles_through;
        through.set(Some((self.log.id(), last)));
        publish::batch(&self.session.context, prepared).await?;
        through.set(None);
        Ok(())
    }

    /// Waits until at most `left` acknowledgements are awaited.
    async fn acknowledged_but(&mut self, left: usize) -> Result<(), SessionError> {
        while self.in_flight.len() > left {
            if let Some(acknowledged) = self.in_flight.next().await {
                acknowledged.map_err(|error| publish::failed(&error))?;
            }
        }
        Ok(())
    }

    async fn send_singles(&mut self, prepared: Vec<Prepared>) -> Result<(), SessionError> {
        for message in paced(prepared) {
            self.acknowledged_but(IN_FLIGHT - 1).await?;
            let acknowledgement = publish::single(&self.session.context, message).await?;
            self.in_flight.push(acknowledgement.into_future());
        }
        Ok(())
    }

    /// Assigns aliases, stores contacts, and makes subject and headers.
    async fn prepare(&self, frames: Vec<Frame>) -> Result<Vec<Prepared>, SessionError> {
        let shared = self.session.shared;
        let decode = |frame: &Frame| {
            let decoded = SpoolFrame::decode(frame.payload.as_slice());
            decoded.map_err(|error| SessionError::Fatal(format!("spool offset {}: {error}", frame.offset)))
        };
        let mut decoded = paced(&frames).map(decode).collect::<Result<Vec<_>, _>>()?;
        let contacts = Contacts {
            context: &self.session.context,
            stream: &self.session.streams.contacts,
            seed: shared.settings.alias_seed.as_ref(),
        };
        let learned = contacts.resolve(&mut decoded, &shared.aliases).await?;
        shared.learn(&learned);
        let spool = self.log.id();
        let prepared = paced(frames.iter().zip(decoded)).map(|(frame, decoded)| {
            let message = decoded.message.unwrap_or_default();
            Prepared {
                subject: envelope::subject(&message),
                headers: envelope::headers(&message, spool, frame.offset),
                payload: message.encode_to_vec().into(),
            }
        });
        Ok(prepared.collect())
    }
}
