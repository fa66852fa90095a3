"""The raw files that a profile names, and their digests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.core.files import digest_file, write_json
from workbench.intake.reading.places import present_files
from workbench.run.definitions.questionnaires import questionnaire_files

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["file_digests", "source_files"]


def source_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the files of every source, with its exchange rates and its questionnaire, sorted."""
    sources = profile.sources.values()
    files = {path for source in sources for path in present_files(source, workspace.root)}
    rates = {workspace.root / source.formats.rates for source in sources if source.formats.rates}
    return sorted({*files, *(path for path in rates if path.is_file()), *questionnaire_files(workspace, profile)})


def file_digests(workspace: Workspace, paths: Iterable[Path]) -> dict[str, str]:
    """Digest files by content; a file whose size and times are unchanged is not read again."""
    cache_path = workspace.lock.parent / "file_digests.json"
    try:
        cached = json.loads(cache_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cached = {}
    digests, updated = {}, dict(cached)
    for path in paths:
        status = path.stat()
        name = workspace.relative(path)
        stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
        if updated.get(name, [None])[0] != stamp:
            updated[name] = [stamp, digest_file(path)]
        digests[name] = updated[name][1]
    if updated != cached:
        write_json(cache_path, updated)
    return digests
