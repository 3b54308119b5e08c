//! The circumstances of a message that every kind needs: when, who, where.

use smallvec::SmallVec;

use crate::contract::JournalMessage;
use crate::ids::Alias;
use crate::state::{Key, MAX_ALIASES, Stamp, State};
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
        let keys = message.identity_keys.iter().take(MAX_ALIASES).filter_map(|key| {
            let alias = Alias::from_bytes(&key.alias)?;
            let erased = state.records.get(&alias).is_some_and(|record| record.erased);
            (!erased).then(|| Key {
                kind: key.kind(),
                alias,
            })
        });
        Self {
            stamp: Stamp { time, tie: event },
            keys: keys.collect(),
            storefront,
            imported: message.imported,
        }
    }

    /// The alias whose record the event is folded into.
    pub(super) fn strongest(&self) -> Option<Alias> {
        self.keys.first().map(|key| key.alias)
    }
}
