//! Token to alias, and sealed contacts. One token has one alias, always: whoever creates `token.<token>` first decides.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Display;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use cart_recovery_core::channel::channel_name;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::contract::{IdentityKeyKind, JournalMessage, SealedContact, SpoolFrame, TokenRecord};
use cart_recovery_core::ids::{Alias, Token};
use cart_recovery_core::keyed::Key;
use futures_util::{StreamExt, TryStreamExt, stream};
use prost::Message;
use rustc_hash::FxHashMap;

use crate::error::SessionError;
use crate::publish::{self, Prepared};

/// Tokens kept per generation; two generations are kept.
const GENERATION_LIMIT: usize = 131_072;
/// Requests to CONTACTS in flight.
const IN_FLIGHT: usize = 128;

/// Messages of one atomic batch at most; and the number from which on it costs less than single messages.
const BATCH_LIMIT: usize = 1000;
const LEAST_BATCH: usize = 16;

/// A subject and its payload.
type Creation = (String, Bytes);

/// The sealed contacts of some frames.
#[derive(Default)]
struct Sealed {
    /// For addresses that were new to the scorer.
    first: Vec<Creation>,
    /// With a name that came after the address; of one subject the last counts.
    later: FxHashMap<String, Bytes>,
}

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
        let learned = self.learn(unknown.into_iter().collect()).await?;
        let sealed = fill_frames(frames, &learned, &mut aliases.borrow_mut());
        self.store(sealed.first).await?;
        let replaced = stream::iter(sealed.later).map(|(subject, ciphertext)| self.replace(subject, ciphertext));
        replaced.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
        Ok(learned)
    }

    /// The aliases of tokens: new ones, or those that another relay was first to give.
    async fn learn(&self, tokens: Vec<Token>) -> Result<Vec<(Token, Alias)>, SessionError> {
        let mut learned = Vec::with_capacity(tokens.len());
        for chunk in tokens.chunks(BATCH_LIMIT) {
            let given = chunk.iter().map(|token| Ok((*token, self.new_alias(*token)?)));
            let given = given.collect::<Result<Vec<_>, SessionError>>()?;
            let creations: Vec<_> = given.iter().map(|(token, alias)| creation(*token, *alias)).collect();
            if self.create_together(&creations).await {
                learned.extend(given);
            } else {
                let asked = stream::iter(given).map(|(token, alias)| self.alias_of(token, alias));
                learned.extend(asked.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>().await?);
            }
        }
        Ok(learned)
    }

    /// The alias of one token: the one offered, unless there is one already.
    async fn alias_of(&self, token: Token, offered: Alias) -> Result<(Token, Alias), SessionError> {
        let (subject, record) = creation(token, offered);
        if self.create(&subject, record).await? {
            return Ok((token, offered));
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

    /// An address belongs to its token for good, so the first sealed form stays until a name comes.
    async fn store(&self, sealed: Vec<Creation>) -> Result<(), SessionError> {
        for chunk in sealed.chunks(BATCH_LIMIT) {
            if !self.create_together(chunk).await {
                let stored = stream::iter(chunk).map(|(subject, ciphertext)| self.create(subject, ciphertext.clone()));
                stored
                    .buffer_unordered(IN_FLIGHT)
                    .try_for_each(|_| std::future::ready(Ok(())))
                    .await?;
            }
        }
        Ok(())
    }

    /// Puts a sealed form in the place of the stored one, whose bytes are overwritten. Where none is stored, it was erased
    /// and stays so; where another relay is quicker, its word is as new.
    async fn replace(&self, subject: String, ciphertext: Bytes) -> Result<(), SessionError> {
        let lost = |error: &dyn Display| SessionError::Lost(format!("replacing a contact: {error}"));
        let stored = match self.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(()),
            Err(error) => return Err(lost(&error)),
        };
        // Where it is stored already, whoever wrote it may have died before the one below was taken away.
        if stored.payload == ciphertext || self.write_after(&subject, ciphertext, stored.sequence).await? {
            self.overwrite_all_but_last(&subject)
                .await
                .map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    /// Deletes message by message: a purge would leave the bytes in the file.
    async fn overwrite_all_but_last(&self, subject: &str) -> Result<(), async_nats::Error> {
        loop {
            let first = self.stream.get_first_raw_message_by_subject(subject, 1).await?;
            let last = self.stream.get_last_raw_message_by_subject(subject).await?;
            if first.sequence >= last.sequence {
                return Ok(());
            }
            self.stream.delete_message(first.sequence).await?;
        }
    }

    /// Tries one atomic batch, which a disk takes as one write; `false` where it pays nothing or was refused, and
    /// each subject must be asked for by itself. A batch that was stored although its answer is lost does no harm:
    /// its subjects are then found taken, by what it wrote.
    async fn create_together(&self, creations: &[Creation]) -> bool {
        let message = |(subject, payload): &Creation| {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
            Prepared {
                subject: subject.clone(),
                headers,
                payload: payload.clone(),
            }
        };
        let is_worth_it = creations.len() >= LEAST_BATCH;
        is_worth_it
            && publish::batch(self.context, creations.iter().map(message).collect())
                .await
                .is_ok()
    }

    /// Writes the first message of a subject; `false` where there is one.
    async fn create(&self, subject: &str, payload: Bytes) -> Result<bool, SessionError> {
        self.write_after(subject, payload, 0).await
    }

    /// Writes to a subject; `false` where its last message is another one than the given, of which 0 is none.
    async fn write_after(&self, subject: &str, payload: Bytes, last: u64) -> Result<bool, SessionError> {
        let message = PublishMessage::build()
            .payload(payload)
            .expected_last_subject_sequence(last);
        let failed = |error: async_nats::jetstream::context::PublishError| {
            SessionError::Lost(format!("writing to CONTACTS: {error}"))
        };
        match self
            .context
            .send_publish(subject.to_owned(), message)
            .await
            .map_err(failed)?
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}

fn creation(token: Token, alias: Alias) -> Creation {
    (
        format!("token.{token}"),
        TokenRecord {
            alias: alias.0.to_vec(),
        }
        .encode_to_vec()
        .into(),
    )
}

/// Gives the frames their aliases; returns their sealed contacts.
fn fill_frames(frames: &mut [SpoolFrame], learned: &[(Token, Alias)], aliases: &mut Aliases) -> Sealed {
    // One call asks for far fewer tokens than a generation holds, so none of them is lost before it is read here.
    for (token, alias) in learned {
        aliases.insert(*token, *alias);
    }
    let mut sealed = Sealed::default();
    for frame in frames {
        if let Some(message) = frame.message.as_mut() {
            fill(message, |token| aliases.get(token));
            for contact in frame.contacts.drain(..) {
                match subject(message, &contact) {
                    Some(subject) if contact.replaces => {
                        sealed.later.insert(subject, contact.ciphertext.into());
                    }
                    Some(subject) => sealed.first.push((subject, contact.ciphertext.into())),
                    None => {}
                }
            }
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
