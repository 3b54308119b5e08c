//! How far a front has come, from its start to its end.

use std::time::Duration;

use tokio::sync::watch;

/// How far a front has come.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Phase {
    /// Calls are taken.
    Open,
    /// No new call; those that run have so long.
    Draining(Duration),
    /// Whatever still runs is ended.
    Cut,
}

/// Waits until the grace of those that run is over.
pub(crate) async fn cut(mut phase: watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::Cut).await.is_err() {
        // The front is gone without a cut, and with it whoever waits.
        std::future::pending::<()>().await;
    }
}
