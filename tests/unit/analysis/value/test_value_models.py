"""The models of value: published figures, limits, gradients, and simulations with a known answer."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from sklearn.metrics import roc_auc_score

from workbench.analysis.value.history import days_of_purchase, holdout, purchase_history
from workbench.analysis.value.judging import errors
from workbench.analysis.value.models import bg_nbd, gamma_gamma, pareto_nbd
from workbench.analysis.value.models.fitting import Levels
from workbench.analysis.value.orders import alive, collapse, draw_orders, expect, fit_orders, naive_orders

BG = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}  # Fader, Hardie & Lee (2005), Table 2
PARETO = {"r": 0.5533, "alpha": 10.578, "s": 0.6062, "beta": 11.669}
ONE = tuple(np.array([each]) for each in (2.0, 30.43, 38.86))  # the customer they print


@pytest.fixture(scope="module")
def cdnow(public_data):
    """(purchase days, calibration histories, the period after it) of the CDNOW sample."""
    path = public_data / "cdnow" / "CDNOW_sample.txt"
    names = ["master", "customer_id", "day", "quantity", "amount"]
    lines = pd.read_csv(path, sep=r"\s+", header=None, names=names, dtype={"customer_id": str, "day": str})
    lines["ordered_at"] = pd.to_datetime(lines["day"], format="%Y%m%d")
    table = ibis.memtable(lines[["customer_id", "ordered_at", "quantity", "amount"]])
    table = table.mutate(amount=table.amount.cast("decimal(18, 4)"))
    days = days_of_purchase(table, before=date(1998, 7, 1))
    before = purchase_history(days, before=date(1997, 10, 1))
    return days, before, holdout(days, before, first=date(1997, 10, 1), before=date(1998, 7, 1))


def test_cdnow_has_the_published_counts(cdnow):
    days, before, later = cdnow
    assert days.filter(days.bought).count().execute() == 6696
    assert (len(before), before["repeats"].sum(), (before["repeats"] > 0).sum()) == (2357, 2457, 946)
    assert later["orders"].sum() == 1882
    assert later["spend"].sum() == pytest.approx(70_976.39, abs=0.001)


def test_bg_nbd_of_cdnow_is_the_published_one(cdnow):
    _, before, later = cdnow
    fit = fit_orders("bgnbd", before)
    assert fit.converged
    assert fit.starts_agreeing == fit.starts == 3
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.05)
    assert fit.parameters == pytest.approx(BG, rel=0.005)
    assert all(0 < error < 1 for error in fit.standard_errors.values())
    judged = errors(expect("bgnbd", fit, before, weeks=39), later["orders"].to_numpy())
    assert judged["correlation"] == pytest.approx(0.626, abs=0.002)
    assert (judged["mae"], judged["rmse"]) == pytest.approx((0.7855, 1.608), abs=0.003)
    naive = errors(naive_orders(before, weeks=39), later["orders"].to_numpy())
    assert (naive["mae"], naive["rmse"]) == pytest.approx((1.024, 2.212), abs=0.003)


def test_pareto_nbd_of_cdnow_is_the_published_one(cdnow):
    _, before, later = cdnow
    fit = fit_orders("pareto", before)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-9594.98, abs=0.05)
    assert fit.parameters == pytest.approx(PARETO, rel=0.01)
    judged = errors(expect("pareto", fit, before, weeks=39), later["orders"].to_numpy())
    assert judged["correlation"] == pytest.approx(0.630, abs=0.002)
    assert (judged["mae"], judged["rmse"]) == pytest.approx((0.7545, 1.603), abs=0.003)


def test_gamma_gamma_of_cdnow_is_the_published_one(cdnow):
    known = cdnow[1][cdnow[1]["paid_repeats"] > 0]
    fit = gamma_gamma.fit(known["paid_repeats"].to_numpy(float), known["spend_repeat_mean"].to_numpy(float))
    assert len(known) == 946
    assert fit.log_likelihood == pytest.approx(-4055.92, abs=0.05)
    assert fit.parameters == pytest.approx({"p": 6.250, "q": 3.744, "v": 15.444}, rel=0.01)


def test_alive_by_bg_nbd_is_no_churn_risk_on_cdnow(cdnow):
    _, before, later = cdnow
    fit = fit_orders("bgnbd", before)
    stays = (later["orders"] > 0).to_numpy()
    ranked = {name: roc_auc_score(stays, score) for name, score in (
        ("alive", alive("bgnbd", fit, before)), ("expected", expect("bgnbd", fit, before, weeks=39)),
    )}  # fmt: skip
    assert ranked["alive"] == pytest.approx(0.316, abs=0.003)
    assert ranked["expected"] == pytest.approx(0.7725, abs=0.003)


def test_the_customer_in_print_is_alive_and_buys_as_printed():
    assert bg_nbd.alive_probability(BG, *ONE)[0] == pytest.approx(0.7266, abs=0.0005)
    assert bg_nbd.expected_orders(BG, *ONE, weeks=39)[0] == pytest.approx(1.226, abs=0.001)


def test_a_customer_without_a_repeat_is_alive_by_bg_nbd_and_perhaps_gone_by_pareto_nbd():
    never = tuple(np.array([each]) for each in (0.0, 0.0, 39.0))
    assert bg_nbd.alive_probability(BG, *never)[0] == 1
    assert 0.2 < pareto_nbd.alive_probability(PARETO, *never)[0] < 0.7


@pytest.mark.parametrize("x", [0, 1, 5])
def test_the_stable_form_of_the_expectation_is_the_one_in_print(x):
    r, alpha, a, b = BG.values()
    t_x, t, weeks = (30.0 if x else 0.0), 39.0, 26.0
    z = weeks / (alpha + t + weeks)
    share = 1 - ((alpha + t) / (alpha + t + weeks)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
    odds = a / (b + max(x, 1) - 1) * ((alpha + t) / (alpha + t_x)) ** (r + x) if x else 0.0
    printed = (a + b + x - 1) / (a - 1) * share / (1 + odds)
    result = bg_nbd.expected_orders(BG, *(np.array([float(each)]) for each in (x, t_x, t)), weeks=weeks)[0]
    assert result == pytest.approx(printed, rel=1e-10)


def test_hundreds_of_purchases_neither_overflow_nor_vanish():
    busy = tuple(np.array([each]) for each in (500.0, 51.9, 52.0))
    for module, parameters in ((bg_nbd, BG), (pareto_nbd, PARETO)):
        assert 0.99 < module.alive_probability(parameters, *busy)[0] <= 1
        assert 1 < module.expected_orders(parameters, *busy, weeks=52)[0] < 600
        assert np.isfinite(module.log_likelihood(parameters, *busy)[0])


@pytest.mark.parametrize(
    ("alpha", "beta", "x", "t_x"),
    [(10.0, 1e-4, 0, 0.0), (0.05, 30.0, 0, 0.0), (10.0, 0.01, 3, 0.2), (5.0, 8.0, 400, 50)],
)
def test_the_integral_of_pareto_nbd_holds_where_one_scale_dwarfs_the_other(alpha, beta, x, t_x):
    r, s, t, lowest = 0.6, 0.7, 78.0, min(alpha, beta)
    top = -(r + x) * np.log(alpha + t_x) - (s + 1) * np.log(beta + t_x)

    def integrand(y):
        u = np.exp(y) - lowest
        return np.exp(-(r + x) * np.log(alpha + u) - (s + 1) * np.log(beta + u) - top + y)

    ends = np.log(lowest + t_x), np.log(lowest + t)
    area = quad(integrand, *ends, epsabs=0, epsrel=1e-11, limit=500, points=[ends[0] + 1e-3, ends[0] + 0.1])[0]
    _, left, _ = pareto_nbd._terms(np.array([r, alpha, s, beta]), *(np.array([float(e)]) for e in (x, t_x, t)))
    assert left[0] == pytest.approx(np.log(s) + top + np.log(area), abs=1e-7)


def test_every_gradient_is_the_slope_of_its_likelihood():
    x, t_x, t = np.array([0.0, 1, 3, 30]), np.array([0.0, 5, 20, 38]), np.array([39.0, 20, 38.5, 39])
    levels, spend = [Levels.of(each) for each in (x, t_x, t)], np.array([10.0, 20, 35])
    cases = [
        (lambda v: bg_nbd._likelihood(v, *levels), [0.25, 4.4, 0.8, 2.4]),
        (lambda v: pareto_nbd._likelihood(v, x, t_x, t), [0.55, 10.5, 0.6, 11.6]),
        (lambda v: gamma_gamma._likelihood(v, Levels.of(x[1:]), spend), [6.2, 3.7, 15.4]),
    ]
    for likelihood, values in cases:
        at = np.array(values)
        _, gradient = likelihood(at)
        for index, value in enumerate(at):
            step = np.eye(len(at))[index] * value * 1e-5
            slope = (likelihood(at + step)[0].sum() - likelihood(at - step)[0].sum()) / (2 * value * 1e-5)
            assert gradient[index].sum() == pytest.approx(slope, rel=1e-5, abs=1e-7)


def simulate(model, parameters, *, customers=4000, weeks=52.0, seed=7):
    """Simulate purchases and departures by a model; return the histories."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(parameters["r"], 1 / parameters["alpha"], customers)
    age = np.round(rng.uniform(weeks / 2, weeks, customers) * 7) / 7
    rows = []
    for own, t in zip(rate, age, strict=True):
        stop = rng.beta(parameters["a"], parameters["b"]) if model == "bgnbd" else 0.0
        end = (
            t
            if model == "bgnbd"
            else min(t, rng.exponential(1 / max(rng.gamma(parameters["s"], 1 / parameters["beta"]), 1e-12)))
        )
        x, last, at = 0, 0.0, rng.exponential(1 / max(own, 1e-12))
        while at < end:
            x, last = x + 1, at
            if rng.random() < stop:
                break
            at += rng.exponential(1 / max(own, 1e-12))
        rows.append((x, last, t))
    return pd.DataFrame(rows, columns=["repeats", "last_weeks", "age_weeks"])


