//! The two ways into JOURNAL: single messages, pipelined, and atomic batches.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;

use crate::error::SessionError;
use crate::paced::paced;

/// A message with everything that it needs on its way.
pub(crate) struct Prepared {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Sends one message; its acknowledgement comes with the future.
pub(crate) async fn single(context: &Context, prepared: Prepared) -> Result<PublishAckFuture, SessionError> {
    let message = PublishMessage::build()
        .payload(prepared.payload)
        .headers(prepared.headers);
    context
        .send_publish(prepared.subject, message)
        .await
        .map_err(|error| failed(&error))
}

/// Stores all messages or none. Only the acknowledgement of the last one tells.
pub(crate) async fn batch(context: &Context, batch: Vec<Prepared>) -> Result<(), SessionError> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(SessionError::lost("naming a batch"))?;
    let batch_id = format!("{:016x}", u64::from_le_bytes(nonce));
    let client = context.client();
    let count = batch.len();
    for (index, mut prepared) in paced(batch).enumerate() {
        prepared.headers.insert("Nats-Batch-Id", batch_id.as_str());
        prepared.headers.insert("Nats-Batch-Sequence", (index + 1).to_string());
        if index + 1 == count {
            prepared.headers.insert("Nats-Batch-Commit", "1");
            single(context, prepared).await?.await.map_err(|error| failed(&error))?;
        } else {
            let sent = client
                .publish_with_headers(prepared.subject, prepared.headers, prepared.payload)
                .await;
            sent.map_err(SessionError::lost("publishing a batch"))?;
        }
    }
    Ok(())
}

pub(crate) fn failed(error: &PublishError) -> SessionError {
    if error.kind() == PublishErrorKind::MaxPayloadExceeded {
        return SessionError::Fatal(format!("{error}: raise the server's max_payload"));
    }
    SessionError::Lost(format!("publishing: {error}"))
}
