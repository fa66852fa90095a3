"""The study of 09_value_customers: enough history or not, the model that foretells best, what everybody is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.value import gamma_gamma
from workbench.analysis.value.baselines import learn_spend, line_of_spend, naive_spend, spread_around
from workbench.analysis.value.fitting import Fit
from workbench.analysis.value.history import (
    DAYS_A_WEEK,
    days_of_purchase,
    holdout,
    purchase_history,
    weekly_orders,
)
from workbench.analysis.value.judging import (
    by_decile,
    by_frequency,
    errors,
    gini,
    independence,
    rmse_difference,
    tracking,
)
from workbench.analysis.value.orders import ORDER_MODELS, expect, fit_orders, naive_orders
from workbench.analysis.value.worth import Terms, value_customers
from workbench.core.errors import DataError, Fault

__all__ = ["ValueStudy", "study_value"]

LEAST_REPEATERS = 30  # customers with a repeat purchase day
LEAST_CYCLES = 2  # median gaps between purchases that the calibration must span
HOLDOUT_SHARE = 1 / 3  # of the history, unless the profile says until when to calibrate
LEARNED = "learned"  # the model of regressions
EMPTY = ("customer_id", "expected_orders", "expected_value", "value_low", "value_high", "p_alive")


@dataclass(frozen=True)
class ValueStudy:
    """What was found about the worth of customers.

    Attributes
    ----------
    verdict : str
        valued, or too_little_data.
    reason : str
        few_repeaters, few_cycles, or empty.
    facts : dict
        customers, repeaters, span_days, gap_days_median, calibration_until, holdout_until (dates), horizon_days,
        horizon_set_by, currency terms (net_share, margin, margin_known).
    fits : dict of Fit
        Of the calibration period, by model of orders; ``gamma_gamma`` where spend could be fitted.
    chosen : str
        The model of orders used; the learner where it foretold spend better.
    reasons : dict
        Figures behind the choice.
    holdout : DataFrame
        One row per model: model, target (orders, spend), mae, rmse, correlation, bias, gini.
    values : DataFrame
        One row per customer, the table ``value``; empty when too little is known.
    tables : dict of DataFrame
        tracking, by_frequency, deciles, for charts.
    """

    verdict: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)
    chosen: str = ""
    reasons: dict[str, float] = field(default_factory=dict)
    holdout: pd.DataFrame = field(default_factory=pd.DataFrame)
    values: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(EMPTY)))
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def study_value(
    transactions: ir.Table,
    products: ir.Table | None,
    *,
    as_of: date,
    calibration_until: date | None = None,
    horizon_days: int | None = None,
    discount_rate: float = 0.1,
    n_draws: int = 200,
    level: float = 0.9,
    seed: int = 0,
    keep=lambda table: table,
) -> ValueStudy:
    """Fit, test on a later period, choose, and value every customer as of a date.

    Parameters
    ----------
    transactions : ibis.Table
        customer_id, ordered_at, amount; where known quantity, status, product_id.
    products : ibis.Table or None
        product_id, unit_cost: value becomes margin where the cost of most spend is known.
    as_of : date
        Only what came before it is read.
    calibration_until : date, optional
        Last day the tested models see; default: two thirds of the history.
    horizon_days : int, optional
        Days ahead; default: as long as the test period, at most a year.
    discount_rate : float
        A year.
    n_draws : int
        Draws behind the interval.
    level : float
        Of the interval.
    seed : int
    keep : callable
        Holds the table of purchase days in the engine, so that it is computed once.

    Returns
    -------
    ValueStudy

    Raises
    ------
    DataError
        ``calibration_until`` leaves nothing before or after it.
    """
    days = keep(days_of_purchase(transactions, before=as_of, products=products))
    whole = purchase_history(days, before=as_of)
    facts = _facts(whole, as_of)
    if whole.empty:
        return ValueStudy("too_little_data", "few_repeaters", facts)
    split = _split(whole, as_of, calibration_until)
    facts |= {"calibration_until": split - timedelta(days=1), "holdout_until": as_of - timedelta(days=1)}
    before = purchase_history(days, before=split)
    reason = _too_little(before, facts, split)
    if reason:
        return ValueStudy("too_little_data", reason, facts)
    facts |= _horizon(horizon_days, split, as_of) | _terms(days)
    terms = Terms(
        weeks=facts["horizon_days"] / DAYS_A_WEEK, discount_rate=discount_rate, net_share=facts["net_share"],
        margin=facts["margin"], level=level, draws=n_draws, seed=seed,
    )  # fmt: skip
    later = holdout(days, before, first=split, before=as_of)
    return _study(_Case(days, whole, before, later, split, as_of, terms), facts)


@dataclass(frozen=True)
class _Case:
    """What the models see (before), what they are asked (later), what they are used on (whole)."""

    days: ir.Table
    whole: pd.DataFrame
    before: pd.DataFrame
    later: pd.DataFrame
    split: date
    as_of: date
    terms: Terms

    @property
    def weeks(self) -> float:
        return (self.as_of - self.split).days / DAYS_A_WEEK


def _study(case: _Case, facts: dict[str, Any]) -> ValueStudy:
    before = case.before
    ordered, spent = (case.later[name].to_numpy(dtype=float) for name in ("orders", "spend"))
    fits = {model: fit_orders(model, before) for model in ORDER_MODELS}
    spend = _fit_spend(before)
    predicted = {model: expect(model, fit, before, weeks=case.weeks) for model, fit in fits.items()}
    predicted["naive"] = naive_orders(before, weeks=case.weeks)
    orders = _table_of_errors("orders", predicted, ordered)
    model = _choose(orders, fits)
    money = _predict_spend(case, {model: predicted[model]}, spend)
    table = pd.concat([orders, _table_of_errors("spend", money, spent)], ignore_index=True)
    chosen, reasons = _learner_wins(money, spent, model, case.terms.seed)
    tables = {
        "tracking": tracking(before, fits, weekly_orders(case.days, before, before=case.as_of)),
        "by_frequency": by_frequency(before["repeats"].to_numpy(), {name: predicted[name] for name in fits}, ordered),
        "deciles": by_decile(money[chosen], spent),
        "predictions": pd.DataFrame({"observed": spent, **money}),
    }
    reasons |= {f"independence_{key}": value for key, value in independence(before).items()}
    fits = fits | ({"gamma_gamma": spend} if spend else {})
    facts = facts | {"order_model": model}
    return ValueStudy("valued", "", facts, fits, chosen, reasons, table, _values(case, model, chosen, money), tables)


def _values(case: _Case, model: str, chosen: str, money: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Value everybody as of the date, with everything that is known by then."""
    values = value_customers(model, fit_orders(model, case.whole), _fit_spend(case.whole), case.whole, case.terms)
    if chosen != LEARNED:
        return values
    spent = case.later["spend"].to_numpy(dtype=float)
    learned = learn_spend(case.before, spent, case.whole, seed=case.terms.seed)
    scale = case.terms.weeks / case.weeks * case.terms.margin
    low, high = spread_around(learned, money[LEARNED], spent, level=case.terms.level)
    return values.assign(expected_value=learned * scale, value_low=low * scale, value_high=high * scale)


