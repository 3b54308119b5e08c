"""What the spool takes of a Score: the same engine with a spool that keeps nothing, one that survives the process and
one that survives a loss of power, called in turns by one caller, in process and over the native front.

The engines are opened by `rust_features/front/examples/spool_share.rs` in one process. All have folded the same
journal, and the server is gone before the clock starts: what relay, feed and nats-server do behind a spool is no part
of it.
"""

import struct
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from cart_recovery.die_with_parent import mortal
from cart_recovery.keys import scorer_keys
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured, without_peers
from loadtests.benchmarks.servers import built
from loadtests.benchmarks.traffic import MakeBundle, arrivals, make_data, score_requests
from loadtests.placement import on_one

_SIDES = ("no spool", "process", "disk")
_WITHIN, _OVER = "p50 of Score in process", "p50 of Score over the native front"
_GOAL = 1.03
_SCORE_GOAL = 6.0
"""Microseconds."""
_SCORE_REASON = (
    "In process, two forests take nearly half of a Score, encoding record and reply a fifth, eligibility and policy a "
    "sixth, look-ups in the state a sixth (perf)."
)
_REASON = (
    "What the spool takes is one `pwrite`, two thirds of it the kernel clearing the page that is begun (perf). To "
    "allocate the file ahead made no difference."
)


class Nats(Protocol):
    """A nats-server that is started once and stopped once."""

    def start(self) -> str:
        """Its URL."""

    def stop(self) -> None:
        """Harmless where it does not run."""


@dataclass(frozen=True)
class Benchmark:
    """What to measure."""

    actions: int = 32
    """Candidate actions, "none" among them."""
    trees: int = 300
    leaves: int = 31
    customers: int = 1_000_000
    """In the state of each engine; far fewer are asked for, evenly among them."""
    rounds: int = 5
    calls: int = 2_000
    """Of each engine in a round, and so many again over its front."""
    profile: str = "release"
    """Of Cargo: with any other, the figures are of no use."""


def measure(
    benchmark: Benchmark, directory: Path, nats: Nats, *, make_bundle: MakeBundle, progress: Callable[[str], None]
) -> Comparison:
    """Makes everything in `directory`, on whose disk the spools lie. Raises NotServing or Unmeasured."""
    program = built("--example", "spool_share", profile=benchmark.profile)
    progress(f"making a bundle with {benchmark.trees} trees of {benchmark.leaves} leaves a model")
    make_data(directory, make_bundle, actions=benchmark.actions, trees=benchmark.trees, leaves=benchmark.leaves)
    # The first warms up.
    rounds = 1 + benchmark.rounds
    customers, asked = benchmark.customers, 2 * rounds * benchmark.calls
    tracks, scores = directory / "tracks", directory / "scores"
    _write(tracks, (request.SerializeToString() for request in arrivals(customers)))
    _write(scores, score_requests(islice(range(0, customers, customers // asked), asked), benchmark.actions))
    bundle = next((directory / "bundles").glob("*/manifest.pb")).parent
    public_key = scorer_keys(directory / "keys").bundle_public.hex()
    progress(f"{customers:,} customers come in")
    arguments = (nats.start(), bundle, public_key, directory / "engines", tracks, scores, rounds)
    medians = _run([program, *map(str, arguments)], nats, rounds, progress)
    figures = [
        Figure(side, name, "µs", tuple(each[place + offset] for each in medians[1:]))
        for name, offset in ((_WITHIN, 0), (_OVER, len(_SIDES)))
        for place, side in enumerate(_SIDES)
    ]
    return without_peers(
        name="spool",
        title="What the spool takes of a Score",
        setting=(
            f"Decisions among {benchmark.actions} actions by models of {benchmark.trees} trees of {benchmark.leaves} "
            f"leaves, {customers:,} customers in the state, of whom {asked:,}, spread evenly, are asked for, each "
            f"once; {benchmark.calls:,} calls a round, one caller, all engines in one process on one processor; the "
            "first two are called in turns, the disk behind them. Without a spool a decision is encoded and dropped; "
            "with one it is written to a file, and for the disk synced before the answer. No relay works beside."
        ),
        figures=figures,
        goals=(
            Goal(_WITHIN, "no spool", "", _SCORE_GOAL, reason=_SCORE_REASON),
            *(Goal(name, "process", "no spool", _GOAL, reason=_REASON) for name in (_OVER, _WITHIN)),
        ),
    )


def _run(command: list[str], nats: Nats, count: int, progress: Callable[[str], None]) -> list[list[float]]:
    """The medians of each round."""
    with subprocess.Popen(mortal(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise Unmeasured("the engines have no pipes")
        rounds = []
        if process.stdout.readline() == "loaded\n":
            nats.stop()
            on_one(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
            for line in process.stdout:
                rounds.append([float(word) for word in line.split()])
                progress(f"round {len(rounds)} of {count} is measured")
    if process.returncode != 0 or len(rounds) != count:
        raise Unmeasured("the engines could not be measured; the reason stands above")
    return rounds


def _write(path: Path, requests: Iterable[bytes]) -> None:
    """Each behind its length."""
    with path.open("wb") as file:
        for request in requests:
            file.write(struct.pack("<I", len(request)) + request)
