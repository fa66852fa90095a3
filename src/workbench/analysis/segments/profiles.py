"""How do the segments differ from all customers? With intervals, for 06_segment_customers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.intervals import LEVEL, wilson

__all__ = ["profile_segments", "segment_sizes", "strongest_differences"]

Z = 1.959963984540054  # standard normal quantile of a .95 interval
LEAST = 2  # fewest customers with a value, inside and outside the segment, for an interval


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
        segment, n, share, low, high (Wilson interval), in the order of ``keys``; ``unknown`` only if it occurs.
    """
    counts = assigned["segment"].value_counts()
    shown_keys = [key for key in keys if key != "unknown" or counts.get(key, 0)]
    n = np.array([int(counts.get(key, 0)) for key in shown_keys])
    low, high = wilson(n, np.full(len(n), len(assigned)), level=level)
    share = n / len(assigned) if len(assigned) else np.full(len(n), np.nan)
    return pd.DataFrame({"segment": shown_keys, "n": n, "share": share, "low": low, "high": high})


def profile_segments(
    features: pd.DataFrame, assigned: pd.DataFrame, columns: Sequence[str], *, matrix: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compare each segment with all customers, feature by feature.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and numeric ``columns``.
    assigned : pandas.DataFrame
        customer_id, segment.
    columns : sequence of str
        Missing values are excluded from every figure; ``n_known`` counts the others.
    matrix : pandas.DataFrame, optional
        Scaled features indexed by customer_id (``transforms.prepare``). For these columns the standardised difference
        is computed on the scaled values, so that long tails do not dominate; means and medians keep the feature's unit.

    Returns
    -------
    pandas.DataFrame
        One row per segment and feature, sorted by segment, then in the order of ``columns``: segment, feature, n,
        n_known, mean, median, base_mean, base_median, difference (mean of the segment minus mean of all customers, in
        standard deviations of all), low, high. The interval is Welch's for segment against all others, normal
        approximation, rescaled to the difference from all; missing with fewer than two known values on either side.
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
    """Select the features on which each segment differs most.

    Parameters
    ----------
    profile : pandas.DataFrame
        From ``profile_segments``.
    top : int

    Returns
    -------
    pandas.DataFrame
        The rows whose interval excludes 0, at most ``top`` per segment, largest absolute difference first; ties by
        feature.
    """
    significant = profile[(profile["low"] > 0) | (profile["high"] < 0)]
    ranked = significant.assign(size=significant["difference"].abs()).sort_values(
        ["segment", "size", "feature"], ascending=[True, False, True]
    )
    return ranked.groupby("segment", sort=True).head(top).drop(columns="size").reset_index(drop=True)


def _compare(values: pd.Series, scaled: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    segment_values = values[inside]
    difference, low, high = _difference(scaled, inside)
    return {
        "n": int(inside.sum()),
        "n_known": int(segment_values.notna().sum()),
        "mean": segment_values.mean(),
        "median": segment_values.median(),
        "base_mean": values.mean(),
        "base_median": values.median(),
        "difference": difference,
        "low": low,
        "high": high,
    }


def _difference(values: np.ndarray, inside: np.ndarray) -> tuple[float, float, float]:
    """Return the mean inside minus the mean of all customers, in standard deviations of all, with its interval."""
    is_known = np.isfinite(values)
    segment, others = values[is_known & inside], values[is_known & ~inside]
    sd = values[is_known].std() if is_known.any() else 0.0
    if not len(segment) or sd == 0:
        return np.nan, np.nan, np.nan
    difference = (segment.mean() - values[is_known].mean()) / sd
    if min(len(segment), len(others)) < LEAST:
        return float(difference), np.nan, np.nan
    error = np.sqrt(segment.var(ddof=1) / len(segment) + others.var(ddof=1) / len(others))
    half_width = Z * error * len(others) / is_known.sum() / sd
    return float(difference), float(difference - half_width), float(difference + half_width)
