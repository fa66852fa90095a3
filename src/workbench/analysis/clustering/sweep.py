"""How well do customers fall into groups, how many, and would they come back? Measures for 06_segment_customers.

``sweep`` measures every number of groups by one method the same way; ``candidates.search`` sweeps several, and
``verdicts.judge`` says what the measurements allow to be said.
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
LEAST_CUSTOMERS = 100  # below this no number of groups is tried
MOST_GROUPS = 30
COSTLY_SAMPLE = 1_000  # customers a costly method is fitted on
COSTLY_BOOTSTRAPS = 20  # resamples of a costly method, at most; they are shown and decide nothing
CUSTOMERS_PER_GROUP = 10  # a k is tried only with this many customers per group


@dataclass(frozen=True)
class Candidate:
    """One method at one number of groups: its model and its measurements, the same keys for all.

    Attributes
    ----------
    method : str
        A name in ``methods.METHODS``.
    k : int
    model : mapping
        As the method fitted it: plain JSON values.
    metrics : dict of float
        silhouette, calinski_harabasz, davies_bouldin, inertia, smallest_share, valley, min_jaccard (mean over splits
        of the worst cluster, split halves), min_jaccard_error (its standard error over splits), split_half_jaccard
        (mean over splits and clusters), prediction_strength, customers_fitted (whom the model was fitted on),
        bootstraps (resamples), bootstrap_min_jaccard, bootstrap_jaccard,
        time_min_jaccard (worst cluster, refitted on the customers who came first), value_explained, churn_explained
        (eta squared). Missing where a measure does not apply.
    cluster_jaccard : tuple of float
        By cluster, the lower of bootstrap Jaccard and recovery from halves.
    """

    method: str
    k: int
    model: Model
    metrics: dict[str, float]
    cluster_jaccard: tuple[float, ...]

    @property
    def name(self) -> str:
        """What the candidate is called among runs, such as ``kmeans k=5``."""
        return f"{self.method} k={self.k}"


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
        As ``numbers_of_groups`` gives them.
    method : str
        A name in ``methods.METHODS``.
    features : pandas.DataFrame, optional
        One row per customer: customer_id, tenure_days (who came first) and the outcomes of ``actionability``.
    n_restarts, n_bootstraps, n_splits : int
        Starts of a fit, bootstrap resamples, splits into halves.
    silhouette_sample : int
        Silhouettes are taken on a seeded sample of at most this many customers.
    costly_sample : int
        A costly method is fitted and refitted on a seeded sample of at most this many, drawn anew at most 20 times; its
        model places everybody.
    seed : int

    Returns
    -------
    list of Candidate
        One per k, in the order given, none where ``ks`` is empty; row order does not matter.
    """
    if not len(ks):
        return []
    how = METHODS[method]
    own = matrix.to_numpy(dtype=float)
    points = sorted_rows(own)
    rng = np.random.default_rng(seed)
    size = min(silhouette_sample, len(points))
    shown = points[np.sort(rng.choice(len(points), size, replace=False))]
    apart = distance_matrix(shown, metric="hamming" if how.space == "codes" else "euclidean")
    about = None if features is None else features.set_index("customer_id").reindex(matrix.index)
    most = costly_sample if how.costly else len(points)
    turns = min(n_bootstraps, COSTLY_BOOTSTRAPS) if how.costly else n_bootstraps
    again = {"most_rows": min(most, MOST_ROWS), "seed": seed}
    fitted = drawn(points, most, rng)
    models = [how.fit(fitted, k, n_restarts=n_restarts, seed=seed) for k in ks]
    widths = silhouettes(apart, [how.place(model, shown) for model in models])
    found = []
    for k, model, width in zip(ks, models, widths, strict=True):
        boots = bootstrap_jaccard(fitted, model, how, n_bootstraps=turns, seed=seed)
        halves = split_halves(fitted, model, how, n_splits=n_splits, seed=seed)
        metrics = {"silhouette": width, **_separation(how, model, points), **_stability(halves.jaccard, boots)}
        metrics |= {"prediction_strength": halves.prediction_strength, "bootstraps": float(turns)}
        metrics |= {"customers_fitted": float(len(fitted))} | _elsewhere(how, model, own, about, again)
        rounded = {key: round(value, 6) for key, value in metrics.items()}
        least = np.minimum(boots, halves.clusters).round(6)
        found.append(Candidate(method, k, model, rounded, tuple(least.tolist())))
    return found


