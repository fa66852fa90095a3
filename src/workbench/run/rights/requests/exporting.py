"""Export the data about people: JSON, and a page in each language."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import write_text
from workbench.core.params.profile import LANGUAGES
from workbench.report.subjects.page import subject_page
from workbench.run.artifacts.audit import append_audit
from workbench.run.rights.erasing.tracing import references_of

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import Person, ProfilePeople

__all__ = ["KEPT_DAYS", "export_people", "subjects_folder", "sweep_exports"]

KEPT_DAYS = 30
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700


def subjects_folder(workspace: Workspace, profile: str) -> Path:
    """Create and return the private folder of a profile's exports."""
    folder = workspace.interim(profile) / "subjects"
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder.chmod(_PRIVATE_FOLDER)
    return folder


def export_people(
    workspace: Workspace, profile: str, people: Sequence[Person], holdings_of: Callable[..., dict[str, Any]], *,
    every: Sequence[ProfilePeople], today: dt.date,
) -> list[Path]:  # fmt: skip
    """Write one JSON file and a page per language for each person; log the export.

    Files that are older than 30 days are removed.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    people : sequence of Person
    holdings_of : callable
        ``holdings_of(workspace, person, every, today=, language=)``.
    every : sequence of ProfilePeople
    today : datetime.date
    """
    sweep_exports(workspace)
    folder = subjects_folder(workspace, profile)
    paths = []
    for person in people:
        name = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in person.customer_ids(profile)[0])
        for language in LANGUAGES:
            holdings = holdings_of(workspace, person, every, today=today, language=language)
            if language == LANGUAGES[0]:
                text = json.dumps(holdings, ensure_ascii=False, indent=1, default=str) + "\n"
                paths.append(write_text(folder / f"{name}.json", text, mode=_PRIVATE_FILE))
            page = subject_page(holdings, who=person.customer_ids(profile)[0], language=language)
            paths.append(write_text(folder / f"{name}.{language}.html", page, mode=_PRIVATE_FILE))
    references = references_of(workspace, people, profile)
    append_audit(workspace, "export", profile=profile, what="subject", people=len(people), references=references)
    return paths


def sweep_exports(workspace: Workspace) -> list[str]:
    """Remove exports older than 30 days, in every profile; return what was removed."""
    oldest = time.time() - KEPT_DAYS * 86_400
    old = [path for path in workspace.root.glob("data/interim/*/subjects/*")
           if path.is_file() and path.stat().st_mtime < oldest]  # fmt: skip
    for path in old:
        path.unlink()
    return [workspace.relative(path) for path in old]
