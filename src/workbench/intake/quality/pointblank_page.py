"""Check a table with pointblank and return its verdicts as static HTML; used by 01_check_quality."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import ibis

from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL
from workbench.intake.quality.checks import RANGES

__all__ = ["pointblank_report"]

MOST_ROWS = 1_000_000  # of a larger table only the first rows are checked, and the page says how many
_PLAIN_NAME = re.compile(r"^\w[\w .-]*$")


def pointblank_report(table: ibis.Table, name: str, language: str = "en") -> str:
    """Check a canonical table with pointblank and return its table of verdicts as HTML.

    Parameters
    ----------
    table : ibis.Table
    name : str
        A canonical table.
    language : str
        en or zh.

    Returns
    -------
    str
        HTML without web fonts, scripts, timestamps and values of rows; about 30 to 100 kB.

    Raises
    ------
    DataError
        The table or the language is unknown.
    """
    import pointblank as pb  # noqa: PLC0415  (a second to import, and only this function needs it)

    if name not in CANONICAL or language not in ("en", "zh"):
        raise DataError(Fault("", f"no report on {name!r} in {language!r}", "A canonical table, in en or zh"))
    limits = pb.Thresholds(warning=1, error=0.1)
    check = pb.Validate(table, tbl_name=name, lang="zh-Hans" if language == "zh" else "en", thresholds=limits)
    spec = CANONICAL[name]
    for column in (column for column in table.columns if _PLAIN_NAME.match(column)):
        check = check.col_vals_not_null(columns=column)
        low, high = RANGES.get((name, column), (None, None))
        if low is not None and high is not None:
            check = check.col_vals_between(columns=column, left=low, right=high, na_pass=True)
        elif low is not None:
            check = check.col_vals_ge(columns=column, value=low, na_pass=True)
    if name in ("customers", "products"):
        check = check.rows_distinct(columns_subset=list(spec.keys))
    result = check.interrogate(collect_extracts=False)  # otherwise failing rows would be embedded in the page as CSV
    with _languages_read_once():
        return _static_html(result.get_tabular_report().as_raw_html())


@contextmanager
def _languages_read_once() -> Iterator[None]:
    """Cache the library's table of languages, which it otherwise reads from file several times for every number."""
    from great_tables import _locale  # noqa: PLC0415  (pointblank brings it)

    read = _locale.read_csv
    _locale.read_csv = cache(read)
    try:
        yield
    finally:
        _locale.read_csv = read


def _static_html(html: str) -> str:
    """Remove web fonts (the page fonts include Chinese), scripts, event handlers and times of day.

    Hidden colour codes are removed too, and the words of the heading stay separated without a style sheet.
    """
    html = re.sub(r"@import\s+url\([^)]*\)\s*;?", "", html)
    html = re.sub(r"font-family:[^;{}\"]*sans-serif;", "font-family: inherit;", html)
    html = re.sub(r">#[0-9A-Fa-f]{6,8}<", "><", html).replace("</span><span", "</span> <span")
    html = re.sub(r"<(script|link|iframe|object|embed)\b.*?(</\1>|/?>)", "", html, flags=re.DOTALL | re.IGNORECASE)
    html = re.sub(r"\son[a-z]+\s*=\s*(\"[^\"]*\"|'[^']*')", "", html, flags=re.IGNORECASE)
    spans = r"<span[^>]*>\s*(\d{4}-\d{2}-\d{2}[ |T]\d{2}:\d{2}:\d{2}[^<]*|[&lt;<]*\s*\d+(\.\d+)? ?s)\s*</span>"
    return re.sub(spans, "", html)
