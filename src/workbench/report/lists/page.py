"""The page of the customer lists: one sortable table per list, rows linked to the customer's card."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from workbench.report.html import render
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["MOST_ROWS", "lists_page"]

MOST_ROWS = 1000  # rows of a list on the page; the file has all


def lists_page(lists: Mapping[str, pd.DataFrame], *, language: str, currency: str = "", report: str = "") -> str:
    """Write the lists as one self-contained page.

    Parameters
    ----------
    lists : mapping of str to DataFrame
        List name -> source_id, customer_id, reason, value, probability, segment, card (relative to the list files, one
        folder below the page).
    language : {"en", "zh"}
    currency : str
    report : str
        Address of the report; the page links back to it.
    """
    tables = [
        {
            "name": name,
            "title": say("list_heading", language, {"list": name, "n": len(frame)}),
            "more": say("list_more", language, {"most": MOST_ROWS, "n": len(frame)}) if len(frame) > MOST_ROWS else "",
            "columns": [label(column, language) for column in _columns(frame)],
            "rows": [
                _row(row, _columns(frame), language, currency) for row in frame.head(MOST_ROWS).to_dict("records")
            ],
        }
        for name, frame in lists.items()
    ]
    context = {
        "title": say("list_page_title", language),
        "tables": tables,
        "note": say("list_page_note", language),
        "report": report,
    }
    return render("lists.html.j2", context, language)


def _columns(frame: pd.DataFrame) -> list[str]:
    """Return the displayed columns: without the card address, and without customer_id if it equals source_id."""
    same = frame["source_id"].astype(str).equals(frame["customer_id"].astype(str))
    return [name for name in frame.columns if name != "card" and not (same and name == "customer_id")]


def _row(row: Mapping[str, object], columns: Sequence[str], language: str, currency: str) -> list[dict[str, object]]:
    """Return the cells of a row: displayed text, sort value, and the link in the first cell."""
    value, chance = row["value"], row["probability"]
    cells = {
        "source_id": _cell(row["source_id"], href=str(row["card"]).removeprefix("../")),
        "customer_id": _cell(row["customer_id"]),
        "reason": _cell(row["reason"], kind="words"),
        "value": _cell(show(value, "estimate", language, currency), sort=value),
        "probability": _cell(show(chance, "pct", language), sort=chance),
        "segment": _cell(re.split("[:：]", str(row["segment"]))[0]),
    }
    return [cells[name] for name in columns]


def _cell(text: object, *, sort: object = None, href: object = "", kind: str = "") -> dict[str, object]:
    """Return a cell: text, sort value (the text, or the number), link and class."""
    if sort is None:
        return {"text": text, "sort": text, "kind": kind, "href": href}
    return {"text": text, "sort": "" if pd.isna(sort) else sort, "kind": "num", "href": href}
