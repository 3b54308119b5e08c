"""LightGBM's boosters, rows that meet a model where packages differ, and the margins of its forest."""

from typing import Any

import lightgbm
import numpy as np
import treelite
from numpy.typing import NDArray

from rust_features import forest_margins
from training.boosters.booster import Booster, as_treelite, forest_of

Rows = NDArray[np.float32]
Margins = NDArray[np.float64]
_EDGES = np.array(
    [0.0, -0.0, 1e-35, -1e-35, 1e-36, -1e-36, 1e-34, -1e-34, 0.5, -0.5, 2.5, -1.5, 1e9, 1e30, -1e30, 3e38],
    np.float32,
)


def rows(generator: np.random.Generator, count: int) -> Rows:
    """Two numbers, one with many zeros, and a category; some of each missing."""
    values = generator.normal(size=(count, 4)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1])
    values[:, 2] *= generator.random(count) < 0.5
    values[:, 3] = generator.integers(-1, 12, count)
    values[generator.random(values.shape) < 0.1] = np.nan
    return values


def labels(values: Rows, generator: np.random.Generator) -> Margins:
    """0 or 1 for each row, by all of its features and by chance."""
    known = np.nan_to_num(values)
    odds = known[:, 0] + (known[:, 2] == 0) - np.isnan(values[:, 1]) + (known[:, 3] % 3 == 1)
    return (odds + generator.normal(size=len(values)) > 0.5).astype(float)


def lightgbm_booster(seed: int, first_category: int = 0, **parameters: Any) -> lightgbm.Booster:
    """Of eight trees; what is below the first category is missing."""
    generator = np.random.default_rng(seed)
    values = rows(generator, 1_500)
    values[values[:, 3] < first_category, 3] = np.nan
    chosen = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(values, labels(values, generator), categorical_feature=[3])
    return lightgbm.train(chosen | parameters, data, num_boost_round=8)


def on_thresholds(booster: Booster, generator: np.random.Generator, count: int) -> Rows:
    """Every value is a threshold of its feature as an f32, or the next f32 above or below."""
    model = as_treelite(booster)
    values = np.zeros((count, model.num_feature), np.float32)
    trees = [model.get_tree_accessor(number) for number in range(model.num_tree)]
    features = np.concatenate([tree.get_field("split_index") for tree in trees])
    thresholds = np.concatenate([tree.get_field("threshold") for tree in trees]).astype(np.float32)
    for feature in set(features[features >= 0].tolist()):
        near = thresholds[features == feature]
        near = near[np.isfinite(near)]
        beside = [np.nextafter(near, np.float32(side)) for side in (-np.inf, np.inf)]
        values[:, feature] = generator.choice(np.concatenate([near, *beside, np.zeros(1, np.float32)]), count)
    return values


def met(booster: Booster, seed: int, *, gaps: bool = True) -> Rows:
    """Rows like those learned from, rows on thresholds, and the edges of the number line."""
    generator = np.random.default_rng(seed + 1)
    values = np.concatenate(
        [rows(generator, 200), on_thresholds(booster, generator, 300), generator.choice(_EDGES, (40, 4))]
    )
    return values if gaps else np.nan_to_num(values)


def margins(booster: Booster, values: Rows) -> Margins:
    """By the engine's evaluator of forests."""
    return np.array(forest_margins(forest_of(booster).SerializeToString(), values.astype("<f4").tobytes()))


def gtil_margins(booster: Booster, values: Rows) -> Margins:
    """By treelite's own interpreter."""
    model = as_treelite(booster)
    answers = treelite.gtil.predict(model, values.astype(model.input_type), nthread=1, pred_margin=True)
    return np.asarray(answers, dtype=np.float64).reshape(-1)


def same_bits(one: Margins, other: Margins) -> bool:
    """Whether all margins are the same to the bit."""
    return np.array_equal(one.view(np.int64), other.view(np.int64))
