"""Weights of rows: labels that are not known yet, and chances that were not equal."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from training.dataset import (
    FeatureNames,
    choice_weights,
    examples,
    golden_rows,
    label_ages,
    label_weights,
    mature,
    own_outcomes,
)

WINDOW_SECONDS = 48 * 3600
WINDOW = float(WINDOW_SECONDS)

NAMES = FeatureNames(context=["x"], action=["a"])


def rows(**columns: Sequence[object]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    defaults: dict[str, Sequence[object]] = {
        "x": [0.5] * count,
        "a": [0.0] * count,
        "recovered": [False] * count,
        "observed_seconds": [WINDOW] * count,
        "known_after_seconds": [WINDOW] * count,
        "propensity": [0.5] * count,
        "holdout": [False] * count,
        "action_id": ["none"] * count,
    }
    return pl.DataFrame(defaults | columns)


def test_matured_rows_weigh_one_where_all_are_matured() -> None:
    assert label_weights(rows(recovered=[True, False])).tolist() == [1.0, 1.0]


def test_young_rows_without_a_purchase_are_not_known_and_the_matured_make_up_for_them() -> None:
    half = WINDOW / 2
    weights = label_weights(rows(observed_seconds=[WINDOW, WINDOW, half, half]))
    assert weights.tolist() == [2.0, 2.0, 0.0, 0.0]


def test_censored_labels_give_the_true_rate_back() -> None:
    rng = np.random.default_rng(1)
    count = 200_000
    bought = rng.random(count) < 0.3
    bought_after = rng.exponential(WINDOW_SECONDS / 4, count)
    bought &= bought_after < WINDOW_SECONDS
    age = np.minimum(rng.uniform(0, 3 * WINDOW_SECONDS, count), WINDOW_SECONDS)
    ages = np.array(label_ages(WINDOW_SECONDS))
    known_after = ages[np.searchsorted(ages, bought_after.clip(max=WINDOW_SECONDS))].astype(float)
    seen = bought & (bought_after <= age)
    frame = rows(
        recovered=list(seen),
        observed_seconds=list(age),
        known_after_seconds=[seconds if known else WINDOW for seconds, known in zip(known_after, seen, strict=True)],
    )
    weights = label_weights(frame)
    assert np.average(seen, weights=weights) == pytest.approx(bought.mean(), abs=0.004)
    assert np.average(seen) < bought.mean() - 0.02, "taking young rows at their word would be wrong"


def test_models_are_tested_on_rows_whose_window_is_over() -> None:
    frame = rows(recovered=[True, True, False], observed_seconds=[WINDOW / 2, WINDOW, WINDOW])
    assert mature(frame, int(WINDOW))["recovered"].to_list() == [True, False]


def test_a_row_does_not_learn_the_outcome_of_another_decisions_message() -> None:
    frame = rows(
        decision_id=["a", "b", "c"],
        sent_by=["a", "a", None],
        action_id=["email", "none", "none"],
    )
    assert own_outcomes(frame)["decision_id"].to_list() == ["a", "c"]


def test_rows_without_a_choice_do_not_teach_the_effect() -> None:
    weights = choice_weights(rows(propensity=[1.0, 0.5, 0.25], action_id=["none", "none", "email"]))
    assert weights[0] == 0
    assert weights[2] == pytest.approx(2 * weights[1])


def test_the_holdout_teaches_like_other_carts_that_were_left_alone() -> None:
    frame = rows(propensity=[1.0, 0.2, 0.8], holdout=[True, False, False], action_id=["none", "none", "email"])
    weights = choice_weights(frame)
    assert weights[0] == pytest.approx(weights[1])


def test_examples_leave_out_what_is_not_known() -> None:
    frame = rows(x=[1.0, 2.0, 3.0], observed_seconds=[WINDOW, 60.0, WINDOW], recovered=[True, False, False])
    learned = examples(frame, NAMES)
    assert learned.context[:, 0].tolist() == [1.0, 3.0]
    assert learned.bought.tolist() == [True, False]
    assert learned.context.dtype == np.float32


def test_golden_rows_include_missing_values() -> None:
    frame = rows(x=[1.0] * 99 + [float("nan")], a=[0.0] * 100)
    golden = golden_rows(frame, NAMES, 20, seed=1)
    assert golden.shape[1] == 2 and len(golden) <= 20
    assert np.isnan(golden).any()
