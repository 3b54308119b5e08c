"""A forest answers as its booster, whatever kind of split it has and whatever value it meets, and as treelite does."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cart_recovery.v1.forest_pb2 import Forest
from rust_features import FactoredTrees, forest_margins
from tests.training.forests import gtil_margins, lightgbm_booster, margins, met, rows, same_bits
from training.boosters.booster import forest_of, raw_margins
from training.boosters.errors import ExportFailed, NoForest

MISSING: list[dict[str, bool]] = [{}, {"zero_as_missing": True}, {"use_missing": False}]


@pytest.mark.parametrize("missing", MISSING)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), leaves=st.integers(2, 64), depth=st.sampled_from([-1, 3]))
def test_a_forest_equals_its_booster_to_the_bit(missing: dict[str, bool], seed: int, leaves: int, depth: int) -> None:
    model = lightgbm_booster(seed, num_leaves=leaves, max_depth=depth, **missing)
    values = met(model, seed)
    values[:40, 3] = np.arange(40) - 2.5
    values[40, :3], values[41, :3] = np.inf, -np.inf
    assert same_bits(margins(model, values), raw_margins(model, values))


@pytest.mark.parametrize("missing", MISSING)
@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), leaves=st.integers(2, 64), boosting=st.sampled_from(["gbdt", "rf", "dart"]))
def test_a_forest_equals_treelites_own_interpreter(
    missing: dict[str, bool], seed: int, leaves: int, boosting: str
) -> None:
    model = lightgbm_booster(
        seed, num_leaves=leaves, boosting=boosting, bagging_fraction=0.5, bagging_freq=1, **missing
    )
    values = met(model, seed)
    # What treelite forgets: a category between -1 and 0 is 0, and zero may be missing.
    values[values[:, 3] < 0, 3] = np.nan
    if "zero_as_missing" in missing:
        values[:, :3][~(np.abs(values[:, :3]) > 1e-34)] = 1
    assert np.array_equal(margins(model, values), gtil_margins(model, values))


def test_a_random_forest_is_the_mean_of_its_trees() -> None:
    model = lightgbm_booster(6, boosting="rf", bagging_fraction=0.5, bagging_freq=1)
    values = rows(np.random.default_rng(7), 1_000)
    expected = raw_margins(model, values)
    assert same_bits(margins(model, values), expected)
    assert np.allclose(1 / (1 + np.exp(-expected)), model.predict(values), rtol=1e-12)


def test_a_tree_too_large_for_a_forest_is_told() -> None:
    with pytest.raises(NoForest, match=r"tree 0 has \d+ leaves, of which it can have 64"):
        forest_of(lightgbm_booster(5, num_leaves=100, min_data_in_leaf=1))


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"objective": "poisson"}, "no log-odds: 'exponential'"),
        ({"sigmoid": 2.0}, "no log-odds: 'sigmoid' with slope 2"),
        ({"objective": "multiclass", "num_class": 2}, "has 2 outputs"),
        ({"linear_tree": True}, "treelite does not read this LightGBM model: .*linear_tree"),
    ],
)
def test_a_model_whose_margin_is_no_log_odds_is_refused(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(ExportFailed, match=told):
        forest_of(lightgbm_booster(5, **parameters))


def test_a_forest_that_is_none_and_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="forest: it is not a Forest"):
        forest_margins(b"\xff\xff", b"")
    whole = Forest(feature_count=2)
    with pytest.raises(ValueError, match="send a multiple of 8"):
        forest_margins(whole.SerializeToString(), b"1234")
    assert forest_margins(whole.SerializeToString(), b"") == []


def test_every_action_of_a_context_gets_the_margin_of_their_row() -> None:
    model = lightgbm_booster(3)
    whole = forest_of(model)
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
