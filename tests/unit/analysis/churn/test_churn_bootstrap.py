"""Intervals of all measures come from the same draws, and cover the truth at their nominal rate."""

import numpy as np
import pytest

from workbench.analysis.churn.models import bootstrap
from workbench.analysis.churn.models.bootstrap import MEASURES, bootstrap_measures
from workbench.analysis.churn.models.evaluation import METRICS, calibration_line


def drawn(seed, n):
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-rng.normal(-0.5, 1.2, n)))
    return (rng.random(n) < chance).astype(int), np.round(chance, 6)


def test_every_customer_once_gives_the_measures_themselves():
    labels, chance = drawn(0, 400)
    order = np.argsort(chance, kind="stable")
    values, starts = np.unique(chance[order], return_index=True)
    events = np.add.reduceat(labels[order], starts)[None, :].astype(float)
    others = np.add.reduceat(1 - labels[order], starts)[None, :].astype(float)
    measured = dict(zip(MEASURES, bootstrap._measure(events, others, values)[0], strict=True))
    for name, metric in METRICS.items():
        assert measured[name] == pytest.approx(metric(labels, chance), rel=0, abs=1e-12), name
    slope, intercept = calibration_line(labels, chance)
    assert (measured["calibration_slope"], measured["calibration_intercept"]) == pytest.approx(
        (slope, intercept), abs=1e-4
    )


def test_interval_of_the_brier_score_covers_the_truth_at_its_nominal_rate():
    truth = np.mean([METRICS["brier"](*drawn(seed, 2000)) for seed in range(1000, 1040)])
    covered = 0
    for seed in range(100):
        labels, chance = drawn(seed, 150)
        bounds = bootstrap_measures(labels, [(np.arange(150), chance)], n_bootstraps=100, seed=seed)
        covered += bounds.at["brier", "low"] <= truth <= bounds.at["brier", "high"]
    assert 86 <= covered <= 99


def test_groups_of_equal_scores_give_the_interval_of_single_customers(monkeypatch):
    labels, chance = drawn(3, 6000)
    fold = [(np.arange(6000), chance)]
    single = bootstrap_measures(labels, fold, n_bootstraps=200, seed=1)
    monkeypatch.setattr(bootstrap, "MOST_EXACT", 1000)
    grouped = bootstrap_measures(labels, fold, n_bootstraps=200, seed=1)
    assert np.abs(single - grouped).to_numpy().max() < 0.06
    assert np.abs(single - grouped).loc["auc"].max() < 0.004


def test_one_class_has_no_interval():
    bounds = bootstrap_measures(np.zeros(50), [(np.arange(50), np.linspace(0.1, 0.9, 50))], n_bootstraps=20)
    assert bounds.isna().all().all()
