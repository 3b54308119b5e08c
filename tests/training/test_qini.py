"""The Qini coefficient against a case worked by hand, and the calibration figures against their definitions."""

import numpy as np
import pytest

from training.learners.calibration import calibration, log_loss, roc_auc
from training.learners.qini import perfect_curve, qini_coefficient, qini_curve

HAPPENED = np.array([True, False, True, False, True, False])
TREATED = np.array([True, True, False, True, False, False])
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_the_curve_of_six_rows_is_the_one_worked_by_hand() -> None:
    # After k rows: treated n_t, outcomes r_t; untreated n_c, outcomes r_c; r_t - r_c · n_t / n_c:
    # 1: 1, 1, 0, 0 -> 1;  2: 2, 1, 0, 0 -> 1;  3: 2, 1, 1, 1 -> -1;  4: 3, 1, 1, 1 -> -2;
    # 5: 3, 1, 2, 2 -> -2;  6: 3, 1, 3, 2 -> -1
    curve = qini_curve(HAPPENED, SCORES, TREATED)
    assert curve.rows.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert curve.incremental.tolist() == [0, 1, 1, -1, -2, -2, -1]
    assert curve.area == pytest.approx(0.5 + 1 + 0 - 1.5 - 2 - 1.5)


def test_the_coefficient_of_six_rows_is_the_one_worked_by_hand() -> None:
    # Perfect order: the treated with outcome (1 row), the three without outcome (2 treated, 1 not), the two untreated
    # with outcome. Points (1, 1), (4, 1), (6, 1 - 2 · 3/3 = -1): area .5 + 3 + 0 = 3.5; chord 6 · -1 / 2 = -3.
    assert perfect_curve(HAPPENED, TREATED).area == pytest.approx(3.5)
    assert qini_coefficient(HAPPENED, SCORES, TREATED) == pytest.approx((-3.5 + 3) / (3.5 + 3))


def test_equal_scores_count_as_one_step() -> None:
    curve = qini_curve(HAPPENED, np.ones(6), TREATED)
    assert curve.rows.tolist() == [0, 6]
    assert qini_coefficient(HAPPENED, np.ones(6), TREATED) == pytest.approx(0)


def test_the_perfect_order_scores_one() -> None:
    perfect = HAPPENED * (2.0 * TREATED - 1.0)
    assert qini_coefficient(HAPPENED, perfect, TREATED) == pytest.approx(1)


def test_one_arm_alone_has_no_coefficient() -> None:
    assert np.isnan(qini_coefficient(HAPPENED, SCORES, np.ones(6, dtype=bool)))


def test_auc_counts_pairs_in_order_and_ties_half() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    happened = np.array([False, False, True, True])
    assert roc_auc(scores, happened) == pytest.approx(3.5 / 4)


def test_calibration_error_is_the_mean_distance() -> None:
    probabilities = np.repeat([0.2, 0.6], 50)
    happened = np.concatenate([np.arange(50) % 5 < 2, np.arange(50) % 5 < 3])
    assert calibration(probabilities, happened).error == pytest.approx((0.2 + 0.0) / 2)
    sure = calibration(np.repeat([0.0, 1.0], 50), np.repeat([False, True], 50))
    assert sure.error == 0


def test_log_loss_of_a_fair_coin_is_ln_2() -> None:
    assert log_loss(np.full(4, 0.5), np.array([True, False, True, False])) == pytest.approx(np.log(2))