@pytest.mark.parametrize(
    ("model", "true"),
    [
        ("bgnbd", {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 3.0}),
        ("pareto", {"r": 0.8, "alpha": 6.0, "s": 0.7, "beta": 15.0}),
    ],
)
def test_a_simulated_base_gives_its_parameters_back_within_three_standard_errors(model, true):
    fit = fit_orders(model, simulate(model, true))
    assert fit.converged
    for name, value in true.items():
        assert abs(fit.parameters[name] - value) < 3 * fit.standard_errors[name], name


def test_counting_equal_customers_changes_nothing():
    history = simulate("bgnbd", {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 3.0}, customers=300)
    twice = pd.concat([history, history], ignore_index=True)
    assert len(collapse(twice)) == len(collapse(history))
    one, other = fit_orders("bgnbd", history), fit_orders("bgnbd", twice)
    assert other.log_likelihood == pytest.approx(2 * one.log_likelihood, abs=1e-3)
    assert other.parameters == pytest.approx(one.parameters, rel=1e-3)


@pytest.mark.parametrize("model", ["bgnbd", "pareto"])
def test_draws_have_the_expected_mean(model):
    history = pd.DataFrame({"repeats": [0, 2, 12], "last_weeks": [0.0, 20, 38], "age_weeks": [39.0, 39, 39]})
    fit = fit_orders(model, simulate(model, {**BG, **PARETO, "r": 0.6, "alpha": 6.0}, customers=1500))
    fixed = type(fit)(**{**vars(fit), "log_covariance": fit.log_covariance * 0})
    drawn = draw_orders(model, fixed, history, weeks=39, draws=40_000, rng=np.random.default_rng(3))
    expected = expect(model, fit, history, weeks=39)
    spread = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
    assert (np.abs(drawn.mean(axis=1) - expected) < 4 * spread + 1e-9).all()


def test_spend_of_a_customer_without_repeats_is_the_mean_of_the_base_and_more_orders_weigh_more():
    parameters = {"p": 6.25, "q": 3.744, "v": 15.444}
    mean = 6.25 * 15.444 / 2.744
    result = gamma_gamma.expected_spend(parameters, np.array([0.0, 1, 20]), np.array([np.nan, 100.0, 100.0]))
    assert result[0] == pytest.approx(mean)
    assert mean < result[1] < result[2] < 100


def test_gamma_gamma_finds_its_parameters_in_simulated_spend():
    rng = np.random.default_rng(5)
    x = rng.integers(1, 8, 6000)
    scale = rng.gamma(4.0, 1 / 20.0, 6000)
    spend = np.array([rng.gamma(5.0 * n) / (s * n) for n, s in zip(x, scale, strict=True)])
    fit = gamma_gamma.fit(x.astype(float), spend)
    for name, value in {"p": 5.0, "q": 4.0, "v": 20.0}.items():
        assert abs(fit.parameters[name] - value) < 3 * fit.standard_errors[name], name
