"""How many customers are new, retained, recalled and lost by month? For 04_describe_customers."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.analysis.purchases import has_purchases, purchase_days

__all__ = ["STATES", "cohort_retention", "monthly_states", "new_customer_cohorts"]

STATES = {
    "new": {"en": "New", "zh": "新增"},
    "retained": {"en": "Retained", "zh": "留存"},
    "recalled": {"en": "Recalled", "zh": "召回"},
    "lost": {"en": "Lost", "zh": "流失"},
}
MONTH_COLUMNS = {
    "month": "datetime64[us]",
    **dict.fromkeys(("new", "retained", "recalled", "active"), "int64"),
    "lost": "Int64",
    "complete": "bool",
}
COHORT_COLUMNS = {
    "cohort": "datetime64[us]",
    "months_since": "int64",
    **dict.fromkeys(("customers", "n"), "Int64"),
    **dict.fromkeys(("share", "share_low", "share_high"), "float64"),
    "suppressed": "bool",
}
MONTHS = 12


def monthly_states(transactions: ibis.Table | None, *, as_of: date) -> pd.DataFrame:
    """Count the customers who are new, retained, recalled and lost in each month.

    New: first purchase on record; retained: bought this month and the last; recalled: bought this month and earlier,
    but not last month; lost: bought last month but not this one. So new + retained + recalled = active, and
    retained + lost = active of the previous month. In the first months on record, customers
    who bought before the record began count as new.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines, as for `workbench.analysis.purchases.purchase_days`.
    as_of : date
        Only lines before this day are read.

    Returns
    -------
    DataFrame, one row per calendar month from the first purchase to the day before ``as_of``
        month (its first day), new, retained, recalled, active, lost (null in an incomplete month), complete.
        Empty without purchases, or without customer_id, ordered_at or amount.

    Notes
    -----
    The states of Alibaba Cloud's user life cycle (新增, 留存, 召回, 流失).
    """
    last, last_complete = _last_months(as_of)
    moves = _monthly_moves(transactions, as_of) if has_purchases(transactions) else None
    if moves is None or moves.empty:
        return pd.DataFrame(columns=list(MONTH_COLUMNS)).astype(MONTH_COLUMNS)
    months = range(int(moves["month"].min()), last + 1)
    table = moves.set_index("month").reindex(months, fill_value=0)
    leaving = table.pop("leaving").shift(1, fill_value=0).astype("Int64")
    complete = table.index <= last_complete
    table = table.assign(active=table.sum(axis=1), lost=leaving.where(complete), complete=complete)
    return (
        table.assign(month=_first_days(table.index)).reset_index(drop=True)[list(MONTH_COLUMNS)].astype(MONTH_COLUMNS)
    )


def cohort_retention(
    transactions: ibis.Table | None,
    *,
    as_of: date,
    cohort_months: int = MONTHS,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Count, by month of the first purchase, the customers who bought again in each later month.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines, as for `workbench.analysis.purchases.purchase_days`.
    as_of : date
        Only lines before this day are read.
    cohort_months : int
        Length of follow-up, months.
    least : int
        Fewest customers of a cohort; smaller cohorts have no shares and no counts.

    Returns
    -------
    DataFrame, one row per cohort and complete month, sorted
        cohort (first day of the month of the first purchase), months_since (0 = the month itself), customers (who
        bought in that month), n (cohort), share, share_low, share_high (95 %, Wilson), suppressed. An incomplete month
        has no row; a month without purchases is 0. Empty without customer_id, ordered_at or amount.
    """
    _, last_complete = _last_months(as_of)
    cohort_counts = _count_cohorts(transactions, as_of) if has_purchases(transactions) else None
    if cohort_counts is None or cohort_counts.empty:
        return pd.DataFrame(columns=list(COHORT_COLUMNS)).astype(COHORT_COLUMNS)
    sizes = cohort_counts[cohort_counts["months_since"] == 0].set_index("cohort")["customers"].sort_index()
    cells = [
        (cohort, months_since)
        for cohort in sizes.index
        for months_since in range(min(cohort_months, last_complete - cohort) + 1)
    ]
    index = pd.MultiIndex.from_tuples(cells, names=["cohort", "months_since"])
    table = cohort_counts.set_index(["cohort", "months_since"]).reindex(index, fill_value=0).reset_index()
    table["n"] = table["cohort"].map(sizes)
    table["suppressed"] = table["n"] < least
    table["share"] = table["customers"] / table["n"]
    table["share_low"], table["share_high"] = wilson(table["customers"], table["n"])
    hidden = {name: table[name].mask(table["suppressed"]) for name in ("share", "share_low", "share_high")}
    counts = {name: table[name].astype("Int64").mask(table["suppressed"]) for name in ("customers", "n")}
    return table.assign(**hidden, **counts, cohort=_first_days(table["cohort"]))[list(COHORT_COLUMNS)].astype(
        COHORT_COLUMNS
    )


def new_customer_cohorts(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Remove the cohort of the first month on record, which is left-censored: its customers may have bought before.

    Parameters
    ----------
    cohorts : DataFrame
        From `cohort_retention`, beginning with the first month of the data.

    Returns
    -------
    DataFrame
        The rows of later cohorts; empty if there is only one.
    """
    return cohorts[pd.to_datetime(cohorts["cohort"]) > pd.to_datetime(cohorts["cohort"]).min()]


def _monthly_moves(transactions: ibis.Table, as_of: date) -> pd.DataFrame:
    """Count by month index: new, retained, recalled, and leaving (no purchase in the next month)."""
    months = _customer_months(transactions, as_of)
    ordered = ibis.window(group_by=months.customer_id, order_by=months.month)
    moves = months.mutate(before=months.month.lag(1).over(ordered), after=months.month.lead(1).over(ordered))
    table = moves.group_by("month").agg(
        new=moves.before.isnull().sum(),
        retained=(moves.before == moves.month - 1).sum(),
        recalled=(moves.before < moves.month - 1).sum(),
        leaving=(moves.after.isnull() | (moves.after > moves.month + 1)).sum(),
    )
    return table.order_by("month").to_pandas().fillna(0).astype("int64")


def _count_cohorts(transactions: ibis.Table, as_of: date) -> pd.DataFrame:
    months = _customer_months(transactions, as_of)
    first = months.group_by("customer_id").agg(cohort=months.month.min())
    cells = months.join(first, "customer_id").select("cohort", "month")
    cells = cells.mutate(months_since=cells.month - cells.cohort)
    counted = cells.group_by("cohort", "months_since").agg(customers=cells.count())
    return counted.order_by("cohort", "months_since").to_pandas().astype("int64")


def _customer_months(transactions: ibis.Table, as_of: date) -> ibis.Table:
    """Return customer_id and month, counted from year 0: one row per customer and month with a purchase."""
    days = purchase_days(transactions, as_of=as_of)
    month = days.purchased_on.year().cast("int64") * MONTHS + days.purchased_on.month() - 1
    return days.select("customer_id", month=month.cast("int64")).distinct()


def _last_months(as_of: date) -> tuple[int, int]:
    """Return the index of the last month with a day before the date, and of the last complete month."""
    day = as_of - timedelta(days=1)
    last = day.year * MONTHS + day.month - 1
    return last, last if as_of.day == 1 else last - 1


def _first_days(months: pd.Index | pd.Series) -> pd.DatetimeIndex:
    index = np.asarray(months, dtype="int64")
    return pd.DatetimeIndex([pd.Timestamp(month // MONTHS, month % MONTHS + 1, 1) for month in index]).as_unit("us")
