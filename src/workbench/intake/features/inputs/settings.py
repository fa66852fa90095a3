"""Feature settings of a profile except the windows: sessions, minimum counts, words, occasions, scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FeatureSettings", "Scale"]


@dataclass(frozen=True)
class Scale:
    """A survey scale: the mean of its items, some of them reversed.

    Attributes
    ----------
    survey : str
        The survey with its items; empty if the question alone identifies an item.
    items : mapping of str to bool
        Question to whether it is reversed.
    low, high : float
        The ends of the answer range; answers outside are ignored.
    label : mapping of str
        What it measures, by language (en, zh).
    least_share : float
        Share of the items that must be answered, 0..1.
    """

    survey: str
    items: Mapping[str, bool]
    low: float
    high: float
    label: Mapping[str, str]
    least_share: float = 0.5


@dataclass(frozen=True)
class FeatureSettings:
    """The parameters of 03_build_features except its windows.

    Attributes
    ----------
    session_gap_minutes : int
        Minutes without an event after which a session without an id ends.
    least_for_share : int
        Fewest sessions, campaigns or products for a share; below it the share is missing.
    event_types : mapping of str to sequence of str
        Words of the source for kinds of events (keys of ``words.EVENT_KINDS``), in addition to the built-in ones.
    online_words, store_words : sequence of str
        Parts of channel or platform names that mean online or a shop, in addition to the built-in ones.
    occasions : mapping of str to mapping
        Rules of purchase occasions, the first that fits wins (``occasions.describe_occasions``).
    scales : mapping of str to Scale
        Scales of surveys; each gives a feature ``scale_<name>``.
    """

    session_gap_minutes: int = 30
    least_for_share: int = 5
    event_types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    online_words: Sequence[str] = ()
    store_words: Sequence[str] = ()
    occasions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
