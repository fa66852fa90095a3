"""Who counts as lost, from when, and over which horizon? Labels for 08_predict_churn.

A customer churns at a cut-off when no purchase falls into [cut_off, cut_off + horizon). The horizon comes from
the usual gaps between purchases; cut-offs, one horizon apart, give the training, calibration and test periods.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.purchases import purchase_days
from workbench.core.errors import DataError, Fault

__all__ = [
    "CutOffs",
    "Horizon",
    "Labels",
    "active_customers",
    "choose_horizon",
    "label_purchases",
    "plan_cut_offs",
]

RHYTHM = 0.9  # quantile of the gaps between purchase days that sets the horizon
LEAST_DAYS = 28  # shortest horizon
WEEK = 7  # days
PERIODS = 4  # fewest horizons in the data: history, train, calibrate, test
TRAIN_CUT_OFFS = 3  # training cut-offs if the history is long enough
ACTIVE_HORIZONS = 2  # a customer counts as active within this many horizons of the last purchase


@dataclass(frozen=True)
class Horizon:
    """The prediction horizon and how it was set.

    Attributes
    ----------
    days : int
    quantile_days : int or None
        The .9 quantile of the gaps; None where the horizon was given.
    gaps : int
        Number of gaps behind the quantile.
    set_by : str
        rhythm (quantile of the gaps), least (four weeks), span (a quarter of the data) or profile (given).
    """

    days: int
    quantile_days: int | None
    gaps: int
    set_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return the horizon as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class CutOffs:
    """Dates one horizon apart; the periods [cut-off, cut-off + horizon) do not overlap.

    Attributes
    ----------
    trains : tuple of datetime.date
        Training cut-offs in time order, at least one.
    calibrate, test : datetime.date
    horizon_days : int
    ends : datetime.date
        The day after the last day used by labels; at most the as-of date.
    """

    trains: tuple[date, ...]
    calibrate: date
    test: date
    horizon_days: int
    ends: date

    @property
    def train(self) -> date:
        """The latest training cut-off."""
        return self.trains[-1]

    @property
    def periods(self) -> dict[str, date]:
        """The latest cut-off of each role, in time order."""
        return {"train": self.train, "calibrate": self.calibrate, "test": self.test}

    @property
    def origins(self) -> tuple[tuple[str, date], ...]:
        """Every cut-off with its role (train, calibrate, test), in time order."""
        return (*(("train", cut_off) for cut_off in self.trains), ("calibrate", self.calibrate), ("test", self.test))


@dataclass(frozen=True)
class Labels:
    """Labels at one cut-off.

    Attributes
    ----------
    frame : pandas.DataFrame
        customer_id, label (1 = no purchase in the period); one row per eligible customer, sorted.
    cut_off : datetime.date
    horizon_days, active_within_days : int
    counts : dict of int
        eligible, churned, inactive (last purchase too long ago), too_new (first purchase within the period).
    """

    frame: pd.DataFrame
    cut_off: date
    horizon_days: int
    active_within_days: int
    counts: dict[str, int]


def choose_horizon(gaps: pd.DataFrame, *, span_days: int, given_days: int | None = None) -> Horizon:
    """Choose the prediction horizon from the gaps between purchases.

    Parameters
    ----------
    gaps : pandas.DataFrame
        gap_days (days, >= 1), gaps_of_customer, gaps, from ``purchases.count_gaps``.
    span_days : int
        Days from the first purchase to the end of the data.
    given_days : int, optional
        A horizon from the profile; checked against the span, otherwise used unchanged.

    Returns
    -------
    Horizon
        The .9 quantile of the gaps, each repeat customer with equal weight, rounded up to whole weeks; at least four
        weeks, at most a quarter of the span. Gaps still open at the end of the data are not counted, which biases
        the horizon downwards.

    Raises
    ------
    DataError
        When the data is too short for four periods, or no customer bought on two days.
    """
    longest = span_days // PERIODS
    if given_days is not None:
        _check_span(span_days, given_days)
        return Horizon(int(given_days), None, int(gaps["gaps"].sum()) if len(gaps) else 0, "profile")
    _check_span(span_days, LEAST_DAYS)
    if gaps.empty:
        raise DataError(
            Fault(
                "transactions", "no customer bought on two days", "repeat purchases", "Set horizon_days in the profile."
            )
        )
    quantile = _weighted_quantile(gaps)
    days = max(LEAST_DAYS, math.ceil(quantile / WEEK) * WEEK)
    max_days = longest // WEEK * WEEK
    set_by = "span" if days > max_days else ("least" if quantile < LEAST_DAYS - WEEK + 1 else "rhythm")
    return Horizon(min(days, max_days), quantile, int(gaps["gaps"].sum()), set_by)


def plan_cut_offs(
    first: date,
    as_of: date,
    horizon_days: int,
    *,
    last: date | None = None,
    train_cut_offs: int = TRAIN_CUT_OFFS,
) -> CutOffs:
    """Plan the training, calibration and test cut-offs so that every label is mature.

    Parameters
    ----------
    first : datetime.date
        Day of the first purchase.
    as_of : datetime.date
        The run's date; no data at or after it is used.
    horizon_days : int
    last : datetime.date, optional
        Day of the last purchase; the data is taken to end the day after it, since a period without any purchases would
        label every customer as churned.
    train_cut_offs : int
        Training cut-offs, >= 1; fewer if less than one horizon of history would precede the earliest one.

    Returns
    -------
    CutOffs
        The test period ends with the data; the other periods are one, two and more horizons earlier.

    Raises
    ------
    DataError
        When less than one horizon of history precedes the only training cut-off.
    """
    ends = as_of if last is None else min(as_of, last + timedelta(days=1))
    _check_span((ends - first).days, horizon_days)
    step = timedelta(days=horizon_days)
    max_trains = (ends - first).days // horizon_days - PERIODS + 1
    trains = tuple(ends - steps_back * step for steps_back in range(2 + min(train_cut_offs, max_trains), 2, -1))
    return CutOffs(trains, ends - 2 * step, ends - step, horizon_days, ends)


def label_purchases(
    transactions: ibis.Table,
    cut_off: date,
    horizon_days: int,
    *,
    as_of: date,
    active_within_days: int | None = None,
    partial_below: float = 0.0,
) -> Labels:
    """Label the customers active at a cut-off by whether they bought in the following period.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines: customer_id, ordered_at, amount and, where known, order_id.
    cut_off : datetime.date
        Features use data before its midnight.
    horizon_days : int
        Length of the period, > 0.
    as_of : datetime.date
        End of the data; the period must end by then.
    active_within_days : int, optional
        Customers are eligible when their last purchase lies within so many days before the cut-off; default: two
        horizons.
    partial_below : float
        Partial churn (Buckinx & Van den Poel 2005): a customer counts as churned when the purchase days in the period
        are fewer than this share of those in the same number of days before the cut-off; 0: only when there are none.

    Returns
    -------
    Labels
        label 1 for no purchase in [cut_off, cut_off + horizon_days) (or too few), else 0.

    Raises
    ------
    DataError
        When the period is not over at ``as_of``: the labels would be immature.
    """
    ends = cut_off + timedelta(days=horizon_days)
    if ends > as_of:
        latest = as_of - timedelta(days=horizon_days)
        problem = f"the {horizon_days} days after cut-off {cut_off} end on {ends}, after the as-of date {as_of}"
        raise DataError(
            Fault("churn labels", problem, "a period that is over", f"Use a cut-off on or before {latest}.")
        )
    active_days = active_within_days or ACTIVE_HORIZONS * horizon_days
    days = purchase_days(transactions, as_of=ends)
    cut, day = ibis.literal(cut_off), days.purchased_on
    window_start = ibis.literal(cut_off - timedelta(days=horizon_days))
    history = days.group_by("customer_id").agg(
        last_on=day.max(where=day < cut), after=(day >= cut).sum(), before=((day >= window_start) & (day < cut)).sum()
    )
    active_since = ibis.literal(cut_off - timedelta(days=active_days))
    state = history.mutate(
        state=ibis.cases(
            (history.last_on.isnull(), "too_new"), (history.last_on < active_since, "inactive"), else_="eligible"
        )
    )
    labelled = state.select("customer_id", "state", label=_churned(state, partial_below)).order_by("customer_id")
    everybody = labelled.to_pandas()  # one pass over the order lines for labels and counts
    state_counts = everybody["state"].value_counts()
    frame = everybody.loc[everybody["state"] == "eligible", ["customer_id", "label"]].reset_index(drop=True)
    counts = {
        "eligible": len(frame),
        "churned": int(frame["label"].sum()),
        **{key: int(state_counts.get(key, 0)) for key in ("inactive", "too_new")},
    }
    return Labels(frame, cut_off, horizon_days, active_days, counts)


def _churned(history: ibis.Table, partial_below: float) -> ibis.Value:
    no_purchase = history.after == 0
    return (no_purchase | (history.after < partial_below * history.before)).cast("int64")


def active_customers(transactions: ibis.Table, cut_off: date, active_within_days: int) -> pd.DataFrame:
    """List the customers for whom a prediction at a cut-off is meaningful.

    Parameters
    ----------
    transactions : ibis.Table
        As for ``label_purchases``.
    cut_off : datetime.date
    active_within_days : int

    Returns
    -------
    pandas.DataFrame
        customer_id of those whose last purchase lies in [cut_off - active_within_days, cut_off), sorted.
    """
    days = purchase_days(transactions, as_of=cut_off)
    active_since = ibis.literal(cut_off - timedelta(days=active_within_days))
    return (
        days.filter(days.purchased_on >= active_since)
        .select("customer_id")
        .distinct()
        .order_by("customer_id")
        .to_pandas()
    )


def _weighted_quantile(gaps: pd.DataFrame) -> int:
    """Return the smallest gap that covers the share RHYTHM, each customer with equal weight."""
    weights = (gaps["gaps"] / gaps["gaps_of_customer"]).groupby(gaps["gap_days"]).sum().sort_index()
    is_covered = (weights.cumsum() / weights.sum()).round(9) >= RHYTHM
    return int(is_covered.idxmax())


def _check_span(span_days: int, horizon_days: int) -> None:
    needed = PERIODS * horizon_days
    if span_days < needed:
        problem = f"purchases span {span_days} days"
        expected = f"at least {needed}: {horizon_days} days each of history, training, calibration and test"
        longest = span_days // PERIODS
        remedy = f"The longest possible horizon_days is {longest}" if longest >= WEEK else "Provide a longer history"
        raise DataError(Fault("transactions", problem, expected, remedy))
