//! CONTACTS to the sink: which token has which alias, for lookups by outside ids. The fold does not read it.

use std::convert::Infallible;

use async_nats::jetstream::Message;
use cart_recovery_core::contract::TokenRecord;
use cart_recovery_core::ids::{Alias, Token};
use prost::Message as _;

use crate::error::SessionError;
use crate::journal::Sink;
use crate::pull::Pull;
use crate::session::Session;

const TOKENS: &str = "token.*";

pub(crate) async fn run<S: Sink>(session: &Session<'_, S>) -> Result<Infallible, SessionError> {
    let shared = session.shared;
    let mut next = shared.directory_next.get();
    let mut pull = Pull::begin(&session.streams.contacts, TOKENS, next).await?;
    let mut left = pull.pending;
    let mut pairs = Vec::new();
    loop {
        if left == 0 {
            shared.progress.lock().directory_read = true;
            shared.tell_if_caught_up();
            shared.progress.announce();
        }
        pairs.clear();
        pull.read(|place, message| {
            left = place.pending;
            next = place.sequence + 1;
            pairs.extend(pair(message));
            Ok(())
        })
        .await?;
        shared.learn(&pairs);
        shared.directory_next.set(next);
        // The fold gets its turn.
        tokio::task::yield_now().await;
    }
}

fn pair(message: &Message) -> Option<(Token, Alias)> {
    let token = message.subject.strip_prefix("token.").and_then(Token::from_hex)?;
    let record = TokenRecord::decode(message.payload.clone()).ok()?;
    Some((token, Alias::from_bytes(&record.alias)?))
}
