"""One scorer from start to orderly end: engine, gRPC front, bundle pointer, health, metrics."""

import threading
import time
from dataclasses import asdict
from typing import Literal

import structlog

from cart_recovery import keys
from cart_recovery.settings import Settings, split_address
from pyserver.bundles import BundlePointer
from pyserver.front import bind_front, places_of
from pyserver.metrics import MetricsPage, ScorerCollector
from rust_features import CallMetrics, Engine, Keys

_SUPERVISION_SECONDS = 1.0
_STARTING_SECONDS = 0.05
_log = structlog.get_logger()


def engine_keys(settings: Settings) -> Keys:
    """The scorer's keys as the engine takes them. Raises KeysError."""
    return Keys(**asdict(keys.scorer_keys(settings.keys_directory)))


class Scorer:
    """The parts of a scorer, started together and stopped in the right order."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Literal["wall", "events"] = "wall",
        alias_seed: bytes | None = None,
        with_metrics_page: bool = True,
    ) -> None:
        """Opens the spool and binds the addresses. Raises KeysError, SpoolCorrupt, TlsUnusable, FrontUnusable, or
        RuntimeError for an address in use."""
        self._settings = settings
        self.engine = Engine(
            data_directory=str(settings.data_directory),
            keys=engine_keys(settings),
            spool_limit_bytes=settings.spool_limit_bytes,
            durability=settings.durability,
            clock=clock,
            alias_seed=alias_seed,
            replicas=settings.nats.replicas,
            # A rehearsal is never restarted.
            snapshot_messages=settings.snapshot_messages if clock == "wall" else 0,
            journal_waiters=places_of(settings),
        )
        for notice in self.engine.notices():
            _log.warning("at opening", notice=notice)
        self.calls = CallMetrics()
        self.front = bind_front(settings, self.engine, self.calls)
        self.bundles = BundlePointer(settings.bundles_directory, self.engine)
        self._page: MetricsPage | None = None
        self._with_metrics_page = with_metrics_page
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._ready = threading.Event()
        self._flushed = False

    def start(self, nats_url: str) -> None:
        """Loads the active bundle, starts relay and feed and accepts calls, also while NATS is away."""
        settings = self._settings
        if self._with_metrics_page:
            host, port = split_address(settings.metrics_address)
            self._page = MetricsPage(ScorerCollector(self.engine.status, self.calls), host=host, port=port)
        self.bundles.follow()
        credentials = settings.nats.credentials_file
        self.engine.start(nats_url=nats_url, nats_credentials=str(credentials) if credentials else None)
        self.front.start()
        self._supervisor.start()
        _log.info("scorer started", port=self.front.port, front=settings.front)

    @property
    def metrics_port(self) -> int | None:
        """The port of the metrics page, once started."""
        return None if self._page is None else self._page.port

    def wait_ready(self, *, timeout_seconds: float) -> bool:
        """Waits until decisions can be taken; False where that took too long."""
        return self._ready.wait(timeout_seconds)

    def stop(self) -> bool:
        """Stops accepting, finishes calls, flushes the spool, all in `drain_seconds`; True where all of it is in the
        journal."""
        if self._stopping.is_set():
            return self._flushed
        self._stopping.set()
        end = time.monotonic() + self._settings.drain_seconds
        self.front.stop(grace_seconds=self._settings.drain_seconds)
        if self._supervisor.ident is not None:
            self._supervisor.join()
        self._flushed = flushed = self.engine.stop(timeout_seconds=max(0.0, end - time.monotonic()))
        if self._page is not None:
            self._page.stop()
        if not flushed:
            depth = self.engine.status().spool_depth_messages
            _log.warning("spool not empty; the next start publishes the rest", messages=depth)
        _log.info("scorer stopped", flushed=flushed)
        return flushed

    def _supervise(self) -> None:
        reported: str | None = None
        snapshot_failure: str | None = None
        journal_error: str | None = None
        serving = False
        while not self._stopping.wait(_SUPERVISION_SECONDS if serving or self.bundles.refusal else _STARTING_SECONDS):
            self.bundles.follow()
            status = self.engine.status()
            able = status.caught_up and status.bundle_id is not None and status.failure is None
            if able != serving:
                serving = able
                self.front.set_scoring(serving=able)
                _log.info("scoring", serving=able, sequence=status.folded_sequence)
            if able:
                self._ready.set()
            if status.failure is not None and status.failure != reported:
                reported = status.failure
                _log.error("relay or feed stopped for good", reason=reported)
            if status.last_error != journal_error:
                journal_error = status.last_error
                _log.warning("connection to the journal lost", reason=journal_error)
            if status.snapshot_failure != snapshot_failure:
                snapshot_failure = status.snapshot_failure
                if snapshot_failure is None:
                    _log.info("snapshots are written again")
                else:
                    _log.warning("snapshot not written", reason=snapshot_failure)
