"""Are there groups of customers, how many, and would they come back? Decides for 06_segment_customers.

``sweep`` measures every number of groups by one method the same way (``candidates.search`` sweeps several), ``judge``
says what the measurements allow to be said: separate groups (structure), a stable cut through a continuum, no
structure, or too little data. Which of the defensible candidates is used is a declared rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.actionability import shares_explained
from workbench.analysis.centres import sorted_rows
from workbench.analysis.methods import METHODS, Method, Model
from workbench.analysis.null_model import distance_matrix, silhouette
from workbench.analysis.stability import (
    MOST_ROWS,
    STABLE,
    bootstrap_jaccard,
    drawn,
    split_halves,
    time_jaccard,
    valley,
)
from workbench.core.errors import ProfileError

__all__ = [
    "CHOICES",
    "COSTLY_SAMPLE",
    "VERDICTS",
    "Candidate",
    "Verdict",
    "candidates_table",
    "judge",
    "numbers_of_groups",
    "sweep",
]

VERDICTS = ("structure", "continuum", "no_structure", "too_little_data")
_SINCE = "tenure_days"  # days since the first purchase
CHOICES = ("largest_stable", "most_stable", "best_separated", "most_actionable")
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
        The numbers behind it: customers, distinct, features, needed (least customers), k, method, choice, defensible
        (candidates the rule chose from), silhouette, null_high, min_jaccard, valley and the thresholds.
    candidate : Candidate or None
        The chosen one; None where k is 1.
    """

    verdict: str
    k: int
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    candidate: Candidate | None = None

    @property
    def method(self) -> str | None:
        """How the best of the candidates groups; None where nothing was tried."""
        return self.values.get("method")


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
    found = []
    for k in ks:
        model = how.fit(fitted, k, n_restarts=n_restarts, seed=seed)
        boots = bootstrap_jaccard(fitted, model, how, n_bootstraps=turns, seed=seed)
        halves = split_halves(fitted, model, how, n_splits=n_splits, seed=seed)
        metrics = _separation(how, model, points, (shown, apart)) | _stability(halves.jaccard, boots)
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


def judge(
    matrix: pd.DataFrame,
    candidates: Sequence[Candidate],
    null: pd.DataFrame | None,
    *,
    margin: float = 0.02,
    deepest: float = 0.5,
    min_share: float = 0.02,
    choice: str = "largest_stable",
) -> Verdict:
    """Say what the measurements allow to be said, and which k to use.

    A k is *stable* when its worst cluster comes back from disjoint halves with a mean Jaccard that is at least .75
    also after one standard error (over splits) is taken off, and no cluster is smaller than ``min_share``. It is
    *separate* when its silhouette exceeds the reference's .95 quantile by ``margin`` and the density between every
    pair of centres is at most ``deepest`` of that at the emptier centre (not asked of latent classes, which have no
    centres). Structure: some k is stable and separate; the choice is made among these. Continuum: some k is stable; the
    choice is made among these. Otherwise no structure.

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
    choice : {"largest_stable", "most_stable", "best_separated", "most_actionable"}
        Which of the defensible candidates is used: the largest k (the rule of prediction strength, Tibshirani &
        Walther 2005; then the better Jaccard), the highest min_jaccard, the highest silhouette above its reference,
        the highest share of value and churn explained (mean of both). Ties go to fewer groups, then to the method that
        comes first.

    Returns
    -------
    Verdict

    Raises
    ------
    ProfileError
        When the choice is none of these.
    """
    if choice not in CHOICES:
        raise ProfileError(f"choice is '{choice}'; expected one of {', '.join(CHOICES)}")
    counted = {
        "customers": len(matrix),
        "distinct": _distinct(matrix),
        "features": matrix.shape[1],
        "needed": LEAST_CUSTOMERS,
    }
    if not candidates or null is None:
        few = "few_distinct" if counted["distinct"] < MOST_GROUPS else "few_customers"
        return Verdict("too_little_data", 1, _too_little(matrix, k_max=2) or few, counted)
    limits = {"stable": STABLE, "margin": margin, "deepest": deepest, "min_share": min_share}
    high = [_null_high(null, each) for each in candidates]
    stable = [
        at for at, each in enumerate(candidates)
        if each.metrics["min_jaccard"] - each.metrics["min_jaccard_error"] >= STABLE
        and each.metrics["smallest_share"] >= min_share
    ]  # fmt: skip
    separate = [
        at for at in stable
        if candidates[at].metrics["silhouette"] > high[at] + margin
        and not candidates[at].metrics["valley"] > deepest
    ]  # fmt: skip
    asked = separate or stable
    ranks = [_rank(candidates[at], choice, high[at]) for at in asked]
    best = asked[ranks.index(max(ranks))] if asked else _nearest_to_stable(candidates)
    chosen = candidates[best]
    values = {**counted, "k": chosen.k, "method": chosen.method, "choice": choice, "defensible": len(asked)}
    values |= {**chosen.metrics, "null_high": high[best], **limits}
    if not asked:
        return Verdict("no_structure", 1, "unstable", values)
    kind, reason = ("structure", "separate_and_stable") if separate else ("continuum", "stable_cut")
    return Verdict(kind, chosen.k, reason, values, chosen)


def _null_high(null: pd.DataFrame, candidate: Candidate) -> float:
    own = null["k"] == candidate.k
    if "method" in null:
        own &= null["method"] == candidate.method
    return float(null.loc[own, "null_high"].iloc[0])


def _rank(candidate: Candidate, choice: str, high: float) -> tuple[float, ...]:
    measured = candidate.metrics
    if choice == "largest_stable":
        return (candidate.k, measured["min_jaccard"])
    explained = [x for x in (measured["value_explained"], measured["churn_explained"]) if np.isfinite(x)]
    score = {
        "most_stable": measured["min_jaccard"],
        "best_separated": measured["silhouette"] - high,
        "most_actionable": round(float(np.mean(explained)), 6) if explained else 0.0,
    }[choice]
    return (score, -candidate.k)


def _nearest_to_stable(candidates: Sequence[Candidate]) -> int:
    ranks = [(each.metrics["min_jaccard"], -each.k) for each in candidates]
    return ranks.index(max(ranks))


def _too_little(matrix: pd.DataFrame, k_max: int) -> str:
    if matrix.shape[1] == 0:
        return "no_features"
    if len(matrix) < LEAST_CUSTOMERS:
        return "few_customers"
    return "few_distinct" if _distinct(matrix) < k_max else ""


def _distinct(matrix: pd.DataFrame) -> int:
    return len(np.unique(matrix.to_numpy(dtype=float), axis=0)) if matrix.size else 0


def _separation(
    how: Method, model: Model, points: np.ndarray, sample: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415

    labels, centres = how.place(model, points), how.centres(model)
    k, (shown, apart) = _groups(model), sample
    inhabited = len(np.unique(labels)) > 1
    own = points - _middles(points, labels, k)[labels]
    return {
        "silhouette": silhouette(apart, how.place(model, shown)),
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
