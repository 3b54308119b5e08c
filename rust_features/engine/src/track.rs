//! Track: through the edge into the spool, and where the sender asked for it, on to the journal.

use std::time::Duration;

use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{Acknowledge, JournalMessage, TrackResponse};
use cart_recovery_core::edge::Tracked;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::time::Micros;
use cart_recovery_journal::{Journal, Waiter};
use prost::Message;

use crate::live::Live;

/// How long a sender that asked for JOURNALED waits at most.
const JOURNALED_TIMEOUT: Duration = Duration::from_secs(5);

/// An event that is in the spool, and its sender's place where that waits for the journal.
pub struct Spooled {
    offset: u64,
    waiter: Option<Waiter>,
}

impl Spooled {
    /// Whether the reply waits for the journal.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waiter.is_some()
    }

    /// Serialised `TrackResponse`, once the sender may have it. Whoever drops it waits no longer.
    ///
    /// # Errors
    /// `REASON_NOT_YET_JOURNALLED` where the journal does not have the event in time.
    pub async fn reply(self) -> Result<Vec<u8>, Refusal> {
        let journal_sequence = match self.waiter {
            Some(waiter) => waiter.folded(self.offset, JOURNALED_TIMEOUT).await?,
            None => 0,
        };
        Ok(response(self.offset, journal_sequence))
    }

    /// [`Self::reply`] on a thread, which it holds until the end.
    ///
    /// # Errors
    /// `REASON_NOT_YET_JOURNALLED` where the journal does not have the event in time.
    pub fn blocking_reply(self) -> Result<Vec<u8>, Refusal> {
        let wait = |waiter: Waiter| waiter.wait_folded(self.offset, JOURNALED_TIMEOUT);
        let journal_sequence = self.waiter.map_or(Ok(0), wait)?;
        Ok(response(self.offset, journal_sequence))
    }
}

fn response(spool_offset: u64, journal_sequence: u64) -> Vec<u8> {
    let response = TrackResponse {
        spool_offset,
        journal_sequence,
    };
    response.encode_to_vec()
}

/// Serialised `TrackRequest` in; never waits for the journal.
pub fn track(live: &Live, journal: Option<&Journal>, request: &[u8]) -> Result<Spooled, Refusal> {
    let spooled = pass_edge(live, request, false).and_then(|tracked| {
        let waits = journal.filter(|_| tracked.acknowledge == Acknowledge::Journaled);
        let waiter = waits.map(Journal::waiter).transpose()?;
        let offset = live.spool.append(&tracked.frame.encode_to_vec())?;
        live.directory.remember(&tracked.names);
        Ok(Spooled { offset, waiter })
    });
    counted(live, spooled)
}

/// Spools row `row` of an import; false where journal or spool have it already.
pub fn track_row(live: &Live, journal: Option<&Journal>, request: &[u8], row: u64) -> Result<bool, Refusal> {
    if journal.is_some_and(|journal| journal.holds(live.spool.id(), row)) {
        return Ok(false);
    }
    let spooled = pass_edge(live, request, true).and_then(|tracked| {
        let is_new = live.spool.append_at(row, &tracked.frame.encode_to_vec())?;
        live.directory.remember(&tracked.names);
        Ok(is_new)
    });
    counted(live, spooled)
}

fn counted<T>(live: &Live, spooled: Result<T, Refusal>) -> Result<T, Refusal> {
    match &spooled {
        Ok(_) => live.counters.events_accepted.add_one(),
        Err(_) => live.counters.events_refused.add_one(),
    }
    spooled
}

fn pass_edge(live: &Live, request: &[u8], imported: bool) -> Result<Tracked, Refusal> {
    live.open()?;
    let known = &live.directory;
    if !live.clock.follows_events() {
        return live.edge.track(request, live.clock.now(), imported, known);
    }
    let mut tracked = live.edge.track(request, Micros::END_OF_TIME, imported, known)?;
    if let Some(JournalMessage {
        received_time,
        content: Some(Content::Event(event)),
        ..
    }) = &mut tracked.frame.message
    {
        let event_time = event
            .event_time
            .as_ref()
            .map(Micros::from_timestamp)
            .unwrap_or_default();
        *received_time = Some(live.clock.received(event_time).to_timestamp());
    }
    Ok(tracked)
}
