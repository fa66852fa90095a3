"""The register of requests: kind, due date, identity check and date of completion.

``.workbench/requests.json`` names nobody: a person is a keyed reference, which is the same for the same id and key.
"""

from __future__ import annotations

import calendar
import datetime as dt
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_text

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["KINDS", "Request", "due_by", "read_register", "record_request", "register_path"]

KINDS = ("access", "erasure", "correction", "restriction", "objection")


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes
    ----------
    number : int
    kind : str
        One of ``KINDS``.
    profile : str
    people : int
    references : list of str
    received, due : str
        ISO dates; due one month after receipt.
    identity : str
        How identity was checked; empty: not recorded.
    done : str
        ISO date; empty while it is open.
    """

    number: int
    kind: str
    profile: str
    people: int
    references: list[str]
    received: str
    due: str
    identity: str = ""
    done: str = ""

    def is_late(self, today: dt.date) -> bool:
        """Return whether the request is still open after its due date, or was completed after it."""
        return (self.done or today.isoformat()) > self.due


def register_path(workspace: Workspace) -> Path:
    """Return the path of the register."""
    return workspace.lock.parent / "requests.json"


def due_by(received: dt.date) -> dt.date:
    """Return the day by which a request is due: one month later, or the last day of that month.

    Examples
    --------
    >>> due_by(dt.date(2026, 1, 31)), due_by(dt.date(2026, 12, 5))
    (datetime.date(2026, 2, 28), datetime.date(2027, 1, 5))
    """
    year, month = received.year + received.month // 12, received.month % 12 + 1
    return dt.date(year, month, min(received.day, calendar.monthrange(year, month)[1]))


def read_register(workspace: Workspace) -> list[Request]:
    """Return all requests, the earliest first.

    Raises
    ------
    DataError
        The register cannot be read.
    """
    path = register_path(workspace)
    if not path.is_file():
        return []
    try:
        return [Request(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        place = workspace.relative(path)
        raise DataError(Fault(place, f"the register cannot be read ({error})", "", "Restore it from a copy")) from None


def record_request(
    workspace: Workspace, kind: str, *, profile: str, references: Sequence[str], received: dt.date, identity: str = "",
    done: dt.date | None = None,
) -> Request:  # fmt: skip
    """Record a new request, or the completion of an open request of the same people; return the request.

    Parameters
    ----------
    workspace : Workspace
    kind : str
    profile : str
    references : sequence of str
    received : datetime.date
    identity : str
    done : datetime.date, optional
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of request {kind!r}; known are {', '.join(KINDS)}")
    requests = read_register(workspace)
    day = done.isoformat() if done else ""
    at = next((at for at, entry in enumerate(requests) if _is_open(entry, kind, profile, references)), None)
    if at is None:
        request = Request(len(requests) + 1, kind, profile, len(references), sorted(references),
                          received.isoformat(), due_by(received).isoformat(), identity, day)  # fmt: skip
        requests.append(request)
    else:
        earlier = requests[at]
        request = Request(**{**asdict(earlier), "identity": identity or earlier.identity, "done": day})
        requests[at] = request
    text = json.dumps([asdict(entry) for entry in requests], ensure_ascii=False, indent=1) + "\n"
    register_path(workspace).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(register_path(workspace), text, mode=0o600)
    return request


def _is_open(entry: Request, kind: str, profile: str, references: Collection[str]) -> bool:
    return not entry.done and (entry.kind, entry.profile) == (kind, profile) and entry.references == sorted(references)