def _facts(whole: pd.DataFrame, as_of: date) -> dict[str, Any]:
    repeaters = whole[whole["repeats"] > 0]
    gaps = repeaters["last_weeks"] * DAYS_A_WEEK / repeaters["repeats"]
    span = int(whole["age_weeks"].max() * DAYS_A_WEEK) + 1 if len(whole) else 0
    return {
        "customers": len(whole),
        "repeaters": len(repeaters),
        "span_days": span,
        "gap_days_median": float(gaps.median()) if len(gaps) else float("nan"),
        "as_of": as_of,
    }


def _split(whole: pd.DataFrame, as_of: date, calibration_until: date | None) -> date:
    first = whole["first_on"].min().date()
    if calibration_until is None:
        return as_of - timedelta(days=int((as_of - first).days * HOLDOUT_SHARE))
    split = calibration_until + timedelta(days=1)
    if not first < split < as_of:
        found = f"calibration_until {calibration_until} leaves no purchase before it or no day after it"
        raise DataError(Fault("", found, f"A date between {first} and {as_of - timedelta(days=2)}"))
    return split


def _too_little(before: pd.DataFrame, facts: Mapping[str, Any], split: date) -> str:
    """Say what is lacking, or nothing: repeat customers, or a history of two repeat cycles."""
    if (before["repeats"] > 0).sum() < LEAST_REPEATERS:
        return "few_repeaters"
    span = (split - before["first_on"].min().date()).days
    return "few_cycles" if span < LEAST_CYCLES * facts["gap_days_median"] else ""


