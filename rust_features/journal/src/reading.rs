//! JOURNAL from one sequence on, decoded, message after message without a gap.

use async_nats::jetstream::Message;
use cart_recovery_core::contract::JournalMessage;
use cart_recovery_core::contract::journal_message::Content;
use cart_recovery_core::ids::SpoolId;
use prost::Message as _;

use crate::envelope::origin;
use crate::error::SessionError;
use crate::pull::Pull;

/// One message of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivered {
    /// Its place in the one order.
    pub sequence: u64,
    /// What it says.
    pub message: JournalMessage,
    /// The spool it came from, and its offset there.
    pub origin: Option<(SpoolId, u64)>,
}

/// Messages that follow each other.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(crate) messages: Vec<Delivered>,
    /// The journal's last sequence, as the server told with the last of them.
    pub(crate) journal_end: u64,
}

/// A reader of JOURNAL. Whatever breaks the order ends it.
pub(crate) struct Reading {
    pub(crate) pull: Pull,
    /// The sequence that comes next.
    pub(crate) next: u64,
}

impl Reading {
    /// Waits until messages come, and puts all that are here into `chunk`, in the place of what it held.
    pub(crate) async fn read(&mut self, chunk: &mut Chunk) -> Result<(), SessionError> {
        chunk.messages.clear();
        let Self { pull, next } = self;
        pull.read(|place, message| {
            expect(place.sequence, next)?;
            chunk.journal_end = place.sequence + place.pending;
            chunk.messages.push(deliver(place.sequence, message)?);
            Ok(())
        })
        .await
    }
}

fn expect(sequence: u64, next: &mut u64) -> Result<(), SessionError> {
    if sequence == *next {
        *next += 1;
        return Ok(());
    }
    if *next == 1 {
        return Err(SessionError::Fatal(format!(
            "JOURNAL begins at sequence {sequence}: a state folded from there would not be the state; restore the stream"
        )));
    }
    Err(SessionError::Lost(format!(
        "a gap in JOURNAL: {sequence} came in the place of {next}"
    )))
}

fn deliver(sequence: u64, message: &Message) -> Result<Delivered, SessionError> {
    let decoded = JournalMessage::decode(message.payload.clone());
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
    Ok(Delivered {
        sequence,
        message: decoded,
        origin: message.headers.as_ref().and_then(origin),
    })
}
