"""Remove records from JSON lines or a JSON list; the other records stay byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.run.rights.raw.rules import RowRules, judge_cells
from workbench.run.rights.raw.text_rows import Cleaned
from workbench.run.rights.traces.traces import ERASED, Traces

__all__ = ["clean_json_records"]

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"


def clean_json_records(
    content: bytes, *, encoding: str, rules: Sequence[RowRules], traces: Traces, records: str | None
) -> Cleaned:
    """Remove the records of erased people.

    Parameters
    ----------
    content : bytes
        Uncompressed bytes.
    encoding : str
    rules : sequence of RowRules
        Columns are keys; nested keys are dotted paths.
    traces : Traces
        Its words are masked in the records of others.
    records : str, optional
        Dotted path to the list if the file is one JSON value; None for one object per line.
    """
    text = content.decode(encoding)
    opening = text.lstrip(_BLANKS + "\ufeff")[:1]
    result = Cleaned(content)
    if opening == "[" or records is not None:
        changed = _clean_list(text, records, rules, traces, result)
    else:
        changed = "".join(_clean_lines(text, rules, traces, result))
    if result.changed:
        result.content = changed.encode(encoding)
    return result


def _clean_lines(text: str, rules: Sequence[RowRules], traces: Traces, result: Cleaned) -> Iterator[str]:
    lines = text.split("\n")
    for at, line in enumerate(lines, 1):
        end = "\n" if at < len(lines) else ""
        try:
            value = json.loads(line) if line.strip() else None
        except ValueError:
            value = None
        verdict = judge_cells(_flat(value), rules) if isinstance(value, dict) else None
        if verdict is not None and verdict.remove:
            result.removed += 1
            continue
        if verdict is None and traces.mentions(line):
            result.removed += 1
            continue
        yield _cleaned(line, value, verdict.blank if verdict else (), traces, result) + end


def _clean_list(text: str, records: str | None, rules: Sequence[RowRules], traces: Traces, result: Cleaned) -> str:
    start = _list_start(text, records)
    parts, position = [text[:start]], start
    first = True
    while True:
        gap_start = position
        position = _skip(text, position)
        if text[position : position + 1] == "," or (first and text[position : position + 1] != "]"):
            position = _skip(text, position + (text[position] == ","))
            value, end = _DECODER.raw_decode(text, position)
            verdict = judge_cells(_flat(value), rules) if isinstance(value, dict) else None
            if verdict is not None and verdict.remove:
                result.removed += 1
            else:
                gap = text[gap_start:position]
                gap = gap.replace(",", "", 1) if len(parts) == 1 else gap
                parts += [gap, _cleaned(text[position:end], value, verdict.blank if verdict else (), traces, result)]
            position, first = end, False
            continue
        parts.append(text[gap_start:])
        return "".join(parts)


def _list_start(text: str, records: str | None) -> int:
    """Return the start after the opening bracket of the list."""
    if not records:
        return text.index("[") + 1
    start = 0
    for key in records.split("."):
        start = text.index(json.dumps(key), start) if json.dumps(key) in text[start:] else text.index(f'"{key}"', start)
    return text.index("[", start) + 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position


def _cleaned(text: str, value: Any, blank: Sequence[int | str], traces: Traces, result: Cleaned) -> str:
    """Return the text of one record without the ids and words of erased people; unchanged if there are none."""
    if blank and isinstance(value, dict):
        for path in blank:
            _set_null(value, str(path))
            result.blanked += 1
        text = json.dumps(value, ensure_ascii=text.isascii())
    if traces.mentions(text):
        text, result.blanked = traces.text.sub(ERASED, text), result.blanked + 1  # type: ignore[union-attr]
    return text


def _set_null(value: dict[str, Any], path: str) -> None:
    *parents, last = path.split(".") if path not in value else [path]
    for key in parents:
        value = value[key]
    value[last] = None


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[int | str, Any]:
    flat: dict[int | str, Any] = {}
    for key, inner in value.items():
        flat[f"{prefix}{key}"] = inner
        if isinstance(inner, Mapping):
            flat |= _flat(inner, f"{prefix}{key}.")
    return flat
