//! The whole engine without server, spool or journal: events in time order in, decisions and sends out. It passes the
//! edge, the fold, the decision and the confirmation that a live deployment passes; only waiting is left out.

mod aliases;
mod count;
mod fire;
#[cfg(test)]
mod tests;
mod touches;

pub use count::Counts;

use std::sync::Arc;

use prost::Message;

use crate::bundle::Bundle;
use crate::confirm::ConfirmKeys;
use crate::contract::journal_message::Content;
use crate::contract::{JournalMessage, Reason};
use crate::edge::Edge;
use crate::fold::fold;
use crate::ids::Token;
use crate::keyed::Key;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::Micros;
use aliases::Aliases;
use count::Counter;
use touches::Touches;

/// What an offline engine is made of.
pub struct Setup {
    /// The edge that requests pass.
    pub edge: Edge,
    /// Without a bundle nothing is decided, only folded.
    pub bundle: Option<Arc<Bundle>>,
    /// Source of aliases, seeds and holdout draws.
    pub run_seed: [u8; 32],
    /// Source of single-use codes.
    pub offer: Key,
    /// Whether to keep the journal's messages.
    pub keep_journal: bool,
}

/// A request that was not taken.
#[derive(Clone, PartialEq, Debug)]
pub struct RefusedRow {
    /// Its place in the stream, from 0.
    pub row: usize,
    /// Why.
    pub refusal: Refusal,
}

/// The engine over a stream of events. What it holds grows with the state, with the decisions and sends that are not
/// taken yet, by sixteen bytes per cart, and with the journal where that is kept.
pub struct Offline {
    edge: Edge,
    bundle: Option<Arc<Bundle>>,
    seed: Key,
    aliases: Aliases,
    keys: ConfirmKeys,
    state: State,
    clock: Micros,
    touches: Touches,
    counter: Counter,
    decisions: Vec<Vec<u8>>,
    sends: Vec<Vec<u8>>,
    journal: Option<Vec<(u64, Vec<u8>)>>,
}

impl Offline {
    /// An engine before the first event.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let seed = Key(setup.run_seed);
        Self {
            edge: setup.edge,
            bundle: setup.bundle,
            keys: ConfirmKeys {
                decision: seed.clone(),
                offer: setup.offer,
            },
            aliases: Aliases::new(seed.clone()),
            seed,
            state: State::new(),
            clock: Micros(i64::MIN),
            touches: Touches::default(),
            counter: Counter::default(),
            decisions: Vec::new(),
            sends: Vec::new(),
            journal: setup.keep_journal.then(Vec::new),
        }
    }

    /// Folds one serialised `TrackRequest` at its event time, first firing what falls due until then. An event
    /// earlier than the one before it is received at that one's time.
    ///
    /// # Errors
    /// What the edge says; then nothing was fired or folded.
    pub fn track(&mut self, request: &[u8]) -> Result<(), Refusal> {
        let tracked = self.edge.track(request, Micros::END_OF_TIME, false, &|_| true)?;
        let Some(mut message) = tracked.frame.message else {
            return Err(Refusal::new(Reason::FieldMissing));
        };
        let Some(Content::Event(event)) = &message.content else {
            return Err(Refusal::new(Reason::KindUnknown));
        };
        let time = event
            .event_time
            .as_ref()
            .map_or(self.clock, Micros::from_timestamp)
            .max(self.clock);
        self.counter.note(event);
        message.received_time = Some(time.to_timestamp());
        for key in message.identity_keys.iter_mut().filter(|key| key.alias.is_empty()) {
            if let Some(token) = Token::from_bytes(&key.token) {
                key.alias = self.aliases.of(token).0.to_vec();
            }
        }
        self.advance(time);
        self.fold(&message);
        Ok(())
    }

    /// Folds a stream of serialised `TrackRequest`s; what is refused is left out and named.
    pub fn run<'a>(&mut self, requests: impl IntoIterator<Item = &'a [u8]>) -> Vec<RefusedRow> {
        let mut refused = Vec::new();
        for (row, request) in requests.into_iter().enumerate() {
            if let Err(refusal) = self.track(request) {
                refused.push(RefusedRow { row, refusal });
            }
        }
        refused
    }

    /// Serialised `DecisionRecord`s since the last call, in the order taken.
    pub fn take_decisions(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.decisions)
    }

    /// Serialised `MessageOutcome`s (sent and skipped) since the last call.
    pub fn take_sends(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sends)
    }

    /// Sequences and serialised `JournalMessage`s so far; empty unless kept.
    #[must_use]
    pub fn journal(&self) -> &[(u64, Vec<u8>)] {
        self.journal.as_deref().unwrap_or_default()
    }

    /// The state so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counter.counts(&self.state)
    }

    /// Makes the message the next one of the journal.
    fn fold(&mut self, message: &JournalMessage) {
        let sequence = self.state.sequence().saturating_add(1);
        // The edge lets no unknown kind pass.
        if fold(&mut self.state, sequence, message).is_ok()
            && let Some(journal) = &mut self.journal
        {
            journal.push((sequence, message.encode_to_vec()));
        }
    }
}
