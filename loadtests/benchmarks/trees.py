"""32 actions of one context through one tree model: our evaluator, which scores them together, against evaluators that
take them row by row. One thread each, in processor time."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

import lightgbm
import numpy as np
import tl2cgen
import treelite
from numpy.typing import NDArray

import rust_features
from loadtests.benchmarks.comparison import Comparison, Figure, Goal, Unmeasured
from loadtests.benchmarks.machine import machine, today
from loadtests.benchmarks.peer import Peer, PeerMissing, started
from rust_features import FactoredTrees

OURS, TL2CGEN, GTIL, LIGHTGBM, LLEAVES = "factored forest", "tl2cgen", "treelite GTIL", "lgb.predict", "lleaves"
BATCH, SINGLE = "all contexts in one call", "a call per context"
_CLOSE = 1e-9
"""Margins agree so far; ours is LightGBM's to the bit, others sum in another order."""

_BOUNDS = {TL2CGEN: 0.06, LLEAVES: 0.12, LIGHTGBM: 0.025}
_REASON = (
    "Tests of the context, leaves of the actions, tests of the actions and picking those share the time evenly (perf). "
    "AVX2 gave a few per cent (perf); AVX-512, where a machine has it, needs unsafe code by way of `std::arch`."
)


@dataclass(frozen=True)
class TreeModel:
    """One model in every form, and what to ask it."""

    forest: bytes
    """Serialised Forest."""
    text: Path
    """LightGBM's own."""
    library: Path
    """tl2cgen's C, compiled."""
    contexts: NDArray[np.float32]
    """Shape (n, context features)."""
    actions: NDArray[np.float32]
    """Shape (actions, action features)."""

    def rows(self) -> NDArray[np.float32]:
        """Every context with every action, as a row of its own."""
        contexts = np.repeat(self.contexts, len(self.actions), axis=0)
        return np.concatenate([contexts, np.tile(self.actions, (len(self.contexts), 1))], axis=1)


@dataclass(frozen=True)
class _Side:
    """An evaluator: margins of all rows, and CPU microseconds per context in a mode."""

    margins: NDArray[np.float64]
    version: str
    cpu_micros: Callable[[str], float]


def measure(model: TreeModel, *, rounds: int, progress: Callable[[str], None]) -> Comparison:
    """Asks every evaluator in turns. Raises Unmeasured where one gives other margins."""
    missing = {}
    with ExitStack() as stack:
        sides = {OURS: _ours(model), LIGHTGBM: _lightgbm(model), TL2CGEN: _tl2cgen(model), GTIL: _gtil(model)}
        try:
            progress("lleaves compiles the model")
            sides[LLEAVES] = _lleaves(model, stack)
        except PeerMissing as error:
            missing[LLEAVES] = str(error)
        _require_same(sides)
        times: dict[tuple[str, str], list[float]] = {(name, mode): [] for mode in (BATCH, SINGLE) for name in sides}
        for number in range(rounds + 1):
            for (name, mode), measured in times.items():
                measured.append(sides[name].cpu_micros(mode))
            progress(f"round {number} of {rounds}" if number else "warmed up")
    dumped = lightgbm.Booster(model_file=str(model.text)).dump_model()["tree_info"]
    actions, trees, leaves = len(model.actions), len(dumped), fmean(tree["num_leaves"] for tree in dumped)
    return Comparison(
        name="trees",
        title=f"{actions} actions of one context through {trees} trees",
        setting=(
            f"The effect model of a simulated shop, {trees} trees of {leaves:.1f} leaves over the engine's "
            f"{model.rows().shape[1]} features; {len(model.contexts)} contexts replayed from its journal, each with "
            f"{actions} actions; one thread, processor time per context. In one call, what calling from Python costs "
            "weighs nothing on any side; in a call per context it weighs on every side. The peers' inputs stand ready "
            "in their own form before the clock starts."
        ),
        date=today(),
        machine=machine(),
        versions={"engine": rust_features.ENGINE_VERSION} | {n: s.version for n, s in sides.items() if s.version},
        # The first round warmed up.
        figures=tuple(Figure(name, mode, "µs", tuple(each[1:])) for (name, mode), each in times.items()),
        goals=tuple(Goal(BATCH, OURS, peer, bound, reason=_REASON) for peer, bound in _BOUNDS.items()),
        missing=missing,
    )


def _require_same(sides: dict[str, _Side]) -> None:
    for name, side in sides.items():
        difference = float(np.max(np.abs(side.margins - sides[LIGHTGBM].margins)))
        if not difference <= _CLOSE:
            raise Unmeasured(f"{name} gives other margins than LightGBM, by up to {difference:g}")


def _timed(call: Callable[[Any], object], everything: object, singles: Sequence[object]) -> Callable[[str], float]:
    """The clock of an evaluator whose input is `everything`, or one of `singles` per context."""

    def cpu_micros(mode: str) -> float:
        inputs = [everything] if mode == BATCH else singles
        start = time.process_time_ns()
        for each in inputs:
            call(each)
        return (time.process_time_ns() - start) / 1_000 / len(singles)

    return cpu_micros


def _ours(model: TreeModel) -> _Side:
    forest = FactoredTrees(model.forest)
    actions, width = model.actions.astype("<f4").tobytes(), model.actions.shape[1]
    everything = model.contexts.astype("<f4").tobytes()

    def margins(contexts: bytes) -> bytes:
        return forest.margins(contexts, actions, width)

    singles = [context.astype("<f4").tobytes() for context in model.contexts]
    return _Side(np.frombuffer(margins(everything)), "", _timed(margins, everything, singles))


def _by_rows(model: TreeModel, package: str, predict: Callable[[Any], Any]) -> _Side:
    """An evaluator of LightGBM's or treelite's, which takes rows as NumPy has them."""
    rows = model.rows()
    margins = np.asarray(predict(rows), dtype=np.float64).reshape(-1)
    return _Side(margins, version(package), _timed(predict, rows, np.split(rows, len(model.contexts))))


def _lightgbm(model: TreeModel) -> _Side:
    booster = lightgbm.Booster(model_file=str(model.text))
    return _by_rows(model, "lightgbm", lambda rows: booster.predict(rows, raw_score=True, num_threads=1))


def _gtil(model: TreeModel) -> _Side:
    forest = treelite.frontend.load_lightgbm_model(model.text)
    return _by_rows(model, "treelite", lambda rows: treelite.gtil.predict(forest, rows, nthread=1, pred_margin=True))


def _tl2cgen(model: TreeModel) -> _Side:
    predictor = tl2cgen.Predictor(str(model.library), nthread=1)
    rows = model.rows().astype(np.float64)
    everything = tl2cgen.DMatrix(rows, dtype="float64")
    singles = [tl2cgen.DMatrix(part, dtype="float64") for part in np.split(rows, len(model.contexts))]

    def predict(matrix: tl2cgen.DMatrix) -> NDArray[np.float64]:
        return np.asarray(predictor.predict(matrix, pred_margin=True), dtype=np.float64)

    return _Side(predict(everything).reshape(-1), version("tl2cgen"), _timed(predict, everything, singles))


def _lleaves(model: TreeModel, stack: ExitStack) -> _Side:
    rows = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.npy"
    np.save(rows, model.rows().astype(np.float64))
    peer = stack.enter_context(started("lleaves_margins", model.text, rows, len(model.actions)))
    first = peer.ask(ask="margins")
    return _Side(np.array(first["margins"]), first["version"], lambda mode: _ask(peer, mode))


def _ask(peer: Peer, mode: str) -> float:
    return float(peer.ask(ask="batch" if mode == BATCH else "single")["cpu_micros"])
