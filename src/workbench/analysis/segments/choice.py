"""Which definition places the customers today? The champion, until another is better by a declared margin.

The fit of today is a challenger only where it can be defended and explains clearly more of value and churn on the same
customers; a run never changes the champion by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.actionability import shares_explained
from workbench.analysis.segments.definition import SegmentDefinition, assign, check_features
from workbench.analysis.segments.matching import SegmentMatch, carry_names, match_segments

__all__ = ["REASONS", "Choice", "choose_definition", "keep_names"]

REASONS = ("same", "better_verdict", "explains_more", "weaker_verdict", "less_stable", "no_gain")  # beside no_champion

_DEFENDED = {"structure": 2, "continuum": 1}  # others stand at 0; what is declared is not judged


@dataclass(frozen=True)
class Choice:
    """The definition in use and what is said of today's fit.

    Attributes
    ----------
    used : SegmentDefinition
        The champion, or today's fit where there is none.
    challenger : bool
        Whether today's fit is proposed.
    reason : str
        no_champion, same, better_verdict, explains_more, weaker_verdict, less_stable or no_gain.
    values : dict
        margin; explained and champion_explained (mean share of the variance of value and churn explained on today's
        customers, 0..1), jaccard and champion_jaccard (as measured when each was made); missing where not known.
    """

    used: SegmentDefinition
    challenger: bool
    reason: str
    values: dict[str, Any] = field(default_factory=dict)


def keep_names(
    fitted: SegmentDefinition, before: SegmentDefinition | None, features: pd.DataFrame
) -> tuple[SegmentDefinition, tuple[SegmentMatch, ...]]:
    """Give the segments of a fit the names they had in the last version.

    Parameters
    ----------
    fitted : SegmentDefinition
    before : SegmentDefinition or None
        The last version; one of other features keeps no names, since its names may speak of features this one lacks.
    features : pandas.DataFrame
        One row per customer, placed by both.

    Returns
    -------
    (SegmentDefinition, tuple of SegmentMatch)
        The matches are empty where there is nothing to match with.
    """
    if before is None or set(before.columns) != set(fitted.columns) or "single" in _types(before, fitted):
        return fitted, ()
    matches = match_segments(before, fitted, assign(before, features), assign(fitted, features))
    return carry_names(before, fitted, matches), matches


def choose_definition(
    fitted: SegmentDefinition,
    champion: SegmentDefinition | None,
    features: pd.DataFrame,
    *,
    margin: float,
    registered: Mapping[str, Mapping[str, Any]],
) -> Choice:
    """Decide who places the customers, and whether today's fit is proposed in the champion's place.

    Parameters
    ----------
    fitted : SegmentDefinition
    champion : SegmentDefinition or None
    features : pandas.DataFrame
        One row per customer.
    margin : float
        In 0..1: by how much the fit must explain more; it may be less stable by no more than this.
    registered : mapping
        Column to {unit} of the features there are now.

    Returns
    -------
    Choice

    Raises
    ------
    DataError
        When a feature of the champion is gone or is counted in another unit.
    """
    if champion is None:
        return Choice(fitted, False, "no_champion")
    check_features(champion, registered)
    if champion.version == fitted.version:
        return Choice(champion, False, "same")
    values = {"margin": margin}
    for prefix, each in (("", fitted), ("champion_", champion)):
        jaccard = each.evidence.get("min_jaccard")
        values |= {f"{prefix}explained": _explained(each, features), f"{prefix}jaccard": jaccard}
    proposed, reason = _judge(fitted, champion, values)
    return Choice(champion, proposed, reason, values)


def _judge(fitted: SegmentDefinition, champion: SegmentDefinition, values: Mapping[str, Any]) -> tuple[bool, str]:
    own, other = _DEFENDED.get(fitted.verdict, 0), _DEFENDED.get(champion.verdict, 0)
    if own == 0 or own < other:
        return False, "weaker_verdict"
    if own > other and champion.verdict != "declared":
        return True, "better_verdict"
    known = [values["jaccard"], values["champion_jaccard"]]
    if None not in known and known[0] < known[1] - values["margin"]:
        return False, "less_stable"
    gain = values["explained"] - values["champion_explained"]
    return (True, "explains_more") if gain > values["margin"] else (False, "no_gain")


def _explained(definition: SegmentDefinition, features: pd.DataFrame) -> float:
    """Return the mean of what a definition explains of value and churn; 0 where nothing is known of either."""
    placed = assign(definition, features)
    about = features.set_index("customer_id").loc[placed["customer_id"]]
    found = shares_explained(about, placed["segment"].astype("category").cat.codes.to_numpy().astype(int))
    known = [each for each in found.values() if np.isfinite(each)]
    return round(float(np.mean(known)), 6) if known else 0.0


def _types(*definitions: SegmentDefinition) -> set[str]:
    return {each.model["type"] for each in definitions}
