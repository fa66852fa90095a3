"""Clean HTML: remove a person's cards, rows and entries; mask other mentions, also in encoded content."""

from __future__ import annotations

import base64
import binascii
import html
import re

from workbench.run.rights.traces.traces import ERASED, ID_COLUMNS, Traces

__all__ = ["clean_data_uris", "clean_html"]

_CARD = re.compile(r'<article\b[^>]*\bdata-id="([^"]*)"[^>]*>.*?</article>\s*', re.DOTALL)
_BLOCKS = tuple(
    re.compile(rf"<{tag}\b[^>]*>(?:(?!<{tag}\b).)*?</{tag}>\s*", re.DOTALL) for tag in ("tr", "li", "option")
)
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>\s*", re.DOTALL)
_CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_URI = re.compile(r"data:([\w/+.-]*)((?:;[\w=-]+)*);base64,([A-Za-z0-9+/=%\s]+?)(?=[\"'\)\s<])")
_HEADS = (*ID_COLUMNS, "customer", "Customer", "客户", "来源编号", "source id", "customer id")


def clean_html(text: str, traces: Traces) -> tuple[str, int]:
    """Return a page without the erased people, and the number of parts removed or masked."""
    changes = 0

    def drop(match: re.Match[str]) -> str:
        nonlocal changes
        changes += 1
        return ""

    text = _CARD.sub(lambda card: drop(card) if html.unescape(card[1]) in traces.ids else card[0], text)

    def clean_table(table: re.Match[str]) -> str:
        return (
            _ROW.sub(lambda row: drop(row) if _is_of_person(row[0], places, traces) else row[0], table[0])
            if (places := _id_places(table[0]))
            else table[0]
        )

    text = _TABLE.sub(clean_table, text)
    text, count = clean_data_uris(text, traces)
    changes += count
    if traces.mentions(text):
        for block in _BLOCKS:
            text = block.sub(lambda part: drop(part) if traces.mentions(part[0]) else part[0], text)
    if traces.text is not None:
        text, count = traces.text.subn(ERASED, text)
        changes += count
    return text, changes


def _id_places(table: str) -> list[int]:
    head = _ROW.search(table)
    names = [_plain(cell) for cell in _CELL.findall(head[0])] if head else []
    return [at for at, name in enumerate(names) if name in _HEADS]


def _is_of_person(row: str, places: list[int], traces: Traces) -> bool:
    cells = _CELL.findall(row)
    return any(at < len(cells) and _plain(cells[at]) in traces.ids for at in places)


def _plain(cell: str) -> str:
    return html.unescape(_TAG.sub("", cell)).strip()


def clean_data_uris(text: str, traces: Traces) -> tuple[str, int]:
    """Empty data URIs whose decoded content holds a trace; in text content mask the trace instead."""
    changes = 0

    def clean(uri: re.Match[str]) -> str:
        nonlocal changes
        try:
            content = base64.b64decode(re.sub(r"\s|%0A|%0D", "", uri[3]).replace("%3D", "="))
        except (binascii.Error, ValueError):
            return uri[0]
        if traces.encoded is None or not traces.encoded.search(content):
            return uri[0]
        changes += 1
        if not uri[1].startswith("text/") and uri[1] not in ("application/json", "image/svg+xml"):
            return "data:,"
        lines = content.decode("utf-8", "replace").splitlines(keepends=True)
        kept = "".join(traces.masked(line) if uri[1] != "text/csv" else line
                       for line in lines if uri[1] != "text/csv" or not traces.mentions(line))  # fmt: skip
        return f"data:{uri[1]}{uri[2]};base64,{base64.b64encode(kept.encode()).decode()}"

    return _URI.sub(clean, text), changes
