"""Has a tag moved since the last run? Population stability index with its null band; accuracy on a labelled sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2

from workbench.analysis.intervals import wilson
from workbench.analysis.tags.columns import TAG

__all__ = ["PSI_MOVED", "compare_with_last", "measure_accuracy", "psi"]

PSI_MOVED = 0.1  # from here on a tag may have moved, if chance alone does not reach it
BAND = 0.95


def psi(now: np.ndarray, before: np.ndarray) -> tuple[float, float]:
    """Compute the population stability index of two counts over the same values, and the 95 % bound without drift.

    Parameters
    ----------
    now, before : array of int
        Customers by value. Half a customer is added to each value, so that an empty one gives no infinity.

    Returns
    -------
    (float, float)
        The index, and what it stays under in 95 of 100 runs where nothing changed and the customers were drawn anew:
        (1/n + 1/m) times the chi-squared quantile with B - 1 degrees of freedom (Yurdakul & Naranjo 2020); nan where a
        run has no customer or there is one value. The same customers seen twice move less: the bound is then wide.
    """
    n, m, bins = float(now.sum()), float(before.sum()), len(now)
    if n == 0 or m == 0 or bins < 2:
        return float("nan"), float("nan")
    p, q = (now + 0.5) / (n + bins / 2), (before + 0.5) / (m + bins / 2)
    index = float(np.sum((p - q) * np.log(p / q)))
    return round(index, 6), round(float(chi2.ppf(BAND, bins - 1) * (1 / n + 1 / m)), 6)


def compare_with_last(values: pd.DataFrame, last: pd.DataFrame | None) -> pd.DataFrame:
    """Compare the values of every tag with those of the last run.

    Parameters
    ----------
    values, last : DataFrame
        tag, value, customers; ``last`` None on a first run.

    Returns
    -------
    DataFrame
        tag, customers, customers_before, psi, null_high, moved (psi above both .1 and the bound); tags of both runs.
    """
    columns = ["tag", "customers", "customers_before", "psi", "null_high", "moved"]
    if last is None or last.empty:
        return pd.DataFrame(columns=columns)
    both = values[["tag", "value", "customers"]].merge(
        last[["tag", "value", "customers"]], on=["tag", "value"], how="outer", suffixes=("", "_before")
    ).fillna({"customers": 0, "customers_before": 0})  # fmt: skip
    rows = []
    for tag, mine in both.groupby("tag", sort=False):
        now, before = mine["customers"].to_numpy(float), mine["customers_before"].to_numpy(float)
        if not now.sum() or not before.sum():
            continue
        index, bound = psi(now, before)
        moved = bool(np.isfinite(index) and index > max(PSI_MOVED, bound))
        rows.append((tag, int(now.sum()), int(before.sum()), index, bound, moved))
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values(["psi", "tag"], ascending=[False, True], ignore_index=True)


def measure_accuracy(sample: pd.DataFrame, labelled: Mapping[str, str]) -> pd.DataFrame:
    """Compare tags with their true values on the customers of whom both are known.

    Parameters
    ----------
    sample : DataFrame
        ``tag_<id>`` and the columns of true values.
    labelled : mapping of str to str
        Tag to the column of its true value; spellings are compared in lower case.

    Returns
    -------
    DataFrame
        tag, n, right, right_share (0..1), low, high (95 % by Wilson); no share under one customer.
    """
    rows = []
    for tag, column in labelled.items():
        if f"{TAG}{tag}" not in sample or column not in sample:
            continue
        pair = sample[[f"{TAG}{tag}", column]].dropna().astype(str)
        right = int((pair[f"{TAG}{tag}"].str.lower() == pair[column].str.strip().str.lower()).sum())
        n = len(pair)
        low, high = wilson(right, n) if n else (float("nan"), float("nan"))
        rows.append((tag, n, right, right / n if n else float("nan"), float(low), float(high)))
    return pd.DataFrame(rows, columns=["tag", "n", "right", "right_share", "low", "high"])
