"""What is in each column of the customer table? The variables that notebook 04 describes and compares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from pandas.api import types

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.core.schema import CANONICAL

__all__ = [
    "BEHAVIOURS",
    "CODED_CATEGORIES",
    "VARIABLE_COLUMNS",
    "as_text",
    "count_values",
    "describe_variables",
    "groupings",
    "variable_kinds",
]

BEHAVIOURS = ("channel_top", "platform_top", "payment_method_top", "part_of_day_top")  # features that name a habit
CODED_CATEGORIES = ("weekday_top",)  # whole numbers that name something
DECILES = tuple(each / 10 for each in range(1, 10))
MOST_GROUPS = 30  # a category with more different values groups nobody
MOST_DISTINCT = 200  # a text with more different values is no category
VARIABLE_COLUMNS = (
    "variable", "kind", "part", "value", "n", "missing", "distinct", "share", "share_low", "share_high", "mean", "sd",
    "minimum", *(f"p{round(each * 100)}" for each in DECILES), "maximum", "earliest", "latest",
)  # fmt: skip


def variable_kinds(features: pd.DataFrame, *, categorical: Sequence[str] = CODED_CATEGORIES) -> dict[str, str]:
    """Tell which columns may be described, and how.

    Contact columns, sensitive columns, birth dates and identifiers are never described.

    Parameters
    ----------
    features : DataFrame, one row per customer
    categorical : sequence of str
        Numeric columns whose numbers name something.

    Returns
    -------
    dict
        Column to numeric, categorical or date, in the order of the columns.
    """
    guarded = {"customer_id", "birth_date"} | {
        column.name
        for column in CANONICAL["customers"].columns
        if column.contact or column.sensitive or column.kind == "id"
    }
    names = [name for name in features.columns if name not in guarded]
    return {name: "categorical" if name in categorical else _kind(features[name]) for name in names}


def groupings(features: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Keep the columns whose values are few enough to be groups: categories, in the order given.

    Parameters
    ----------
    features : DataFrame, one row per customer
    columns : sequence of str
    """
    kinds = variable_kinds(features)
    return [name for name in columns if kinds.get(name) == "categorical" and features[name].nunique() <= MOST_GROUPS]


def describe_variables(
    features: pd.DataFrame,
    *,
    top_values: int = 12,
    categorical: Sequence[str] = CODED_CATEGORIES,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Describe each variable: numbers by mean and deciles, categories by their most frequent values.

    Parameters
    ----------
    features : DataFrame, one row per customer
    top_values : int
        Values listed of a category; the rest is one row.
    categorical : sequence of str
        As for `variable_kinds`.
    least : int
        Values held by fewer customers go to the rest; numbers known of fewer customers are not described.

    Returns
    -------
    DataFrame, the columns `VARIABLE_COLUMNS`
        One row per number or date, and one per listed value of a category. ``part`` is numeric, date, value, other
        (the remaining values together) or unlisted (too many different values to list). n is the customers in the
        row, missing those for whom the variable is unknown; share is of those for whom it is known (95 %, Wilson).
    """
    rows = []
    for name, kind in variable_kinds(features, categorical=categorical).items():
        describe = {"numeric": _describe_numeric, "date": _describe_dates, "categorical": _describe_categories}[kind]
        rows += [{"variable": name, "kind": kind} | row for row in describe(features[name], top_values, least)]
    table = pd.DataFrame(rows, columns=list(VARIABLE_COLUMNS))
    low, high = wilson(table["n"].where(table["share"].notna()), table["n"] / table["share"])
    whole = {name: table[name].astype("Int64") for name in ("n", "missing", "distinct")}
    texts = {name: table[name].astype("str") for name in ("variable", "kind", "part", "value", "earliest", "latest")}
    numbers = {name: table[name].astype("float64") for name in VARIABLE_COLUMNS if name not in whole | texts}
    return table.assign(**whole, **texts, **numbers | {"share_low": low, "share_high": high})


def count_values(values: pd.Series) -> pd.Series:
    """Count the values of a category as text, the most frequent first, ties by name; missing values not counted."""
    named = as_text(values).dropna()
    counts = named.value_counts().rename_axis("value").reset_index(name="n")
    ordered = counts.sort_values(["n", "value"], ascending=[False, True])
    return ordered.set_index("value")["n"]


def as_text(values: pd.Series) -> pd.Series:
    """Bring a category to text: flags to true and false, whole numbers without decimals; null stays null."""
    known = values.dropna().infer_objects()
    if types.is_bool_dtype(known):
        known = known.map({True: "true", False: "false"})
    elif types.is_float_dtype(known) and (known % 1 == 0).all():
        known = known.astype("int64")
    return known.astype("str").reindex(values.index)


def _kind(values: pd.Series) -> str:
    if types.is_bool_dtype(values):
        return "categorical"
    if types.is_numeric_dtype(values):
        return "numeric"
    if types.is_datetime64_any_dtype(values):
        return "date"
    known = values.dropna()
    return "date" if len(known) and isinstance(known.iloc[0], date) else "categorical"


def _describe_numeric(values: pd.Series, top_values: int, least: int) -> list[dict]:
    known = values.astype("float64").to_numpy(na_value=np.nan)
    known = np.sort(known[np.isfinite(known)])
    row = {"part": "numeric", "n": len(known), "missing": len(values) - len(known), "distinct": len(np.unique(known))}
    if len(known) < max(least, 1):
        return [row | {"distinct": None}]
    deciles = {f"p{round(each * 100)}": value for each, value in zip(DECILES, np.quantile(known, DECILES), strict=True)}
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
    return [row | deciles | {"mean": known.mean(), "sd": spread, "minimum": known[0], "maximum": known[-1]}]


def _describe_dates(values: pd.Series, top_values: int, least: int) -> list[dict]:
    known = pd.to_datetime(values.dropna())
    row = {"part": "date", "n": len(known), "missing": len(values) - len(known)}
    if len(known) < max(least, 1):
        return [row]
    earliest, latest = known.min().date().isoformat(), known.max().date().isoformat()
    return [row | {"distinct": known.nunique(), "earliest": earliest, "latest": latest}]


def _describe_categories(values: pd.Series, top_values: int, least: int) -> list[dict]:
    counts = count_values(values)
    n = int(counts.sum())
    common = {"missing": len(values) - n, "distinct": len(counts)}
    if n and len(counts) > min(MOST_DISTINCT, max(n // 2, 1)) and counts.iloc[0] < least:
        return [common | {"part": "unlisted", "n": n}]
    shown = counts[counts >= least].head(top_values)
    while len(shown) and 0 < n - shown.sum() < least:
        shown = shown.iloc[:-1]
    rows = [
        common | {"part": "value", "value": value, "n": count, "share": count / n} for value, count in shown.items()
    ]
    rest = n - int(shown.sum())
    return [*rows, common | {"part": "other", "n": rest, "share": rest / n if n else None}] if rest or not n else rows
