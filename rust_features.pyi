"""The engine: edge, fold, features, trees, decision, spool, relay and feed, compiled from Rust.

Messages go in and out as serialised `cart_recovery.v1` bytes; times are integer microseconds since 1970 UTC.
Calls may be made from any thread and release the GIL while they work, but for those that take microseconds: `track`,
`score` and `confirm` keep it, unless they wait for the journal or the disk.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

ENGINE_VERSION: str

class ArrowStream(Protocol):
    """Anything that exports an Arrow C stream: a polars DataFrame, a pyarrow Table or RecordBatchReader."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class EngineError(Exception):
    """Base of everything the engine raises."""

class Refused(EngineError):
    """A request is refused, with all that a gRPC status needs."""

    code: int
    """google.rpc.Code."""
    reason: str
    """Name in the reason table, for example REASON_FIELD_MISSING."""
    status: bytes
    """Serialised google.rpc.Status with BadRequest, ErrorInfo and RetryInfo details."""

class BundleRefused(EngineError):
    """A bundle is unsigned, altered, of another schema, or its golden rows are off."""

class SpoolCorrupt(EngineError):
    """The spool holds something worse than a torn tail."""

class JournalFailed(EngineError):
    """The journal could not be set up or read, or an unknown kind stopped the fold."""

class FrontUnusable(EngineError):
    """The native front cannot be served with these TLS files, or the system gives no thread."""

class Keys:
    """The secrets of one deployment. `repr` shows none of them."""

    def __new__(
        cls,
        *,
        edge: bytes,
        decision: bytes,
        offer: bytes,
        contact_public: bytes,
        bundle_public: bytes,
    ) -> Keys:
        """`edge` keys tokens, `decision` keys seeds and holdout, `offer` keys single-use codes (32 bytes each);
        `contact_public` is the dispatcher's X25519 public key, `bundle_public` the Ed25519 key bundles are
        signed with."""

class Engine:
    """One scorer's engine: the spool, the relay to and the feed from the journal, the state and the active bundle."""

    def __new__(
        cls,
        *,
        data_directory: str,
        keys: Keys,
        spool_limit_bytes: int = 1 << 30,
        durability: Literal["process", "disk"] = "process",
        clock: Literal["wall", "events"] = "wall",
        alias_seed: bytes | None = None,
        import_id: str | None = None,
        replicas: int = 1,
        journal_waiters: int = 8,
        snapshot_messages: int = 0,
    ) -> Engine:
        """Opens the spool under `data_directory`, cutting a torn tail, and loads the newest sound snapshot there.

        What the spool accepted survives the death of the process, or with durability "disk" a loss of power.
        With clock "events" time is the highest event time tracked, moved on by `advance`. `alias_seed` (32 bytes)
        derives aliases instead of drawing them, for rehearsals. `import_id` names the spool of an import, whose offsets
        are row numbers; `data_directory` is then the import's own. JOURNAL and CONTACTS are made with
        `replicas` copies. At most `journal_waiters` callers of `track` wait for the journal at once. A snapshot is written
        whenever `snapshot_messages` were folded since the last; 0 writes none. Raises SpoolCorrupt.
        """

    def start(self, *, nats_url: str, nats_credentials: str | None = None) -> None:
        """Starts relay and feed in the background; returns at once, also while NATS is away."""

    def track(self, request: bytes) -> bytes:
        """TrackRequest in, TrackResponse out. Raises Refused."""

    def track_streamed(self, request: bytes, quota: Quota, caller: str) -> tuple[bytes, str | None]:
        """TrackStreamRequest in; TrackStreamResponse out, and the reason where the event was refused: that is told by
        the response, so that the stream goes on."""

    def track_row(self, request: bytes, row: int) -> bool:
        """Spools a TrackRequest as row `row` of the import; False where the journal already has it. Raises Refused."""

    def score(self, request: bytes) -> bytes:
        """ScoreRequest in, ScoreResponse out. Raises Refused."""

    def confirm(self, request: bytes) -> bytes:
        """ConfirmRequest in, ConfirmResponse out. Raises Refused."""

    def explain(self, request: bytes) -> bytes:
        """ExplainRequest in, ExplainResponse out. Raises Refused."""

    def load_bundle(self, directory: str) -> str:
        """Verifies and activates a bundle between two requests; returns its id. Raises BundleRefused."""

    def advance(self, time_micros: int) -> None:
        """Moves an "events" clock on to `time_micros` by a tick through the journal. Raises Refused."""

    def next_deadline(self) -> int | None:
        """When the next inactivity deadline falls due in the folded state, or None."""

    def notices(self) -> list[str]:
        """What an operator should know of the opening: torn tails that were cut, snapshots that were refused."""

    def digest(self) -> tuple[int, str]:
        """Sequence and digest of the state: equal digests at one sequence mean equal states."""

    def status(self) -> EngineStatus: ...
    def stop(self, *, timeout_seconds: float) -> bool:
        """Refuses new calls, flushes the spool into the journal; True where all of it got there in time."""

