"""Scratch areas: runs there are computed and tracked, but not published."""

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
    """Return a workspace that writes its results to a scratch area.

    A new area starts with links to the published results of the profile, so that unchanged stages are reused. The
    private table of people and the vault are not copied.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    name : str
        Letters, digits, ``-`` and ``_``, at most 40.

    Raises
    ------
    ProfileError
        The name is not a valid folder name.
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
    """Build the area in a temporary folder and rename it, so that a kill leaves no incomplete area."""
    area = scratch.processed(profile)
    temporary = area.with_name(f".{area.name}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True, mode=0o700)
    published, interim = workspace.processed(profile), workspace.interim(profile)
    if published.is_dir():
        left_out = shutil.ignore_patterns(".staging", ".runs")
        shutil.copytree(published, temporary, symlinks=True, ignore=left_out, copy_function=os.link, dirs_exist_ok=True)
    (temporary / "interim").mkdir(mode=0o700)
    for path in interim.glob("*.json"):
        shutil.copy2(path, temporary / "interim" / path.name)
    summary = workspace.reports(profile) / "latest" / "summary.json"
    if summary.is_file():  # how long each stage took
        (temporary / "reports" / "published").mkdir(parents=True)
        shutil.copyfile(summary, temporary / "reports" / "published" / summary.name)
        (temporary / "reports" / "latest").symlink_to("published")
    os.rename(temporary, area)
