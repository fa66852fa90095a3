"""The raw files a profile names, and their digests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.core.files import digest_file, write_json
from workbench.intake.reading.places import present_files
from workbench.intake.surveys.questionnaire import questionnaire_path

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["file_digests", "questionnaire_files", "source_files"]


def source_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the files of every source, with its rates and the questionnaire its answers are judged by, sorted."""
    sources = profile.sources.values()
    named = {path for source in sources for path in present_files(source, workspace.root)}
    rates = {workspace.root / source.formats.rates for source in sources if source.formats.rates}
    return sorted({*named, *(path for path in rates if path.is_file()), *questionnaire_files(workspace, profile)})


def questionnaire_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the questionnaires that the sources of a profile name and that are there, sorted."""
    named = {path for source in profile.sources.values() if (path := questionnaire_path(source))}
    return sorted(path for name in named if (path := workspace.root / name).is_file())


def file_digests(workspace: Workspace, paths: Iterable[Path]) -> dict[str, str]:
    """Digest files by content; a file whose size and times are unchanged is not read again."""
    memory_path = workspace.lock.parent / "file_digests.json"
    try:
        memory = json.loads(memory_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        memory = {}
    digests, remembered = {}, dict(memory)
    for path in paths:
        status = path.stat()
        name = workspace.relative(path)
        stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
        if remembered.get(name, [None])[0] != stamp:
            remembered[name] = [stamp, digest_file(path)]
        digests[name] = remembered[name][1]
    if remembered != memory:
        write_json(memory_path, remembered)
    return digests
