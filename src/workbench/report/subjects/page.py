"""The page with all data about a person, readable without knowing the workbench."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.report.html import render
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["subject_page"]

_HEADS = ("files", "columns", "meaning", "definition", "exported", "at", "list", "plan", "arm", "name", "expires_at",
          "since", "status")  # fmt: skip
_WIDE = 12  # columns of a table; a wider single row is transposed


def subject_page(holdings: Mapping[str, Any], *, who: str, language: str) -> str:
    """Write all data about a person as one self-contained page.

    Parameters
    ----------
    holdings : mapping
        ``made_on`` and, by profile, contact, sources, purposes, tags, scores with their logic, records, exports.
    who : str
        The person as named in the request.
    language : {"en", "zh"}
    """
    context = {
        "title": say("subject_page_title", language),
        "made": say("subject_page_made", language, {"day": holdings["made_on"], "who": who}),
        "note": say("subject_page_others", language),
        "profiles": [_profile(name, content, language) for name, content in holdings["profiles"].items()],
    }
    return render("subject.html.j2", context, language)


def _profile(name: str, content: Mapping[str, Any], language: str) -> dict[str, Any]:
    days = content["retention_days"]
    retention = (
        say("subject_page_retention", language, {"days": _text(days)})
        if days
        else (say("subject_page_no_retention", language))
    )
    parts = [
        _part("contact", content["contact"], language),
        _part("sources", [_source(entry, language) for entry in content["sources"]], language),
        _part("purposes", [_purpose(entry, language) for entry in content["purposes"]], language),
        _part("tags", [_tag(tag) for tag in content["tags"]], language),
        {
            "title": say("subject_page_scores", language),
            "text": "",
            "columns": [],
            "rows": [],
            "head": True,
            "sub": False,
        },
        *(
            _table(table, rows, language, text=content["logic"].get(table, ""))
            for table, rows in content["scores"].items()
        ),
        _part("exports", content["exports"], language),
        _part("corrections", content["corrections"], language),
        {
            "title": say("subject_page_records", language),
            "text": "",
            "columns": [],
            "rows": [],
            "head": True,
            "sub": False,
        },
        *(_table(table, rows, language) for table, rows in content["records"].items()),
        *(_table(table, rows, language) for table, rows in content["own_tables"].items()),
    ]
    return {"title": say("subject_page_profile", language, {"profile": name}), "retention": retention, "parts": parts}


def _source(entry: Mapping[str, Any], language: str) -> dict[str, Any]:
    columns = [label(column, language) for column in entry["columns"]]
    return {
        **entry,
        "table": label(entry["table"], language),
        "columns": ("、" if language == "zh" else ", ").join(columns),
    }


def _purpose(entry: Mapping[str, Any], language: str) -> dict[str, str]:
    why = "、".join(say(f"actions_why_{reason}", language) for reason in entry["reason"].split(", ") if reason)
    word = "subject_page_permitted" if entry["permitted"] else "subject_page_not_permitted"
    return {"purpose": label(entry["purpose"], language),
            "status": say(word, language, {} if entry["permitted"] else {"why": why})}  # fmt: skip


def _tag(tag: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "value", "meaning", "definition", "purpose", "since", "expires_at")
    return {name: tag.get(name) for name in names} | ({} if tag.get("name") else {"name": tag["tag"]})


def _part(name: str, rows: Sequence[Mapping[str, Any]], language: str) -> dict[str, Any]:
    return _table(f"subject_page_{name}", rows, language, title=say(f"subject_page_{name}", language))


def _table(
    name: str, rows: Sequence[Mapping[str, Any]], language: str, *, title: str = "", text: str = ""
) -> dict[str, Any]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if len(rows) == 1 and len(columns) > _WIDE:
        cells = [[_head(column, language), _text(rows[0][column])] for column in columns]
        heads = [label("column", language), label("value", language)]
    else:
        cells = [[_text(row.get(column)) for column in columns] for row in rows]
        heads = [_head(column, language) for column in columns]
    return {
        "title": title or label(name, language),
        "text": text,
        "columns": heads,
        "rows": cells,
        "head": False,
        "sub": not title,
    }


def _head(column: str, language: str) -> str:
    return say(f"subject_head_{column}", language) if column in _HEADS else label(column, language)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(inner)}" for name, inner in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_text(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return show(value, "text", "en") if value is not None else ""
