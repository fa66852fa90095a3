"""The page of a run's stages and tables: dependencies, run times, reused stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.report.html import badge, render
from workbench.report.runs.layout import Layout, lay_out, needed_edges
from workbench.report.text import label, say

__all__ = ["KINDS", "StageNode", "TableNode", "graph_page"]

KINDS = {"ran": "✓", "reused": "↻", "skipped": "–", "failed": "✕", "outside": "·"}  # outcome of a stage -> its icon
_DIGITS = 12  # of a digest
_LETTERS = 24  # of a label in a box
_SPECIAL = ("people", "summaries")  # inputs that are not tables


@dataclass(frozen=True)
class TableNode:
    """A table that a stage wrote."""

    name: str
    rows: int
    digest: str


@dataclass(frozen=True)
class StageNode:
    """A stage of the profile.

    Attributes
    ----------
    name : str
    kind : str
        ``ran``, ``reused``, ``skipped``, ``failed`` or ``outside`` (not in this run).
    seconds : float
        Run time in the run that computed it.
    tables : list of TableNode
    reads : list of (str, str)
        Table and the stage that wrote it; ``people`` and ``summaries`` are inputs that are not tables.
    from_run : str
        The run that computed it; empty if it is this run.
    note : str
        Why it was skipped.
    page : str
        Address of its page, relative to this one.
    """

    name: str
    kind: str
    seconds: float = 0.0
    tables: list[TableNode] = field(default_factory=list)
    reads: list[tuple[str, str]] = field(default_factory=list)
    from_run: str = ""
    note: str = ""
    page: str = ""


def graph_page(
    stages: Sequence[StageNode], *, profile: str, run_id: str, as_of: str, status: str, language: str
) -> str:
    """Write the page of a run as one self-contained file.

    Parameters
    ----------
    stages : sequence of StageNode
        In running order.
    profile, run_id, as_of : str
    status : str
        ``done`` or ``failed``.
    language : {"en", "zh"}
    """
    names = [stage.name for stage in stages]
    edges = [(writer, stage.name) for stage in stages for _, writer in stage.reads if writer in names]
    counts = {kind: sum(stage.kind == kind for stage in stages) for kind in KINDS}
    readers = _readers(stages)
    layout = lay_out(names, needed_edges(edges))
    context = {
        "title": say("graph_title", language, {"profile": profile}),
        "as_of": as_of,
        "run_id": run_id,
        "badge": badge(status, language),
        "alt": say("graph_alt", language, {"stages": len(stages), **counts}),
        "note": say("graph_note", language),
        "width": round(layout.width),
        "height": round(layout.height),
        "lines": [_path(points) for points in layout.lines.values()],
        "boxes": [_box(stage, layout, language) for stage in stages],
        "stages": [_stage(stage, readers, language) for stage in stages],
        "heads": [say(f"graph_head_{name}", language) for name in ("table", "rows", "digest", "readers")],
    }
    return render("graph.html.j2", context, language)


def _readers(stages: Sequence[StageNode]) -> dict[str, list[str]]:
    readers: dict[str, list[str]] = {}
    for stage in stages:
        for table, _ in stage.reads:
            if table not in _SPECIAL and stage.name not in readers.setdefault(table, []):
                readers[table].append(stage.name)
    return readers


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Write a line as SVG: straight through layers, curved between them."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (left, top), (right, bottom) in zip(points, points[1:], strict=False):
        middle = (top + bottom) / 2
        text += f"C{left:.1f} {middle:.1f} {right:.1f} {middle:.1f} {right:.1f} {bottom:.1f}"
    return text


def _box(stage: StageNode, layout: Layout, language: str) -> dict[str, object]:
    box = layout.boxes[stage.name]
    name = label(stage.name, language)
    return {
        "x": round(box.x, 1), "y": round(box.y, 1), "width": box.width, "height": box.height,
        "kind": stage.kind, "href": f"#s-{stage.name}",
        "name": name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…",
        "number": stage.name[:2],
        "state": f"{KINDS[stage.kind]} {_state(stage, language)}",
        "tables": _tables_in_words(stage, language),
    }  # fmt: skip


def _state(stage: StageNode, language: str) -> str:
    return say(f"graph_{stage.kind}", language, {"seconds": stage.seconds})


def _tables_in_words(stage: StageNode, language: str) -> str:
    if not stage.tables:
        return say("graph_no_tables", language)
    rows = sum(table.rows for table in stage.tables)
    return say("graph_tables", language, {"tables": len(stage.tables), "rows": rows})


def _stage(stage: StageNode, readers: dict[str, list[str]], language: str) -> dict[str, object]:
    values = {"run_id": stage.from_run, "seconds": stage.seconds}
    origin = say(f"graph_{stage.kind}_from", language, values) if stage.from_run else ""
    names = [say(f"graph_reads_{table}", language) if table in _SPECIAL else table for table, _ in stage.reads]
    joiner = {"en": ", ", "zh": "、"}[language]
    return {
        "id": stage.name,
        "name": label(stage.name, language),
        "state": f"{KINDS[stage.kind]} {_state(stage, language)}",
        "page": stage.page,
        "notes": [note for note in (origin, stage.note) if note],
        "reads": say("graph_reads", language, {"tables": joiner.join(dict.fromkeys(names))}) if names else "",
        "tables": [
            {
                "name": table.name,
                "rows": f"{table.rows:,}",
                "digest": table.digest[:_DIGITS],
                "readers": [(reader, label(reader, language)) for reader in readers.get(table.name, [])],
            }
            for table in stage.tables
        ],
    }
