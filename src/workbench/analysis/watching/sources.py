"""What changed in the sources: volumes, silence, rows of the past, empty cells, schema, categories, prices.

What happened between the two dates is compared with as long a time before, both in the data of this run, so that a
correction of the past is not mistaken for a change. The past itself is compared by the number of rows before the
earlier date.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, pdtr

from workbench.analysis.watching.measures.figures import SOURCE, Figure
from workbench.core.schema import CANONICAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis
    import ibis.expr.types as ir

__all__ = ["Period", "compare_profiles", "compare_records", "count_past", "watch_prices", "watch_tables"]

_TABLES = ("transactions", "events", "service", "reviews", "campaigns", "responses")
_STEADY = ("transactions", "events", "service", "reviews")  # the others come in waves
_CATEGORIES = ("channel", "platform", "payment_method", "store_id", "status", "currency", "type", "topic", "survey")
_CELLS = ("customer_id", "amount", "unit_price", "quantity", "product_id", "order_id", "discount", "session_id")
_LEAST_DAYS = 7  # a shorter time between two runs says nothing about weekdays
_LEAST_SILENT = 3  # days without a row
_FEWEST_PRODUCTS = 10
_PRICE_MOVED = 0.1  # of the median of matched products
_ROUNDING = 1e-9
_LIKELY = 0.05  # p-value from which a closer test is not needed


@dataclass(frozen=True)
class Period:
    """The time between two runs, ``[start, end)``, and the time before it of the same length."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        """Its length."""
        return (self.end - self.start).days

    @property
    def before(self) -> dt.date:
        """The first day of the time before."""
        return self.start - dt.timedelta(days=self.days)


def count_past(tables: Mapping[str, ibis.Table], as_of: dt.date) -> dict[str, int]:
    """Return the number of rows before a date, by table with dates."""
    counts = {}
    for name, table in tables.items():
        day = CANONICAL[name].dated_by if name in CANONICAL else ""
        if day and day in table.columns:
            counts[name] = int(table.filter(table[day] < _moment(as_of)).count().execute())
    return counts


def compare_records(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    past: tuple[Mapping[str, int], Mapping[str, int]],
    *,
    floor: float = 2.0,
) -> list[Figure]:
    """Compare the counts of 01: records by source, rejects, duplicates, rows of the past.

    Parameters
    ----------
    old, new : mapping
        Metrics of 01_check_quality.
    past : (then, now)
        Rows before the earlier date, by table, as counted then and now.
    floor : float
        Percentage points: of records that are gone, of rejects that came.
    """
    figures = []
    for source in sorted({name.removesuffix(".accepted") for name in {*old, *new} if name.endswith(".accepted")}):
        then, now = old.get(f"{source}.accepted"), new.get(f"{source}.accepted")
        if then is None or now is None:
            figures.append(_fact(source, "source", "source_gone" if now is None else "source_new", then, now))
            continue
        if now < then * (1 - floor / 100):
            figures.append(_fact(source, "volume", "volume", then, now, change=100 * (now / then - 1)))
        figures += _shares(source, "rejected", old, new, floor)
    for name, rows in past[0].items():
        now = past[1].get(name)
        if now is not None and now < rows * (1 - floor / 100):
            figures.append(_fact(name, "past_rows", "past_rows", rows, now, change=100 * (now / rows - 1)))
    for table in CANONICAL:
        figures += _shares(table, "duplicates", old, new, floor, of=f"{table}.rows")
    return figures


def compare_profiles(old: pd.DataFrame | None, new: pd.DataFrame | None, *, floor: float = 2.0) -> list[Figure]:
    """Compare the columns of two runs: those gone and new, their type, their filled cells.

    Parameters
    ----------
    old, new : DataFrame or None
        The table ``quality_profile``: table, column, type, rows, filled.
    floor : float
        Percentage points of cells.
    """
    if old is None or new is None or old.empty or new.empty:
        return []
    rows = old.merge(new, on=["table", "column"], how="outer", suffixes=("_old", "_new"))
    tables = set(old["table"]) & set(new["table"])
    figures = []
    for row in rows[rows["table"].isin(tables)].to_dict("records"):
        subject = row["table"]
        if pd.isna(row["rows_new"]) or pd.isna(row["rows_old"]):
            what = "column_gone" if pd.isna(row["rows_new"]) else "column_new"
            figures.append(_fact(subject, row["column"], what))
            continue
        if row["type_old"] != row["type_new"]:
            figures.append(_fact(subject, row["column"], "column_type"))
        then, now = (row[f"filled_{side}"] / max(row[f"rows_{side}"], 1) for side in ("old", "new"))
        change = 100 * (now - then)
        if abs(change) >= floor and not CANONICAL[subject].dated_by:
            p_value = _two_shares(row["filled_old"], row["rows_old"], row["filled_new"], row["rows_new"])
            figures.append(
                Figure(
                    subject,
                    row["column"],
                    SOURCE,
                    "all",
                    1 - then,
                    1 - now,
                    change,
                    p_value=p_value,
                    what="missing",
                    family=row["column"],
                )  # fmt: skip
            )
    return figures


def watch_tables(tables: Mapping[str, ibis.Table], period: Period, *, least: int = 10) -> list[Figure]:
    """Compare what happened between two runs with the time before.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables of this run.
    period : Period
    least : int
        Fewest customers of a category that is named.

    Returns
    -------
    list of Figure
        Silent days, categories that are new or gone, cells that are empty, of tables with dates.
    """
    figures: list[Figure] = []
    if period.days < _LEAST_DAYS:
        return figures
    for name in _TABLES:
        table = tables.get(name)
        day = CANONICAL[name].dated_by
        if table is None or day not in table.columns:
            continue
        dated = table.filter(table[day] < _moment(period.end))
        if name in _STEADY:
            figures += _silence(name, dated, day, period)
        figures += _categories(name, dated, day, period, least)
        figures += _cells(name, dated, day, period)
    return figures


def watch_prices(tables: Mapping[str, ibis.Table], period: Period) -> list[Figure]:
    """Compare the prices of the same products between two runs with those of the time before.

    The figure is the median of the ratios of median prices, which is 1 where prices stand still. One that moved by a
    tenth or more and whose sign test is significant is a change of prices or of their unit.
    """
    lines = tables.get("transactions")
    if (
        lines is None
        or period.days < _LEAST_DAYS
        or not {"product_id", "unit_price", "ordered_at"} <= set(lines.columns)
    ):
        return []
    sold = lines.filter(
        (lines.ordered_at >= _moment(period.before)) & (lines.ordered_at < _moment(period.end)) & (lines.unit_price > 0)
    )
    later = sold.ordered_at >= _moment(period.start)
    prices = sold.group_by(sold.product_id).aggregate(
        then=sold.unit_price.cast("float64").median(where=~later),
        now=sold.unit_price.cast("float64").median(where=later),
    )
    rows = prices.filter(prices.then.notnull() & prices.now.notnull()).order_by("product_id").to_pandas()
    if len(rows) < _FEWEST_PRODUCTS:
        return []
    ratios = (rows["now"] / rows["then"]).to_numpy(dtype=float)
    ratio = float(np.median(ratios))
    up, down = int((ratios > 1 + _ROUNDING).sum()), int((ratios < 1 - _ROUNDING).sum())
    p_value = float(chdtrc(1, (up - down) ** 2 / (up + down))) if up + down else 1.0
    change = 100 * (ratio - 1) if abs(ratio - 1) >= _PRICE_MOVED else 0.0
    what = "scale" if any(abs(ratio * by - 1) < 0.05 for by in (10, 100, 1000, 0.1, 0.01, 0.001)) else "prices"  # noqa: PLR2004
    figure = Figure("transactions", "price_level", SOURCE, "all", 1.0, ratio, change, p_value=p_value, what=what)
    return [replace(figure, family="price_level")]


def _silence(name: str, table: ibis.Table, day: str, period: Period) -> list[Figure]:
    """Report days without a row between two runs, where there were fewer in a row before."""
    first = period.start - dt.timedelta(days=max(4 * period.days, 56))
    counted = table.filter(table[day] >= _moment(first))
    rows = counted.group_by(at=counted[day].truncate("D")).aggregate(n=counted.count()).to_pandas()
    if rows.empty:
        return []
    daily = pd.Series(rows["n"].to_numpy(), index=pd.DatetimeIndex(rows["at"])).sort_index()
    days = pd.date_range(max(pd.Timestamp(first), daily.index[0]), pd.Timestamp(period.end) - pd.Timedelta(days=1))
    filled = daily.reindex(days, fill_value=0) > 0
    cut = pd.Timestamp(period.start)
    usual, now = (_longest_gap(part.to_numpy()) for part in (filled[filled.index < cut], filled[filled.index >= cut]))
    if not (filled.index < cut).any():
        return []
    rate = float(daily[daily.index < cut].sum()) / max(int((filled.index < cut).sum()), 1)
    if now >= max(_LEAST_SILENT, 2 * usual + 1) and np.exp(-rate * now) < 1e-6:  # noqa: PLR2004
        return [_fact(name, "days", "silence", usual, now)]
    return []


def _longest_gap(filled: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (~filled).astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _categories(name: str, table: ibis.Table, day: str, period: Period, least: int) -> list[Figure]:
    """Report categories that came or went: named only with enough customers."""
    figures = []
    for column in (column for column in _CATEGORIES if column in table.columns):
        who = table.customer_id if "customer_id" in table.columns else table[day]
        recent = table[day] >= _moment(period.start)
        before = (table[day] >= _moment(period.before)) & ~recent
        counts = table.filter(table[column].notnull()).group_by(table[column]).aggregate(
            now=recent.sum(), then=before.sum(), ever=(~recent).sum(),
            customers_now=who.nunique(where=recent), customers_then=who.nunique(where=before),
        )  # fmt: skip
        rows = counts.order_by(column).to_pandas().fillna(0)
        totals = rows[["now", "then"]].sum()
        if not totals.all():
            continue
        for row in rows.to_dict("records"):
            level = f"{column}={row[column]}"
            share_now, share_then = row["now"] / totals["now"], row["then"] / totals["then"]
            common: dict[str, Any] = {"subject": name, "name": level, "family": level, "kind": SOURCE}
            common["population"] = "all"
            if row["ever"] == 0 and row["customers_now"] >= least:
                moved: dict[str, Any] = {"old": 0.0, "new": share_now, "change": 100 * share_now, "certain": True}
                figures.append(Figure(**common, **moved, what="category_new"))
            elif row["now"] == 0 and row["customers_then"] >= least:
                moved = {"old": share_then, "new": 0.0, "change": -100 * share_then}
                none_by_chance = float(pdtr(0, share_then * totals["now"]))
                figures.append(Figure(**common, **moved, p_value=none_by_chance, what="category_gone"))
    return figures


def _cells(name: str, table: ibis.Table, day: str, period: Period) -> list[Figure]:
    """Compare the share of empty cells of the time between two runs with the time before."""
    names = [column for column in (*_CELLS, *_CATEGORIES) if column in table.columns]
    later = table[day] >= _moment(period.start)
    counted = table.filter(table[day] >= _moment(period.before))
    empties = {f"{column}_{side}": (counted[column].isnull() & flag).sum() for column in names
               for side, flag in (("now", later), ("then", ~later))}  # fmt: skip
    if not empties:
        return []
    row = counted.aggregate(**empties, now=later.sum(), then=(~later).sum()).to_pandas().fillna(0).iloc[0]
    figures = []
    for column in names:
        sides = [(row[f"{column}_{side}"], row[side]) for side in ("then", "now")]
        if not all(n for _, n in sides):
            continue
        figure = _share(name, column, "missing", *sides)
        if figure.p_value <= _LIKELY and figure.change:
            by_customer = _test_by_customer(counted, column, later, *sides)
            figure = replace(figure, p_value=max(figure.p_value, by_customer))
        figures.append(figure)
    return figures


def _test_by_customer(
    rows: ibis.Table, column: str, later: ir.BooleanValue, then: tuple[float, float], now: tuple[float, float]
) -> float:
    """Return the p-value of a change of the share of empty cells where the rows of a customer are alike.

    The variance is that of ratios of totals over customers (an order counts as one where it names none), with the
    customers of both times counted in both: W. G. Cochran (1977), Sampling Techniques, section 6.
    """
    import ibis  # noqa: PLC0415  (slow to import)

    names = [name for name in ("customer_id", "order_id") if name in rows.columns]
    if not names:
        return 0.0
    marked = rows.mutate(who=ibis.coalesce(*(rows[name] for name in names)), empty=rows[column].isnull(), later=later)
    totals = marked.filter(marked.who.notnull()).group_by("who").aggregate(
        empty_now=(marked.empty & marked.later).sum(), rows_now=marked.later.sum(),
        empty_then=(marked.empty & ~marked.later).sum(), rows_then=(~marked.later).sum(),
    )  # fmt: skip
    (empty_then, n_then), (empty_now, n_now) = (map(float, side) for side in (then, now))
    residual = (totals.empty_now - totals.rows_now * (empty_now / n_now)) / n_now
    residual -= (totals.empty_then - totals.rows_then * (empty_then / n_then)) / n_then
    variance = float(totals.aggregate(variance=(residual * residual).sum()).to_pandas()["variance"].iloc[0] or 0.0)
    change = empty_now / n_now - empty_then / n_then
    return float(chdtrc(1, change**2 / variance)) if variance > 0 else 0.0


def _shares(
    subject: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any], floor: float, *, of: str = ""
) -> list[Figure]:
    whole = of or f"{subject}.physical_records"
    sides = [(metrics.get(f"{subject}.{name}"), metrics.get(whole)) for metrics in (old, new)]
    then, now = ((float(count), float(n)) if count is not None and n else None for count, n in sides)
    if then is None or now is None:
        return []
    figure = _share(subject, name, name, then, now)
    return [figure] if abs(figure.change) >= floor else []


def _share(subject: str, name: str, what: str, then: tuple[float, float], now: tuple[float, float]) -> Figure:
    """Return a share of records in two runs, as (count, all)."""
    old, new = then[0] / then[1], now[0] / now[1]
    p_value = _two_shares(*then, *now)
    change = 100 * (new - old)
    return Figure(
        subject, name, SOURCE, "all", old=old, new=new, change=change, p_value=p_value, what=what, family=name
    )


def _two_shares(then: float, n_then: float, now: float, n_now: float) -> float:
    """Return the p-value of Pearson's test of two shares."""
    pooled = (then + now) / (n_then + n_now)
    variance = pooled * (1 - pooled) * (1 / n_then + 1 / n_now)
    if variance <= 0:
        return 1.0
    return float(chdtrc(1, (now / n_now - then / n_then) ** 2 / variance))


def _fact(subject: str, name: str, what: str, old: Any = None, new: Any = None, *, change: float = np.nan) -> Figure:
    before, after = (np.nan if value is None else float(value) for value in (old, new))
    return Figure(
        subject, name, SOURCE, "all", old=before, new=after, change=change, what=what, family=name, certain=True
    )


def _moment(day: dt.date) -> ir.Value:
    import ibis  # noqa: PLC0415  (slow to import)

    return ibis.literal(day).cast("timestamp")
