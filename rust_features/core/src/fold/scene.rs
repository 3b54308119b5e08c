//! The circumstances of a message that every kind needs: when, who, where.

use smallvec::SmallVec;

use crate::contract::JournalMessage;
use crate::ids::Alias;
use crate::state::{Key, MAX_ALIASES, RecordRef, Stamp, State};
use crate::time::Micros;

/// Keys of one message, strongest first. A message has at most [`MAX_ALIASES`]; further ones are not read.
pub(super) type Keys = SmallVec<[Key; 4]>;

/// When, who, where.
pub(super) struct Scene<'a> {
    pub(super) stamp: Stamp,
    /// Keys that have an alias and were not erased.
    pub(super) keys: Keys,
    pub(super) storefront: &'a str,
    pub(super) imported: bool,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        state: &State,
        message: &JournalMessage,
        storefront: &'a str,
        received: Option<Micros>,
        event: u64,
        event_time: Option<Micros>,
    ) -> Self {
        let received = received.unwrap_or(state.journal_time);
        let time = event_time.map_or(received, |time| time.min(received));
        Self {
            stamp: Stamp { time, tie: event },
            keys: keys(state, message),
            storefront,
            imported: message.imported,
        }
    }

    /// The alias whose record the event is folded into.
    pub(super) fn strongest(&self) -> Option<Alias> {
        self.keys.first().map(|key| key.alias)
    }
}

/// The keys with an alias that was not erased. One that the strongest key's record has already met is taken without a
/// look at its own: an erasure removes that edge.
fn keys(state: &State, message: &JournalMessage) -> Keys {
    let mut keys = Keys::new();
    let mut strongest: Option<RecordRef<'_>> = None;
    for key in message.identity_keys.iter().take(MAX_ALIASES) {
        let Some(alias) = Alias::from_bytes(&key.alias) else {
            continue;
        };
        let met = strongest.as_ref().is_some_and(|record| record.has_met(alias));
        let record = if met { None } else { state.records.get(&alias) };
        if record.as_ref().is_none_or(|record| !record.erased) {
            if keys.is_empty() {
                strongest = record;
            }
            keys.push(Key {
                kind: key.kind(),
                alias,
                met,
            });
        }
    }
    keys
}
