"""Reasons of recommendations in words, from their evidence; for the table of 07 and portrait cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.report.text import say

__all__ = ["write_reason"]

_DAILY_BELOW = 1.5  # days


def write_reason(name: str, evidence: Mapping[str, Any], because: str | None, language: str) -> str:
    """Write why an item is recommended.

    Parameters
    ----------
    name : {"again", "new", "neutral"}
        The list.
    evidence : mapping
        again: bought, every_days (None if bought once), last_days. Else base and, where an item explains it, share.
    because : str or None
        The name of the item that explains it.
    language : {"en", "zh"}

    Examples
    --------
    >>> write_reason("again", {"bought": 3, "every_days": 10, "last_days": 12}, None, "en")
    'you buy it every 10 days, last 12 days ago'
    """
    if name == "again":
        every = evidence["every_days"]
        key = "reason_once" if not every else "reason_daily" if every < _DAILY_BELOW else "reason_cycle"
        return say(key, language, {"every": evidence["every_days"], "last": evidence["last_days"]})
    values = {"share": evidence.get("share"), "base": evidence["base"], "item": because}
    return say("reason_popular" if because is None else "reason_with", language, values)
