//! CONTACTS to the sink: which token has which alias, for lookups by outside ids. The fold does not read it.

use std::convert::Infallible;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::message::Message as StreamMessage;
use cart_recovery_core::contract::TokenRecord;
use cart_recovery_core::ids::{Alias, Token};
use futures_util::StreamExt;
use prost::Message;

use crate::error::SessionError;
use crate::journal::Sink;
use crate::session::Session;

const BATCH_LIMIT: usize = 256;

pub(crate) async fn run<S: Sink>(session: &Session<'_, S>) -> Result<Infallible, SessionError> {
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: session.shared.directory_next.get(),
        },
        filter_subject: "token.*".to_owned(),
        ..OrderedConfig::default()
    };
    let consumer = session.streams.contacts.create_consumer(config).await;
    let consumer = consumer.map_err(SessionError::lost("reading CONTACTS"))?;
    let mut left = consumer.cached_info().num_pending;
    let messages = consumer
        .messages()
        .await
        .map_err(SessionError::lost("reading CONTACTS"))?;
    let mut batches = messages.ready_chunks(BATCH_LIMIT);
    loop {
        if left == 0 {
            session.shared.progress.lock().directory_read = true;
            session.shared.tell_if_caught_up();
            session.shared.progress.announce();
        }
        let Some(batch) = batches.next().await else { break };
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>();
        left = learn(session, &batch.map_err(SessionError::lost("reading CONTACTS"))?)?;
    }
    Err(SessionError::Lost("CONTACTS' messages ended".to_owned()))
}

/// Hands the pairs on; returns how many messages are still to come.
fn learn<S: Sink>(session: &Session<'_, S>, batch: &[StreamMessage]) -> Result<u64, SessionError> {
    let mut left = 0;
    let mut pairs = Vec::with_capacity(batch.len());
    for message in batch {
        let info = message.info().map_err(SessionError::lost("reading CONTACTS"))?;
        left = info.pending;
        session.shared.directory_next.set(info.stream_sequence + 1);
        let token = message.subject.strip_prefix("token.").and_then(Token::from_hex);
        let record = TokenRecord::decode(message.payload.clone()).ok();
        let alias = record.and_then(|record| Alias::from_bytes(&record.alias));
        pairs.extend(token.zip(alias));
    }
    session.shared.learn(&pairs);
    Ok(left)
}
