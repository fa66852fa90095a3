"""What may be said of the groups a sweep found? Decides for 06_segment_customers.

``judge`` says separate groups (structure), a stable cut through a continuum, no structure, or too little data. Which of
the defensible candidates is used is a declared rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.stability import STABLE
from workbench.analysis.clustering.sweep import LEAST_CUSTOMERS, MOST_GROUPS, Candidate, distinct_customers, too_little
from workbench.core.errors import ProfileError

__all__ = ["CHOICES", "VERDICTS", "Verdict", "judge"]

VERDICTS = ("structure", "continuum", "no_structure", "too_little_data")
CHOICES = ("largest_stable", "most_stable", "best_separated", "most_actionable")


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

    @property
    def jaccard(self) -> float | None:
        """How alike the groups of the best candidate are in both halves of the data; None where nothing was tried."""
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
        "distinct": distinct_customers(matrix),
        "features": matrix.shape[1],
        "needed": LEAST_CUSTOMERS,
    }
    if not candidates or null is None:
        few = "few_distinct" if counted["distinct"] < MOST_GROUPS else "few_customers"
        return Verdict("too_little_data", 1, too_little(matrix, k_max=2) or few, counted)
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
