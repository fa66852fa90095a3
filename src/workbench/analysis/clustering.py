"""Are there groups of customers, how many, and would they come back? Decides for 06_segment_customers.

``sweep`` measures every number of groups the same way, ``judge`` says what the measurements allow to be said: separate
groups (structure), a stable cut through a continuum, no structure, or too little data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.centres import fit_centres, nearest, sorted_rows
from workbench.analysis.null_model import silhouette
from workbench.analysis.stability import (
    STABLE,
    bootstrap_jaccard,
    split_half_jaccard,
    valley,
)
from workbench.core.errors import ProfileError

__all__ = ["VERDICTS", "Candidate", "Verdict", "candidates_table", "judge", "numbers_of_groups", "sweep"]

VERDICTS = ("structure", "continuum", "no_structure", "too_little_data")
LEAST_CUSTOMERS = 100  # below this no number of groups is tried
MOST_GROUPS = 30
CUSTOMERS_PER_GROUP = 10  # a k is tried only with this many customers per group


@dataclass(frozen=True)
class Candidate:
    """One number of groups: its centres and its measurements, the same keys for every k.

    Attributes
    ----------
    k : int
    centres : numpy.ndarray
        Shape (k, p), scaled units.
    metrics : dict of float
        silhouette, calinski_harabasz, davies_bouldin, inertia, smallest_share, valley, min_jaccard (mean over splits
        of the worst cluster, split halves), min_jaccard_error (its standard error over splits), split_half_jaccard
        (mean over splits and clusters), bootstrap_min_jaccard, bootstrap_jaccard.
    cluster_jaccard : tuple of float
        Bootstrap Jaccard of each cluster, in the order of the centres.
    """

    k: int
    centres: np.ndarray
    metrics: dict[str, float]
    cluster_jaccard: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """What may be said about groups of customers.

    Attributes
    ----------
    verdict : str
        One of ``VERDICTS``.
    k : int
        Number of groups to use; 1 where no cut can be defended.
    reason : str
        A key: separate_and_stable, stable_cut, unstable, few_customers, few_distinct, no_features.
    values : dict
        The numbers behind it: customers, distinct, features, needed (least customers), k, silhouette, null_high,
        min_jaccard, valley and the thresholds.
    centres : numpy.ndarray or None
        Of the chosen candidate; None where k is 1.
    """

    verdict: str
    k: int
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    centres: np.ndarray | None = None


def numbers_of_groups(matrix: pd.DataFrame, *, k_min: int = 2, k_max: int = 8) -> list[int]:
    """List the numbers of groups that the data can bear.

    Parameters
    ----------
    matrix : pandas.DataFrame
        One row per customer, scaled features.
    k_min, k_max : int
        2 <= k_min <= k_max.

    Returns
    -------
    list of int
        Each k with at least ten customers per group; empty when there are fewer than 100 customers, fewer distinct rows
        than k_max, or no feature.

    Raises
    ------
    ProfileError
        When the bounds are out of range.
    """
    if not 2 <= k_min <= k_max:
        raise ProfileError(f"k_min is {k_min} and k_max is {k_max}; expected 2 <= k_min <= k_max")
    if _too_little(matrix, k_max):
        return []
    return [k for k in range(k_min, k_max + 1) if len(matrix) >= CUSTOMERS_PER_GROUP * k]


def sweep(
    matrix: pd.DataFrame,
    ks: Sequence[int],
    *,
    n_restarts: int = 10,
    n_bootstraps: int = 50,
    n_splits: int = 10,
    silhouette_sample: int = 3_000,
    seed: int = 0,
) -> list[Candidate]:
    """Fit and measure k-means for each number of groups.

    Parameters
    ----------
    matrix : pandas.DataFrame
        One row per customer, scaled features without missing values.
    ks : sequence of int
        As ``numbers_of_groups`` gives them.
    n_restarts, n_bootstraps, n_splits : int
        Starts of k-means, bootstrap resamples, splits into halves.
    silhouette_sample : int
        Silhouettes are taken on a seeded sample of at most this many customers.
    seed : int

    Returns
    -------
    list of Candidate
        One per k, in the order given, none where ``ks`` is empty; row order does not matter.
    """
    if not len(ks):
        return []
    points = sorted_rows(matrix.to_numpy(dtype=float))
    rng = np.random.default_rng(seed)
    size = min(silhouette_sample, len(points))
    shown = points[np.sort(rng.choice(len(points), size, replace=False))]
    found = []
    for k in ks:
        centres = fit_centres(points, k, n_restarts=n_restarts, seed=seed)
        boots = bootstrap_jaccard(points, centres, n_bootstraps=n_bootstraps, seed=seed)
        halves = split_half_jaccard(points, k, n_splits=n_splits, seed=seed)
        worst = halves.min(axis=1)
        metrics = {
            "silhouette": silhouette(shown, nearest(shown, centres)),
            **_compactness(points, centres),
            "valley": valley(points, centres),
            "min_jaccard": float(worst.mean()),
            "min_jaccard_error": float(worst.std(ddof=1) / np.sqrt(len(worst))) if len(worst) > 1 else 0.0,
            "split_half_jaccard": float(halves.mean()),
            "bootstrap_min_jaccard": float(boots.min()),
            "bootstrap_jaccard": float(boots.mean()),
        }
        rounded = {key: round(value, 6) for key, value in metrics.items()}
        found.append(Candidate(k, centres, rounded, tuple(boots.round(6).tolist())))
    return found


def candidates_table(candidates: Sequence[Candidate], null: pd.DataFrame | None = None) -> pd.DataFrame:
    """Put the measurements of all candidates into one table.

    Parameters
    ----------
    candidates : sequence of Candidate
    null : pandas.DataFrame, optional
        As ``null_model.null_reference`` gives it; its columns are joined by k.

    Returns
    -------
    pandas.DataFrame
        One row per k: k, the metrics, and null_mean, null_sd, null_high where given.
    """
    table = pd.DataFrame([{"k": each.k, **each.metrics} for each in candidates])
    return table if null is None or table.empty else table.merge(null, on="k", how="left", validate="one_to_one")


def judge(
    matrix: pd.DataFrame,
    candidates: Sequence[Candidate],
    null: pd.DataFrame | None,
    *,
    margin: float = 0.02,
    deepest: float = 0.5,
    min_share: float = 0.02,
) -> Verdict:
    """Say what the measurements allow to be said, and which k to use.

    A k is *stable* when its worst cluster comes back from disjoint halves with a mean Jaccard that is at least .75
    also after one standard error (over splits) is taken off, and no cluster is smaller than ``min_share``. It is
    *separate* when its silhouette exceeds the reference's .95 quantile by ``margin`` and the density between every
    pair of centres is at most ``deepest`` of that at the emptier centre. Structure: the largest k that is stable and
    separate. Continuum: the largest k that is stable. Otherwise no structure. The largest k above a threshold is the
    rule of prediction strength (Tibshirani & Walther 2005).

    Parameters
    ----------
    matrix : pandas.DataFrame
        The customers that were clustered.
    candidates : sequence of Candidate
        As ``sweep`` gave them; empty when the data bears no k.
    null : pandas.DataFrame or None
        As ``null_reference`` gave it; not read where there are no candidates.
    margin, deepest, min_share : float
        In 0..1.

    Returns
    -------
    Verdict
    """
    counted = {
        "customers": len(matrix),
        "distinct": _distinct(matrix),
        "features": matrix.shape[1],
        "needed": LEAST_CUSTOMERS,
    }
    if not candidates or null is None:
        few = "few_distinct" if counted["distinct"] < MOST_GROUPS else "few_customers"
        return Verdict("too_little_data", 1, _too_little(matrix, k_max=2) or few, counted)
    high = null.set_index("k")["null_high"]
    limits = {"stable": STABLE, "margin": margin, "deepest": deepest, "min_share": min_share}
    stable = [
        each for each in candidates
        if each.metrics["min_jaccard"] - each.metrics["min_jaccard_error"] >= STABLE
        and each.metrics["smallest_share"] >= min_share
    ]  # fmt: skip
    separate = [
        each for each in stable
        if each.metrics["silhouette"] > high[each.k] + margin and each.metrics["valley"] <= deepest
    ]  # fmt: skip
    chosen = (separate or stable or [max(candidates, key=lambda each: (each.metrics["min_jaccard"], -each.k))])[-1]
    values = {**counted, "k": chosen.k, **chosen.metrics, "null_high": float(high[chosen.k]), **limits}
    if separate:
        return Verdict("structure", chosen.k, "separate_and_stable", values, chosen.centres)
    if stable:
        return Verdict("continuum", chosen.k, "stable_cut", values, chosen.centres)
    return Verdict("no_structure", 1, "unstable", values)


def _too_little(matrix: pd.DataFrame, k_max: int) -> str:
    if matrix.shape[1] == 0:
        return "no_features"
    if len(matrix) < LEAST_CUSTOMERS:
        return "few_customers"
    return "few_distinct" if _distinct(matrix) < k_max else ""


def _distinct(matrix: pd.DataFrame) -> int:
    return len(np.unique(matrix.to_numpy(dtype=float), axis=0)) if matrix.size else 0


def _compactness(points: np.ndarray, centres: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415

    labels = nearest(points, centres)
    inhabited = len(np.unique(labels)) > 1
    return {
        "calinski_harabasz": float(calinski_harabasz_score(points, labels)) if inhabited else 0.0,
        "davies_bouldin": float(davies_bouldin_score(points, labels)) if inhabited else 0.0,
        "inertia": float(((points - centres[labels]) ** 2).sum()),
        "smallest_share": float(np.bincount(labels, minlength=len(centres)).min() / len(points)),
    }
