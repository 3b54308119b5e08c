"""The live system of a rehearsal: nats-server, scorer, dispatcher and inbox in one process, on one stepped clock."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import grpc

from cart_recovery.addresses import free_address
from cart_recovery.composition import dispatcher_settings
from cart_recovery.inbox import Inbox
from cart_recovery.loop_thread import LoopThread
from cart_recovery.nats_server import NatsServer
from cart_recovery.rehearsal.observer import JournalObserver
from cart_recovery.rehearsal.world import World
from cart_recovery.settings import Settings, SmtpSettings, TlsSettings
from cart_recovery.v1.event_pb2 import TrackRequest, TrackStreamRequest
from cart_recovery.v1.event_pb2_grpc import EventServiceStub
from cart_recovery.v1.scoring_pb2_grpc import ScoringServiceStub
from dispatcher.clock import SteppedClock
from dispatcher.dispatcher import Dispatcher
from pyserver.process import Scorer

_READY_SECONDS = 60.0
_CLICK_SECONDS = 5.0
_POLL_SECONDS = 0.001
_REFUSALS_KEPT = 100


class SystemFailed(Exception):
    """A part of the live system stopped for good; the message says which and why."""


def rehearsal_settings(settings: Settings, data_directory: Path) -> Settings:
    """The same settings in another directory, with free loopback addresses and the local inbox: nothing can reach a
    real recipient or a real journal."""
    http_address = free_address()
    return settings.model_copy(
        update={
            "data_directory": data_directory,
            "scorer_address": "127.0.0.1:0",
            "tls": TlsSettings(),
            "quota_calls_per_second": 0,
            "metrics_address": "127.0.0.1:0",
            "http_address": http_address,
            "public_url": f"http://{http_address}",
            "nats": settings.nats.model_copy(update={"url": None, "credentials_file": None, "replicas": 1}),
            "email_provider": "smtp",
            "smtp": SmtpSettings(),
        }
    )


class LiveSystem:
    """Everything, running. Use it as a context: leaving it stops all parts in order, also after Ctrl-C."""

    scorer: Scorer
    scoring: ScoringServiceStub
    """For whoever asks for decisions."""
    _dispatcher: Dispatcher
    _dispatching: "Future[None]"
    _events: EventServiceStub
    _loop: LoopThread

    def __init__(self, settings: Settings, *, run_seed: bytes, start_micros: int) -> None:
        """`settings` as `rehearsal_settings` gives them; `run_seed` of 32 bytes is the source of aliases and seeds."""
        self._settings = settings
        self._run_seed = run_seed
        self._clock = SteppedClock(start_micros)
        self._nats = NatsServer(settings.nats_directory)
        self._exit = ExitStack()
        self.inbox = Inbox(settings.inbox_directory)
        self.observer = JournalObserver()
        self.refusals: list[str] = []
        """Words of the first refused events."""

    @property
    def nats_url(self) -> str:
        """Where the journal is."""
        return self._nats.url

    def __enter__(self) -> Self:
        # Whoever sends is stopped before whoever receives: the reverse of this order.
        with ExitStack() as started:
            started.enter_context(self._nats)
            self.inbox.start()
            started.callback(self.inbox.stop)
            self._start_scorer(started)
            self._start_dispatcher(started)
            self._exit = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def send(self, requests: Iterable[TrackRequest]) -> int:
        """Tracks events on one gRPC stream; returns how many were refused."""
        refused = 0
        for answer in self._events.TrackStream(TrackStreamRequest(track=request) for request in requests):
            if answer.HasField("rejected"):
                refused += 1
                if len(self.refusals) < _REFUSALS_KEPT:
                    self.refusals.append(answer.rejected.message)
        return refused

    def advance(self, time_micros: int) -> None:
        """Moves both clocks on."""
        self._clock.move_to(time_micros)
        self.scorer.engine.advance(time_micros)

    def next_deadline(self) -> int | None:
        """When the engine next decides by inactivity."""
        return self.scorer.engine.next_deadline()

    def next_touch(self) -> int | None:
        """When the next touch falls due."""
        return self._dispatcher.next_due()

    def fire_touches(self, until_micros: int) -> None:
        """Carries out the touches due by then."""
        # Each touch has limits of its own, but a night's may all fall due at one moment.
        self._loop.call(self._dispatcher.fire_due(until_micros), bounded=False)

    def moving(self) -> str | None:
        """What is not at rest; None where everything is. Raises SystemFailed where a part has stopped for good."""
        status = self.scorer.engine.status()
        if status.failure is not None:
            raise SystemFailed(f"the scorer stopped: {status.failure}")
        if self._dispatching.done():
            raise SystemFailed(f"the dispatcher stopped: {self._dispatching.exception()}")
        if not status.at_rest:
            return f"the scorer, {status.spool_depth_messages} messages in the spool"
        if not self._loop.call(self._dispatcher.at_rest()):
            return "the dispatcher"
        again = self.scorer.engine.status()
        if not again.at_rest or again.folded_sequence != status.folded_sequence:
            return "the scorer, after the dispatcher"
        if self.observer.sequence < again.folded_sequence:
            return "the observer of the journal"
        return None

    def deliver(self, world: World, now_micros: int) -> None:
        """Hands the messages that arrived in the inbox to the world."""
        for arrival in self.inbox.take():
            world.receive(arrival, now_micros)

    def open_link(self, url: str) -> int:
        """A recipient's GET of a link, not followed further; waits until the click is tracked. Returns the status."""
        counters = self.scorer.engine.status().counters
        before = counters["events_accepted"]
        status = http_status("GET", url)
        limit = time.monotonic() + _CLICK_SECONDS
        # The face answers first and tells the scorer afterwards.
        while self.scorer.engine.status().counters["events_accepted"] == before and time.monotonic() < limit:
            time.sleep(_POLL_SECONDS)
        return status

    def _start_scorer(self, started: ExitStack) -> None:
        self.scorer = Scorer(self._settings, clock="events", alias_seed=self._run_seed, with_metrics_page=False)
        started.callback(self.scorer.stop)
        self.scorer.start(self._nats.url)
        if not self.scorer.wait_ready(timeout_seconds=_READY_SECONDS):
            reason = self.scorer.bundles.refusal or self.scorer.engine.status().failure or "it did not catch up in time"
            raise SystemFailed(f"the scorer cannot decide: {reason}")
        channel = grpc.insecure_channel(f"127.0.0.1:{self.scorer.front.port}")
        started.callback(channel.close)
        self._events = EventServiceStub(channel)
        self.scoring = ScoringServiceStub(channel)

    def _start_dispatcher(self, started: ExitStack) -> None:
        self._loop = LoopThread("dispatcher")
        started.callback(self._loop.close)
        self._loop.call(self.observer.start(self._nats.url))
        started.callback(lambda: self._loop.call(self.observer.stop()))
        self._dispatcher = self._loop.call(self._open_dispatcher())
        self._dispatching = self._loop.begin(self._dispatcher.run())
        started.callback(self._stop_dispatcher)
        self._loop.call(self._dispatcher.ready())

    async def _open_dispatcher(self) -> Dispatcher:
        smtp = SmtpSettings(host="127.0.0.1", port=self.inbox.port)
        scorer_address = f"127.0.0.1:{self.scorer.front.port}"
        settings = self._settings.model_copy(update={"smtp": smtp, "scorer_address": scorer_address})
        return Dispatcher(dispatcher_settings(settings, self._nats.url), rehearsal_clock=self._clock)

    def _stop_dispatcher(self) -> None:
        self._loop.call(self._dispatcher.stop())
        self._dispatching.exception(_READY_SECONDS)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """A redirect is an answer here: it leads to the storefront, which is not part of the rehearsal."""


_http = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def http_status(method: str, url: str, body: bytes | None = None) -> int:
    """Status of one request to the HTTP face."""
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 (links of our own messages)
    try:
        with _http.open(request, timeout=_CLICK_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
