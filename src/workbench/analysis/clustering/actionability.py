"""What are segments useful for? How much of value and churn they explain, and on which other variables they differ.

Serves 06_segment_customers. Since a random split also explains something, every figure is compared with random splits
of the same sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from workbench.analysis.description.variables import as_text, variable_kinds
from workbench.analysis.intervals import benjamini_hochberg

__all__ = ["OUTCOMES", "actionability", "held_out_separation", "shares_explained", "variance_explained"]

OUTCOMES = {
    "value": ("monetary_total", "spend_365d"),
    "churn": ("churned", "recency_days"),
}  # the first column present is used
LEAST = 20  # fewest customers with a value for a comparison
MOST_LEVELS = 20  # levels of a category; the others are pooled


def variance_explained(values: np.ndarray, labels: np.ndarray) -> float:
    """Return eta squared: the share of the variance of an outcome that lies between segments.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (n,); missing or infinite values are left out.
    labels : numpy.ndarray
        Shape (n,), integers from 0.

    Returns
    -------
    float
        In 0..1; missing without two different values.

    Examples
    --------
    >>> variance_explained(np.array([1.0, 1, 3, 3]), np.array([0, 0, 1, 1]))
    1.0
    """
    is_finite = np.isfinite(values)
    values, labels = values[is_finite], labels[is_finite]
    total = ((values - values.mean()) ** 2).sum() if len(values) else 0.0
    if total <= 0:
        return float("nan")
    counts = np.bincount(labels)
    sums = np.bincount(labels, weights=values - values.mean())
    return float((sums[counts > 0] ** 2 / counts[counts > 0]).sum() / total)


def shares_explained(features: pd.DataFrame, labels: np.ndarray) -> dict[str, float]:
    """Return the shares of value and churn that a grouping explains, as a candidate's metrics.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per label; value is monetary_total (else spend_365d), churn is churned (else recency_days).
    labels : numpy.ndarray
        Shape (n,), integers from 0.

    Returns
    -------
    dict of float
        value_explained, churn_explained: eta squared, missing without such a column.
    """
    return {
        f"{outcome}_explained": variance_explained(_numbers(features, name), labels) if name else float("nan")
        for outcome in OUTCOMES
        for name in [_present(features, outcome)]
    }


def actionability(
    features: pd.DataFrame,
    assigned: pd.DataFrame,
    *,
    used: Sequence[str] = (),
    n_random: int = 200,
    n_bootstraps: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the shares of value and churn that segments explain with random splits of the same sizes.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and the outcomes, where they exist.
    assigned : pandas.DataFrame
        customer_id, segment.
    used : sequence of str
        Features used to build the segments; an outcome among them is explained by construction.
    n_random, n_bootstraps, seed : int
        Number of random splits, and of resamples of customers for the interval.

    Returns
    -------
    pandas.DataFrame
        One row per outcome present: outcome (value, churn), variable, n, explained (eta squared, 0..1), low, high
        (95 %, percentiles over resamples), random_mean, random_high (.975 quantile over random splits), beats_random
        (low above random_high), used (whether the segments are built from the variable).
    """
    table = features.merge(assigned[["customer_id", "segment"]], on="customer_id").sort_values("customer_id")
    labels = table["segment"].astype("category").cat.codes.to_numpy().astype(int)
    rng = np.random.default_rng(seed)
    rows = []
    for outcome in OUTCOMES:
        name = _present(table, outcome)
        values = _numbers(table, name) if name else np.array([])
        is_finite = np.isfinite(values)
        if is_finite.sum() < LEAST or len(np.unique(labels)) < 2:  # noqa: PLR2004
            continue
        figures = _against_chance(values[is_finite], labels[is_finite], rng, n_random, n_bootstraps)
        rows.append({"outcome": outcome, "variable": name, "n": int(is_finite.sum()), **figures, "used": name in used})
    names = ["explained", "low", "high", "random_mean", "random_high", "beats_random"]
    return pd.DataFrame(rows, columns=["outcome", "variable", "n", *names, "used"])


