"""XGBoost's boosters: all in single precision, from thresholds to sums."""

import json
import math
from typing import Any, Never

import numpy as np
import treelite
import xgboost
from numpy.typing import NDArray

from cart_recovery.v1.forest_pb2 import Forest
from training.boosters import grown
from training.boosters.errors import ExportFailed


def raw_margins(booster: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """By XGBoost itself; every margin is an f32."""
    return _margins(_booster(booster), rows).astype(np.float64)


def as_treelite(booster: Any) -> treelite.Model:
    """As treelite reads it, but for the base score: treelite turns a probability into log-odds in double precision."""
    own = _booster(booster)
    if json.loads(own.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        raise ExportFailed("a linear booster of XGBoost has no trees; train with `gbtree` or `dart`")
    try:
        model = treelite.frontend.from_xgboost(own)
    except treelite.TreeliteError as error:
        raise ExportFailed(f"treelite does not read this XGBoost model: {error}") from error
    header = model.get_header_accessor()
    if len(header.get_field("base_scores")) == 1:
        header.set_field("base_scores", np.array([_base_margin(own)]))
    return grown.margin_model(model)


def compilable(booster: Any) -> Never:
    """None is."""
    raise ExportFailed(
        f"a {type(booster).__name__} adds up in single precision, which compiled code does not; {grown.SMALLER_TREES}"
    )


def forest_of(booster: Any) -> Forest:
    """Through treelite."""
    return grown.forest_of(as_treelite(booster))


def _booster(booster: Any) -> xgboost.Booster:
    """With the trees that its own `predict` asks."""
    if isinstance(booster, xgboost.Booster):
        return booster
    if not math.isnan(booster.missing):
        raise ExportFailed(f"the model takes {booster.missing} for missing, where features have NaN; train with NaN")
    whole: xgboost.Booster = booster.get_booster()
    best = whole.attr("best_iteration")
    return whole if best is None else whole[: int(best) + 1]


def _margins(booster: xgboost.Booster, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    named = xgboost.DMatrix(rows, feature_names=booster.feature_names, feature_types=booster.feature_types, nthread=1)
    return np.asarray(booster.predict(named, output_margin=True), dtype=np.float32)


def _base_margin(booster: xgboost.Booster) -> float:
    """What a booster of the same base score answers where it has no trees."""
    learner = json.loads(booster.save_config())["learner"]
    # Newer versions write a list of one for each output.
    score = learner["learner_model_param"]["base_score"].strip("[]")
    row = np.zeros((1, booster.num_features()), np.float32)
    parameters = {"objective": learner["objective"]["name"], "base_score": score, "nthread": 1}
    bare = xgboost.train(parameters, xgboost.DMatrix(row, np.zeros(1)), num_boost_round=0)
    return float(_margins(bare, row)[0])
