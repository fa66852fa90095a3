"""What do the results of a sweep support? The verdict of 06_segment_customers.

``judge`` returns separate groups (structure), a stable cut through a continuum, no structure, or too little data. A
declared rule chooses among the defensible candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.stability import STABLE
from workbench.analysis.clustering.sweep import LEAST_CUSTOMERS, MOST_GROUPS, Candidate, distinct_customers, too_little
from workbench.core.errors import ProfileError

__all__ = ["CHOICES", "CRITERIA", "VERDICTS", "Verdict", "criteria", "judge"]

VERDICTS = ("structure", "continuum", "no_structure", "too_little_data")
CHOICES = ("largest_stable", "most_stable", "best_separated", "most_actionable")
CRITERIA = ("chosen", "unstable", "small_group", "one_cloud", "valley", "choice")  # why a candidate is not used


@dataclass(frozen=True)
class Verdict:
    """The verdict on groups of customers.

    Attributes
    ----------
    verdict : str
        One of ``VERDICTS``.
    k : int
        Number of groups to use; 1 if no division is defensible.
    reason : str
        A key: separate_and_stable, stable_cut, unstable, requested (unstable, but its k was requested), few_customers,
        few_distinct, no_features.
    values : dict
        The numbers behind the verdict: customers, distinct, features, needed (least customers), k, method, choice,
        defensible (number of candidates the rule chose from), silhouette, null_high, min_jaccard, valley and the
        thresholds.
    candidate : Candidate or None
        The chosen candidate; None if k is 1.
    """

    verdict: str
    k: int
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    candidate: Candidate | None = None

    @property
    def method(self) -> str | None:
        """Method of the best candidate; None without candidates."""
        return self.values.get("method")

    @property
    def jaccard(self) -> float | None:
        """Split-half Jaccard of the best candidate; None without candidates."""
        return self.values.get("split_half_jaccard")


def judge(
    matrix: pd.DataFrame,
    candidates: Sequence[Candidate],
    null: pd.DataFrame | None,
    *,
    margin: float = 0.02,
    deepest: float = 0.5,
    min_share: float = 0.02,
    choice: str = "largest_stable",
    k: int | None = None,
) -> Verdict:
    """Decide what the measurements support, and which k to use.

    A k is *stable* when the mean split-half Jaccard of its worst cluster, minus one standard error (over splits), is
    at least .75 and no cluster is smaller than ``min_share``. It is *separate* when its silhouette exceeds the
    reference's .95 quantile by ``margin`` and the density between every pair of centres is at most ``deepest`` of that
    at the emptier centre (not required of latent classes, which have no centres). Structure: some k is stable and
    separate. Continuum: some k is stable, none separate. The choice is made among these k. Otherwise no structure.

    Parameters
    ----------
    matrix : pandas.DataFrame
        The clustered customers.
    candidates : sequence of Candidate
        From ``sweep``; empty when the data supports no k.
    null : pandas.DataFrame or None
        From ``null_reference``; ignored without candidates.
    margin, deepest, min_share : float
        In 0..1.
    choice : {"largest_stable", "most_stable", "best_separated", "most_actionable"}
        Which of the defensible candidates is used: the largest k (the rule of prediction strength, Tibshirani &
        Walther 2005; then the better Jaccard), the highest min_jaccard, the highest silhouette above its reference,
        the highest share of value and churn explained (mean of both). Ties go to fewer groups, then to the first
        method.
    k : int, optional
        Requested number of groups: its most stable candidate is used even if it is not stable; then the verdict is
        still no_structure.

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
    counts = {
        "customers": len(matrix),
        "distinct": distinct_customers(matrix),
        "features": matrix.shape[1],
        "needed": LEAST_CUSTOMERS,
    }
    if not candidates or null is None:
        few = "few_distinct" if counts["distinct"] < MOST_GROUPS else "few_customers"
        return Verdict("too_little_data", 1, too_little(matrix, k_max=2) or few, counts)
    limits = {"stable": STABLE, "margin": margin, "deepest": deepest, "min_share": min_share}
    high = [_null_high(null, candidate) for candidate in candidates]
    failed = [_failed(candidate, at_most, limits) for candidate, at_most in zip(candidates, high, strict=True)]
    stable = [position for position, name in enumerate(failed) if name not in ("unstable", "small_group")]
    separate = [position for position in stable if not failed[position]]
    defensible = separate or stable
    ranks = [_rank(candidates[position], choice, high[position]) for position in defensible]
    best = defensible[ranks.index(max(ranks))] if defensible else _nearest_to_stable(candidates)
    chosen = candidates[best]
    values = {**counts, "k": chosen.k, "method": chosen.method, "choice": choice, "defensible": len(defensible)}
    values |= {**chosen.metrics, "null_high": high[best], **limits}
    if not defensible and k is not None:
        return Verdict("no_structure", chosen.k, "requested", values, chosen)
    if not defensible:
        return Verdict("no_structure", 1, "unstable", values)
    kind, reason = ("structure", "separate_and_stable") if separate else ("continuum", "stable_cut")
    return Verdict(kind, chosen.k, reason, values, chosen)


