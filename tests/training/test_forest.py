"""A forest answers as its booster, whatever kind of split it has and whatever value it meets, and as treelite does."""

from typing import Any

import lightgbm
import numpy as np
import pytest
import treelite
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest
from rust_features import FactoredTrees, forest_margins
from training.export import ExportFailed, raw_margins
from training.forest import forest_of

Rows = NDArray[np.float32]


def rows(generator: np.random.Generator, count: int) -> Rows:
    """Two numbers, one with many zeros, and a category; some of each missing."""
    values = generator.normal(size=(count, 4)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1])
    values[:, 2] *= generator.random(count) < 0.5
    values[:, 3] = generator.integers(-1, 12, count)
    values[generator.random(values.shape) < 0.1] = np.nan
    return values


def booster(seed: int, **parameters: Any) -> lightgbm.Booster:
    generator = np.random.default_rng(seed)
    values = rows(generator, 1_500)
    known = np.nan_to_num(values)
    odds = known[:, 0] + (known[:, 2] == 0) - np.isnan(values[:, 1]) + (known[:, 3] % 3 == 1)
    labels = (odds + generator.normal(size=len(values)) > 0.5).astype(float)
    chosen = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(values, labels, categorical_feature=[3])
    return lightgbm.train(chosen | parameters, data, num_boost_round=8)


def margins(model: lightgbm.Booster, values: Rows) -> NDArray[np.float64]:
    forest = forest_of(model)
    assert forest is not None
    return np.array(forest_margins(forest.SerializeToString(), values.astype("<f4").tobytes()))


@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), leaves=st.integers(2, 64), depth=st.sampled_from([-1, 3]))
def test_a_forest_equals_its_booster_to_the_bit(missing: dict[str, bool], seed: int, leaves: int, depth: int) -> None:
    model = booster(seed, num_leaves=leaves, max_depth=depth, **missing)
    values = rows(np.random.default_rng(seed + 1), 400)
    values[:20] = (
        np.array([0.0, -0.0, 1e-36, -1e-36, np.inf, -np.inf, 3e38, 1e-34, 0.5, -0.5], np.float32)
        .repeat(8)
        .reshape(20, 4)
    )
    values[:20, 3] = np.arange(20) - 2.5
    assert np.array_equal(margins(model, values).view(np.int64), raw_margins(model, values).view(np.int64))


def test_a_forest_equals_treelites_own_interpreter() -> None:
    model = booster(3)
    values = rows(np.random.default_rng(4), 1_000)
    expected = treelite.gtil.predict(
        treelite.frontend.from_lightgbm(model), values.astype(np.float64), pred_margin=True
    )
    assert np.array_equal(margins(model, values), expected.reshape(-1))


def test_what_is_no_plain_sum_of_small_trees_is_no_forest() -> None:
    assert forest_of(booster(5, num_leaves=100, min_data_in_leaf=1)) is None
    averaged = booster(6, boosting="rf", bagging_fraction=0.5, bagging_freq=1)
    with pytest.raises(ExportFailed, match="averages"):
        forest_of(averaged)


def test_a_forest_that_is_none_and_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="forest: it is not a Forest"):
        forest_margins(b"\xff\xff", b"")
    whole = Forest(feature_count=2)
    with pytest.raises(ValueError, match="send a multiple of 8"):
        forest_margins(whole.SerializeToString(), b"1234")
    assert forest_margins(whole.SerializeToString(), b"") == []


def test_every_action_of_a_context_gets_the_margin_of_their_row() -> None:
    model = booster(3)
    whole = forest_of(model)
    assert whole is not None
    generator = np.random.default_rng(5)
    contexts, actions = rows(generator, 6)[:, :2], rows(generator, 4)[:, 2:]
    trees = FactoredTrees(whole.SerializeToString())
    assert trees.features == 4
    together = trees.margins(contexts.astype("<f4").tobytes(), actions.astype("<f4").tobytes(), 2)
    joined = np.concatenate([np.repeat(contexts, len(actions), axis=0), np.tile(actions, (len(contexts), 1))], axis=1)
    assert np.frombuffer(together).tolist() == margins(model, joined).tolist()
    with pytest.raises(ValueError, match="contexts: 4 bytes; send a multiple of 8"):
        trees.margins(b"1234", b"", 2)
    with pytest.raises(ValueError, match="actions: 12 bytes; send a multiple of 8"):
        trees.margins(b"", b"1234" * 3, 2)
    assert trees.margins(b"", b"", 2) == b""
