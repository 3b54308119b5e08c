//! The circumstances of a message that every kind needs: when, who, where.

use smallvec::SmallVec;

use crate::contract::event::Kind;
use crate::contract::journal_message::Content;
use crate::contract::{Event, IdentityKeyKind, JournalMessage};
use crate::ids::{Alias, Token};
use crate::state::{Key, MAX_KEYS, RecordRef, Stamp, State};
use crate::time::Micros;

/// Keys of one message, strongest first. A message has at most [`MAX_KEYS`]; further ones are not read.
pub(super) type Keys = SmallVec<[Key; 4]>;

/// When, who, where.
pub(super) struct Scene<'a> {
    pub(super) stamp: Stamp,
    /// Keys that have an alias and were not erased; else the session of a visit, which stands for whoever that is.
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
/// look at its own: an erasure removes that edge, unless the key had more than it can keep; [`super::keys`] looks then.
fn keys(state: &State, message: &JournalMessage) -> Keys {
    let mut keys = Keys::new();
    let mut strongest: Option<RecordRef<'_>> = None;
    if let Some(alias) = nameless_session(message)
        && state.records.get(&alias).is_none_or(|record| !record.erased)
    {
        keys.push(Key {
            kind: IdentityKeyKind::Unspecified,
            alias,
            met: false,
        });
    }
    for key in message.identity_keys.iter().take(MAX_KEYS) {
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

/// The session that an event happened in.
pub(super) fn session(event: &Event) -> Option<Token> {
    Token::from_hex(&event.identity.as_ref()?.session_id)
}

/// The alias of the session in which somebody acts who has no key.
pub(crate) fn nameless_session(message: &JournalMessage) -> Option<Alias> {
    let Some(Content::Event(event)) = &message.content else {
        return None;
    };
    let nameless = message.identity_keys.is_empty() && event.kind.as_ref().is_some_and(is_of_visit);
    session(event).filter(|_| nameless).map(Alias::of_session)
}

/// Whether the kind tells what a shopper does in the shop. A session stands for nobody in what is said of a person, or of
/// a message that was sent.
fn is_of_visit(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::ProductViewed(_)
            | Kind::ProductListViewed(_)
            | Kind::ProductsSearched(_)
            | Kind::ProductWishlisted(_)
            | Kind::ProductAdded(_)
            | Kind::ProductRemoved(_)
            | Kind::CartUpdated(_)
            | Kind::CartViewed(_)
            | Kind::CheckoutStarted(_)
            | Kind::CheckoutStepViewed(_)
            | Kind::CheckoutStepCompleted(_)
            | Kind::PaymentFailed(_)
            | Kind::OrderCompleted(_)
    )
}