def candidates_table(candidates: Sequence[Candidate], null: pd.DataFrame | None = None) -> pd.DataFrame:
    """Put the measurements of all candidates into one table.

    Parameters
    ----------
    candidates : sequence of Candidate
    null : pandas.DataFrame, optional
        As ``null_model.null_reference`` gives it; its columns are joined by k, and by method where it names one.

    Returns
    -------
    pandas.DataFrame
        One row per method and k: method, k, the metrics, and null_mean, null_sd, null_high where given.
    """
    table = pd.DataFrame([{"method": each.method, "k": each.k, **each.metrics} for each in candidates])
    if null is None or null.empty or table.empty:
        return table
    by = ["method", "k"] if "method" in null else ["k"]
    return table.merge(null, on=by, how="left", validate="one_to_one" if "method" in null else "many_to_one")


def too_little(matrix: pd.DataFrame, k_max: int) -> str:
    """Return why a matrix of customers bears no groups: no_features, few_customers, few_distinct; else nothing."""
    if matrix.shape[1] == 0:
        return "no_features"
    if len(matrix) < LEAST_CUSTOMERS:
        return "few_customers"
    return "few_distinct" if distinct_customers(matrix) < k_max else ""


def distinct_customers(matrix: pd.DataFrame) -> int:
    """Count the customers that differ from each other in some column."""
    return len(np.unique(matrix.to_numpy(dtype=float), axis=0)) if matrix.size else 0


def _separation(how: Method, model: Model, points: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415

    labels, centres = how.place(model, points), how.centres(model)
    k = _groups(model)
    inhabited = len(np.unique(labels)) > 1
    own = points - _middles(points, labels, k)[labels]
    return {
        "calinski_harabasz": float(calinski_harabasz_score(points, labels)) if inhabited else 0.0,
        "davies_bouldin": float(davies_bouldin_score(points, labels)) if inhabited else 0.0,
        "inertia": float((own**2).sum()),
        "smallest_share": float(np.bincount(labels, minlength=k).min() / len(points)),
        "valley": float("nan") if centres is None else valley(points, centres, labels),
    }


def _stability(halves: np.ndarray, boots: np.ndarray) -> dict[str, float]:
    worst = halves.min(axis=1)
    return {
        "min_jaccard": float(worst.mean()),
        "min_jaccard_error": float(worst.std(ddof=1) / np.sqrt(len(worst))) if len(worst) > 1 else 0.0,
        "split_half_jaccard": float(halves.mean()),
        "bootstrap_min_jaccard": float(boots.min()),
        "bootstrap_jaccard": float(boots.mean()),
    }


def _elsewhere(
    how: Method, model: Model, points: np.ndarray, about: pd.DataFrame | None, again: dict[str, int]
) -> dict[str, float]:
    """Measure what lies outside the clustering: time, value and churn."""
    blank = dict.fromkeys(("time_min_jaccard", "value_explained", "churn_explained"), float("nan"))
    if about is None:
        return blank
    found = shares_explained(about, how.place(model, points))
    if _SINCE in about and about[_SINCE].notna().any():
        since = about[_SINCE].astype("float64").to_numpy(na_value=np.nan)
        earlier = since > np.nanmedian(since)
        found["time_min_jaccard"] = float(time_jaccard(points, earlier, model, how, **again).min())
    return blank | found


def _groups(model: Model) -> int:
    return len(model["centers"] if model["type"] == "centroids" else model["weights"])


def _middles(points: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    counts = np.maximum(np.bincount(labels, minlength=k), 1)
    sums = [np.bincount(labels, weights=column, minlength=k) for column in points.T]
    return np.column_stack(sums) / counts[:, None]
