"""Steady traffic that knows what was accepted: shoppers who browse, leave carts and are scored."""

import threading
from collections import Counter
from collections.abc import Iterable

import grpc

from cart_recovery.v1.event_pb2 import Event
from tests.harness.client import Client, Refusal, refusal_of
from tests.harness.deployment import Deployment
from tests.harness.journal import Entry, decisions
from tests.harness.shop import Shop, Shopper
from tests.harness.waiting import eventually

_PAUSE_AFTER_FAILURE_SECONDS = 0.02
_EVENT_LIMIT = 200_000


class Load:
    """A few callers that never send an event id twice, so that every accepted call must be in the journal once."""

    def __init__(self, deployment: Deployment, *, callers: int = 3, pause_seconds: float = 0.01) -> None:
        self._address = deployment.scorer_address
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._call, args=(seed,), name=f"load-{seed}") for seed in range(callers)
        ]
        self.accepted: set[str] = set()
        """Ids of events whose Track was answered with success."""
        self.unanswered: set[str] = set()
        """Ids of events of which nobody knows: the call failed."""
        self.decided: set[str] = set()
        """Ids of decisions that Score answered."""
        self.failures: list[Refusal] = []
        self.shoppers: list[Shopper] = []

    def start(self) -> None:
        """Begins to call."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends all callers after their call in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for_accepted(self, more: int, *, within: float) -> None:
        """Waits until so many further events were accepted."""
        goal = len(self.accepted) + more
        eventually(lambda: len(self.accepted) >= goal, within=within, what=f"{more} further accepted events")

    def _call(self, seed: int) -> None:
        shop = Shop(seed=1_000 + seed)
        with Client(self._address) as client:
            for _ in range(_EVENT_LIMIT):
                if self._stopping.is_set():
                    return
                shopper = shop.shopper()
                with self._lock:
                    self.shoppers.append(shopper)
                for event in shop.abandoning(shopper):
                    self._track(client, event)
                self._score(client, shop, shopper)

    def _track(self, client: Client, event: Event) -> None:
        try:
            client.track(event, timeout=5)
        except grpc.RpcError as error:
            self._failed(error)
            with self._lock:
                self.unanswered.add(event.event_id)
        else:
            with self._lock:
                self.accepted.add(event.event_id)
            self._stopping.wait(self._pause_seconds)

    def _score(self, client: Client, shop: Shop, shopper: Shopper) -> None:
        try:
            answer = client.score(shop.score(shopper), timeout=5)
        except grpc.RpcError as error:
            self._failed(error)
        else:
            with self._lock:
                self.decided.add(answer.decision_id)

    def _failed(self, error: grpc.RpcError) -> None:
        with self._lock:
            self.failures.append(refusal_of(error))
        self._stopping.wait(_PAUSE_AFTER_FAILURE_SECONDS)


def lost_and_twice(deployment: Deployment, load: Load, journal: Iterable[Entry]) -> dict[str, list[str]]:
    """What was accepted or answered and is not in the journal, and what is there more than once."""
    entries = list(journal)
    frames = Counter(f"frame {entry.spool_id}:{entry.spool_offset}" for entry in entries)
    events = Counter(entry.event.event_id for entry in entries if entry.message.HasField("event"))
    counts = {name: events[deployment.token("event", name)] for name in load.accepted | load.unanswered}
    taken = Counter(record.decision_id for record in decisions(entries))
    return {
        "lost": [name for name in load.accepted if not counts[name]] + sorted(load.decided - taken.keys()),
        "twice": [name for name, count in (counts | frames | taken).items() if count > 1],
    }


def assert_exactly_once(deployment: Deployment, load: Load, journal: Iterable[Entry]) -> None:
    """Every accepted event and decision is in the journal once, every frame of a spool at most once."""
    for fault, names in lost_and_twice(deployment, load, journal).items():
        assert not names, f"{len(names)} {fault}, such as {names[:3]}"
