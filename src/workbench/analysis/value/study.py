"""The value study of 09_value_customers: check the history, choose the best model, value all customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.features_at_cutoff import FeaturesAtCutoff
from workbench.analysis.value.definition import VALUE_COLUMNS, LearnedValue, ValueDefinition
from workbench.analysis.value.history import DAYS_A_WEEK, days_of_purchase, holdout, purchase_history, weekly_orders
from workbench.analysis.value.judging import (
    by_decile,
    by_frequency,
    coverage,
    independence,
    next_coverage,
    recency_by_frequency,
    spread_of_outcomes,
    tracking,
)
from workbench.analysis.value.learning import LEARNERS, Past
from workbench.analysis.value.next_purchase import expect_next, next_weeks
from workbench.analysis.value.orders import fit_orders
from workbench.analysis.value.survival import hazard_ratios, return_spells
from workbench.analysis.value.trial import LEAST_REPEATERS, Case, Tested, fit_spend, kept_shares, net_share, try_models
from workbench.analysis.value.worth import Terms, value_customers
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.value.models.fitting import Fit

__all__ = ["LEAST_CYCLES", "ValueStudy", "study_value"]

LEAST_CYCLES = 2  # fewest median gaps between purchases in the calibration period
HOLDOUT_SHARE = 1 / 3  # of the history, unless the profile sets the end of the calibration period
NEXT_COLUMNS = ("customer_id", "buy_probability", "next_purchase_at", "next_purchase_low", "next_purchase_high")


@dataclass(frozen=True)
class ValueStudy:
    """The result of the value study.

    Attributes
    ----------
    verdict : str
        valued, or too_little_data.
    reason : str
        Reason for too little data: few_repeaters, few_cycles; else empty.
    facts : dict
        customers, repeaters (of all purchases), calibration_customers, calibration_repeaters, span_days (of the
        calibration), gap_days_median, as_of, calibration_until, holdout_until (dates), holdout_days, horizon_days,
        horizon_set_by, net_share, margin, margin_known, order_model, choose_by, level.
    fits : dict of Fit
        Fits to the calibration period by order model; also ``gamma_gamma`` if spend could be fitted.
    definition : ValueDefinition or None
        Fitted to all data at the as-of date.
    reasons : dict
        Figures behind the choice, coverage of the intervals, and results of the independence check.
    holdout : DataFrame
        One row per model: model, target (orders, spend), mae, rmse, correlation, bias, gini, deviance.
    values, next_purchases : DataFrame
        One row per customer, the tables ``value`` and ``next_purchase``; empty with too little data.
    tables : dict of DataFrame
        tracking, by_frequency, deciles, predictions, matrix, spells, hazard_ratios, for charts.
    """

    verdict: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)
    definition: ValueDefinition | None = None
    reasons: dict[str, float] = field(default_factory=dict)
    holdout: pd.DataFrame = field(default_factory=pd.DataFrame)
    values: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(VALUE_COLUMNS)))
    next_purchases: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(NEXT_COLUMNS)))
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """The model in use: bgnbd, pareto, learned or two_part; empty with too little data."""
        return self.definition.chosen if self.definition else ""

    @property
    def learned(self) -> bool:
        """Whether the model in use is a learner."""
        return bool(self.definition and self.definition.learned)

    def part(self, name: str) -> pd.DataFrame:
        """Return one of the tables for charts, empty if absent."""
        return self.tables.get(name, pd.DataFrame())


def study_value(
    tables: Mapping[str, ir.Table],
    features: pd.DataFrame | None = None,
    *,
    as_of: date,
    features_at: FeaturesAtCutoff | None = None,
    profile: str = "",
    currency: str = "",
    calibration_until: date | str | None = None,
    horizon_days: int | None = None,
    discount_rate: float = 0.1,
    n_draws: int = 200,
    level: float = 0.9,
    seed: int = 0,
    learn_cut_offs: int = 2,
    choose_by: str = "deviance",
    keep: Callable[[ir.Table], ir.Table] = lambda table: table,
) -> ValueStudy:
    """Fit the models, test them on a later period, choose one, and value every customer as of a date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions with customer_id, ordered_at, amount, where known quantity, status, product_id; products with
        product_id, unit_cost (value is then margin, if the cost of most spend is known). Other tables are used for the
        features.
    features : DataFrame, optional
        Features as of ``as_of``, as inputs of the learner in addition to purchases.
    as_of : date
        Only data before it is used.
    features_at : FeaturesAtCutoff, optional
        Builds features at earlier cut-offs.
    profile, currency : str
        Written into the definition.
    calibration_until : date or ISO text, optional
        Last day of the calibration period; default: two thirds of the history.
    horizon_days : int, optional
        Horizon; default: the length of the test period, at most a year.
    discount_rate : float
        Rate per year.
    n_draws : int
        Simulations for the intervals.
    level : float
        Level of the intervals.
    seed : int
    learn_cut_offs : int
        Number of training cut-offs of the learners, half a horizon apart; 0: no learner.
    choose_by : str
        One of ``judging.CRITERIA``. A learner is chosen only if it is better on it in the test period by more than a
        standard error.
    keep : callable
        Stores the table of purchase days in the database engine, so that it is computed only once.

    Returns
    -------
    ValueStudy

    Raises
    ------
    DataError
        When no data lies before or after ``calibration_until``.
    """
    days = keep(days_of_purchase(tables["transactions"], before=as_of, products=tables.get("products")))
    history = purchase_history(days, before=as_of)
    facts = _facts(history, as_of)
    if history.empty:
        return ValueStudy("too_little_data", "few_repeaters", facts)
    split = _split(history, as_of, calibration_until)
    before = purchase_history(days, before=split)
    facts |= _period_facts(before, split, as_of)
    reason = _too_little(facts)
    if reason:
        return ValueStudy("too_little_data", reason, facts, tables={"spells": return_spells(history)})
    facts |= _horizon(horizon_days, split, as_of) | kept_shares(days) | {"level": level}
    terms = Terms(
        weeks=facts["horizon_days"] / DAYS_A_WEEK, discount_rate=discount_rate, net_share=facts["net_share"],
        margin=facts["margin"], level=level, draws=n_draws, seed=seed,
    )  # fmt: skip
    later = holdout(days, before, first=split, before=as_of)
    past = Past(
        days,
        as_of,
        features if features is not None and len(features) else None,
        tables,
        features_at or FeaturesAtCutoff(),
    )
    case = Case(days, history, before, later, split, as_of, terms, past, learn_cut_offs, choose_by)
    return _study(case, facts, profile, currency)


def _study(case: Case, facts: dict[str, Any], profile: str, currency: str) -> ValueStudy:
    tested = try_models(case)
    facts = facts | {"order_model": tested.order_model, "choose_by": case.choose_by}
    definition = _define(case, tested, profile, currency)
    fits = tested.fits | ({"gamma_gamma": tested.spend.fit} if tested.spend.fit else {})
    values = definition.value(case.whole, case.past.features)
    next_purchases = expect_next(
        tested.order_model, definition.orders, case.whole, as_of=case.as_of, weeks=case.terms.weeks
    )
    reasons = tested.reasons | _intervals_held(case, tested)
    return ValueStudy(
        "valued",
        "",
        facts,
        fits,
        definition,
        reasons,
        tested.errors,
        values,
        next_purchases,
        _tables(case, tested, values),
    )


def _define(case: Case, tested: Tested, profile: str, currency: str) -> ValueDefinition:
    """Fit the chosen model to all data before the as-of date."""
    learned = None
    if tested.chosen in LEARNERS:
        model = case.learn(case.as_of).get(tested.chosen)
        bounds = _bounds_learned(case, tested)
        learned = LearnedValue(tested.chosen, model, case.window_days / DAYS_A_WEEK, *bounds) if model else None
    of_orders = tested.errors[(tested.errors["target"] == "orders") & (tested.errors["model"] == tested.order_model)]
    of_spend = tested.errors[(tested.errors["target"] == "spend") & (tested.errors["model"] == tested.chosen)]
    evidence: dict[str, Any] = {
        f"{target}_{name}": round(float(rows[name].iloc[0]), 9) if np.isfinite(rows[name].iloc[0]) else None
        for target, rows in (("orders", of_orders), ("spend", of_spend)) for name in ("mae", "rmse", "correlation")
    }  # fmt: skip
    evidence |= {"calibration_until": (case.split - timedelta(days=1)).isoformat(), "customers": len(case.before)}
    return ValueDefinition(
        profile=profile, as_of=case.as_of.isoformat(), order_model=tested.order_model,
        orders=fit_orders(tested.order_model, case.whole), spend=fit_spend(case.whole), terms=case.terms,
        currency=currency, learned=learned, evidence=evidence,
    )  # fmt: skip


def _bounds_learned(case: Case, tested: Tested) -> tuple[tuple[float, ...], ...]:
    """Return limits and quantiles of spend by predicted spend, in a part of the test period as long as in training."""
    ratio = case.window_days / (case.as_of - case.split).days
    spent = case.past.outcome(case.split, window_days=case.window_days)
    return spread_of_outcomes(tested.money[tested.chosen] * ratio, spent, level=case.terms.level)


def _intervals_held(case: Case, tested: Tested) -> dict[str, float]:
    """Measure the coverage of the intervals in the test period, and check independence."""
    terms = replace(case.terms, weeks=case.weeks, discount_rate=0.0, margin=1.0, net_share=net_share(case))
    fit = tested.fits[tested.order_model]
    if tested.chosen in LEARNERS:
        share_inside = _coverage_learned(case, tested)
    else:
        intervals = value_customers(tested.order_model, fit, tested.spend, case.before, terms)
        share_inside = coverage(intervals["value_low"], intervals["value_high"], case.later["spend"])
    dates = next_weeks(tested.order_model, fit, case.before, weeks=case.weeks)
    results = {"interval_coverage": share_inside, **next_coverage(dates, case.later["next_days"])}
    return results | {f"independence_{key}": value for key, value in independence(case.before).items()}


def _coverage_learned(case: Case, tested: Tested) -> float:
    """Measure the coverage of limits from one half of the customers on the other half, in both directions."""
    predicted, spent = tested.money[tested.chosen], case.later["spend"].to_numpy(dtype=float)
    half = np.random.default_rng(case.terms.seed).permutation(len(spent)) % 2 == 0
    inside = np.zeros(len(spent))
    for fitted, tested_half in ((half, ~half), (~half, half)):
        edges, low, high = spread_of_outcomes(predicted[fitted], spent[fitted], level=case.terms.level)
        group = np.searchsorted(np.array(edges), predicted[tested_half], side="right")
        lows, highs = pd.Series(np.array(low)[group]), pd.Series(np.array(high)[group])
        inside[tested_half] = coverage(lows, highs, pd.Series(spent[tested_half]))
    return float(inside.mean())


def _tables(case: Case, tested: Tested, values: pd.DataFrame) -> dict[str, pd.DataFrame]:
    before, fits = case.before, tested.fits
    ordered, spent = (case.later[name].to_numpy(dtype=float) for name in ("orders", "spend"))
    predicted = {name: tested.orders[name] for name in (*fits, "naive")}
    model = tested.order_model
    return {
        "tracking": tracking(before, fits, weekly_orders(case.days, before, before=case.as_of)).assign(
            calibration_weeks=(case.split - before["first_on"].min().date()).days / DAYS_A_WEEK, chosen=model
        ),
        "by_frequency": by_frequency(before["repeats"].to_numpy(), predicted, ordered).assign(chosen=model),
        "deciles": by_decile(tested.money, spent, by=tested.chosen),
        "predictions": pd.DataFrame({"observed": spent, "chosen": tested.money[tested.chosen], **tested.money}),
        "matrix": recency_by_frequency(case.whole, values),
        "spells": return_spells(case.whole),
        "hazard_ratios": hazard_ratios(before, case.later, days=(case.as_of - case.split).days),
    }


def _facts(history: pd.DataFrame, as_of: date) -> dict[str, Any]:
    repeaters = history[history["repeats"] > 0]
    return {"customers": len(history), "repeaters": len(repeaters), "as_of": as_of}


def _period_facts(before: pd.DataFrame, split: date, as_of: date) -> dict[str, Any]:
    repeaters = before[before["repeats"] > 0]
    gaps = repeaters["last_weeks"] * DAYS_A_WEEK / repeaters["repeats"]
    return {
        "calibration_customers": len(before),
        "calibration_repeaters": len(repeaters),
        "span_days": (split - before["first_on"].min().date()).days,
        "gap_days_median": float(gaps.median()) if len(gaps) else float("nan"),
        "calibration_until": split - timedelta(days=1),
        "holdout_until": as_of - timedelta(days=1),
    }


def _split(history: pd.DataFrame, as_of: date, calibration_until: date | str | None) -> date:
    first = history["first_on"].min().date()
    if calibration_until is None:
        return as_of - timedelta(days=int((as_of - first).days * HOLDOUT_SHARE))
    split = date.fromisoformat(str(calibration_until)) + timedelta(days=1)
    if not first < split < as_of:
        problem = f"calibration_until {calibration_until} leaves no purchase before it or no day after it"
        raise DataError(Fault("", problem, f"A date between {first} and {as_of - timedelta(days=2)}"))
    return split


def _too_little(facts: Mapping[str, Any]) -> str:
    """Return what is missing: repeat customers (few_repeaters), two repeat cycles of history (few_cycles), or ""."""
    if facts["calibration_repeaters"] < LEAST_REPEATERS:
        return "few_repeaters"
    return "few_cycles" if facts["span_days"] < LEAST_CYCLES * facts["gap_days_median"] else ""


def _horizon(requested: int | None, split: date, as_of: date) -> dict[str, Any]:
    return {
        "horizon_days": requested or min((as_of - split).days, 365),
        "horizon_set_by": "profile" if requested else "test_period",
        "holdout_days": (as_of - split).days,
    }
