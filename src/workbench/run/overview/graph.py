"""The page of a run's stages and tables, from its summary and the manifests of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import write_text
from workbench.core.stages import TABLES
from workbench.report.pages.addresses import GRAPH_PAGE
from workbench.report.runs.graph_page import StageNode, TableNode, graph_page
from workbench.run.artifacts.context import stage_folder, stage_summary
from workbench.run.artifacts.manifest import read_manifest

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["write_graph"]


def write_graph(workspace: Workspace, profile: Profile, summary: Mapping[str, Any], folder: Path) -> Path:
    """Write the page of stages and tables into the folder of a run.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    summary : mapping
        Of the run.
    folder : Path
        The current folder of the run.
    """
    entries = {stage: summary["stages"].get(stage) for stage in profile.stages}
    results = {stage: entry or stage_summary(workspace, profile.name, stage) for stage, entry in entries.items()}
    writers = {table: stage for stage, entry in results.items() for table in entry.get("tables", {})}
    language, nodes = profile.languages[0], []
    for stage, entry in entries.items():
        page = f"{stage}.html" if (folder / "pages" / f"{stage}.html").is_file() else ""
        reads = _reads(workspace, profile, stage, writers)
        node = StageNode(stage, "outside", float(results[stage].get("seconds") or 0), _tables(results[stage]), reads)
        nodes.append(_with_outcome(replace(node, page=page), entry, results[stage], language))
    text = graph_page(
        nodes, profile=profile.name, run_id=summary["run_id"], as_of=summary["as_of"] or "", status=summary["status"],
        language=language,
    )  # fmt: skip
    return write_text(folder / GRAPH_PAGE, text)


def _reads(workspace: Workspace, profile: Profile, stage: str, writers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what a stage reads, each with the stage that wrote it."""
    declared = profile.stage(stage)
    tables = set(declared.depends_on)
    tables |= set(read_manifest(stage_folder(workspace, profile.name, stage)).get("reads", {}).get("tables", []))
    reads = [(table, writers[table]) for table in [*TABLES, *sorted(tables - TABLES.keys())]
             if table in tables and writers.get(table, stage) != stage]  # fmt: skip
    if file := declared.takes:
        reads += [(file, giver) for giver in profile.stages if profile.stage(giver).hands_over == file]
    if "summaries" in declared.inputs:
        reads += [("summaries", other) for other in profile.stages if other < stage]
    return reads


def _tables(result: Mapping[str, Any]) -> list[TableNode]:
    tables = result.get("tables", {}).items()
    return [TableNode(name, int(table["rows"]), str(table["digest"])) for name, table in tables]


def _with_outcome(
    node: StageNode, entry: Mapping[str, Any] | None, result: Mapping[str, Any], language: str
) -> StageNode:
    """Return the node of a stage with its outcome in this run."""
    if entry is None:
        return replace(node, from_run=str(result.get("run_id", "")))
    if entry["status"] != "done":
        because = (entry.get("skipped_because") or {}).get(language, "")
        return replace(node, kind=entry["status"], reads=[] if because else node.reads, note=because)
    origin = str(entry.get("reused_from", ""))
    return replace(node, kind="reused" if origin else "ran", from_run=origin)
