"""A compiled LightGBM model answers as its booster, to the bit, or is refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.forests import Rows, gtil_margins, lightgbm_booster, met, same_bits
from training.boosters import lightgbm as package
from training.boosters.booster import compilable, raw_margins
from training.boosters.errors import ExportFailed
from training.bundle import write_models
from training.export import export, require_same

ZERO = float(np.float32(1e-35))
BESIDE_ZERO = [-ZERO, -ZERO / 2, -0.0, 0.0, ZERO / 2, ZERO]
AROUND = np.array([*BESIDE_ZERO, -2, -1, -1e-34, 1e-34, 1, 2, np.inf, -np.inf, np.nan], np.float32)[:, None]
STUMP = {"num_leaves": 2, "min_data_in_leaf": 5, "min_data_per_group": 1, "verbose": -1, "num_threads": 1}


def one_split(threshold: float, decision: int) -> lightgbm.Booster:
    """Of one number, with a written threshold and LightGBM's bits of a decision: 2 goes left by default, 4 takes zero
    for missing, 8 takes NaN for missing."""
    values = np.arange(40.0)[:, None]
    grown = lightgbm.train(STUMP, lightgbm.Dataset(values, values[:, 0]), num_boost_round=1)
    text = re.sub(r"(?m)^threshold=.*$", f"threshold={threshold!r}", grown.model_to_string())
    return lightgbm.Booster(model_str=re.sub(r"(?m)^decision_type=.*$", f"decision_type={decision}", text))


def by_category(asked: int) -> lightgbm.Booster:
    """Asks for one category of five."""
    generator = np.random.default_rng(1)
    values = generator.choice([asked, *range(2, 10, 2)], (400, 1)).astype(np.float32)
    data = lightgbm.Dataset(values, values[:, 0] == asked, categorical_feature=[0])
    model = lightgbm.train(STUMP, data, num_boost_round=1)
    assert model.dump_model()["tree_info"][0]["tree_structure"]["threshold"] == str(asked)
    return model


def is_refused(model: lightgbm.Booster) -> bool:
    try:
        compilable(model)
    except ExportFailed:
        return True
    return False


@pytest.mark.parametrize("decision", range(0, 12, 2))
@pytest.mark.parametrize("threshold", [-1.5, *BESIDE_ZERO, 1.5, float("inf")])
def test_a_test_of_a_number_is_refused_exactly_where_treelite_answers_otherwise(
    threshold: float, decision: int
) -> None:
    model = one_split(threshold, decision)
    assert is_refused(model) != same_bits(gtil_margins(model, AROUND), raw_margins(model, AROUND))


@pytest.mark.parametrize(
    ("make", "values", "told"),
    [
        (lambda: one_split(-1.5, 4 + 2), [[0.0], [np.nan]], "zeros of 'Column_0' for missing, .* `zero_as_missing`"),
        (lambda: one_split(1.5, 4), [[0.0], [np.nan]], "zeros of 'Column_0' for missing"),
        (lambda: by_category(0), [[-0.5], [-1e-36]], "for category 0 of 'Column_0', .* number the categories from 1"),
    ],
)  # fmt: skip
def test_what_is_refused_would_answer_otherwise(
    make: Callable[[], lightgbm.Booster],
    values: list[list[float]],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make()
    with pytest.raises(ExportFailed, match=f"tree 0 .*{told}.* at most 64 leaves, which the engine evaluates as data"):
        export([model], [tmp_path / "refused.so"])
    monkeypatch.setattr(package, "_require_compilable", lambda *_: None)
    export([model], [tmp_path / "unlike.so"])
    rows = np.array(values, np.float32)
    with pytest.raises(ExportFailed, match=f"{len(rows)} of {len(rows)}"):
        require_same(tmp_path / "unlike.so", rows, raw_margins(model, rows))


def test_what_is_not_refused_answers_alike_at_the_edges(tmp_path: Path) -> None:
    whole: list[tuple[lightgbm.Booster, Rows]] = [
        (one_split(threshold, decision), AROUND) for threshold, decision in [(-ZERO, 8), (0.0, 2), (ZERO, 6), (-1.5, 4)]
    ]
    whole.append((by_category(1), np.concatenate([AROUND, np.array([[0.5], [1.5], [3], [1e30]], np.float32)])))
    targets = [tmp_path / f"{number}.so" for number in range(len(whole))]
    export([model for model, _ in whole], targets)
    for target, (model, rows) in zip(targets, whole, strict=True):
        require_same(target, rows, raw_margins(model, rows))


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**31),
    leaves=st.integers(2, 100),
    boosting=st.sampled_from(["gbdt", "rf", "dart"]),
    use_missing=st.booleans(),
)
def test_a_compiled_model_equals_its_booster_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, leaves: int, boosting: str, use_missing: bool
) -> None:
    shape: dict[str, Any] = {"num_leaves": leaves, "boosting": boosting, "bagging_fraction": 0.5, "bagging_freq": 1}
    model = lightgbm_booster(seed, first_category=1, use_missing=use_missing, **shape)
    target = tmp_path_factory.mktemp("compiled") / "model.so"
    export([model], [target])
    values = met(model, seed)
    require_same(target, values, raw_margins(model, values))


def test_where_one_model_is_refused_no_compiler_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr("training.export._start_compiler", lambda *files: started.append(files))
    with pytest.raises(ExportFailed, match="for category 0"):
        export([by_category(1), by_category(0)], [tmp_path / "sound.so", tmp_path / "refused.so"])
    assert started == []


def test_a_model_that_is_neither_forest_nor_compilable_is_not_written(tmp_path: Path) -> None:
    large = lightgbm_booster(5, num_leaves=100, min_data_in_leaf=1, zero_as_missing=True)
    with pytest.raises(ExportFailed, match="train without `zero_as_missing`, or grow trees of at most 64 leaves"):
        write_models(large, large, tmp_path)
