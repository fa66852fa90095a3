"""How do the segments differ from all customers, and how sure is that? Shown in 06_segment_customers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.intervals import LEVEL, wilson

__all__ = ["profile_segments", "segment_sizes", "strongest_differences"]

Z = 1.959963984540054  # standard normal quantile of a .95 interval
LEAST = 2  # customers with a known value, inside and outside, for an interval


def segment_sizes(assigned: pd.DataFrame, keys: Sequence[str], *, level: float = LEVEL) -> pd.DataFrame:
    """Count the customers of each segment.

    Parameters
    ----------
    assigned : pandas.DataFrame
        customer_id, segment; one row per customer.
    keys : sequence of str
        Segment keys in the order of the definition; a segment without customers has a row with 0.
    level : float

    Returns
    -------
    pandas.DataFrame
        segment, n, share, low, high (Wilson interval), in the order of ``keys``; ``unknown`` only where somebody is.
    """
    counts = assigned["segment"].value_counts()
    kept = [key for key in keys if key != "unknown" or counts.get(key, 0)]
    n = np.array([int(counts.get(key, 0)) for key in kept])
    low, high = wilson(n, np.full(len(n), len(assigned)), level=level)
    share = n / len(assigned) if len(assigned) else np.full(len(n), np.nan)
    return pd.DataFrame({"segment": kept, "n": n, "share": share, "low": low, "high": high})


def profile_segments(
    features: pd.DataFrame, assigned: pd.DataFrame, columns: Sequence[str], *, matrix: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compare each segment with everybody, feature by feature.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and numeric ``columns``.
    assigned : pandas.DataFrame
        customer_id, segment.
    columns : sequence of str
        Missing values are left out of every figure and counted by ``n_known``.
    matrix : pandas.DataFrame, optional
        Scaled features indexed by customer_id (``transforms.prepare``). For its columns the standardised difference is
        taken on that scale, where long tails do not rule; means and medians stay in the feature's own unit.

    Returns
    -------
    pandas.DataFrame
        One row per segment and feature, sorted by segment, then in the order of ``columns``: segment, feature, n,
        n_known, mean, median, base_mean, base_median, difference (mean of the segment minus mean of all, in standard
        deviations of all), low, high. The interval is Welch's for segment against all others, normal approximation,
        brought to the difference from all; missing where fewer than two customers on either side are known.
    """
    table = (
        features.set_index("customer_id").join(assigned.set_index("customer_id")["segment"], how="inner").sort_index()
    )
    rows = []
    for segment in sorted(table["segment"].unique()):
        inside = (table["segment"] == segment).to_numpy()
        for column in columns:
            values = table[column].astype("float64")
            scaled = matrix[column].reindex(table.index) if matrix is not None and column in matrix else values
            rows.append({"segment": segment, "feature": column, **_compare(values, scaled.to_numpy(), inside)})
    names = [
        "segment",
        "feature",
        "n",
        "n_known",
        "mean",
        "median",
        "base_mean",
        "base_median",
        "difference",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=names)


def strongest_differences(profile: pd.DataFrame, *, top: int = 3) -> pd.DataFrame:
    """Keep the features that set each segment apart most.

    Parameters
    ----------
    profile : pandas.DataFrame
        As ``profile_segments`` gives it.
    top : int

    Returns
    -------
    pandas.DataFrame
        The rows whose interval excludes 0, at most ``top`` per segment, largest absolute difference first; ties by
        feature.
    """
    sure = profile[(profile["low"] > 0) | (profile["high"] < 0)]
    ranked = sure.assign(size=sure["difference"].abs()).sort_values(
        ["segment", "size", "feature"], ascending=[True, False, True]
    )
    return ranked.groupby("segment", sort=True).head(top).drop(columns="size").reset_index(drop=True)


def _compare(values: pd.Series, scaled: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    own = values[inside]
    difference, low, high = _difference(scaled, inside)
    return {
        "n": int(inside.sum()),
        "n_known": int(own.notna().sum()),
        "mean": own.mean(),
        "median": own.median(),
        "base_mean": values.mean(),
        "base_median": values.median(),
        "difference": difference,
        "low": low,
        "high": high,
    }


def _difference(values: np.ndarray, inside: np.ndarray) -> tuple[float, float, float]:
    """Return mean inside minus mean of all in standard deviations of all, with its interval."""
    known = np.isfinite(values)
    own, rest = values[known & inside], values[known & ~inside]
    spread = values[known].std() if known.any() else 0.0
    if not len(own) or spread == 0:
        return np.nan, np.nan, np.nan
    difference = (own.mean() - values[known].mean()) / spread
    if min(len(own), len(rest)) < LEAST:
        return float(difference), np.nan, np.nan
    error = np.sqrt(own.var(ddof=1) / len(own) + rest.var(ddof=1) / len(rest))
    half = Z * error * len(rest) / known.sum() / spread
    return float(difference), float(difference - half), float(difference + half)
