"""A forest of an XGBoost or scikit-learn model answers as the package itself, to the bit, and as treelite does."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression

from tests.training.forests import Rows, gtil_margins, labels, margins, met, rows, same_bits
from training.boosters.booster import Booster, as_treelite, forest_of, gains, raw_margins
from training.boosters.errors import ExportFailed, NoForest
from training.bundle import write_models
from training.export import export, require_same


def boosted(seed: int, *, categories: bool = True, **parameters: Any) -> xgboost.Booster:
    generator = np.random.default_rng(seed)
    values = rows(generator, 1_500)
    # To XGBoost, a negative category is a fault.
    values[values[:, 3] < 0, 3] = np.nan
    types = ["float", "float", "float", "c" if categories else "float"]
    data = xgboost.DMatrix(values, labels(values, generator), feature_types=types, enable_categorical=True)
    chosen = {"objective": "binary:logistic", "max_depth": 5, "eta": 0.3, "nthread": 1, "seed": seed, "verbosity": 0}
    return xgboost.train(chosen | parameters, data, num_boost_round=8)


def fitted(kind: type, seed: int, *, gaps: bool = True, **parameters: Any) -> Any:
    generator = np.random.default_rng(seed)
    values = rows(generator, 800)
    known = labels(values, generator)
    return kind(random_state=seed, **parameters).fit(values if gaps else np.nan_to_num(values), known)


def require_same_answers(booster: Booster, values: Rows) -> None:
    expected = raw_margins(booster, values)
    assert same_bits(margins(booster, values), expected)
    assert np.array_equal(gtil_margins(booster, values), expected)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    objective=st.sampled_from(["binary:logistic", "binary:logitraw", "reg:squarederror", "reg:logistic"]),
    depth=st.integers(1, 6),
    method=st.sampled_from(["hist", "approx"]),
    kind=st.sampled_from(["gbtree", "dart"]),
    categories=st.booleans(),
)
def test_an_xgboost_forest_equals_its_booster(
    seed: int, objective: str, depth: int, method: str, kind: str, categories: bool
) -> None:
    dart = {"booster": "dart", "rate_drop": 0.3} if kind == "dart" else {}
    model = boosted(seed, categories=categories, objective=objective, max_depth=depth, tree_method=method, **dart)
    require_same_answers(model, met(model, seed))


@pytest.mark.parametrize("base_score", [None, 0.5, 0.3, 0.1])
def test_an_xgboost_forest_begins_with_the_base_score_as_the_booster_does(base_score: float | None) -> None:
    model = boosted(3, **({} if base_score is None else {"base_score": base_score}))
    require_same_answers(model, met(model, 3))
    # Where no tree says anything, only the sign of zero is left.
    still = boosted(3, base_score=0.5, min_child_weight=1e9)
    require_same_answers(still, met(still, 3))


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(
        [HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor, ExtraTreesRegressor]
    ),
    leaves=st.integers(2, 64),
)
def test_a_scikit_learn_forest_equals_its_estimator(seed: int, kind: type, leaves: int) -> None:
    size = {"max_iter": 8, "max_leaf_nodes": leaves} if "Hist" in kind.__name__ else {
        "n_estimators": 8, "max_leaf_nodes": leaves, "n_jobs": 2
    }  # fmt: skip
    model = fitted(kind, seed, **size)
    require_same_answers(model, met(model, seed))


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, GradientBoostingRegressor])
@pytest.mark.parametrize("init", [None, "zero"])
def test_gradient_boosting_equals_its_estimator_where_nothing_is_missing(kind: type, init: str | None) -> None:
    model = fitted(kind, 4, gaps=False, n_estimators=8, init=init)
    require_same_answers(model, met(model, 4, gaps=False))
    with pytest.raises(ExportFailed, match="does not answer these rows"):
        raw_margins(model, rows(np.random.default_rng(5), 50))


def test_trees_after_the_best_are_not_asked() -> None:
    generator = np.random.default_rng(8)
    values = rows(generator, 1_200)
    known = labels(values, generator)
    early = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, eta=0.8, max_depth=4, n_jobs=1)
    early.fit(values[:800], known[:800], eval_set=[(values[800:], known[800:])], verbose=False)
    assert len(forest_of(early).trees) - 1 == early.best_iteration + 1 < 200
    expected = np.asarray(early.predict(values, output_margin=True), dtype=np.float64)
    assert same_bits(margins(early, values), expected)
    stopped = fitted(GradientBoostingClassifier, 8, gaps=False, n_estimators=300, n_iter_no_change=2)
    assert len(stopped.estimators_) < 300
    require_same_answers(stopped, met(stopped, 8, gaps=False))


def test_a_tree_too_large_for_a_forest_is_compiled_in_double_precision_alone(tmp_path: Path) -> None:
    large = fitted(RandomForestRegressor, 9, n_estimators=4, n_jobs=2)
    small = fitted(HistGradientBoostingClassifier, 9, max_iter=8, max_leaf_nodes=20)
    reasons = write_models(large, small, tmp_path)
    assert [reason.partition(":")[0] for reason in reasons] == ["the baseline model is compiled, for it is no forest"]
    export([small], [tmp_path / "effect.so"])
    for name, model in (("baseline.so", large), ("effect.so", small), ("effect.forest", small)):
        values = met(model, 9)
        require_same(tmp_path / name, values, raw_margins(model, values))
    deep = boosted(9, max_depth=12)
    with pytest.raises(NoForest, match="leaves, of which it can have 64"):
        forest_of(deep)
    with pytest.raises(ExportFailed, match="Booster adds up in single precision"):
        write_models(deep, small, tmp_path / "deep")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: boosted(5, objective="multi:softprob", num_class=2), "has 2 outputs"),
        (lambda: boosted(5, objective="count:poisson"), "no log-odds: 'exponential'"),
        (lambda: boosted(5, categories=False, booster="gblinear"), "a linear booster of XGBoost"),
        (lambda: fitted(xgboost.XGBClassifier, 5, n_estimators=2, missing=0.0), "takes 0.0 for missing"),
        (lambda: fitted(RandomForestClassifier, 5, n_estimators=2), "answers probabilities, not log-odds"),
        (
            lambda: fitted(HistGradientBoostingClassifier, 5, max_iter=2, categorical_features=[3]),
            "HistGradientBoostingClassifier takes a category that it has not seen for missing",
        ),
        (lambda: fitted(HistGradientBoostingRegressor, 5, max_iter=2, loss="poisson"), "no log-odds: 'exponential'"),
        (lambda: fitted(LogisticRegression, 5, gaps=False), "treelite does not read this LogisticRegression"),
        (dict, "a dict of builtins is no model"),
    ],
)  # fmt: skip
def test_what_would_not_answer_alike_is_refused_with_the_reason(make: Any, told: str) -> None:
    with pytest.raises(ExportFailed, match=told):
        forest_of(make())


def test_models_in_scikit_learns_manner_are_those_of_their_package() -> None:
    for kind in (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, xgboost.XGBRegressor, xgboost.XGBRFClassifier):
        model = fitted(kind, 7, n_estimators=8, verbosity=-1 if kind.__module__.startswith("lightgbm") else 0)
        values = met(model, 7)
        assert same_bits(margins(model, values), raw_margins(model, values))


def test_gains_say_what_a_model_looks_at() -> None:
    for model in (boosted(6), fitted(HistGradientBoostingClassifier, 6, max_iter=4)):
        gained = gains(model)
        assert gained.shape == (as_treelite(model).num_feature,) and gained.argmax() == 0 and (gained > 0).all()
