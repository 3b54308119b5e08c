"""Point-in-time feature rows of a journal: our replay against the same features written in polars and in DuckDB.

The peers are given what a warehouse would hold (see `journal_table.py`) in memory; replay is given the journal's bytes,
computes every feature of the engine, and the labels.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import polars as pl

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured
from loadtests.benchmarks.journal_table import flatten
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import Peer, PeerMissing, started

OURS, POLARS, DUCKDB = "replay", "polars", "DuckDB"
WALL, CPU = "time", "processor time"
FEATURES = (
    "views_1h", "views_1d", "views_30d", "adds_1d", "adds_30d", "removes_30d", "checkouts_30d", "orders_30d",
    "revenue_30d", "returns_30d", "orders_total", "redemptions_total", "customer_age", "customer_idle", "order_recency",
    "session_steps", "session_views", "session_adds", "session_removes", "session_products", "session_categories",
    "session_minutes", "session_dwell", "cart_age", "cart_idle", "cart_stage", "cart_failed_payments",
)  # fmt: skip
"""What the peers compute: every group but affinity, catalogue and contact, whose laws fit no short query."""
_RELATIVE, _ABSOLUTE = 1e-4, 1e-3
"""Values agree so far: the engine keeps decayed sums in single precision."""
_REASON = (
    "Replay decodes protobuf and computes all features and the labels in the journal's order, the peers some of the "
    "features from columns that stand ready. Decoding ahead of the fold is in; groups in parallel were left out "
    "([why](decisions/0020-replay-decodes-ahead.md))."
)

_Run = Callable[[], tuple[float, float]]
"""Seconds and CPU seconds of one run."""


def measure(journal: pl.DataFrame, window_seconds: int, *, rounds: int, progress: Callable[[str], None]) -> Comparison:
    """`journal` holds (sequence, payload). Raises Unmeasured where a peer computes other values."""

    def replay() -> pl.DataFrame:
        return pl.DataFrame(rust_features.replay(journal, attribution_window_seconds=window_seconds))

    ours = replay()
    events, decisions = flatten(journal)
    decisions = decisions.filter(pl.col("sequence").is_in(ours["sequence"].implode()))
    missing: dict[str, str] = {}
    versions = {"engine": rust_features.ENGINE_VERSION}
    runs: dict[str, _Run] = {OURS: lambda: _timed(replay)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        events.write_parquet(folder / "events.parquet")
        decisions.write_parquet(folder / "decisions.parquet")
        for name in (POLARS, DUCKDB):
            try:
                peer = stack.enter_context(
                    started("feature_rows", name.lower(), folder / "events.parquet", folder / "decisions.parquet")
                )
                versions[name.lower()] = peer.hear()["version"]
                written = folder / f"{name}.parquet"
                peer.ask(write=str(written))
                require_same(name, pl.read_parquet(written), ours)
                runs[name] = _asked(peer)
                progress(f"{name} computes the same values")
            except PeerMissing as error:
                missing[name] = str(error)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for number in range(rounds):
            for name, run in runs.items():
                times[name].append(run())
            progress(f"round {number + 1} of {rounds}")
    sides = [
        Figure(name, figure, "s", tuple(each[place] for each in measured))
        for place, figure in enumerate((WALL, CPU))
        for name, measured in times.items()
    ]
    return Comparison(
        name="replay",
        title="Feature rows as of each decision, from a journal",
        setting=(
            f"A simulated shop's journal of {len(journal):,} messages with {len(ours):,} decisions, in memory. Replay "
            f"reads its bytes, computes all {len(rust_features.feature_table())} features and the labels; the peers "
            f"get {len(events):,} events as columns with identities resolved, and compute {len(FEATURES)} of the "
            "features with all cores. Their values are checked against replay's first: relative "
            f"{_RELATIVE:g}, absolute {_ABSOLUTE:g}."
        ),
        date=today(),
        machine=machine(),
        versions=versions,
        figures=tuple(sides),
        goals=tuple(Goal(WALL, OURS, name, 0.2, reason=_REASON) for name in (POLARS, DUCKDB)),
        missing=missing,
    )


def require_same(name: str, theirs: pl.DataFrame, ours: pl.DataFrame) -> None:
    """Every feature of every decision must agree. Raises Unmeasured."""
    theirs, ours = theirs.sort("sequence"), ours.sort("sequence")
    if len(theirs) != len(ours) or not (theirs["sequence"] == ours["sequence"]).all():
        raise Unmeasured(f"{name} gives {len(theirs)} rows, replay {len(ours)}")
    for feature in FEATURES:
        here = ours[feature].to_numpy().astype(np.float64)
        # What an aggregate over no event leaves empty is 0 in a counter and missing in the rest.
        empty = 0.0 if feature.endswith(("_1h", "_1d", "_30d", "_total")) else np.nan
        there = theirs[feature].cast(pl.Float64).fill_null(empty).to_numpy()
        off = ~np.isclose(there, here, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
        if off.any():
            first = int(np.argmax(off))
            raise Unmeasured(
                f"{name} differs in {feature} of {int(off.sum())} of {len(ours)} rows; first at sequence "
                f"{ours['sequence'][first]}: {there[first]:g}, replay {here[first]:g}"
            )


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _asked(peer: Peer) -> _Run:
    def run() -> tuple[float, float]:
        answer = peer.ask(run="once")
        return answer["seconds"], answer["cpu_seconds"]

    return run