def held_out_separation(
    features: pd.DataFrame, assigned: pd.DataFrame, *, used: Sequence[str], top: int | None = None
) -> pd.DataFrame:
    """Find variables outside the clustering on which the segments differ.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and variables; contact, sensitive and identifying columns and dates are
        skipped.
    assigned : pandas.DataFrame
        customer_id, segment.
    used : sequence of str
        Features that the segments are built from.
    top : int, optional
        Most variables returned.

    Returns
    -------
    pandas.DataFrame
        One row per variable, the strongest first, ties by name: variable, kind (numeric, categorical), n (customers
        with a value), measure (eta_squared, cramers_v), effect (0..1; eta squared minus its expectation by chance
        (epsilon squared), Cramer's V corrected by Bergsma 2013), q_value (F or chi-squared test, adjusted by Benjamini
        and Hochberg over all variables).
    """
    table = features.merge(assigned[["customer_id", "segment"]], on="customer_id").sort_values("customer_id")
    kinds = variable_kinds(table, categorical=("segment",))
    labels = table["segment"].astype("category").cat.codes.to_numpy().astype(int)
    rows = []
    for name, kind in kinds.items():
        if name in (*used, "segment", "customer_id") or kind not in ("numeric", "categorical"):
            continue
        difference = (_numeric if kind == "numeric" else _categorical)(table[name], labels)
        if difference is not None:
            rows.append({"variable": name, "kind": kind, **difference})
    names = ["variable", "kind", "n", "measure", "effect", "p_value"]
    frame = pd.DataFrame(rows, columns=names)
    adjusted = frame.assign(q_value=benjamini_hochberg(frame["p_value"])) if len(frame) else frame.assign(q_value=[])
    ranked = adjusted.drop(columns="p_value").sort_values(["effect", "variable"], ascending=[False, True])
    return ranked.head(top).reset_index(drop=True) if top else ranked.reset_index(drop=True)


def _present(features: pd.DataFrame, outcome: str) -> str:
    return next((name for name in OUTCOMES[outcome] if name in features.columns), "")


def _numbers(features: pd.DataFrame, name: str) -> np.ndarray:
    return pd.to_numeric(features[name], errors="coerce").astype("float64").to_numpy(na_value=np.nan)


def _against_chance(
    values: np.ndarray, labels: np.ndarray, rng: np.random.Generator, n_random: int, n_bootstraps: int
) -> dict[str, float]:
    explained = variance_explained(values, labels)
    shuffled = [variance_explained(values, rng.permutation(labels)) for _ in range(n_random)]
    resampled = []
    for _ in range(n_bootstraps):
        sample = rng.integers(0, len(values), len(values))
        resampled.append(variance_explained(values[sample], labels[sample]))
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    random_high = float(np.quantile(shuffled, 0.975))
    return {
        "explained": round(explained, 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "random_mean": round(float(np.mean(shuffled)), 6),
        "random_high": round(random_high, 6),
        "beats_random": bool(low > random_high),
    }


def _numeric(values: pd.Series, labels: np.ndarray) -> dict[str, object] | None:
    numbers = _numbers(values.to_frame("x"), "x")
    is_finite = np.isfinite(numbers)
    groups = len(np.unique(labels[is_finite]))
    n = int(is_finite.sum())
    if n < LEAST or groups < 2 or np.ptp(numbers[is_finite]) == 0:  # noqa: PLR2004
        return None
    eta = variance_explained(numbers, labels)
    between, within = groups - 1, n - groups
    ratio = (eta / between) / max((1 - eta) / within, 1e-300)
    effect = max(0.0, 1 - (1 - eta) * (n - 1) / within)
    return {"n": n, "measure": "eta_squared", "effect": round(effect, 6), "p_value": stats.f.sf(ratio, between, within)}


def _categorical(values: pd.Series, labels: np.ndarray) -> dict[str, object] | None:
    text = as_text(values)
    is_known = text.notna().to_numpy()
    frequent = text[is_known].value_counts().index[:MOST_LEVELS]
    counts = pd.crosstab(
        labels[is_known], text[is_known].where(text[is_known].isin(frequent), "(other)").to_numpy()
    ).to_numpy()
    n, (rows, columns) = int(is_known.sum()), counts.shape
    if n < LEAST or min(rows, columns) < 2:  # noqa: PLR2004
        return None
    result = stats.chi2_contingency(counts, correction=False)
    phi = max(0.0, result.statistic / n - (rows - 1) * (columns - 1) / (n - 1))
    smallest = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    effect = float(np.sqrt(phi / smallest)) if smallest > 0 else 0.0
    return {"n": n, "measure": "cramers_v", "effect": round(effect, 6), "p_value": float(result.pvalue)}
