"""One whole deployment in a temporary directory: nats-server, scorer and dispatcher as processes, an SMTP sink."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rust_features
from cart_recovery.addresses import free_address
from cart_recovery.nats_server import NatsServer
from cart_recovery.settings import Settings
from cart_recovery.v1.decision_pb2 import DecisionRecord
from cart_recovery.v1.event_pb2 import Event
from cart_recovery.v1.policy_pb2 import Policy
from pyserver.process import engine_keys
from tests.harness.bundle import release_bundle
from tests.harness.children import Child, child_environment
from tests.harness.client import SCORING, Client, metric, metrics_text
from tests.harness.journal import Entry, decisions, read_journal
from tests.harness.policy import STOREFRONT, quick_policy
from tests.harness.smtp_sink import SmtpSink
from tests.harness.waiting import eventually

SMTP_TIMEOUT_SECONDS = 2
START_SECONDS = 60.0
"""How long a process may take to start on a busy machine."""


class Deployment:
    """The parts, started and stopped one by one. `stop` ends whatever runs."""

    def __init__(self, directory: Path, *, policy: Policy | None = None, **settings: str) -> None:
        """Makes keys and an active bundle; starts neither process. `settings` are further settings of both by name."""
        self.directory = directory
        self.data_directory = directory / "data"
        self.sink = SmtpSink()
        self.sink.start()
        self.nats = NatsServer(self.data_directory / "nats")
        # A server keeps its port from its first start on, and the processes have to be told it.
        self.nats_url = self.nats.start()
        self.scorer_address, self.metrics_address, self.http_address = (free_address() for _ in range(3))
        self.environment = self._environment(settings)
        self.settings = Settings(
            data_directory=self.data_directory,
            scorer_address=self.scorer_address,
            metrics_address=self.metrics_address,
            http_address=self.http_address,
        )
        self.bundle_id = self.release(policy or quick_policy())
        self.scorer = Child(["serve"], environment=self.environment, directory=directory)
        self.dispatcher = Child(["dispatch"], environment=self.environment, directory=directory)

    @property
    def keys(self) -> rust_features.Keys:
        """The scorer's keys."""
        return engine_keys(self.settings)

    def release(self, policy: Policy) -> str:
        """Writes a bundle with this policy and points to it."""
        return release_bundle(self.settings, policy)

    def start_scorer(self) -> None:
        """Starts the scorer and waits until it takes events."""
        self.scorer.start()
        self.wait_for_health("", "SERVING", "NOT_SERVING")

    def start_dispatcher(self) -> None:
        """Starts the dispatcher and waits until it pulls messages."""
        self.dispatcher.start()
        self.dispatcher.wait_for_log("dispatching", within=START_SECONDS)

    def start(self) -> None:
        """Starts both and waits until decisions are taken."""
        self.start_scorer()
        self.wait_until_deciding()
        self.start_dispatcher()

    def wait_until_deciding(self) -> None:
        """Waits until the scorer has folded the journal and takes decisions."""
        self.wait_for_health(SCORING, "SERVING")

    def wait_for_health(self, service: str, *wanted: str) -> None:
        """Waits until a service has one of these states."""
        with self.client() as client:

            def healthy() -> bool:
                assert self.scorer.alive, f"the scorer ended:\n{self.scorer.log_text()}"
                return client.health(service) in wanted

            eventually(healthy, within=START_SECONDS, what=f"health of {service or 'the server'} is {wanted}")

    def client(self) -> Client:
        """A new channel to the scorer."""
        return Client(self.scorer_address)

    def track_all(self, events: list[Event]) -> None:
        """Tracks events in order on a channel of their own."""
        with self.client() as client:
            for event in events:
                client.track(event)

    def journal(self) -> list[Entry]:
        """JOURNAL as it is now."""
        return read_journal(self.nats_url)

    def wait_and_read(self, kind: str, *, within: float = 30.0, count: int = 1) -> list[Entry]:
        """JOURNAL, once it holds so many events of a kind: "order_completed", "message_outcome.sent"."""
        name, _, outcome = kind.partition(".")

        def is_one(entry: Entry) -> bool:
            return entry.event.WhichOneof("kind") == name and entry.outcome.WhichOneof("outcome") == (outcome or None)

        def found() -> list[Entry] | None:
            journal = self.journal()
            return journal if sum(map(is_one, journal)) >= count else None

        return eventually(found, within=within, what=f"{count} × {kind} in the journal")

    def wait_for_decisions(self, count: int, *, within: float = 30.0) -> list[DecisionRecord]:
        """Waits for so many decision records in the journal."""

        def found() -> list[DecisionRecord] | None:
            records = decisions(self.journal())
            return records if len(records) >= count else None

        return eventually(found, within=within, what=f"{count} decisions in the journal")

    def wait_until_published(self, *, within: float = 60.0) -> None:
        """Waits until everything spooled is in the journal and folded."""

        def rests() -> bool:
            return self.metric("spool_depth_messages") == 0 and self.metric("connected") == 1

        eventually(rests, within=within, what="the spool is empty")

    def metric(self, name: str) -> float:
        """A metric of the scorer, named without the project's prefix."""
        return metric(self.metrics_address, f"cart_recovery_{name}")

    def metrics_text(self) -> str:
        """The scorer's metrics page."""
        return metrics_text(self.metrics_address)

    def token(self, kind: str, outside_id: str) -> str:
        """The token of an outside id of the test storefront."""
        return rust_features.outside_token(self.keys, kind, STOREFRONT, outside_id)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the project to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cart_recovery.cli", *arguments],
            env=child_environment(self.environment),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stop(self) -> None:
        """Ends every process that runs, dispatcher first, each by its own id."""
        try:
            for child in (self.dispatcher, self.scorer):
                if child.alive:
                    child.stop()
        finally:
            for child in (self.dispatcher, self.scorer):
                child.kill()
            self.nats.stop()
            self.sink.stop()

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        chosen = {
            "data_directory": str(self.data_directory),
            "nats__url": self.nats_url,
            "scorer_address": self.scorer_address,
            "metrics_address": self.metrics_address,
            "http_address": self.http_address,
            "smtp__host": "127.0.0.1",
            "smtp__port": str(self.sink.port),
            "smtp__timeout_seconds": str(SMTP_TIMEOUT_SECONDS),
            "send_jitter_seconds": "0",
            "drain_seconds": "20",
            # On a busy machine, nobody is refused for a wait.
            "objective_ms": "10000",
        }
        return {f"CART_RECOVERY_{name.upper()}": value for name, value in (chosen | settings).items()}


@contextmanager
def deployed(directory: Path, *, policy: Policy | None = None, **settings: str) -> Iterator[Deployment]:
    """A deployment with nats-server and sink running, ended with the block."""
    deployment = Deployment(directory, policy=policy, **settings)
    try:
        yield deployment
    finally:
        deployment.stop()