def criteria(verdict: Verdict, candidates: Sequence[Candidate], null: pd.DataFrame | None) -> list[str]:
    """Name for each candidate the criterion by which it is not used, however good its other measurements are.

    Parameters
    ----------
    verdict : Verdict
        From ``judge`` for these candidates.
    candidates : sequence of Candidate
    null : pandas.DataFrame or None
        From ``null_reference``.

    Returns
    -------
    list of str
        One of ``CRITERIA`` per candidate: ``chosen``; else the first that it fails of stability (``unstable``), least
        share (``small_group``) and, where others are separate, silhouette (``one_cloud``) and gaps (``valley``);
        ``choice`` where it fails none and the rule of choice prefers another.
    """
    if null is None:
        return []
    limits = verdict.values
    names = [_failed(candidate, _null_high(null, candidate), limits) or "choice" for candidate in candidates]
    if verdict.verdict != "structure":
        names = ["choice" if name in ("one_cloud", "valley") else name for name in names]
    return ["chosen" if one is verdict.candidate else name for one, name in zip(candidates, names, strict=True)]


def _failed(candidate: Candidate, null_high: float, limits: Mapping[str, float]) -> str:
    """Return the first criterion of separate and stable groups that a candidate fails, or ""."""
    metrics = candidate.metrics
    if not metrics["min_jaccard"] - metrics["min_jaccard_error"] >= limits["stable"]:
        return "unstable"
    if not metrics["smallest_share"] >= limits["min_share"]:
        return "small_group"
    if not metrics["silhouette"] > null_high + limits["margin"]:
        return "one_cloud"
    return "valley" if metrics["valley"] > limits["deepest"] else ""


def _null_high(null: pd.DataFrame, candidate: Candidate) -> float:
    is_candidate = null["k"] == candidate.k
    if "method" in null:
        is_candidate &= null["method"] == candidate.method
    return float(null.loc[is_candidate, "null_high"].iloc[0])


def _rank(candidate: Candidate, choice: str, high: float) -> tuple[float, ...]:
    metrics = candidate.metrics
    if choice == "largest_stable":
        return (candidate.k, metrics["min_jaccard"])
    explained = [x for x in (metrics["value_explained"], metrics["churn_explained"]) if np.isfinite(x)]
    score = {
        "most_stable": metrics["min_jaccard"],
        "best_separated": metrics["silhouette"] - high,
        "most_actionable": round(float(np.mean(explained)), 6) if explained else 0.0,
    }[choice]
    return (score, -candidate.k)


def _nearest_to_stable(candidates: Sequence[Candidate]) -> int:
    ranks = [(candidate.metrics["min_jaccard"], -candidate.k) for candidate in candidates]
    return ranks.index(max(ranks))
