"""From 03 on, exclude customers who refuse profiling as of the run, or whose data is restricted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.analysis.audiences.profiling import PROFILED, count_not_profiled, refusing_customers
from workbench.run.artifacts.corrections import read_restrictions, restricted_customers

if TYPE_CHECKING:
    import ibis

    from workbench.run.stages.stage import StageRun

__all__ = ["left_out", "not_profiled"]

_CONSENTS = "consents"


def left_out(stage: StageRun) -> set[str]:
    """Return the customers who are excluded from the tables of a stage."""
    tables: dict[str, ibis.Table] = {}
    present = stage.store.present()
    if _CONSENTS in present and _mapped(stage):
        tables = {name: stage.store.read(name) for name in PROFILED if name in present}
        tables[_CONSENTS] = stage.store.read(_CONSENTS)
    refusing = refusing_customers(tables, stage.profile.consent, stage.as_of)
    return refusing | restricted_customers(stage.store, read_restrictions(stage.workspace, stage.profile.name))


def not_profiled(stage: StageRun, tables: Mapping[str, ibis.Table] | None = None) -> dict[str, int]:
    """Return the metric ``not_profiled``: the number of source ids of customers excluded from 03 on.

    Parameters
    ----------
    stage : StageRun
    tables : mapping of str to ibis.Table, optional
        Canonical tables with the ids of the sources; default: as published.
    """
    if tables is None:
        names = [name for name in (*PROFILED, _CONSENTS) if name in stage.store.present()]
        tables = {name: stage.store.as_sourced(name) for name in names}
    restricted = read_restrictions(stage.workspace, stage.profile.name)
    return {"not_profiled": count_not_profiled(tables, stage.profile.consent, stage.as_of, restricted=restricted)}


def _mapped(stage: StageRun) -> bool:
    """Return whether the profile maps consents now; a consents table of an earlier run does not count."""
    return any(source.table == _CONSENTS for source in stage.profile.sources.values())
