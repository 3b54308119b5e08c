//! A reading of an engine's gauges and counters.

/// What an operator reads.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The active bundle.
    pub bundle_id: Option<String>,
    /// Sequence of the last message folded.
    pub folded_sequence: u64,
    /// The journal's last sequence as last heard of.
    pub journal_sequence: u64,
    /// Everything that the journal held at connecting is folded and its deadlines have fired, and no fold has failed:
    /// decisions can be taken.
    pub caught_up: bool,
    /// The server answers.
    pub connected: bool,
    /// Why relay or feed stopped for good.
    pub failure: Option<String>,
    /// Why the last connection ended.
    pub last_error: Option<String>,
    /// How long ago the state last advanced.
    pub state_age_seconds: f64,
    /// Messages spooled and not yet in the journal; those of an older spool count until all of it is there.
    pub spool_depth_messages: u64,
    /// Bytes of the spool on disk, whose segments are deleted as a whole.
    pub spool_depth_bytes: u64,
    /// Aliases with a record.
    pub customers: usize,
    /// Carts held.
    pub carts: usize,
    /// Decisions held.
    pub decisions: usize,
    /// Decisions between spool and fold.
    pub decisions_in_flight: usize,
    /// Sequence of the newest snapshot on disk.
    pub snapshot_sequence: Option<u64>,
    /// Why the last snapshot was not written.
    pub snapshot_failure: Option<String>,
    /// Everything spooled is in the journal and folded, and nothing waits to be decided.
    pub at_rest: bool,
    /// Monotonic counts since start.
    pub counters: Vec<(&'static str, u64)>,
}
