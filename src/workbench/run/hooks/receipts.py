"""Receipts of messages: receivers and delivery state, one private file per message under ``.workbench/hooks``."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.params.hooks import HookParams
    from workbench.core.workspace import Workspace

__all__ = ["Receipt", "hooks_folder", "new_receipt", "read_receipt", "read_receipts"]

_PRIVATE = 0o600
_MOST_KEPT = 200


@dataclass
class Receipt:
    """One message and its receivers.

    Attributes
    ----------
    path : Path
    event : str
    message : dict
    receivers : list of dict
        ``hook`` as declared, ``state`` (waiting, delivered, failed), ``attempts``, ``detail``, ``at``.
    language : str
    pid : int
        The id of the delivering process.
    """

    path: Path
    event: str
    message: dict[str, Any]
    receivers: list[dict[str, Any]]
    language: str
    pid: int = 0

    def write(self) -> None:
        """Write the receipt, readable by its owner only."""
        content = {"event": self.event, "message": self.message, "receivers": self.receivers,
                   "language": self.language, "pid": self.pid}  # fmt: skip
        write_text(self.path, json.dumps(content, ensure_ascii=False, indent=1) + "\n", mode=_PRIVATE)

    def waiting(self) -> list[dict[str, Any]]:
        """Return the receivers without the message that have attempts left."""
        return [receiver for receiver in self.receivers if receiver["state"] == "waiting"]

    def note(self, receiver: dict[str, Any], state: str, detail: str) -> None:
        """Record the outcome of an attempt."""
        timestamp = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        receiver.update(state=state, detail=detail, timestamp=timestamp, attempts=receiver["attempts"] + 1)
        self.write()

    def is_abandoned(self) -> bool:
        """Return whether receivers wait but the delivering process is dead."""
        return bool(self.waiting()) and not _is_alive(self.pid)


def hooks_folder(workspace: Workspace) -> Path:
    """Return the private folder of the receipts."""
    return workspace.lock.parent / "hooks"


def new_receipt(
    workspace: Workspace, event: str, message: dict[str, Any], hooks: Sequence[HookParams], language: str
) -> Receipt:
    """Write the receipt of a new message; remove the oldest receipts beyond the limit."""
    folder = hooks_folder(workspace)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.json"))[: -_MOST_KEPT + 1]:
        path.unlink(missing_ok=True)
    name = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{message['profile']}-{event}-{secrets.token_hex(2)}.json"
    receivers = [
        {"hook": hook.model_dump(mode="json", exclude_none=True), "state": "waiting", "attempts": 0, "detail": ""}
        for hook in hooks
    ]
    receipt = Receipt(folder / name, event, {"event": event, **message}, receivers, language, os.getpid())
    receipt.write()
    return receipt


def read_receipts(workspace: Workspace) -> list[Receipt]:
    """Return the kept receipts, the oldest first; a damaged file is left out."""
    return [receipt for path in sorted(hooks_folder(workspace).glob("*.json")) if (receipt := read_receipt(path))]


def read_receipt(path: Path) -> Receipt | None:
    """Read one receipt; None if it is damaged."""
    try:
        return Receipt(path, **json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
