"""Measures at their best and their worst value, against scikit-learn, and intervals that cover the truth."""

import numpy as np
import pytest
from sklearn import metrics

from workbench.analysis.churn.models import evaluation as ev

LABELS = np.array([0, 0, 1, 1, 0, 1, 0, 1])
PERFECT = LABELS.astype(float)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    chance = np.round(rng.beta(1, 3, 3000), 2)  # with ties
    return (rng.random(3000) < chance).astype(int), chance


@pytest.mark.parametrize(
    ("name", "best", "worst"),
    [("auc", 1, 0), ("brier", 0, 1), ("log_loss", 0, -np.log(1e-6)), ("lift_at_10pct", 2, 0)],
)
def test_each_measure_at_its_perfect_and_its_worst_value(name, best, worst):
    measure = ev.METRICS[name]
    assert measure(LABELS, PERFECT) == pytest.approx(best, abs=1e-5)
    assert measure(LABELS, 1 - PERFECT) == pytest.approx(worst, abs=1e-5)


def test_average_precision_at_its_perfect_value_its_worst_order_and_by_hand():
    assert ev.average_precision(LABELS, PERFECT) == 1
    assert ev.average_precision(LABELS, 1 - PERFECT) == 0.5
    # ranks 1 and 3 of 4: (1 + 2/3) / 2
    assert ev.average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx(5 / 6)


def test_all_equal_scores_are_chance():
    same = np.full(8, 0.5)
    assert ev.auc(LABELS, same) == 0.5
    assert ev.average_precision(LABELS, same) == 0.5
    assert ev.lift_at(LABELS, same) == pytest.approx(1)


def test_measures_equal_scikit_learn_with_ties_and_weights(drawn):
    labels, chance = drawn
    clipped = np.clip(chance, 1e-6, 1 - 1e-6)
    for weights in (None, np.random.default_rng(1).integers(0, 4, len(labels))):
        expected = {
            "auc": metrics.roc_auc_score(labels, chance, sample_weight=weights),
            "average_precision": metrics.average_precision_score(labels, chance, sample_weight=weights),
            "brier": metrics.brier_score_loss(labels, chance, sample_weight=weights),
            "log_loss": metrics.log_loss(labels, clipped, sample_weight=weights),
        }
        for name, value in expected.items():
            assert ev.METRICS[name](labels, chance, weights) == pytest.approx(value, rel=0, abs=1e-12), name


def test_auc_of_draws_equals_scikit_learn_with_ties_and_weights(drawn):
    labels, chance = drawn
    area = ev.auc_of_draws(labels, chance)
    rng = np.random.default_rng(4)
    for weights in (np.ones(len(labels)), rng.integers(0, 4, len(labels)), rng.random(len(labels))):
        expected = metrics.roc_auc_score(labels, chance, sample_weight=weights)
        assert area(weights) == pytest.approx(expected, rel=0, abs=1e-12)
    assert np.isnan(area(labels.astype(float)))


def test_weights_count_like_copies(drawn):
    labels, chance = drawn
    weights = np.random.default_rng(2).integers(0, 3, len(labels))
    copies = np.repeat(np.arange(len(labels)), weights)
    for measure in ev.METRICS.values():
        assert measure(labels, chance, weights) == pytest.approx(measure(labels[copies], chance[copies]))


def test_one_class_or_no_customers_have_no_value():
    for labels in (np.zeros(3), np.ones(3), np.zeros(0)):
        assert np.isnan(ev.auc(labels, np.arange(float(len(labels)))))
    assert np.isnan(ev.auc(LABELS, PERFECT, weights=PERFECT)) and np.isnan(
        ev.average_precision(np.zeros(3), np.ones(3))
    )
    assert np.isnan(ev.log_loss(np.zeros(0), np.zeros(0))) and np.isnan(ev.brier(LABELS, PERFECT, np.zeros(8)))
    assert np.isnan(ev.lift_at(np.zeros(3), np.arange(3.0)))
    assert np.isnan(ev.brier(np.zeros(0), np.zeros(0)))
    assert np.isnan(ev.auc_standard_error(0.5, 0, 5))


def test_standard_error_of_the_auc_at_chance_is_that_of_mann_whitney():
    # at one half the formula is exact: (P + N + 1) / (12 P N)
    assert ev.auc_standard_error(0.5, 51, 58) == pytest.approx(np.sqrt(110 / (12 * 51 * 58)))
    assert 0.03 < ev.auc_standard_error(0.893, 51, 58) < 0.035
    assert ev.auc_standard_error(1.0, 50, 50) == 0


def test_calibration_line_of_true_probabilities_is_the_diagonal(drawn):
    labels, chance = drawn
    slope, intercept = ev.calibration_line(labels, chance)
    assert slope == pytest.approx(1, abs=0.1) and intercept == pytest.approx(0, abs=0.15)
    extreme = 1 / (1 + np.exp(-2 * ev.logit(chance)))
    assert ev.calibration_line(labels, extreme)[0] == pytest.approx(slope / 2, abs=0.02)
    assert np.isnan(ev.calibration_line(np.ones(5), np.linspace(0.1, 0.9, 5))[0])
    assert np.isnan(ev.calibration_line(np.zeros(5), np.linspace(0.1, 0.9, 5))[0])
    assert np.isnan(ev.calibration_line(labels, np.full(len(labels), 0.3))[0])


def test_logistic_line_equals_an_unpenalised_regression_and_survives_separation():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    y = (rng.random(400) < 1 / (1 + np.exp(-(0.7 * x - 0.4)))).astype(int)
    fitted = LogisticRegression(C=np.inf, tol=1e-9).fit(x[:, None], y)
    slope, intercept = ev.logistic_line(x, y)
    assert (slope, intercept) == pytest.approx((fitted.coef_[0, 0], fitted.intercept_[0]), abs=1e-4)
    assert np.isfinite(ev.logistic_line(np.array([-1.0, 1]), np.array([0, 1]))).all()


def test_calibration_table_by_hand():
    table = ev.calibration_table([0, 1, 1, 1], [0.1, 0.3, 0.6, 0.8], bins=2)
    assert table["n"].tolist() == [2, 2]
    assert table["predicted"].tolist() == pytest.approx([0.2, 0.7])
    assert table["observed"].tolist() == [0.5, 1]
    assert (table["low"] <= table["observed"]).all() and table["high"].iloc[1] == 1


def test_calibration_table_has_ten_groups_and_keeps_equal_probabilities_together(drawn):
    labels, chance = drawn
    table = ev.calibration_table(labels, chance)
    assert len(table) == 10 and table["n"].sum() == 3000
    assert table["predicted"].is_monotonic_increasing
    assert len(ev.calibration_table(labels, np.full(3000, 0.2))) == 1
    assert ev.calibration_table([], []).empty


def test_gain_curve_of_a_perfect_and_a_random_score():
    curve = ev.gain_curve(LABELS, PERFECT, points=4)
    assert curve["share_reached"].tolist() == [0, 0.5, 1, 1, 1]
    assert curve["lift"].iloc[1] == 2 and np.isnan(curve["lift"].iloc[0])
    assert ev.gain_curve(LABELS, np.ones(8))["share_reached"].tolist() == pytest.approx(np.linspace(0, 1, 21).tolist())
    assert ev.gain_curve(np.zeros(4), np.arange(4.0)).empty
