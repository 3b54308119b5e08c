//! Catching up: a thread of its own reads and decodes the journal ahead of the fold. What is folded, and in which order,
//! is the same without it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc as threads;
use std::thread::{self, JoinHandle};

use tokio::sync::{Notify, mpsc};

use crate::error::SessionError;
use crate::pull::{Cluster, Pull};
use crate::reading::{Chunk, Reading};
use crate::streams::JOURNAL;

/// Chunks that wait for the fold at most; reading waits at the bound.
const WAITING: usize = 8;

/// The thread, and what it has read.
pub(crate) struct Ahead {
    chunks: mpsc::Receiver<Result<Chunk, SessionError>>,
    used: threads::Sender<Chunk>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Reads over a connection of its own, from sequence `next` until it has passed `until`.
    pub(crate) fn start(cluster: Arc<Cluster>, next: u64, until: u64) -> Result<Self, SessionError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SessionError::lost("reading ahead"))?;
        let (sender, chunks) = mpsc::channel(WAITING);
        let (used, back) = threads::channel();
        let thread = thread::Builder::new().name("journal ahead".to_owned()).spawn(move || {
            runtime.block_on(async {
                let lost = Arc::new(Notify::new());
                let read = tokio::select! {
                    read = read_until(&cluster, Arc::clone(&lost), next, until, &sender, &back) => read,
                    () = lost.notified() => Err(SessionError::Lost("disconnected while reading ahead".to_owned())),
                    () = sender.closed() => Ok(()),
                };
                if let Err(error) = read {
                    // Where it cannot be told, nobody asks any more.
                    let _ = sender.send(Err(error)).await;
                }
            });
            // Nobody waits for a name that is still being looked up.
            runtime.shutdown_background();
        });
        Ok(Self {
            chunks,
            used,
            thread: Some(thread.map_err(SessionError::lost("reading ahead"))?),
        })
    }

    /// The next messages; none once it has passed the sequence that it was to read to.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, SessionError> {
        let chunk = self.chunks.recv().await.transpose();
        if matches!(chunk, Ok(None))
            && let Some(thread) = self.thread.take()
        {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        chunk
    }

    /// Takes back what is folded: memory that another thread frees costs it twice.
    pub(crate) fn give_back(&self, chunk: Chunk) {
        // After its last message the thread needs none.
        let _ = self.used.send(chunk);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.chunks.close();
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its thread.
            let _ = thread.join();
        }
    }
}

async fn read_until(
    cluster: &Cluster,
    lost: Arc<Notify>,
    next: u64,
    until: u64,
    sender: &mpsc::Sender<Result<Chunk, SessionError>>,
    back: &threads::Receiver<Chunk>,
) -> Result<(), SessionError> {
    let context = cluster.connect(lost).await?;
    let journal = context.get_stream(JOURNAL).await;
    let journal = journal.map_err(SessionError::lost("reading JOURNAL"))?;
    let pull = Pull::begin(&journal, "", next).await?;
    let mut reading = Reading { pull, next };
    while reading.next <= until {
        let mut chunk = back.try_recv().unwrap_or_default();
        reading.read(&mut chunk).await?;
        if sender.send(Ok(chunk)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
