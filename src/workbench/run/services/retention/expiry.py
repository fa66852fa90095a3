"""Find the files and tracked runs of a profile that are older than ``run.retention`` allows.

Age is the time from the as-of date of a run to that of the newest successful run, so a frozen profile loses nothing as
time passes. The age of answers to customer requests is counted to today. Files that the newest successful run, the
latest run or the current versions of stages use are never listed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["MLFLOW", "Expired", "KeptRuns", "expired_files", "kept_runs"]

MLFLOW = "mlflow"
_RUN = re.compile(r"^\d{8}T\d{6}-[0-9a-z-]+$")
_PLAN = re.compile(r"_(\d{4}-\d{2}-\d{2})_[0-9a-f]{8}$")
_REJECTS = "rejects"


@dataclass(frozen=True)
class Expired:
    """A file, folder or tracked run that is older than its limit.

    Attributes
    ----------
    kind : str
        tables, runs, reports, rejects, logs, mlflow or subjects.
    name : str
        Path in the workspace, or the MLflow id of a tracked run.
    dated : datetime.date
    days : int
        Age in days.
    limit : int
        Retention limit in days.
    """

    kind: str
    name: str
    dated: dt.date
    days: int
    limit: int


@dataclass(frozen=True)
class KeptRuns:
    """The runs of a profile with a date.

    Attributes
    ----------
    dates : dict of str to datetime.date
        ``as_of`` by run id.
    newest : datetime.date or None
        As-of date of the newest successful run; None if there is none.
    protected : frozenset of str
        Runs that are never deleted.
    current : frozenset of str
        Runs whose results are still used by current stages; they stay tracked.
    """

    dates: Mapping[str, dt.date] = field(default_factory=dict)
    newest: dt.date | None = None
    protected: frozenset[str] = frozenset()
    current: frozenset[str] = frozenset()


def kept_runs(workspace: Workspace, profile: str) -> KeptRuns:
    """Read the summaries of a profile's runs."""
    home = workspace.reports(profile)
    summaries = {path.parent.name: _read(path) for path in sorted(home.glob("*/summary.json"))}
    runs = {run: summary for run, summary in summaries.items() if _RUN.match(run)}
    dates = {run: dt.date.fromisoformat(summary["as_of"]) for run, summary in runs.items() if summary.get("as_of")}
    good = [run for run in dates if runs[run].get("status") == "done"]
    links = workspace.processed(profile).glob(".stages/*/current")
    current = frozenset(os.readlink(link) for link in links if link.is_symlink())
    latest = os.readlink(home / "latest") if (home / "latest").is_symlink() else ""
    return KeptRuns(dates, dates[good[-1]] if good else None, frozenset({latest, *good[-1:]} - {""}), current)


def expired_files(
    workspace: Workspace, profile: Profile, runs: KeptRuns, reference: dt.date, today: dt.date
) -> list[Expired]:
    """List the files and folders of a profile that are older than their limit, each once.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    runs : KeptRuns
    reference : date
        The date from which ages are counted back.
    today : date
        The same for answers to customer requests.
    """
    limits = profile.run.retention
    tables = {**limits.tables, **({_REJECTS: limits.rejects} if limits.rejects else {})}
    candidates: list[tuple[str, Path, dt.date | None, int | None, dt.date]] = []
    for folder, dated in _versions(workspace, profile.name, runs):
        candidates.append(("runs", folder, dated, limits.runs, reference))
        for path in sorted(folder.glob("*.parquet")):
            kind = _REJECTS if path.stem == _REJECTS else "tables"
            candidates.append((kind, path, dated, tables.get(path.stem), reference))
    candidates += [("reports", folder, dated, limits.reports, reference)
                   for folder, dated in _reports(workspace, profile.name, runs)]  # fmt: skip
    interim = workspace.interim(profile.name)
    logs = [*interim.glob("logs/*"), *workspace.lock.parent.glob(f"logs/{profile.name}/*")]
    candidates += [("logs", path, _modified(path), limits.logs, reference) for path in sorted(logs)]
    answers = sorted(interim.glob("subjects/*"))
    candidates += [("subjects", path, _modified(path), limits.subjects, today) for path in answers]
    expired = [
        Expired(kind, workspace.relative(path), dated, (until - dated).days, limit)
        for kind, path, dated, limit, until in candidates
        if dated is not None and limit is not None and (until - dated).days > limit
    ]
    return _without_parts(expired)


def _without_parts(expired: list[Expired]) -> list[Expired]:
    """Drop files inside a folder that is listed itself."""
    whole = {item.name for item in expired}
    return [item for item in expired if not whole & {str(parent) for parent in Path(item.name).parents}]


def _versions(workspace: Workspace, profile: str, runs: KeptRuns) -> Iterator[tuple[Path, dt.date | None]]:
    """Yield the folders with the tables of earlier runs, and of earlier versions of stages."""
    folder = workspace.processed(profile)
    for path in sorted(folder.glob(".runs/*")):
        if path.name not in runs.protected:
            yield path, _date_of(path, runs)
    for home in sorted(folder.glob(".stages/*")):
        current = os.readlink(home / "current") if (home / "current").is_symlink() else ""
        for path in sorted(path for path in home.iterdir() if path.is_dir() and not path.is_symlink()):
            if path.name != current:
                yield path, _date_of(path, runs)


def _reports(workspace: Workspace, profile: str, runs: KeptRuns) -> Iterator[tuple[Path, dt.date | None]]:
    """Yield the folders of earlier runs, the lists of exported plans, exported audiences and cards."""
    home = workspace.reports(profile)
    for run, dated in runs.dates.items():
        if run not in runs.protected:
            yield home / run, dated
    for path in sorted(home.glob("people/plans/*")):
        plan = _PLAN.search(path.name)
        if plan:
            yield path, dt.date.fromisoformat(plan[1])
    for path in sorted(home.glob("audiences/*/*")):
        as_of = _read(path / "manifest.json").get("as_of")
        yield path, dt.date.fromisoformat(as_of) if as_of else _modified(path)
    for path in sorted(home.glob("cards/*")):
        yield path, _modified(path)


def _date_of(folder: Path, runs: KeptRuns) -> dt.date | None:
    """Return the as-of date of a folder of results: that of its run, else that in its own summary."""
    as_of = _read(folder / "summary.json").get("as_of")
    return runs.dates.get(folder.name) or (dt.date.fromisoformat(as_of) if as_of else None)


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _modified(path: Path) -> dt.date:
    return dt.date.fromtimestamp(path.stat().st_mtime)
