"""The stages: every module in this folder declares one as ``STAGE``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.core.schema import Table
    from workbench.core.section import Section
    from workbench.core.stages.stage import Stage

__all__ = ["FIRST", "LAST", "SECTIONS", "STAGES", "TABLES", "ordered"]

_BASE = "stage"
_SUMMARIES = "summaries"  # input that only the report stage has; that stage runs last


def _declared() -> dict[str, Stage]:
    names = [module.name for module in iter_modules(__path__) if module.name != _BASE]
    stages = [import_module(f"{__name__}.{name}").STAGE for name in names]
    return {stage.name: stage for stage in sorted(stages, key=lambda stage: (_SUMMARIES in stage.inputs, stage.name))}


STAGES: dict[str, Stage] = _declared()
SECTIONS: dict[str, type[Section]] = {name: stage.parameters for name, stage in STAGES.items()}
TABLES: dict[str, Table] = {name: table for stage in STAGES.values() for name, table in stage.written().items()}
FIRST, LAST = next(iter(STAGES)), next(reversed(STAGES))


def ordered(names: list[str]) -> list[str]:
    """Sort stages into running order: by number, the report last."""
    return sorted(names, key=lambda name: (name == LAST, name))
