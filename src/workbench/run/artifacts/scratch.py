"""Scratch areas: a run that computes and is tracked, but publishes nothing."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["SCRATCH_VARIABLE", "open_scratch"]

SCRATCH_VARIABLE = "WORKBENCH_SCRATCH"  # the scratch area of notebooks run by hand
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def open_scratch(workspace: Workspace, profile: str, name: str) -> Workspace:
    """Return the workspace whose results go to a scratch area.

    A new area starts as a copy of what the profile has published, made of links, so that unchanged stages are reused.
    Private people and the vault are not copied.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    name : str
        Letters, digits, ``-`` and ``_``, at most 40.

    Raises
    ------
    ProfileError
        The name cannot be that of a folder.
    """
    if not _NAME.fullmatch(name):
        expected = "Letters, digits, - and _, at most 40, the first a letter or a digit"
        raise ProfileError(Fault("--scratch", f"{name!r} cannot be the name of a scratch area", expected))
    scratch = replace(workspace, scratch=name)
    area = scratch.processed(profile)
    if not area.exists():
        _link_published(workspace, scratch, profile)
    return scratch


def _link_published(workspace: Workspace, scratch: Workspace, profile: str) -> None:
    """Build the area aside and rename it, so that a kill leaves no half of one."""
    area = scratch.processed(profile)
    aside = area.with_name(f".{area.name}-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True, mode=0o700)
    published, interim = workspace.processed(profile), workspace.interim(profile)
    if published.is_dir():
        left_out = shutil.ignore_patterns(".staging", ".runs")
        shutil.copytree(published, aside, symlinks=True, ignore=left_out, copy_function=os.link, dirs_exist_ok=True)
    (aside / "interim").mkdir(mode=0o700)
    for path in interim.glob("*.json"):
        shutil.copy2(path, aside / "interim" / path.name)
    summary = workspace.reports(profile) / "latest" / "summary.json"
    if summary.is_file():  # how long each stage took
        (aside / "reports" / "published").mkdir(parents=True)
        shutil.copyfile(summary, aside / "reports" / "published" / summary.name)
        (aside / "reports" / "latest").symlink_to("published")
    os.rename(aside, area)
