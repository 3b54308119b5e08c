//! Score: the decision for a key, taken once and answered as often as asked.

use cart_recovery_core::bundle::Bundle;
use cart_recovery_core::contract::event::Kind;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{CartUpdated, DecisionRecord, Event};
use cart_recovery_core::decide::{Occasion, answer, decide_with, seed};
use cart_recovery_core::edge::Scored;
use cart_recovery_core::ids::EventId;
use cart_recovery_core::keyed::public_hash;
use cart_recovery_core::refusal::Refusal;
use cart_recovery_core::spool::Written;
use cart_recovery_core::time::Micros;
use prost::Message;

use crate::decisions::Recorded;
use crate::in_flight::Entry;
use crate::live::Live;

/// Serialised `ScoreRequest` in, serialised `ScoreResponse` out.
pub fn score(live: &Live, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let scored = scored(live, request);
    if scored.is_err() {
        live.counters.scores_refused.add_one();
    }
    scored
}

fn scored(live: &Live, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let bundle = live.ready()?;
    let clock = live.clock.now();
    let scored = live.edge.score(request, clock, &|token| live.directory.knows(token))?;
    let count = u32::try_from(scored.candidate_count).unwrap_or(u32::MAX);
    let (record, repeated) = settle(live, &bundle, scored, clock)?;
    Ok(answer(&record, count, live.state_age_seconds(), repeated).encode_to_vec())
}

/// The decision that counts for the request, and whether it was taken earlier. What was written for it is accepted.
pub fn settle(
    live: &Live,
    bundle: &Bundle,
    mut scored: Scored,
    clock: Micros,
) -> Result<(DecisionRecord, bool), Refusal> {
    live.directory.resolve(&mut scored.request.identity_keys);
    let (taken, news) = take(live, bundle, &scored, clock);
    let news = news.filter(|_| !scored.dry_run);
    let cart = news
        .map(|event_id| write_inline_cart(live, &scored, event_id, clock))
        .transpose()?;
    let recorded = match taken {
        Taken::Earlier(record) => Recorded::folded(record),
        Taken::InFlight(entry) => Recorded::in_flight(entry),
        Taken::Now(record) if scored.dry_run => return Ok((record, false)),
        Taken::Now(record) => live.record_taken(record, scored.contacts, clock)?,
    };
    // Of its own group, or of the one before that of the decision.
    let cart = cart.map_or(Ok(()), |cart| live.spool.sync(&cart));
    // First, for it is withdrawn where it is not accepted.
    live.accept(&recorded.acceptance)?;
    cart?;
    let repeated = recorded.acceptance.repeated;
    Ok((recorded.into_record()?, repeated))
}

// It lives for one call: a box would cost every Score an allocation.
#[allow(clippy::large_enum_variant)]
enum Taken {
    Earlier(DecisionRecord),
    InFlight(Entry),
    Now(DecisionRecord),
}

/// Reads the state at one sequence: the decision, and the event id of the inline cart where that is news.
fn take(live: &Live, bundle: &Bundle, scored: &Scored, clock: Micros) -> (Taken, Option<EventId>) {
    let state = live.state.read();
    let occasion = Occasion::resolve(&state, &scored.request, clock);
    let id = occasion.decision_id;
    let news = inline_cart_news(&occasion);
    if let Some(decided) = state.decision(&id) {
        return (Taken::Earlier(decided.record()), news);
    }
    if let Some(entry) = live.in_flight.get(&id) {
        return (Taken::InFlight(entry), news);
    }
    let record = decide_with(&occasion, bundle, seed(&live.decision_key, id), &live.decision_key);
    (Taken::Now(record), news)
}

/// Names the change from the folded cart to the inline one: a retry before it is folded names the same, a later return
/// to the same content another.
fn inline_cart_news(occasion: &Occasion<'_>) -> Option<EventId> {
    occasion.request.cart.as_ref()?;
    let folded = occasion.state.cart(&occasion.cart_id);
    if folded.is_some_and(|folded| folded.tells_the_same(&occasion.cart)) {
        return None;
    }
    let replaced = folded.map_or(0, |folded| folded.last_activity().0);
    Some(EventId(public_hash(
        "inline cart",
        &[&occasion.decision_id.0, &replaced.to_le_bytes()],
    )))
}

/// An inline cart that differs from the folded one comes before its decision in the journal. It brings the contacts too:
/// it makes their tokens known, and should the decision be refused, nobody would seal them again.
fn write_inline_cart(live: &Live, scored: &Scored, event_id: EventId, clock: Micros) -> Result<Written, Refusal> {
    let request = &scored.request;
    let event = Event {
        event_id: event_id.to_string(),
        storefront_id: request.storefront_id.clone(),
        event_time: Some(clock.to_timestamp()),
        kind: Some(Kind::CartUpdated(CartUpdated {
            cart: request.cart.clone(),
        })),
        ..Event::default()
    };
    let (keys, contacts) = (request.identity_keys.clone(), scored.contacts.clone());
    live.write_message(keys, Content::Event(event), contacts, clock)
}