class SegmentReport:
    """One file of a spool, as found."""

    path: Path
    frames: int
    """Sound frames."""
    bytes: int
    """Bytes of the sound frames."""
    file_bytes: int
    """Bytes of the file, with what is set aside for frames to come."""

class SpoolReport:
    """One spool, as found."""

    number: int
    """Its place in the order of the starts."""
    spool_id: str
    segments: list[SegmentReport]
    kinds: dict[str, int]
    """Messages by kind."""
    oldest_micros: int | None
    """The lowest received time of a message."""
    newest_micros: int | None
    """The highest received time of a message."""
    condition: Literal["sound", "torn", "damaged"]
    """Torn: the next start cuts what a crash has left behind the last sound frame. Damaged: accepted messages are missing,
    and a start refuses."""
    path: Path | None
    """The torn or damaged segment."""
    position: int | None
    """Where its sound frames end, bytes."""
    why: str | None
    """What the damage is, in words."""

def inspect_spool(directory: str) -> list[SpoolReport]:
    """Reports on every spool of a spool folder, oldest first; takes no lock and writes nothing.

    Raises SpoolCorrupt where folder or file cannot be read."""

class EngineStatus:
    """A reading of the engine's gauges and counters at one moment."""

    bundle_id: str | None
    folded_sequence: int
    journal_sequence: int
    """The journal's last sequence as last heard of."""
    caught_up: bool
    connected: bool
    failure: str | None
    """Why relay or feed stopped for good, in words."""
    last_error: str | None
    """Why the last connection ended, in words."""
    state_age_seconds: float
    spool_depth_messages: int
    spool_depth_bytes: int
    customers: int
    carts: int
    decisions: int
    decisions_in_flight: int
    """Between spool and fold."""
    snapshot_sequence: int | None
    """Sequence of the newest snapshot on disk."""
    snapshot_failure: str | None
    """Why the last snapshot was not written, in words."""
    at_rest: bool
    """Everything spooled is in the journal and folded, and nothing waits to be decided."""
    counters: dict[str, int]
    """Monotonic counts since start, by name: events_accepted, events_refused, events_duplicate, decisions_taken, ..."""

class Quota:
    """Calls a second that each caller may make. Callers beyond 4,096 at once share one quota."""

    def __new__(cls, calls_per_second: int) -> Quota:
        """0 bounds nobody."""

    @property
    def bounds_callers(self) -> bool:
        """Whether callers are told apart at all."""

    def take(self, caller: str) -> None:
        """Takes one call. Raises Refused (REASON_QUOTA_EXCEEDED), with the time until the next is free."""

class CallQueue:
    """The calls that wait for a front: a burst may wait, a queue that stands may not."""

    def __new__(cls, burst_budget_nanos: int, standing_budget_nanos: int | None = None) -> CallQueue:
        """How long a call of a burst may wait, and one that meets a queue which stands: as long, or less."""

    def found_empty(self) -> None:
        """Notes that nobody waits."""

    def admit(self, waited_nanos: int) -> None:
        """Raises Refused (REASON_OVERLOADED), with the time to come back, for a call that waited longer than the burst
        budget, or than the standing budget where the queue was there for 100 ms when it came, or under overload for
        less."""

def too_many_streams(limit: int) -> Refused:
    """The refusal of a stream beyond the `limit` of those open at once."""

