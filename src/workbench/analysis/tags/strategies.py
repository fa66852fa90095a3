"""Which declared strategy fits a customer or a segment? Strategies are written by people and looked up here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from workbench.core.tags.pack import Pack, Strategy

__all__ = ["Suggestion", "advice_for", "strategies_of", "strategy_for"]

LANGUAGES = ("en", "zh")
LIFE_CYCLE, SEGMENT = "life_cycle", "segment"
TIER = "tier"  # prefix of the key of a tier; tiers are ordered by value
LEVELS = {"high", "upper", "middle", "lower", "low"}
VALUES = {"spend", "value"}


@dataclass(frozen=True)
class Suggestion:
    """A declared strategy and the reason for its choice.

    Attributes
    ----------
    strategy : Strategy
    by : str
        ``life_cycle`` or ``segment``.
    key : str
        The life-cycle stage, or the key of the segment strategy.
    """

    strategy: Strategy
    by: str
    key: str


def strategy_for(pack: Pack, *, life_cycle: str | None = None, segment: str | None = None) -> list[Suggestion]:
    """Look up the strategies for a life-cycle stage and a segment.

    Parameters
    ----------
    pack : Pack
    life_cycle : str, optional
        A life-cycle stage.
    segment : str, optional
        A segment's key, for example ``lapsed_low_spend``: the first segment strategy whose words all occur in the key
        is used. A level such as ``high`` is only used in the key of a tier, or next to spend or value.

    Returns
    -------
    list of Suggestion
        The strategy of the stage first; empty if the pack declares none for them.
    """
    suggestions = []
    if life_cycle is not None and life_cycle in pack.life_cycle:
        suggestions.append(Suggestion(pack.life_cycle[life_cycle], LIFE_CYCLE, life_cycle))
    if segment is not None:
        words = _directions(segment)
        for name, strategy in pack.segments.items():
            if set(strategy.matches) <= words:
                suggestions.append(Suggestion(strategy, SEGMENT, name))
                break
    return suggestions


def _directions(segment: str) -> set[str]:
    """Return the words of a segment's key, without levels that do not refer to spend or value."""
    words = segment.lower().split("_")
    if words[0] == TIER:
        return set(words)
    return {
        word
        for position, word in enumerate(words)
        if word not in LEVELS or VALUES & set(words[position + 1 : position + 3])
    }


def strategies_of(pack: Pack, values: pd.DataFrame) -> pd.DataFrame:
    """List the strategies for the life-cycle stages and segments that occur.

    Parameters
    ----------
    pack : Pack
    values : DataFrame
        tag, value, customers, from ``count_values``.

    Returns
    -------
    DataFrame
        by (life_cycle or segment), group (the stage or the segment's key), customers, strategy (a Strategy).
    """
    rows = []
    for by in (LIFE_CYCLE, SEGMENT):
        values_present = values[(values["tag"] == by) & (values["customers"] > 0)]
        for row in values_present.itertuples():
            suggestions = strategy_for(pack, **{by: row.value})
            rows += [(by, row.value, int(row.customers), suggestion.strategy) for suggestion in suggestions]
    return pd.DataFrame(rows, columns=["by", "group", "customers", "strategy"])


def advice_for(pack: Pack, segments: Sequence[str]) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return what a pack recommends to do, and not to do, for each segment.

    Parameters
    ----------
    pack : Pack
    segments : sequence of str
        Segment keys.

    Returns
    -------
    dict
        Segment to ``do`` (goal, offer, content) and ``do_not``, each a list by language; segments without a strategy
        are not included.
    """
    advice = {}
    for key in segments:
        for suggestion in strategy_for(pack, segment=key):
            strategy = suggestion.strategy
            advice[key] = {
                "do": {
                    lang: [getattr(part, lang) for part in (strategy.goal, strategy.offer, strategy.content)]
                    for lang in LANGUAGES
                },
                "do_not": {lang: [getattr(strategy.avoid, lang)] for lang in LANGUAGES},
            }
    return advice
