"""How well separated and how stable are groups of customers, and how many are there? Measures for 06_segment_customers.

``sweep`` measures every number of groups for one method; ``candidates.search`` sweeps several methods, and
``verdicts.judge`` decides from the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.clustering.actionability import shares_explained
from workbench.analysis.clustering.centres import sorted_rows
from workbench.analysis.clustering.methods import METHODS, Method, Model
from workbench.analysis.clustering.null_model import distance_matrix, silhouettes
from workbench.analysis.clustering.stability import (
    MOST_ROWS,
    bootstrap_jaccard,
    drawn,
    split_halves,
    time_jaccard,
)
from workbench.analysis.clustering.valleys import valley
from workbench.core.errors import ProfileError

__all__ = [
    "COSTLY_SAMPLE",
    "LEAST_CUSTOMERS",
    "MOST_GROUPS",
    "Candidate",
    "candidates_table",
    "distinct_customers",
    "numbers_of_groups",
    "sweep",
    "too_little",
]

_SINCE = "tenure_days"  # days since the first purchase
LEAST_CUSTOMERS = 100  # fewest customers for clustering
MOST_GROUPS = 30
COSTLY_SAMPLE = 1_000  # most customers in the fit of a costly method
COSTLY_BOOTSTRAPS = 20  # most resamples of a costly method; their result is shown but not used for the verdict
CUSTOMERS_PER_GROUP = 10  # fewest customers per group for a number of groups to be tried


@dataclass(frozen=True)
class Candidate:
    """One method with one number of groups: its model and measurements, with the same keys for all methods.

    Attributes
    ----------
    method : str
        A name in ``methods.METHODS``.
    k : int
    model : mapping
        Fitted by the method: plain JSON values.
    metrics : dict of float
        silhouette, calinski_harabasz, davies_bouldin, inertia, smallest_share, valley, min_jaccard (mean over splits
        of the worst cluster, split halves), min_jaccard_error (its standard error over splits), split_half_jaccard
        (mean over splits and clusters), prediction_strength, customers_fitted (number of customers in the fit),
        bootstraps (resamples), bootstrap_min_jaccard, bootstrap_jaccard,
        time_min_jaccard (worst cluster, refitted on the earlier customers), value_explained, churn_explained
        (eta squared). Missing where a measure does not apply.
    cluster_jaccard : tuple of float
        By cluster, the lower of bootstrap Jaccard and split-half Jaccard.
    """

    method: str
    k: int
    model: Model
    metrics: dict[str, float]
    cluster_jaccard: tuple[float, ...]

    @property
    def name(self) -> str:
        """The name of the candidate, such as ``kmeans k=5``."""
        return f"{self.method} k={self.k}"


def numbers_of_groups(matrix: pd.DataFrame, *, k_min: int = 2, k_max: int = 8) -> list[int]:
    """List the numbers of groups that the data supports.

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
    if too_little(matrix, k_max):
        return []
    return [k for k in range(k_min, k_max + 1) if len(matrix) >= CUSTOMERS_PER_GROUP * k]


def sweep(
    matrix: pd.DataFrame,
    ks: Sequence[int],
    *,
    method: str = "kmeans",
    features: pd.DataFrame | None = None,
    n_restarts: int = 10,
    n_bootstraps: int = 50,
    n_splits: int = 10,
    silhouette_sample: int = 3_000,
    costly_sample: int = COSTLY_SAMPLE,
    seed: int = 0,
) -> list[Candidate]:
    """Fit and measure one method for each number of groups.

    Parameters
    ----------
    matrix : pandas.DataFrame
        One row per customer, the points of the method's space without missing values (codes: -1 where unknown).
    ks : sequence of int
        From ``numbers_of_groups``.
    method : str
        A name in ``methods.METHODS``.
    features : pandas.DataFrame, optional
        One row per customer: customer_id, tenure_days (for the earlier customers) and the outcomes of
        ``actionability``.
    n_restarts, n_bootstraps, n_splits : int
        Starts of a fit, bootstrap resamples, splits into halves.
    silhouette_sample : int
        Most customers for silhouettes, a seeded sample.
    costly_sample : int
        Most customers for fits of a costly method, a seeded sample with at most 20 resamples; the model then assigns
        all customers.
    seed : int

    Returns
    -------
    list of Candidate
        One per k, in the order of ``ks``; row order does not matter.
    """
    if not len(ks):
        return []
    clustering = METHODS[method]
    unsorted = matrix.to_numpy(dtype=float)
    points = sorted_rows(unsorted)
    rng = np.random.default_rng(seed)
    size = min(silhouette_sample, len(points))
    sample = points[np.sort(rng.choice(len(points), size, replace=False))]
    distances = distance_matrix(sample, metric="hamming" if clustering.space == "codes" else "euclidean")
    attributes = None if features is None else features.set_index("customer_id").reindex(matrix.index)
    max_fitted = costly_sample if clustering.costly else len(points)
    n_resamples = min(n_bootstraps, COSTLY_BOOTSTRAPS) if clustering.costly else n_bootstraps
    time_options = {"most_rows": min(max_fitted, MOST_ROWS), "seed": seed}
    fitted = drawn(points, max_fitted, rng)
    models = [clustering.fit(fitted, k, n_restarts=n_restarts, seed=seed) for k in ks]
    widths = silhouettes(distances, [clustering.place(model, sample) for model in models])
    candidates = []
    for k, model, width in zip(ks, models, widths, strict=True):
        bootstrap_jaccards = bootstrap_jaccard(fitted, model, clustering, n_bootstraps=n_resamples, seed=seed)
        halves = split_halves(fitted, model, clustering, n_splits=n_splits, seed=seed)
        metrics = {
            "silhouette": width,
            **_separation(clustering, model, points),
            **_stability(halves.jaccard, bootstrap_jaccards),
        }
        metrics |= {"prediction_strength": halves.prediction_strength, "bootstraps": float(n_resamples)}
        metrics |= {"customers_fitted": float(len(fitted))} | _outside_measures(
            clustering, model, unsorted, attributes, time_options
        )
        rounded = {key: round(value, 6) for key, value in metrics.items()}
        lower = np.minimum(bootstrap_jaccards, halves.clusters).round(6)
        candidates.append(Candidate(method, k, model, rounded, tuple(lower.tolist())))
    return candidates


