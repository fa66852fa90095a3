"""Compare two runs: differences in status, dates, metrics, tables and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.run.history.runs import RunRecord

__all__ = ["Difference", "compare_runs"]

_HEAD = ("status", "as_of")


@dataclass(frozen=True)
class Difference:
    """One difference between two runs.

    Attributes
    ----------
    kind : str
        ``run``, ``stage``, ``setting``, ``metric`` or ``table``.
    name : str
        The name of what differs, prefixed with its stage.
    first, second : object
        The value in each run; None where it is absent.
    """

    kind: str
    name: str
    first: Any
    second: Any


def compare_runs(first: RunRecord, second: RunRecord) -> list[Difference]:
    """Return the differences between two runs, in the order run, stages, settings, metrics, tables.

    Tables are compared by content digest. The row counts are shown; if they are equal, the digests too.
    """
    head = [
        Difference("run", name, first.summary.get(name), second.summary.get(name))
        for name in _HEAD
        if first.summary.get(name) != second.summary.get(name)
    ]
    names = sorted({*first.stages, *second.stages})
    by_kind: dict[str, list[Difference]] = {kind: [] for kind in ("stage", "setting", "metric", "table")}
    for stage in names:
        left, right = first.stages.get(stage, {}), second.stages.get(stage, {})
        by_kind["stage"] += _differing("stage", {stage: left.get("status")}, {stage: right.get("status")})
        by_kind["setting"] += _differing("setting", _named(stage, left, "settings"), _named(stage, right, "settings"))
        by_kind["metric"] += _differing("metric", _named(stage, left, "metrics"), _named(stage, right, "metrics"))
        by_kind["table"] += _tables(stage, left.get("tables", {}), right.get("tables", {}))
    return [*head, *(difference for differences in by_kind.values() for difference in differences)]


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
