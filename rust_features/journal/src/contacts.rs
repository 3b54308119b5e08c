//! Token to alias, and sealed contacts. One token has one alias, always: whoever creates `token.<token>` first decides.

use std::cell::RefCell;
use std::collections::HashSet;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{IdentityKeyKind, JournalMessage, SealedContact, SpoolFrame, TokenRecord};
use cart_recovery_core::ids::{Alias, Token};
use cart_recovery_core::keyed::Key;
use futures_util::{StreamExt, TryStreamExt, stream};
use prost::Message;
use rustc_hash::FxHashMap;

use crate::envelope::channel_name;
use crate::error::SessionError;

/// Tokens kept per generation; two generations are kept.
const GENERATION_LIMIT: usize = 131_072;
/// Requests to CONTACTS in flight.
const IN_FLIGHT: usize = 128;

/// The aliases asked for lately. When the young generation is full it becomes the old one, whose entries return as
/// they are used.
#[derive(Default)]
pub(crate) struct Aliases {
    young: FxHashMap<Token, Alias>,
    old: FxHashMap<Token, Alias>,
}

impl Aliases {
    pub(crate) fn insert(&mut self, token: Token, alias: Alias) {
        if self.young.len() >= GENERATION_LIMIT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, alias);
    }

    fn get(&mut self, token: Token) -> Option<Alias> {
        if let Some(alias) = self.young.get(&token) {
            return Some(*alias);
        }
        let alias = self.old.remove(&token)?;
        self.insert(token, alias);
        Some(alias)
    }

    /// The tokens of the frames that have no alias here.
    fn unknown(&mut self, frames: &[SpoolFrame]) -> HashSet<Token> {
        let messages = frames.iter().filter_map(|frame| frame.message.as_ref());
        let keys = messages
            .flat_map(|message| &message.identity_keys)
            .filter(|key| key.alias.is_empty());
        keys.filter_map(|key| Token::from_bytes(&key.token))
            .filter(|token| self.get(*token).is_none())
            .collect()
    }
}

/// Reads and writes CONTACTS.
pub(crate) struct Contacts<'a> {
    pub(crate) context: &'a Context,
    pub(crate) stream: &'a Stream,
    /// Derives aliases instead of drawing them, for rehearsals.
    pub(crate) seed: Option<&'a Key>,
}

