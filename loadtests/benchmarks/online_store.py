"""A whole Score over gRPC against what a feature store needs to hand out the features alone: Feast's online retrieval,
called in its own process, of one customer with as many features as a decision reads."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import Peer, PeerMissing, started
from loadtests.benchmarks.redis import redis_server
from loadtests.benchmarks.servers import FRONTS, await_rest
from loadtests.benchmarks.serving import serving, side

REDIS, SQLITE = "Feast on Redis", "Feast on SQLite"
P50 = "p50, one caller"
_REASON = (
    "The goal leaves about as long as an empty call of tonic takes alone, and far less than one of grpcio "
    "(`cart-recovery loadtest fronts`)."
)


@dataclass(frozen=True)
class Retrievals:
    """How much to ask."""

    rounds: int = 5
    calls: int = 500
    """Of each side, in each round."""
    customers: int = 10_000
    """In Feast's store and in the scorer's state, if the calls need no more."""


def measure(
    data_directory: Path, actions: int, *, retrievals: Retrievals, progress: Callable[[str], None]
) -> Comparison:
    """`data_directory` holds keys and an active bundle with so many actions. Raises NotServing or Unmeasured."""
    features = [row[0] for row in rust_features.feature_table() if not row[5]]
    asked = (retrievals.rounds + 1) * retrievals.calls
    customers = max(retrievals.customers, asked + 1)
    missing: dict[str, str] = {}
    versions = {"engine": rust_features.ENGINE_VERSION}
    with ExitStack() as stack:
        peers: dict[str, Peer] = {}
        for name in (REDIS, SQLITE):
            progress(f"{name}: {customers:,} customers come in")
            try:
                peers[name], versions["feast"] = _feast(stack, name, customers, features, versions)
            except PeerMissing as error:
                missing[name] = str(error)
        fronts = [
            stack.enter_context(
                serving(name, data_directory, calls=asked, customers=customers, actions=actions, progress=progress)
            )
            for name in FRONTS
        ]
        p50s: dict[str, list[float]] = {name: [] for name in (*(front.name for front in fronts), *peers)}
        for number in range(retrievals.rounds + 1):
            for front in fronts:
                await_rest(front.server)
                batch = [next(front.requests) for _ in range(retrievals.calls)]
                p50s[front.name].append(front.caller.p50_micros(batch))
            for name, peer in peers.items():
                p50s[name].append(median(peer.ask(first=number * retrievals.calls, calls=retrievals.calls)["micros"]))
            progress(f"round {number} of {retrievals.rounds}" if number else "warmed up")
    return Comparison(
        name="feast",
        title="Score against the retrieval of features alone",
        setting=(
            f"Feast hands out {len(features)} features of one customer, called in its own process, by a feature "
            f"service, as a dictionary; {customers:,} customers in its store. Score is called over gRPC and does all "
            f"it does, the decision among {actions} actions and its journal included; as many customers in its state. "
            f"{retrievals.calls:,} calls a round on each side, one after the other."
        ),
        date=today(),
        machine=machine(),
        versions=versions,
        # The first round warmed up.
        figures=tuple(Figure(name, P50, "µs", tuple(each[1:])) for name, each in p50s.items()),
        goals=tuple(Goal(P50, side(front), peer, 0.2, reason=_REASON) for front in FRONTS for peer in (REDIS, SQLITE)),
        missing=missing,
    )


def _feast(
    stack: ExitStack, name: str, customers: int, features: list[str], versions: dict[str, str]
) -> tuple[Peer, str]:
    where = "sqlite"
    if name == REDIS:
        redis = stack.enter_context(redis_server())
        where, versions["redis"] = redis.address, redis.fact("server", "redis_version")
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    peer = stack.enter_context(started("feast_features", folder, where, customers, *features))
    return peer, peer.hear()["version"]
