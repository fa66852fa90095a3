"""The as-of line of a page or card: the date, or a note that the data has no dates."""

from __future__ import annotations

from datetime import date

from workbench.core.schema import UNDATED
from workbench.report.text import say

__all__ = ["dateline"]


def dateline(as_of: date | str | None, language: str) -> str:
    """Write the as-of date.

    Parameters
    ----------
    as_of : date or str or None
        ISO text or a date; None or `workbench.core.schema.UNDATED` if the data has no dates.
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
