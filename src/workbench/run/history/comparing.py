"""Two runs side by side: status, dates, metrics, tables and settings that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.run.history.runs import RunRecord

__all__ = ["Difference", "compare_runs"]

_HEAD = ("status", "as_of")


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes
    ----------
    kind : str
        ``run``, ``stage``, ``setting``, ``metric`` or ``table``.
    name : str
        With its stage in front.
    first, second : object
        In either run; None where it is absent.
    """

    kind: str
    name: str
    first: Any
    second: Any


def compare_runs(first: RunRecord, second: RunRecord) -> list[Difference]:
    """Return what differs between two runs, in the order run, stages, settings, metrics, tables.

    Tables are compared by the digest of their content, and shown by their rows where these differ.
    """
    head = [
        Difference("run", name, first.summary.get(name), second.summary.get(name))
        for name in _HEAD
        if first.summary.get(name) != second.summary.get(name)
    ]
    names = sorted({*first.stages, *second.stages})
    rest: dict[str, list[Difference]] = {kind: [] for kind in ("stage", "setting", "metric", "table")}
    for stage in names:
        left, right = first.stages.get(stage, {}), second.stages.get(stage, {})
        rest["stage"] += _differing("stage", {stage: left.get("status")}, {stage: right.get("status")})
        rest["setting"] += _differing("setting", _named(stage, left, "settings"), _named(stage, right, "settings"))
        rest["metric"] += _differing("metric", _named(stage, left, "metrics"), _named(stage, right, "metrics"))
        rest["table"] += _tables(stage, left.get("tables", {}), right.get("tables", {}))
    return [*head, *(difference for differences in rest.values() for difference in differences)]


def _named(stage: str, entry: dict[str, Any], part: str) -> dict[str, Any]:
    return {f"{stage}.{name}": value for name, value in (entry.get(part) or {}).items()}


def _differing(kind: str, first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    return [
        Difference(kind, name, first.get(name), second.get(name))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    ]


def _tables(stage: str, first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    differences = []
    for name in sorted({*first, *second}):
        left, right = first.get(name, {}), second.get(name, {})
        if left.get("digest") != right.get("digest"):
            same_rows = left.get("rows") == right.get("rows")
            values = [_rows(table, with_digest=same_rows) for table in (left, right)]
            differences.append(Difference("table", f"{stage}.{name}", *values))
    return differences


def _rows(table: dict[str, Any], *, with_digest: bool) -> Any:
    if not table:
        return None
    return f"{table['rows']} ({str(table['digest'])[:8]})" if with_digest else table["rows"]
