"""Reasons of recommendations in words, from their evidence; for the table of 07 and portrait cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.report.text import say

__all__ = ["write_reason"]

_DAILY_BELOW = 1.5  # days
_TWICE = 2


def write_reason(name: str, evidence: Mapping[str, Any], because: str | None, language: str) -> str:
    """Write why an item is recommended.

    Parameters
    ----------
    name : {"again", "new", "neutral"}
        The list.
    evidence : mapping
        again: bought (days), every_days (None if bought once), last_days. Else base and, where an item explains it,
        buyers of that item and the share of them.
    because : str or None
        The name of the item that explains it.
    language : {"en", "zh"}

    Examples
    --------
    >>> write_reason("again", {"bought": 3, "every_days": 10, "last_days": 12}, None, "en")
    'you buy it every 10 days, last 12 days ago'
    """
    if name == "again":
        return say(_rhythm(evidence), language, {"every": evidence["every_days"], "last": evidence["last_days"]})
    values = {"share": evidence.get("share"), "n": evidence.get("buyers"), "base": evidence["base"], "item": because}
    return say("reason_popular" if because is None else "reason_with", language, values)


def _rhythm(evidence: Mapping[str, Any]) -> str:
    """Return the text key: a single gap between two purchases is not called a rhythm."""
    if not evidence["every_days"]:
        return "reason_once"
    if evidence["bought"] == _TWICE:
        return "reason_twice"
    return "reason_daily" if evidence["every_days"] < _DAILY_BELOW else "reason_cycle"
