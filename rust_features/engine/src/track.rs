//! Track: through the edge into the spool, and where the sender asked for it, on to the journal.

use std::time::Duration;

use cart_recovery_core::contract::{Acknowledge, TrackRequest, TrackResponse};
use cart_recovery_core::edge::Tracked;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::time::Micros;
use cart_recovery_journal::Journal;
use prost::Message;

use crate::clock::Clock;
use crate::live::Live;

/// How long a sender that asked for JOURNALED waits at most.
const JOURNALED_TIMEOUT: Duration = Duration::from_secs(5);

/// Serialised `TrackRequest` in, serialised `TrackResponse` out.
pub fn track(live: &Live, journal: Option<&Journal>, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let spooled = pass_edge(live, request, false).and_then(|tracked| {
        let offset = live.spool.append(&tracked.frame.encode_to_vec())?;
        Ok((offset, tracked.acknowledge))
    });
    let (spool_offset, acknowledge) = counted(live, spooled)?;
    let journal_sequence = match (acknowledge, journal) {
        (Acknowledge::Journaled, Some(journal)) => journal.wait_folded(spool_offset, JOURNALED_TIMEOUT)?,
        _ => 0,
    };
    Ok(TrackResponse {
        spool_offset,
        journal_sequence,
    }
    .encode_to_vec())
}

/// Spools row `row` of an import; false where journal or spool have it already.
pub fn track_row(live: &Live, journal: Option<&Journal>, request: &[u8], row: u64) -> Result<bool, Refusal> {
    if journal.is_some_and(|journal| journal.holds(live.spool.id(), row)) {
        return Ok(false);
    }
    let spooled =
        pass_edge(live, request, true).and_then(|tracked| live.spool.append_at(row, &tracked.frame.encode_to_vec()));
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
    let received = match &live.clock {
        Clock::Wall => live.clock.now(),
        Clock::Events(_) => live.clock.received(event_time(request)),
    };
    live.edge
        .track(request, received, imported, &|token| live.directory.knows(token))
}

/// The event's own time; 1970 where it has none, which the edge refuses.
fn event_time(request: &[u8]) -> Micros {
    TrackRequest::decode(request)
        .ok()
        .and_then(|request| request.event?.event_time)
        .map(|time| Micros::from_timestamp(&time))
        .unwrap_or_default()
}
