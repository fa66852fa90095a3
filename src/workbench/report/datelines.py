"""As of when a page or a card speaks: the date, or that the data carries none."""

from __future__ import annotations

from datetime import date

from workbench.core.schema import UNDATED
from workbench.report.text import say

__all__ = ["dateline"]


def dateline(as_of: date | str | None, language: str) -> str:
    """Say as of when something holds.

    Parameters
    ----------
    as_of : date or str or None
        ISO text or a date; None or `workbench.core.schema.UNDATED` where nothing in the data says when it happened.
    language : str
        en or zh.

    Examples
    --------
    >>> dateline("2025-07-01", "en"), dateline(UNDATED, "en")
    ('As of 1 July 2025', 'This data has no dates')
    """
    if not as_of or str(as_of) == UNDATED.isoformat():
        return say("ui_undated", language)
    return say("ui_as_of", language, {"as_of": as_of})
