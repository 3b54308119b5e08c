//! JOURNAL to fold: every message, in order, in chunks.

use std::convert::Infallible;
use std::sync::Arc;

use crate::ahead::Ahead;
use crate::error::SessionError;
use crate::journal::Sink;
use crate::paced::give_way;
use crate::pull::Pull;
use crate::reading::{Chunk, Reading};
use crate::session::Session;

/// So many messages behind, reading ahead is worth a thread.
const FAR_BEHIND: u64 = 10_000;

pub(crate) async fn run<S: Sink>(session: &Session<'_, S>) -> Result<Infallible, SessionError> {
    catch_up(session).await?;
    let next = folded(session) + 1;
    let pull = Pull::begin(&session.streams.journal, "", next).await?;
    let mut reading = Reading { pull, next };
    session.shared.tell_if_caught_up();
    let mut chunk = Chunk::default();
    loop {
        reading.read(&mut chunk).await?;
        give_way();
        fold(session, &chunk)?;
    }
}

/// Folds what the journal held when the session began, where that is much.
async fn catch_up<S: Sink>(session: &Session<'_, S>) -> Result<(), SessionError> {
    let next = folded(session) + 1;
    let target = session.shared.progress.lock().target;
    if target < next + FAR_BEHIND {
        return Ok(());
    }
    let mut ahead = Ahead::start(Arc::clone(&session.cluster), next, target)?;
    while let Some(chunk) = ahead.next().await? {
        fold(session, &chunk)?;
        ahead.give_back(chunk);
        // The directory of aliases gets its turn.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn folded<S: Sink>(session: &Session<'_, S>) -> u64 {
    session.shared.progress.lock().status.folded_sequence
}

fn fold<S: Sink>(session: &Session<'_, S>, chunk: &Chunk) -> Result<(), SessionError> {
    if chunk.messages.is_empty() {
        return Ok(());
    }
    let shared = session.shared;
    let folded = shared.sink.borrow_mut().fold(&chunk.messages);
    folded.map_err(SessionError::Fatal)?;
    let mut state = shared.progress.lock();
    for message in &chunk.messages {
        shared.progress.folded(&mut state, message.sequence, message.origin);
    }
    state.advance(chunk.journal_end);
    drop(state);
    shared.tell_if_caught_up();
    shared.progress.announce();
    shared.rest();
    Ok(())
}
