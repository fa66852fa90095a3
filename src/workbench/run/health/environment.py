"""Doctor checks of the environment: Python, packages against the lock file, Chinese font, browser."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

import workbench
from workbench.core.errors import listed
from workbench.run.health.line import Line, sound, to_fix
from workbench.run.terminal.picture import find_browser

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["examine_environment"]

_SUPPORTED = ((3, 11), (3, 14))  # from, and before
_LOCK = "requirements.lock"
_SETUP = "make setup"
_MOST_NAMED = 5


def examine_environment(workspace: Workspace) -> list[Line]:
    """Check the environment in which the workbench runs."""
    return [_python(), _packages(workspace), _font(), _browser()]


def _python() -> Line:
    version = ".".join(map(str, sys.version_info[:3]))
    if _SUPPORTED[0] <= sys.version_info[:2] < _SUPPORTED[1]:
        return sound("python", "doctor_python", version=version)
    return to_fix("python", "doctor_python_unsupported", "make setup PYTHON=python3.13", version=version)


def _packages(workspace: Workspace) -> Line:
    """Compare the installed packages with the lock file of the workspace or of the checkout."""
    places = [workspace.root / _LOCK, Path(workbench.__file__).parents[2] / _LOCK]
    lock = next((path for path in places if path.is_file()), None)
    if lock is None:
        return sound("packages", "doctor_packages_without_lock")
    differing, count = _differing(lock.read_text(encoding="utf-8"))
    if differing:
        names = listed(differing, _MOST_NAMED)
        return to_fix("packages", "doctor_packages_differ", _SETUP, count=len(differing), names=names)
    return sound("packages", "doctor_packages", count=count)


def _differing(lock: str) -> tuple[list[str], int]:
    """Return the packages that are missing or have another version, and the number that the lock file requires."""
    differing, count = [], 0
    for line in re.findall(r"^[A-Za-z0-9][^\n]*==[^\n]*", lock, re.MULTILINE):
        try:
            requirement = Requirement(line.rstrip(" \\"))
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        count += 1
        installed = _installed(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            differing.append(f"{requirement.name} {installed or '-'} ({requirement.specifier})")
    return differing, count


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _font() -> Line:
    spec = importlib.util.find_spec("zhplot")
    font = Path(spec.origin).parent / "fonts" / "NotoSansSC-Regular.ttf" if spec and spec.origin else None
    if font is not None and font.is_file():
        return sound("font", "doctor_font", name=font.name)
    return to_fix("font", "doctor_font_absent", _SETUP)


def _browser() -> Line:
    browser = find_browser()
    if browser is None:
        return to_fix("browser", "doctor_browser_absent", "apt-get install chromium")
    return sound("browser", "doctor_browser", path=browser)
