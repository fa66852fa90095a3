"""Which values does each column of the customer table have? The variables of 04_describe_customers."""

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

BEHAVIOURS = (
    "channel_top",
    "platform_top",
    "payment_method_top",
    "part_of_day_top",
)  # categorical features of behaviour
CODED_CATEGORIES = ("weekday_top",)  # integers that are codes
DECILES = tuple(tenths / 10 for tenths in range(1, 10))
MOST_GROUPS = 30  # most distinct values of a variable used for grouping
MOST_DISTINCT = 200  # most distinct values of a category
VARIABLE_COLUMNS = (
    "variable", "kind", "part", "value", "n", "missing", "distinct", "share", "share_low", "share_high", "mean", "sd",
    "minimum", *(f"p{round(share * 100)}" for share in DECILES), "maximum", "earliest", "latest",
)  # fmt: skip


def variable_kinds(features: pd.DataFrame, *, categorical: Sequence[str] = CODED_CATEGORIES) -> dict[str, str]:
    """Return the columns that may be described, with their kind.

    Contact columns, sensitive columns, birth dates and identifiers are never described.

    Parameters
    ----------
    features : DataFrame, one row per customer
    categorical : sequence of str
        Numeric columns that are codes.

    Returns
    -------
    dict
        Column to numeric, categorical or date, in the order of the columns.
    """
    protected = {"customer_id", "birth_date"} | {
        column.name
        for column in CANONICAL["customers"].columns
        if column.contact or column.sensitive or column.kind == "id"
    }
    names = [name for name in features.columns if name not in protected]
    return {name: "categorical" if name in categorical else _kind(features[name]) for name in names}


def groupings(features: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Select the categories with few enough values for groups, in the order of ``columns``.

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
        Most values listed per category; the other values share one row.
    categorical : sequence of str
        As for `variable_kinds`.
    least : int
        Values of fewer customers are not listed; numbers known for fewer customers are not described.

    Returns
    -------
    DataFrame, the columns `VARIABLE_COLUMNS`
        One row per number or date, and one per listed value of a category. ``part`` is numeric, date, value, other
        (the remaining values together) or unlisted (too many different values to list). n is the number of customers
        in the row, missing the number of customers without a value; share is the share of customers with a value (95 %
        interval, Wilson).
    """
    rows = []
    for name, kind in variable_kinds(features, categorical=categorical).items():
        describe = {"numeric": _describe_numeric, "date": _describe_dates, "categorical": _describe_categories}[kind]
        rows += [{"variable": name, "kind": kind} | row for row in describe(features[name], top_values, least)]
    table = pd.DataFrame(rows, columns=list(VARIABLE_COLUMNS))
    low, high = wilson(table["n"].where(table["share"].notna()), table["n"] / table["share"])
    integers = {name: table[name].astype("Int64") for name in ("n", "missing", "distinct")}
    texts = {name: table[name].astype("str") for name in ("variable", "kind", "part", "value", "earliest", "latest")}
    numbers = {name: table[name].astype("float64") for name in VARIABLE_COLUMNS if name not in integers | texts}
    return table.assign(**integers, **texts, **numbers | {"share_low": low, "share_high": high})


def count_values(values: pd.Series) -> pd.Series:
    """Count the values of a category as text, the most frequent first, ties by name, without missing values."""
    texts = as_text(values).dropna()
    counts = texts.value_counts().rename_axis("value").reset_index(name="n")
    ordered = counts.sort_values(["n", "value"], ascending=[False, True])
    return ordered.set_index("value")["n"]


def as_text(values: pd.Series) -> pd.Series:
    """Convert a category to text: flags to true and false, whole numbers without decimals; null stays null."""
    present = values.dropna().infer_objects()
    if types.is_bool_dtype(present):
        present = present.map({True: "true", False: "false"})
    elif types.is_float_dtype(present) and (present % 1 == 0).all():
        present = present.astype("int64")
    return present.astype("str").reindex(values.index)


def _kind(values: pd.Series) -> str:
    if types.is_bool_dtype(values):
        return "categorical"
    if types.is_numeric_dtype(values):
        return "numeric"
    if types.is_datetime64_any_dtype(values):
        return "date"
    present = values.dropna()
    return "date" if len(present) and isinstance(present.iloc[0], date) else "categorical"


def _describe_numeric(values: pd.Series, top_values: int, least: int) -> list[dict]:
    numbers = values.astype("float64").to_numpy(na_value=np.nan)
    numbers = np.sort(numbers[np.isfinite(numbers)])
    row = {
        "part": "numeric",
        "n": len(numbers),
        "missing": len(values) - len(numbers),
        "distinct": len(np.unique(numbers)),
    }
    if len(numbers) < max(least, 1):
        return [row | {"distinct": None}]
    quantiles = zip(DECILES, np.quantile(numbers, DECILES), strict=True)
    deciles = {f"p{round(share * 100)}": value for share, value in quantiles}
    sd = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else np.nan
    return [row | deciles | {"mean": numbers.mean(), "sd": sd, "minimum": numbers[0], "maximum": numbers[-1]}]


def _describe_dates(values: pd.Series, top_values: int, least: int) -> list[dict]:
    dates = pd.to_datetime(values.dropna())
    row = {"part": "date", "n": len(dates), "missing": len(values) - len(dates)}
    if len(dates) < max(least, 1):
        return [row]
    earliest, latest = dates.min().date().isoformat(), dates.max().date().isoformat()
    return [row | {"distinct": dates.nunique(), "earliest": earliest, "latest": latest}]


def _describe_categories(values: pd.Series, top_values: int, least: int) -> list[dict]:
    counts = count_values(values)
    n = int(counts.sum())
    common = {"missing": len(values) - n, "distinct": len(counts)}
    if n and len(counts) > min(MOST_DISTINCT, max(n // 2, 1)) and counts.iloc[0] < least:
        return [common | {"part": "unlisted", "n": n}]
    listed = counts[counts >= least].head(top_values)
    while len(listed) and 0 < n - listed.sum() < least:
        listed = listed.iloc[:-1]
    rows = [
        common | {"part": "value", "value": value, "n": count, "share": count / n} for value, count in listed.items()
    ]
    n_other = n - int(listed.sum())
    return (
        [*rows, common | {"part": "other", "n": n_other, "share": n_other / n if n else None}]
        if n_other or not n
        else rows
    )
