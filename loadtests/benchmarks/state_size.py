"""What a customer who came, bought and went costs in memory: in the engine, all in, and as a Redis hash."""

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured
from loadtests.benchmarks.example import Example
from loadtests.benchmarks.idle_customers import VIEWS, redis_hash
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import PeerMissing
from loadtests.benchmarks.redis import Redis, Word, redis_server

OURS, REDIS = "engine", "Redis hash"
GROWTH, ALONE = "memory per customer, all in", "memory per customer, by MEMORY USAGE"
_SAMPLE = 100
_REASON = (
    "Maps of small lists took it down ([why](decisions/0026-maps-of-small-lists.md)); what remains are the counters, "
    "stamps and edges of two linked records, and what the directory holds of two keys."
)


def measure(customers: int, *, rounds: int, profile: str, progress: Callable[[str], None]) -> Comparison:
    """Folds and fills anew in every round. Raises NotServing or Unmeasured."""
    example = Example("snapshot_scale", profile)
    ours: list[float] = []
    growth: list[float] = []
    alone: list[float] = []
    missing: dict[str, str] = {}
    versions = {"engine": rust_features.ENGINE_VERSION}
    with ExitStack() as stack:
        redis = None
        try:
            redis = stack.enter_context(redis_server())
            versions["redis"] = redis.fact("server", "redis_version")
        except PeerMissing as error:
            missing[REDIS] = str(error)
        for number in range(rounds):
            ours.append(_bytes_per_customer(example, customers))
            if redis is not None:
                each, of_sample = _fill(redis, customers)
                growth.append(each)
                alone.append(of_sample)
            progress(f"round {number + 1} of {rounds}: {ours[-1]:.0f} bytes per customer")
    figures = [Figure(OURS, GROWTH, "B", tuple(ours))]
    if growth:
        figures += [Figure(REDIS, GROWTH, "B", tuple(growth)), Figure(REDIS, ALONE, "B", tuple(alone))]
    fields = len(redis_hash(0, random.Random(0))[1])
    return Comparison(
        name="state-size",
        title="Memory of an idle customer",
        setting=(
            f"{customers:,} customers, each known by an id and an e-mail address (two linked records), with consent, "
            f"{VIEWS} views, an addition, a checkout and an order; carts, event ids and the steps of the visit are "
            "forgotten again, but for the last days' customers. Ours is "
            "the growth of a fresh process's resident memory, which holds the state and the directory of tokens and "
            "aliases. Redis holds one hash of the same facts per customer, "
            f"{fields} fields in its compact form, without what is zero; growth of used_memory."
        ),
        date=today(),
        machine=machine(),
        versions=versions,
        figures=tuple(figures),
        goals=(Goal(GROWTH, OURS, "", 512.0, reason=_REASON), Goal(GROWTH, OURS, REDIS, 0.3, reason=_REASON)),
        missing=missing,
    )


def _bytes_per_customer(example: Example, customers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return float(example.figures(folder, customers)["bytes_per_customer"])


def _fill(redis: Redis, customers: int) -> tuple[float, float]:
    """Bytes per customer of the whole server's growth, and of single keys."""
    redis.command("FLUSHALL", "SYNC")
    before = int(redis.fact("memory", "used_memory"))
    redis.commands(_hashes(customers))
    grown = int(redis.fact("memory", "used_memory")) - before
    sample = [redis.command("RANDOMKEY") for _ in range(_SAMPLE)]
    encodings = {redis.command("OBJECT", "ENCODING", key) for key in sample if isinstance(key, bytes)}
    if encodings != {b"listpack"}:
        raise Unmeasured(f"Redis keeps the hashes as {encodings}, not in the compact form")
    usage = [redis.command("MEMORY", "USAGE", key) for key in sample if isinstance(key, bytes)]
    return grown / customers, median(each for each in usage if isinstance(each, int))


def _hashes(customers: int) -> Iterator[tuple[Word, ...]]:
    generator = random.Random(7)
    for customer in range(customers):
        key, fields = redis_hash(customer, generator)
        yield ("HSET", key, *(word for field in fields.items() for word in field))
