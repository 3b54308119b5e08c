//! The client alone: takes JOURNAL as it comes, and neither decodes nor folds it. For load tests: no fold is faster.

use std::path::Path;
use std::sync::Arc;

use crate::error::{ReadError, SessionError};
use crate::pull::{Cluster, Pull};
use crate::streams::JOURNAL;

/// Reads JOURNAL from its first message to the one that is the last when this begins; returns that one's sequence.
///
/// # Errors
/// Where the server or the stream is out of reach.
pub fn read_journal(nats_url: &str, credentials: Option<&Path>) -> Result<u64, ReadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SessionError::lost("reading JOURNAL"))?;
    Ok(runtime.block_on(read(nats_url, credentials))?)
}

async fn read(nats_url: &str, credentials: Option<&Path>) -> Result<u64, SessionError> {
    let cluster = Cluster::find(nats_url, credentials)?;
    let context = cluster.connect(Arc::default()).await?;
    let journal = context.get_stream(JOURNAL).await;
    let journal = journal.map_err(SessionError::lost("reading JOURNAL"))?;
    let end = journal.cached_info().state.last_sequence;
    let mut pull = Pull::begin(&journal, "", 1).await?;
    let mut last = 0;
    while last < end {
        pull.read(|place, _| {
            last = place.sequence;
            Ok(())
        })
        .await?;
    }
    Ok(last)
}