def candidates_table(candidates: Sequence[Candidate], null: pd.DataFrame | None = None) -> pd.DataFrame:
    """Collect the measurements of all candidates in one table.

    Parameters
    ----------
    candidates : sequence of Candidate
    null : pandas.DataFrame, optional
        From ``null_model.null_reference``; joined by k, and by method where it has that column.

    Returns
    -------
    pandas.DataFrame
        One row per method and k: method, k, the metrics, and null_mean, null_sd, null_high with ``null``.
    """
    table = pd.DataFrame(
        [{"method": candidate.method, "k": candidate.k, **candidate.metrics} for candidate in candidates]
    )
    if null is None or null.empty or table.empty:
        return table
    by = ["method", "k"] if "method" in null else ["k"]
    return table.merge(null, on=by, how="left", validate="one_to_one" if "method" in null else "many_to_one")


def too_little(matrix: pd.DataFrame, k_max: int) -> str:
    """Return why customers cannot be clustered: no_features, few_customers, few_distinct; else ""."""
    if matrix.shape[1] == 0:
        return "no_features"
    if len(matrix) < LEAST_CUSTOMERS:
        return "few_customers"
    return "few_distinct" if distinct_customers(matrix) < k_max else ""


def distinct_customers(matrix: pd.DataFrame) -> int:
    """Count distinct rows."""
    return len(np.unique(matrix.to_numpy(dtype=float), axis=0)) if matrix.size else 0


def _separation(clustering: Method, model: Model, points: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415

    labels, centres = clustering.place(model, points), clustering.centres(model)
    k = _groups(model)
    has_groups = len(np.unique(labels)) > 1
    deviations = points - _group_means(points, labels, k)[labels]
    return {
        "calinski_harabasz": float(calinski_harabasz_score(points, labels)) if has_groups else 0.0,
        "davies_bouldin": float(davies_bouldin_score(points, labels)) if has_groups else 0.0,
        "inertia": float((deviations**2).sum()),
        "smallest_share": float(np.bincount(labels, minlength=k).min() / len(points)),
        "valley": float("nan") if centres is None else valley(points, centres, labels),
    }


def _stability(halves: np.ndarray, bootstrap: np.ndarray) -> dict[str, float]:
    worst = halves.min(axis=1)
    return {
        "min_jaccard": float(worst.mean()),
        "min_jaccard_error": float(worst.std(ddof=1) / np.sqrt(len(worst))) if len(worst) > 1 else 0.0,
        "split_half_jaccard": float(halves.mean()),
        "bootstrap_min_jaccard": float(bootstrap.min()),
        "bootstrap_jaccard": float(bootstrap.mean()),
    }


def _outside_measures(
    clustering: Method, model: Model, points: np.ndarray, attributes: pd.DataFrame | None, time_options: dict[str, int]
) -> dict[str, float]:
    """Measure a grouping by time, value and churn, which the clustering does not use."""
    missing = dict.fromkeys(("time_min_jaccard", "value_explained", "churn_explained"), float("nan"))
    if attributes is None:
        return missing
    measures = shares_explained(attributes, clustering.place(model, points))
    if _SINCE in attributes and attributes[_SINCE].notna().any():
        tenure = attributes[_SINCE].astype("float64").to_numpy(na_value=np.nan)
        earlier = tenure > np.nanmedian(tenure)
        measures["time_min_jaccard"] = float(time_jaccard(points, earlier, model, clustering, **time_options).min())
    return missing | measures


def _groups(model: Model) -> int:
    return len(model["centers"] if model["type"] == "centroids" else model["weights"])


def _group_means(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    counts = np.maximum(np.bincount(labels, minlength=k), 1)
    sums = [np.bincount(labels, weights=column, minlength=k) for column in points.T]
    return np.column_stack(sums) / counts[:, None]