class LatencyHistogram:
    """Durations of one kind of call, in buckets of an eighth of an octave."""

    def __new__(cls) -> LatencyHistogram: ...
    def record(self, nanos: int) -> None:
        """Counts one call."""

    @property
    def count(self) -> int:
        """Calls so far."""

    @property
    def sum_seconds(self) -> float:
        """All durations together."""

    def cumulative(self, bounds_seconds: Sequence[float]) -> list[int]:
        """For each bound, how many calls were certainly no longer than it."""

    def quantile_seconds(self, share: float) -> float | None:
        """The duration that `share` of the calls did not exceed, or None before the first call."""

class CallMetrics:
    """Durations, refusals and failures of the calls of one front, by names of methods such as "Score"."""

    def __new__(cls) -> CallMetrics: ...
    def durations(self) -> dict[str, LatencyHistogram]:
        """Of the methods that go into the engine; of TrackStream each event is one."""

    def refused(self, method: str, reason: str) -> None:
        """Counts a refusal; `reason` is a name of the reason table."""

    def failed(self, method: str) -> None:
        """Counts a call that met a fault of the scorer itself."""

    def refusals(self) -> dict[tuple[str, str], int]:
        """Refusals so far by method and reason."""

    def failures(self) -> dict[str, int]:
        """Failures so far by method."""

class NativeFront:
    """A gRPC server that answers on a thread of its own, without Python. Fork before `start`, never after."""

    def __new__(
        cls,
        engine: Engine,
        *,
        address: str,
        streams: int,
        watchers: int,
        services: Sequence[str],
        descriptors: bytes,
        calls: CallMetrics,
        queue: CallQueue,
        quota: Quota,
        tls: tuple[bytes, bytes, bytes | None] | None = None,
    ) -> NativeFront:
        """Binds `address`. `services` are what reflection lists, `descriptors` the FileDescriptorSet that describes
        them; `tls` is certificate chain, key, and the CAs of callers, all PEM. Raises RuntimeError where it cannot
        bind, FrontUnusable where anything else forbids a front."""

    @property
    def port(self) -> int:
        """The port in use."""

    def start(self) -> None:
        """Accepts calls: events at once, scoring only after `set_scoring` as far as health says."""

    def set_scoring(self, *, serving: bool) -> None:
        """Tells health whether decisions can be taken."""

    def stop(self, *, grace_seconds: float) -> None:
        """Says NOT_SERVING, accepts no new call and waits for the running ones, at most so long."""

class LoadAnswers:
    """What came of one kind of call under load."""

    answered: int
    in_time: int
    """Answered within the objective."""
    refused: int
    """With RESOURCE_EXHAUSTED, or by gRPC itself with CANCELLED."""
    failed: int
    """With any other status, or not in time."""
    first_failure: str | None
    latency_micros: list[int]
    """From the moment when a call should have begun to its answer: p50, p90, p99, p99.9, p99.99, highest; answered calls."""

class LoadOutcome:
    """What came of an offered load."""

    kinds: list[LoadAnswers]
    """In the order of the calls."""
    dropped: int
    """Calls not made, because `in_flight_limit` were unanswered."""
    lateness_micros: list[int]
    """By which calls began too late, in the same quantiles."""

def offer_load(
    *,
    address: str,
    calls: Sequence[tuple[str, float, Sequence[bytes]]],
    rate: float,
    seconds: float,
    connections: int,
    deadline_seconds: float,
    objective_seconds: float,
    in_flight_limit: int,
    seed: int,
    first_number: int,
) -> LoadOutcome:
    """Open-loop load on a gRPC server: `rate` calls a second begin at random moments, answered or not.

    `calls` are (method, weight, requests); in a request "@call-number" stands for the number of the call, in twelve
    hexadecimal digits from `first_number` on. A call without an answer after `deadline_seconds` has failed, one answered
    after `objective_seconds` was not in time. Raises ValueError, ConnectionError.
    """

def read_journal(*, nats_url: str, nats_credentials: str | None = None) -> int:
    """Reads JOURNAL by the feed's own client, from its first message to the last at the call, and keeps nothing; returns
    that one's sequence. Raises JournalFailed."""

