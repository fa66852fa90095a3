"""The private journal of an erasure: what to erase and which files were touched; removed at the end."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import write_text
from workbench.run.rights.traces.places import JOURNALS
from workbench.run.rights.traces.traces import Traces

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["Journal", "open_journals"]


@dataclass
class Journal:
    """An erasure in progress.

    Attributes
    ----------
    path : Path
        ``.workbench/erasures/<id>.json``, mode 0600; the touched files are in ``<id>.touched``.
    facts : dict
        id, profile, customers (count), references, started, and further plain values.
    traces : Traces
    """

    path: Path
    facts: dict[str, Any]
    traces: Traces
    _touched: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, workspace: Workspace, traces: Traces, facts: dict[str, Any]) -> Journal:
        """Write the journal of a new erasure."""
        folder = _folder(workspace)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = secrets.token_hex(8)
        journal = cls(folder / f"{identity}.json", {"id": identity, **facts}, traces)
        journal.save()
        return journal

    def save(self) -> None:
        """Save the current facts."""
        content = json.dumps({"facts": self.facts, "traces": self.traces.to_json()}, ensure_ascii=False)
        write_text(self.path, content + "\n", mode=0o600)

    def touch(self, name: str) -> None:
        """Record a file before it is changed, so that a resumed erasure knows which manifests to update."""
        handle = os.open(self.path.with_suffix(".touched"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (name + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def touched(self) -> list[str]:
        """Return the files recorded so far, relative to the workspace."""
        path = self.path.with_suffix(".touched")
        return list(dict.fromkeys(path.read_text(encoding="utf-8").splitlines())) if path.is_file() else []

    def remove(self) -> None:
        """Remove the journal: the erasure is complete."""
        self.path.with_suffix(".touched").unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def open_journals(workspace: Workspace) -> list[Journal]:
    """Return the incomplete erasures, the earliest first."""
    journals = []
    for path in sorted(_folder(workspace).glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        journals.append(Journal(path, content["facts"], Traces.from_json(content["traces"])))
    return sorted(journals, key=lambda journal: str(journal.facts.get("started")))


def _folder(workspace: Workspace) -> Path:
    return workspace.lock.parent / JOURNALS
