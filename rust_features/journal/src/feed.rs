//! JOURNAL to fold: every message, in order, in batches.

use std::convert::Infallible;

use async_nats::HeaderValue;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::message::Message as StreamMessage;
use bytes::Bytes;
use cart_recovery_core::contract::JournalMessage;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::ids::SpoolId;
use futures_util::StreamExt;
use prost::Message;

use crate::envelope::{SPOOL_ID, SPOOL_OFFSET};
use crate::error::SessionError;
use crate::journal::Sink;
use crate::session::Session;

/// Messages folded before the relay gets its turn.
const BATCH_LIMIT: usize = 256;

/// One message of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivered {
    /// Its place in the one order.
    pub sequence: u64,
    /// What it says.
    pub message: JournalMessage,
    /// The bytes journalled.
    pub payload: Bytes,
    /// The spool it came from, and its offset there.
    pub origin: Option<(SpoolId, u64)>,
}

pub(crate) async fn run<S: Sink>(session: &Session<'_, S>) -> Result<Infallible, SessionError> {
    let folded = session.shared.progress.lock().status.folded_sequence;
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: folded + 1,
        },
        ..OrderedConfig::default()
    };
    let consumer = session.streams.journal.create_consumer(config).await;
    let messages = consumer
        .map_err(SessionError::lost("reading JOURNAL"))?
        .messages()
        .await;
    let mut batches = messages
        .map_err(SessionError::lost("reading JOURNAL"))?
        .ready_chunks(BATCH_LIMIT);
    session.shared.tell_if_caught_up();
    while let Some(batch) = batches.next().await {
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>();
        fold(session, &batch.map_err(SessionError::lost("reading JOURNAL"))?)?;
        session.shared.tell_if_caught_up();
        session.shared.progress.announce();
        session.shared.rest();
    }
    Err(SessionError::Lost("JOURNAL's messages ended".to_owned()))
}

fn fold<S: Sink>(session: &Session<'_, S>, batch: &[StreamMessage]) -> Result<(), SessionError> {
    let progress = &session.shared.progress;
    let mut folded = progress.lock().status.folded_sequence;
    let mut delivered = Vec::with_capacity(batch.len());
    let mut last = folded;
    for message in batch {
        let info = message.info().map_err(SessionError::lost("reading JOURNAL"))?;
        last = info.stream_sequence + info.pending;
        // A consumer that the client renewed may start over.
        if info.stream_sequence <= folded {
            continue;
        }
        if folded == 0 && info.stream_sequence > 1 {
            let first = info.stream_sequence;
            return Err(SessionError::Fatal(format!(
                "JOURNAL begins at sequence {first}: a state folded from there would not be the state; restore the stream"
            )));
        }
        if info.stream_sequence > folded + 1 {
            return Err(SessionError::Lost(format!("a gap in JOURNAL after sequence {folded}")));
        }
        folded = info.stream_sequence;
        delivered.push(deliver(info.stream_sequence, message)?);
    }
    let marks: Vec<_> = delivered
        .iter()
        .map(|message| (message.sequence, message.origin))
        .collect();
    session
        .shared
        .sink
        .borrow_mut()
        .fold(delivered)
        .map_err(SessionError::Fatal)?;
    let mut state = progress.lock();
    for (sequence, origin) in marks {
        progress.folded(&mut state, sequence, origin);
    }
    state.advance(last);
    Ok(())
}

fn deliver(sequence: u64, message: &StreamMessage) -> Result<Delivered, SessionError> {
    let payload = message.payload.clone();
    let decoded = JournalMessage::decode(payload.clone());
    let decoded = decoded.map_err(|error| SessionError::Fatal(format!("JOURNAL sequence {sequence}: {error}")))?;
    let is_known = match &decoded.content {
        Some(Content::Event(event)) => event.kind.is_some(),
        content => content.is_some(),
    };
    if !is_known {
        let kind = message.subject.rsplit('.').next().unwrap_or_default();
        let words = format!("JOURNAL sequence {sequence} is of the kind {kind}, which is not known here: upgrade");
        return Err(SessionError::Fatal(words));
    }
    let header = |name| {
        message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(name))
            .map(HeaderValue::as_str)
    };
    let spool = header(SPOOL_ID).and_then(SpoolId::from_hex);
    let origin = spool.zip(header(SPOOL_OFFSET).and_then(|offset| offset.parse().ok()));
    Ok(Delivered {
        sequence,
        message: decoded,
        payload,
        origin,
    })
}
