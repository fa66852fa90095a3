"""List the first line of every reject reason, with its text if it may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import ibis

from workbench.core.schema import CANONICAL

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REJECT_COLUMNS", "list_rejects"]

REJECT_COLUMNS = ("source", "column", "code", "rows", "file", "line", "raw")
MOST_WRITTEN = 3  # largest number of values listed per column and reason
_BY = ["source", "column", "code"]
_SHOWN_KINDS = ("date", "timestamp", "money", "number", "quantity", "integer")
# no words, and nothing as long as a phone number
_FIGURES = re.compile(r"(?!.*\d{9})[\d.,:/()¥$€£+%年月日元-]{1,12}([ T][\d:.]{4,15})?")
_DIGITS = 12  # of a line


def list_rejects(rejects: ibis.Table, sources: Mapping[str, str]) -> pd.DataFrame:
    """Count the rejected records and cells by source, column and reason, and name the first of each.

    Parameters
    ----------
    rejects : ibis.Table
        source, file, line, column, code, raw.
    sources : mapping of str to str
        Source: the canonical table it feeds.

    Returns
    -------
    DataFrame
        source, column, code, rows (records or cells), file and line of the first, raw (the three most frequent values,
        joined; only unusable dates and numbers, since other values may be personal).
        Ordered by source, most rows first.
    """
    import pandas as pd  # noqa: PLC0415  (slow to import, and few files have rejects)

    place = rejects["file"] + ibis.literal("\x1f") + rejects["line"].cast("string").lpad(_DIGITS, "0")
    values = rejects.group_by([*_BY, "raw"]).aggregate(rows=rejects.count(), place=place.min())
    by_rows = ibis.window(group_by=_BY, order_by=[ibis.desc("rows"), "raw"])
    whole_group = ibis.window(group_by=_BY)
    ranked = values.mutate(at=ibis.row_number().over(by_rows), all=values.rows.sum().over(whole_group),
                           first=values.place.min().over(whole_group))  # fmt: skip
    top_values = ranked.filter(ranked["at"] < MOST_WRITTEN).order_by([*_BY, "at"])
    groups = groupby(top_values.to_pyarrow().to_pylist(), key=itemgetter(*_BY))
    rows = [_as_row(list(group), sources) for _, group in groups]
    rows.sort(key=lambda row: (row["source"], -row["rows"], row["code"], row["column"]))
    return pd.DataFrame(rows, columns=list(REJECT_COLUMNS))


def _as_row(group: list[dict], sources: Mapping[str, str]) -> dict[str, Any]:
    first = group[0]
    file, _, line = first["first"].partition("\x1f")
    raw_values = [row["raw"].strip() for row in group if _may_be_shown(row["raw"], sources, first)]
    return {**{name: first[name] or "" for name in _BY}, "rows": int(first["all"]), "file": file, "line": int(line),
            "raw": ", ".join(raw_values)}  # fmt: skip


def _may_be_shown(raw: str | None, sources: Mapping[str, str], place: Mapping[str, str]) -> bool:
    """Return whether a raw value is certainly a date or a number, in a column of such values."""
    table = sources.get(place["source"], "")
    kind = CANONICAL[table].kind(place["column"]) if table in CANONICAL and place["column"] else None
    return bool(raw) and kind in _SHOWN_KINDS and bool(_FIGURES.fullmatch((raw or "").strip()))
