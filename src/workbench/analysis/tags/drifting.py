"""Has a tag drifted since the last run? Population stability index with a null bound; accuracy on a labelled sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2

from workbench.analysis.intervals import wilson
from workbench.analysis.tags.columns import TAG

__all__ = ["PSI_MOVED", "compare_with_last", "measure_accuracy", "psi"]

PSI_MOVED = 0.1  # a tag has drifted if the index exceeds this value and the bound under no drift
BAND = 0.95  # quantile of the index under no drift


def psi(now: np.ndarray, before: np.ndarray) -> tuple[float, float]:
    """Return the population stability index of two counts over the same values, and its 95 % bound without drift.

    Parameters
    ----------
    now, before : array of int
        Customers by value. Half a customer is added to each value, so that the index stays finite.

    Returns
    -------
    (float, float)
        The index, and its 95 % quantile for two independent samples without drift: (1/n + 1/m) times the chi-squared
        quantile with B - 1 degrees of freedom (Yurdakul & Naranjo 2020); nan without customers in a run, or with a
        single value. The bound is conservative where both runs have the same customers.
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
    joined = values[["tag", "value", "customers"]].merge(
        last[["tag", "value", "customers"]], on=["tag", "value"], how="outer", suffixes=("", "_before")
    ).fillna({"customers": 0, "customers_before": 0})  # fmt: skip
    rows = []
    for tag, counts in joined.groupby("tag", sort=False):
        now, before = counts["customers"].to_numpy(float), counts["customers_before"].to_numpy(float)
        if not now.sum() or not before.sum():
            continue
        index, bound = psi(now, before)
        moved = bool(np.isfinite(index) and index > max(PSI_MOVED, bound))
        rows.append((tag, int(now.sum()), int(before.sum()), index, bound, moved))
    drift = pd.DataFrame(rows, columns=columns)
    return drift.sort_values(["psi", "tag"], ascending=[False, True], ignore_index=True)


def measure_accuracy(sample: pd.DataFrame, labelled: Mapping[str, str]) -> pd.DataFrame:
    """Compare tags with true values, for customers with both.

    Parameters
    ----------
    sample : DataFrame
        ``tag_<id>`` and the columns of true values.
    labelled : mapping of str to str
        Tag to the column of its true value; compared in lower case.

    Returns
    -------
    DataFrame
        tag, n, right, right_share (0..1), low, high (95 % by Wilson); the share is missing without customers.
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
