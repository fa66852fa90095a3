"""Clean JSON values and notebooks: remove entries about a person, mask other mentions."""

from __future__ import annotations

import json
from typing import Any

from workbench.run.rights.cleaning.pages import clean_data_uris, clean_html
from workbench.run.rights.traces.traces import ERASED, ID_COLUMNS, Traces

__all__ = ["clean_json", "clean_notebook"]

_TEXTS = ("text/plain", "text/markdown", "text/latex", "text")
_PAGES = ("text/html", "image/svg+xml")


def clean_json(text: str, traces: Traces) -> tuple[str, int]:
    """Return JSON text (or JSON lines) without the erased people, with unchanged formatting."""
    try:
        value = json.loads(text)
    except ValueError:
        return _clean_json_lines(text, traces)
    cleaned, changes = _clean(value, traces)
    return (_written(cleaned, text), changes) if changes else (text, 0)


def _clean_json_lines(text: str, traces: Traces) -> tuple[str, int]:
    kept, changes = [], 0
    for line in text.splitlines(keepends=True):
        try:
            value = json.loads(line)
        except ValueError:
            value = line
        if (isinstance(value, dict) and _is_about(value, traces)) or traces.mentions(line):
            changes += 1
        else:
            kept.append(line)
    return "".join(kept), changes


def clean_notebook(text: str, traces: Traces) -> tuple[str, int]:
    """Return a notebook without outputs that contain the erased people, and with masked cells."""
    try:
        notebook = json.loads(text)
    except ValueError:
        return traces.masked(text), int(traces.mentions(text))
    changes = 0
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            changes += _clean_output(output, traces)
    cleaned, count = _clean(notebook, traces)
    return (_written(cleaned, text), changes + count) if changes + count else (text, 0)


def _clean_output(output: dict[str, Any], traces: Traces) -> int:
    changes = 0
    data = output.get("data", output)
    rows_gone = False
    for kind in [kind for kind in _PAGES if kind in data]:
        page, count = clean_html(_joined(data[kind]), traces)
        if count:
            data[kind], rows_gone = page.splitlines(keepends=True), True
            changes += count
    for kind in [kind for kind in _TEXTS if kind in data]:
        lines = _joined(data[kind]).splitlines(keepends=True)
        kept = [] if rows_gone else [line for line in lines if not traces.mentions(line)]
        if len(kept) < len(lines):
            data[kind] = kept or [ERASED]
            changes += 1
    return changes


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _clean(value: Any, traces: Traces) -> tuple[Any, int]:
    if isinstance(value, str):
        text, count = clean_data_uris(value, traces) if "data:" in value else (value, 0)
        return (traces.masked(text), count + 1) if traces.mentions(text) else (text, count)
    if isinstance(value, list):
        kept, changes = [], 0
        for entry in value:
            if _is_about(entry, traces):
                changes += 1
                continue
            cleaned, count = _clean(entry, traces)
            kept.append(cleaned)
            changes += count
        return kept, changes
    if isinstance(value, dict):
        entries, changes = {}, 0
        for key, inner in value.items():
            if key in traces.searched or _is_about(inner, traces):
                changes += 1
                continue
            cleaned, count = _clean(inner, traces)
            entries[traces.masked(key)] = cleaned
            changes += count + traces.mentions(key)
        return entries, changes
    return value, 0


def _is_about(value: Any, traces: Traces) -> bool:
    """Return whether a value is the record of an erased person, or consists only of a trace."""
    if isinstance(value, dict):
        return any(str(value.get(name)) in traces.ids for name in ID_COLUMNS if value.get(name) is not None)
    return isinstance(value, str) and value in traces.searched


def _written(value: Any, like: str) -> str:
    """Return JSON with the indentation of the original text."""
    second = like.split("\n", 2)[1] if "\n" in like.strip() else ""
    indent = len(second) - len(second.lstrip(" ")) if second else None
    separators = (",", ":") if indent is None and '": ' not in like[:2000] else None
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + (
        "\n" if like.endswith("\n") else ""
    )