def _fit_spend(history: pd.DataFrame) -> Fit | None:
    """Fit Gamma-Gamma to repeat customers; None where there are too few, or the base would have no mean."""
    known = history[history["paid_repeats"] > 0]
    if len(known) < LEAST_REPEATERS or known["spend_repeat_mean"].nunique() < LEAST_REPEATERS // 2:
        return None
    fit = gamma_gamma.fit(known["paid_repeats"].to_numpy(float), known["spend_repeat_mean"].to_numpy(float))
    return fit if fit.converged and fit.parameters["q"] > 1 else None


def _table_of_errors(target: str, predicted: Mapping[str, np.ndarray], observed: np.ndarray) -> pd.DataFrame:
    rows = [
        {"model": model, "target": target, **errors(each, observed), "gini": gini(each, observed)}
        for model, each in predicted.items()
    ]
    return pd.DataFrame(rows)


def _choose(orders: pd.DataFrame, fits: Mapping[str, Fit]) -> str:
    """Choose the model of orders with the smallest squared error on the test period, of those that converged."""
    sound = [model for model, fit in fits.items() if fit.converged] or list(fits)
    ranked = orders[orders["model"].isin(sound)].sort_values(["rmse", "model"])
    return str(ranked["model"].iloc[0])


def _predict_spend(case: _Case, orders: Mapping[str, np.ndarray], spend: Fit | None) -> dict[str, np.ndarray]:
    """Predict the spend of the test period by the chosen model of orders and by every baseline."""
    before = case.before
    mean = float(before["spend_total"].sum() / (before["repeats"] + 1).sum())
    x, paid = before["paid_repeats"].to_numpy(float), before["spend_repeat_mean"].to_numpy(float)
    per_order = gamma_gamma.expected_spend(spend.parameters, x, paid) if spend else np.full(len(before), mean)
    found = {model: each * per_order for model, each in orders.items()}
    found["naive"] = naive_spend(before, weeks=case.weeks)
    earlier_split = case.split - (case.as_of - case.split)
    if earlier_split > before["first_on"].min().date():
        earlier = purchase_history(case.days, before=earlier_split)
        target = holdout(case.days, earlier, first=earlier_split, before=case.split)["spend"].to_numpy()
        found["line"] = line_of_spend(earlier, target, before)
        learned = learn_spend(earlier, target, before, seed=case.terms.seed)
        found |= {LEARNED: learned} if learned is not None else {}
    return found


def _learner_wins(
    money: Mapping[str, np.ndarray], observed: np.ndarray, model: str, seed: int
) -> tuple[str, dict[str, float]]:
    """Choose the learner only where its error is smaller by more than one standard error."""
    if LEARNED not in money:
        return model, {}
    difference, error = rmse_difference(money[LEARNED], money[model], observed, seed=seed)
    return (LEARNED if difference < -error else model), {"learned_rmse_less": difference, "learned_rmse_error": error}


def _horizon(given: int | None, split: date, as_of: date) -> dict[str, Any]:
    return {
        "horizon_days": given or min((as_of - split).days, 365),
        "horizon_set_by": "profile" if given else "test_period",
        "holdout_days": (as_of - split).days,
    }


def _terms(days: ir.Table) -> dict[str, Any]:
    """Return which part of what is paid on purchase days stays after later returns, and after the cost of goods."""
    sums = {"paid": days.net.sum(where=days.bought & (days.net > 0)), "net": days.net.sum()}
    if "cost" in days.columns:
        sums |= {"cost": days.cost.sum(), "costed": days.costed.sum()}
    found = {name: float(value or 0) for name, value in days.aggregate(**sums).to_pyarrow().to_pylist()[0].items()}
    known = found.get("costed", 0.0) / found["net"] if found["net"] > 0 else 0.0
    margin = 1 - found["cost"] / found["costed"] if known > 0.5 else 1.0
    net_share = min(max(found["net"] / found["paid"], 0.0), 1.0) if found["paid"] > 0 else 1.0
    return {"net_share": round(net_share, 9), "margin": round(margin, 9), "margin_known": known > 0.5}
