"""Which definition assigns the customers today? The champion, until another is better by a declared margin.
Without a champion it is today's fit, or the last one where today's supports no groups.

Today's fit is proposed as challenger only if it is defensible and explains clearly more of value and churn for the
same customers. A run never changes the champion.
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
from workbench.core.errors import DataError

__all__ = ["REASONS", "Choice", "choose_definition", "keep_names"]

# reasons if there is a champion; without one: no_champion, kept_last
REASONS = ("same", "better_verdict", "explains_more", "weaker_verdict", "less_stable", "no_gain")

_DEFENDED = {"structure": 2, "continuum": 1}  # other verdicts are 0; declared definitions are not compared by verdict


@dataclass(frozen=True)
class Choice:
    """The definition in use and the assessment of today's fit.

    Attributes
    ----------
    used : SegmentDefinition
        The champion. Without a champion: today's fit, or the last fit if today's data supports no groups.
    recorded : SegmentDefinition
        The definition to save and register: today's fit, or the last one if that stays in use.
    challenger : bool
        Whether today's fit is proposed as the new champion.
    reason : str
        no_champion, kept_last, same, better_verdict, explains_more, weaker_verdict, less_stable or no_gain.
    values : dict
        margin; explained and champion_explained (mean share of the variance of value and churn explained for today's
        customers, 0..1), jaccard and champion_jaccard (measured when each was fitted); missing if unknown.
    """

    used: SegmentDefinition
    recorded: SegmentDefinition
    challenger: bool
    reason: str
    values: dict[str, Any] = field(default_factory=dict)


def keep_names(
    fitted: SegmentDefinition, last: SegmentDefinition | None, features: pd.DataFrame
) -> tuple[SegmentDefinition, tuple[SegmentMatch, ...]]:
    """Carry segment names over from the last version to a new fit.

    Parameters
    ----------
    fitted : SegmentDefinition
    last : SegmentDefinition or None
        The last version. If its features differ, no names are carried over, since these may refer to features that the
        new fit does not have.
    features : pandas.DataFrame
        One row per customer, assigned by both.

    Returns
    -------
    (SegmentDefinition, tuple of SegmentMatch)
        The definition with names, and the matches; no matches without a last version.
    """
    if last is None or set(last.columns) != set(fitted.columns) or "single" in _types(last, fitted):
        return fitted, ()
    matches = match_segments(last, fitted, assign(last, features), assign(fitted, features))
    return carry_names(last, fitted, matches), matches


def choose_definition(
    fitted: SegmentDefinition,
    champion: SegmentDefinition | None,
    features: pd.DataFrame,
    *,
    margin: float,
    registered: Mapping[str, Mapping[str, Any]],
    last: SegmentDefinition | None = None,
) -> Choice:
    """Decide which definition assigns the customers, and whether today's fit is proposed as the new champion.

    Parameters
    ----------
    fitted : SegmentDefinition
    champion : SegmentDefinition or None
    features : pandas.DataFrame
        One row per customer.
    margin : float
        In 0..1: today's fit must explain at least this much more, and be at most this much less stable.
    registered : mapping
        Current features: column to {unit}.
    last : SegmentDefinition, optional
        The definition of the last run. Without a champion it stays in use if today's fit finds no structure and its
        features still exist, so that published segments are not replaced by a single one.

    Returns
    -------
    Choice

    Raises
    ------
    DataError
        When a feature of the champion no longer exists or has another unit.
    """
    if champion is None:
        if last is not None and _outlives(last, fitted, registered):
            return Choice(last, last, False, "kept_last")
        return Choice(fitted, fitted, False, "no_champion")
    check_features(champion, registered)
    if champion.version == fitted.version:
        return Choice(champion, fitted, False, "same")
    values: dict[str, Any] = {"margin": margin}
    for prefix, definition in (("", fitted), ("champion_", champion)):
        jaccard = definition.evidence.get("min_jaccard")
        values |= {f"{prefix}explained": _explained(definition, features), f"{prefix}jaccard": jaccard}
    is_challenger, reason = _judge(fitted, champion, values)
    return Choice(champion, fitted, is_challenger, reason, values)


def _outlives(last: SegmentDefinition, fitted: SegmentDefinition, registered: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether the last definition stays in use: today's fit is a single segment, the last one is not."""
    if fitted.verdict != "no_structure" or len(fitted.segments) > 1 or len(last.segments) < 2:
        return False
    try:
        check_features(last, registered)
    except DataError:
        return False
    return True


def _judge(fitted: SegmentDefinition, champion: SegmentDefinition, values: Mapping[str, Any]) -> tuple[bool, str]:
    rank, champion_rank = _DEFENDED.get(fitted.verdict, 0), _DEFENDED.get(champion.verdict, 0)
    if rank == 0 or rank < champion_rank:
        return False, "weaker_verdict"
    if rank > champion_rank and champion.verdict != "declared":
        return True, "better_verdict"
    jaccards = [values["jaccard"], values["champion_jaccard"]]
    if None not in jaccards and jaccards[0] < jaccards[1] - values["margin"]:
        return False, "less_stable"
    gain = values["explained"] - values["champion_explained"]
    return (True, "explains_more") if gain > values["margin"] else (False, "no_gain")


def _explained(definition: SegmentDefinition, features: pd.DataFrame) -> float:
    """Return the mean share of value and churn that a definition explains; 0 without either."""
    assigned = assign(definition, features)
    attributes = features.set_index("customer_id").loc[assigned["customer_id"]]
    shares = shares_explained(attributes, assigned["segment"].astype("category").cat.codes.to_numpy().astype(int))
    finite = [share for share in shares.values() if np.isfinite(share)]
    return round(float(np.mean(finite)), 6) if finite else 0.0


def _types(*definitions: SegmentDefinition) -> set[str]:
    return {definition.model["type"] for definition in definitions}