impl Contacts<'_> {
    /// Gives every identity key of the frames its alias, takes the tokens away, and stores the sealed contacts. The
    /// journal holds aliases alone, so that deleting a token's record cuts the last link to the person.
    ///
    /// Returns the pairs that were not in `aliases` before.
    pub(crate) async fn resolve(
        &self,
        frames: &mut [SpoolFrame],
        aliases: &RefCell<Aliases>,
    ) -> Result<Vec<(Token, Alias)>, SessionError> {
        let unknown = aliases.borrow_mut().unknown(frames);
        let asked = stream::iter(unknown)
            .map(|token| self.alias_of(token))
            .buffer_unordered(IN_FLIGHT);
        let learned: Vec<_> = asked.try_collect().await?;
        let sealed = fill_frames(frames, &learned, &mut aliases.borrow_mut());
        let stored = stream::iter(sealed).map(|(subject, ciphertext)| self.store(subject, ciphertext));
        stored.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
        Ok(learned)
    }

    /// The alias of a token: a new one, or the one that another relay was first to give.
    async fn alias_of(&self, token: Token) -> Result<(Token, Alias), SessionError> {
        let subject = format!("token.{token}");
        let alias = self.new_alias(token)?;
        let record = TokenRecord {
            alias: alias.0.to_vec(),
        };
        if self.create(subject.clone(), record.encode_to_vec().into()).await? {
            return Ok((token, alias));
        }
        let found = self.stream.get_last_raw_message_by_subject(&subject).await;
        let found = found.map_err(|error| SessionError::Lost(format!("reading an alias: {error}")))?;
        let alias = TokenRecord::decode(found.payload)
            .ok()
            .and_then(|record| Alias::from_bytes(&record.alias));
        let damaged = || SessionError::Fatal(format!("CONTACTS sequence {} holds no alias", found.sequence));
        Ok((token, alias.ok_or_else(damaged)?))
    }

    fn new_alias(&self, token: Token) -> Result<Alias, SessionError> {
        if let Some(seed) = self.seed {
            return Ok(Alias(seed.hash("alias", &[&token.0])));
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| SessionError::Lost(format!("drawing an alias: {error}")))?;
        Ok(Alias(bytes))
    }

    /// A contact belongs to its token for good, so the first sealed form stays.
    async fn store(&self, subject: String, ciphertext: Vec<u8>) -> Result<(), SessionError> {
        self.create(subject, ciphertext.into()).await.map(|_| ())
    }

    /// Writes the first message of a subject; `false` where there is one.
    async fn create(&self, subject: String, payload: Bytes) -> Result<bool, SessionError> {
        let message = PublishMessage::build()
            .payload(payload)
            .expected_last_subject_sequence(0);
        let failed = |error: async_nats::jetstream::context::PublishError| {
            SessionError::Lost(format!("writing to CONTACTS: {error}"))
        };
        match self.context.send_publish(subject, message).await.map_err(failed)?.await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Gives the frames their aliases; returns subject and ciphertext of every sealed contact.
fn fill_frames(frames: &mut [SpoolFrame], learned: &[(Token, Alias)], aliases: &mut Aliases) -> Vec<(String, Vec<u8>)> {
    // One call asks for far fewer tokens than a generation holds, so none of them is lost before it is read here.
    for (token, alias) in learned {
        aliases.insert(*token, *alias);
    }
    let mut sealed = Vec::new();
    for frame in frames {
        if let Some(message) = frame.message.as_mut() {
            fill(message, |token| aliases.get(token));
            let contacts = frame.contacts.drain(..);
            sealed.extend(contacts.filter_map(|contact| Some((subject(message, &contact)?, contact.ciphertext))));
        }
    }
    sealed
}

/// Replaces tokens by aliases. A decision's request keeps the aliases it was decided with, and loses its tokens.
fn fill(message: &mut JournalMessage, mut alias_of: impl FnMut(Token) -> Option<Alias>) {
    for key in &mut message.identity_keys {
        let alias = Token::from_bytes(&key.token)
            .filter(|_| key.alias.is_empty())
            .and_then(&mut alias_of);
        if let Some(alias) = alias {
            key.alias = alias.0.to_vec();
        }
        key.token.clear();
    }
    if let Some(Content::Decision(record)) = message.content.as_mut() {
        let keys = record.request.iter_mut().flat_map(|request| &mut request.identity_keys);
        keys.for_each(|key| key.token.clear());
    }
}

/// Where a sealed contact is stored; `None` for one that belongs to no contact key.
fn subject(message: &JournalMessage, contact: &SealedContact) -> Option<String> {
    let key = message.identity_keys.get(usize::try_from(contact.identity_key).ok()?)?;
    let is_contact = matches!(
        key.kind(),
        IdentityKeyKind::Email | IdentityKeyKind::Phone | IdentityKeyKind::Push
    );
    let alias = Alias::from_bytes(&key.alias).filter(|_| is_contact)?;
    Some(format!("contact.{alias}.{}", channel_name(contact.channel())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aliases_asked_for_lately_stay() {
        let token = |index: usize| Token(Key([0; 32]).hash("t", &[&index.to_le_bytes()]));
        let mut aliases = Aliases::default();
        for index in 0..GENERATION_LIMIT * 3 {
            aliases.insert(token(index), Alias([1; 16]));
            assert!(aliases.get(token(0)).is_some());
        }
        assert!(aliases.get(token(1)).is_none());
        assert!(aliases.young.len() <= GENERATION_LIMIT && aliases.old.len() <= GENERATION_LIMIT);
    }
}
