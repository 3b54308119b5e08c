"""A whole Score over gRPC against what a feature store needs to hand out the features alone: Feast's online retrieval,
called in its own process, of one customer with as many features as a decision reads."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal
from loadtests.benchmarks.load import Caller
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import Peer, PeerMissing, started
from loadtests.benchmarks.redis import redis_server
from loadtests.benchmarks.score_over_echo import SCORE_METHOD, checked, preload, score_requests
from loadtests.benchmarks.servers import await_rest, scorer

OURS, REDIS, SQLITE = "Score over gRPC", "Feast on Redis", "Feast on SQLite"
P50 = "p50, one caller"
_THREADS = 32


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
    asked = (retrievals.rounds + 1) * retrievals.calls + 1
    customers = max(retrievals.customers, asked)
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
        server = stack.enter_context(scorer(data_directory, _THREADS))
        progress(f"{customers:,} customers come in")
        preload(server, customers)
        caller = Caller(stack.enter_context(grpc.insecure_channel(server.address)), SCORE_METHOD)
        requests = score_requests(asked, actions)
        checked(caller(next(requests)), actions)
        p50s: dict[str, list[float]] = {name: [] for name in (OURS, *peers)}
        for number in range(retrievals.rounds + 1):
            await_rest(server)
            p50s[OURS].append(caller.p50_micros([next(requests) for _ in range(retrievals.calls)]))
            for name, peer in peers.items():
                p50s[name].append(median(peer.ask(first=number * retrievals.calls, calls=retrievals.calls)["micros"]))
            progress(f"round {number} of {retrievals.rounds}" if number else "warmed up")
    return Comparison(
        name="feast",
        title="Score against the retrieval of features alone",
        setting=(
            f"Feast hands out {len(features)} features of one customer, called in its own process, by a feature service, "
            f"as a dictionary; {customers:,} customers in its store. Score is called over gRPC and does all it does, the "
            f"decision among {actions} actions and its journal included; as many customers in its state. "
            f"{retrievals.calls:,} calls a round on each side, one after the other."
        ),
        date=today(),
        machine=machine(),
        versions=versions,
        # The first round warmed up.
        figures=tuple(Figure(name, P50, "µs", tuple(each[1:])) for name, each in p50s.items()),
        goals=(Goal(P50, OURS, REDIS, 0.2), Goal(P50, OURS, SQLITE, 0.2)),
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
