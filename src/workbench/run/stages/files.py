"""The private files of a running stage: text files, a scratch folder, intermediate rows."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from workbench.core.files import write_text
from workbench.core.workspace import PEOPLE
from workbench.intake.features.inputs.keep import keeping
from workbench.run.definitions.tag_purposes import PURPOSES_FILE, acknowledged_purposes

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.tags.registry import TagRegistry
    from workbench.intake.features.inputs.keep import Keep
    from workbench.run.stages.stage import StageRun

__all__ = ["hold_rows", "people_folder", "scratch_folder", "write_purposes", "write_text_file"]


def write_text_file(stage: StageRun, name: str, content: str) -> Path:
    """Write a text file (a definition, a page) into the staging folder of the stage."""
    return write_text(stage.staging.folder / name, content)


def write_purposes(stage: StageRun, registry: TagRegistry) -> None:
    """Stage the purposes of the tags, which exports are checked against."""
    write_text_file(stage, PURPOSES_FILE, acknowledged_purposes(stage.workspace, stage.profile.name, registry))


def people_folder(stage: StageRun) -> Path:
    """Return the private folder for files that name customers."""
    folder = stage.staging.folder / PEOPLE
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    return folder


def scratch_folder(stage: StageRun) -> Path:
    """Return a private folder for intermediate files; ``stage.finish()`` removes it."""
    folder = stage.workspace.interim(stage.profile.name) / f".scratch-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    stage.closing.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def hold_rows(stage: StageRun, *, files: bool = False) -> Keep:
    """Return a function that stores the rows of one step until ``stage.finish()``, to limit memory.

    Parameters
    ----------
    stage : StageRun
    files : bool
        Store them in Parquet files, not in the engine.
    """
    folder = scratch_folder(stage) if files else None
    return stage.closing.enter_context(keeping(stage.store.engine, folder=folder))
