//! What replay does step by step, decoded ahead on a thread of its own: decoding, and giving back what was decoded, takes
//! as long as half the fold. The steps and their order are those of a single thread.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use super::awaited::{Awaited, Decisions};
use super::{Journal, ReplayError, decode};
use crate::contract::{DecisionRecord, JournalMessage};

/// Steps handed over at once: enough that the hand-over costs nothing beside decoding them, few enough that they are
/// still in the cache.
const CHUNK: usize = 128;
/// Chunks that wait for the fold at most; decoding waits at the bound.
const WAITING: usize = 4;

/// What comes next.
pub(super) enum Step<'a> {
    /// The message with this sequence is folded.
    Fold(u64, JournalMessage),
    /// The state is the one that the decision saw.
    Read(Awaited<'a>, DecisionRecord),
}

type Chunk<'a> = Vec<Step<'a>>;

/// Takes the steps of a journal in order: every message up to the sequence `until`, and every decision of `awaited` right
/// before the first message that its state does not hold.
///
/// # Errors
/// Where a message cannot be decoded, once the steps before it are taken; and what `take` says, which ends it.
pub(super) fn ahead<'a>(
    journal: &'a Journal<'_>,
    awaited: Decisions<'a>,
    until: u64,
    mut take: impl FnMut(&mut Step<'a>) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(WAITING);
        let (giver, used) = channel();
        let decoder = scope.spawn(move || decode_all(steps(journal, awaited, until), &sender, &used));
        for mut chunk in chunks {
            chunk.iter_mut().try_for_each(&mut take)?;
            // Whoever decoded it frees it: memory goes back to where it came from.
            let _ = giver.send(chunk);
        }
        decoder.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Sends all steps in chunks, used ones before new ones, until there are no more or nobody takes them.
fn decode_all<'a>(
    mut steps: impl Iterator<Item = Result<Step<'a>, ReplayError>>,
    sender: &SyncSender<Chunk<'a>>,
    used: &Receiver<Chunk<'a>>,
) -> Result<(), ReplayError> {
    loop {
        let mut chunk = used.try_recv().unwrap_or_default();
        chunk.clear();
        let mut failure = Ok(());
        for step in steps.by_ref().take(CHUNK) {
            match step {
                Ok(step) => chunk.push(step),
                Err(error) => {
                    failure = Err(error);
                    break;
                }
            }
        }
        let last = chunk.len() < CHUNK;
        if sender.send(chunk).is_err() || last {
            return failure;
        }
    }
}

fn steps<'a>(
    journal: &'a Journal<'_>,
    mut awaited: Decisions<'a>,
    until: u64,
) -> impl Iterator<Item = Result<Step<'a>, ReplayError>> {
    let wanted = journal.messages().take_while(move |(sequence, _)| *sequence <= until);
    let mut messages = wanted.peekable();
    std::iter::from_fn(move || {
        let next = messages.peek().map_or(u64::MAX, |(sequence, _)| *sequence);
        if let Some(decision) = awaited.pop_front_if(|first| first.state_sequence < next) {
            return Some(decision.record().map(|record| Step::Read(decision, record)));
        }
        let (sequence, payload) = messages.next()?;
        Some(decode(sequence, payload).map(|message| Step::Fold(sequence, message)))
    })
}