class Offline:
    """The same engine without server, spool or journal: events in time order in, decisions out.

    Touches that are due are confirmed and taken as sent, so contact history grows as it would live.
    """

    def __new__(
        cls, *, keys: Keys, bundle_directory: str | None, run_seed: bytes, keep_journal: bool = False
    ) -> Offline:
        """`run_seed`: 32 bytes, source of aliases and seeds. Without a bundle nothing is decided, only folded."""

    def track(self, request: bytes) -> None:
        """Folds one TrackRequest at its event time, first firing whatever falls due before it. Raises Refused."""

    def run(self, requests: ArrowStream) -> list[tuple[int, str]]:
        """Folds a stream whose first column holds TrackRequest bytes (binary); returns refused (row, message) pairs."""

    def advance(self, time_micros: int) -> None:
        """Fires everything due up to `time_micros`."""

    def take_decisions(self) -> list[bytes]:
        """DecisionRecords since the last call, in the order taken."""

    def take_sends(self) -> list[bytes]:
        """MessageOutcome bytes (sent and skipped) since the last call."""

    def journal(self) -> ArrowStream:
        """The journal so far as (sequence: uint64, payload: large binary); empty unless `keep_journal`."""

    def counts(self) -> dict[str, int]:
        """Events by kind (journal names), customers, carts, abandoned_carts, orders, duplicates."""

    def next_due(self) -> int | None:
        """The time of the next deadline or due touch, or None."""

def replay(journal: ArrowStream, *, attribution_window_seconds: int) -> ArrowStream:
    """Point-in-time feature rows of every decision in a journal of (sequence: uint64, payload: binary or large binary).

    One row per decision: decision_id, send_id, sequence, clock_micros, customer (first alias), storefront_id, trigger,
    action_id, propensity, contacted, sent_by (the decision whose message went out under the send key, or null), holdout,
    the context features and the action features of the chosen action (f32, NaN where missing), and the outcome within
    the window: recovered (bool), order_value_minor (i64), recovered_seconds (f64 or null, from the abandonment to the first
    order), observed_seconds (f64, how much of the window the journal covers). Decoding has a thread of its own. Raises
    EngineError where the journal cannot be read.
    """

def execute(
    journal: ArrowStream, *, keys: Keys, bundles_directory: str, decision_id: str | None = None
) -> list[tuple[bytes, bytes, str]]:
    """Re-executes one decision, or every decision, in one fold of the journal from its start.

    Each is (stored DecisionRecord, re-executed DecisionRecord, "") or (stored DecisionRecord, b"", why it could not be
    executed), in the journal's order; nothing where the journal does not hold the decision asked for. Raises
    EngineError where the journal cannot be read.
    """

def verify_bundle(directory: str, *, keys: Keys) -> str:
    """Checks signature, hashes, schema and golden rows; returns the bundle id. Raises BundleRefused."""

class FactoredTrees:
    """A forest as the engine evaluates it: all actions of one context together."""

    features: int
    """Of a context and an action together."""

    def __new__(cls, forest: bytes) -> FactoredTrees:
        """Reads a serialised Forest. Raises ValueError for one that the engine does not evaluate."""

    def margins(self, contexts: bytes, actions: bytes, action_features: int) -> bytes:
        """The margins of every context with every action, f64 little-endian, shape (contexts, actions).

        Both are rows of f32, little-endian, one after the other; NaN is missing. An action has `action_features` values
        (at least one), a context all the others. Raises ValueError for rows of another length.
        """

def forest_margins(forest: bytes, rows: bytes) -> list[float]:
    """The margins of a serialised Forest for rows of f32, little-endian, one after the other (shape (n, features); NaN
    is missing). Raises ValueError for a forest that the engine does not evaluate, or rows of another length."""

def feature_table() -> list[tuple[str, str, str, str, str, bool]]:
    """(name, group, unit, meaning, missing rule, is action feature) in the models' order."""

def feature_documentation() -> str:
    """The page about the features, in Markdown."""

def feature_schema_hash() -> str:
    """Hash of the feature table's names, units and order, 32 hexadecimal digits."""

def outside_token(keys: Keys, kind: str, storefront_id: str, outside_id: str) -> str:
    """The token of an outside id, 32 hexadecimal digits. Kinds: customer, anonymous, email, phone, push, session,
    cart, order, event."""
