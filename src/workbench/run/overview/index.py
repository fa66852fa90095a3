"""Write ``reports/index.html``: all profiles and their newest runs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, ProfileError
from workbench.core.files import write_text
from workbench.core.params.profile import load_profile, profile_names
from workbench.report.pages.addresses import GRAPH_PAGE
from workbench.report.runs.index_page import ProfileRow, RunRow, index_page
from workbench.report.text import say
from workbench.run.history.runs import RunRecord, kept_runs, profiles_with_runs
from workbench.run.schedules.due import standing

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["write_index"]

_MOST_RUNS = 20  # of a profile
_NAMES = {"en": "index.html", "zh": "index.zh.html"}


def write_index(workspace: Workspace, now: dt.datetime | None = None) -> list[Path]:
    """Write the index in English, and in Chinese where a profile with runs is reported in Chinese.

    Parameters
    ----------
    workspace : Workspace
    now : datetime, optional
        For tests.
    """
    now = now or dt.datetime.now(dt.UTC)
    rows = [_profile_row(workspace, name, now) for name in profiles_with_runs(workspace)]
    rows.sort(key=lambda row: not row.runs)  # those that ran come first
    languages = _languages(workspace, [row.name for row in rows if row.runs])
    paths = []
    for language in languages:
        others = [other for other in languages if other != language]
        link = (_NAMES[others[0]], say(f"index_other_{others[0]}", language)) if others else None
        page = index_page(rows, written=f"{now:%Y-%m-%d %H:%M}", language=language, other=link)
        paths.append(write_text(workspace.root / "reports" / _NAMES[language], page))
    return paths


def _profile_row(workspace: Workspace, name: str, now: dt.datetime) -> ProfileRow:
    records = kept_runs(workspace, name)
    good = next((record for record in records if record.status == "done"), None)
    schedule, coming, missed = _schedule(workspace, name, now)
    return ProfileRow(
        name,
        [_run_row(workspace, record) for record in records[:_MOST_RUNS]],
        total=len(records),
        good=_run_row(workspace, good) if good else None,
        good_days=(now - good.started).days if good and good.started else None,
        schedule=schedule,
        next=coming,
        missed=missed,
    )


def _run_row(workspace: Workspace, record: RunRecord) -> RunRow:
    failed = next((stage for stage, entry in record.stages.items() if entry.get("status") == "failed"), "")
    counts = record.alerts()
    return RunRow(
        record.run_id,
        f"{record.started:%Y-%m-%d %H:%M}" if record.started else "",
        record.as_of or "",
        record.status,
        ran=record.count("ran"),
        reused=record.count("reused"),
        skipped=record.count("skipped"),
        alerts=counts["alerts"],
        warnings=counts["warnings"],
        report=_link(workspace, record, "report.html"),
        graph=_link(workspace, record, GRAPH_PAGE),
        failed_page=_link(workspace, record, f"pages/{failed}.html") if failed else "",
        failed_stage=failed,
    )


def _link(workspace: Workspace, record: RunRecord, name: str) -> str:
    path = record.folder / name
    return path.relative_to(workspace.root / "reports").as_posix() if path.is_file() else ""


def _schedule(workspace: Workspace, name: str, now: dt.datetime) -> tuple[str, str, str]:
    """Return the schedule of a profile in words, its next run time and the missed run time."""
    try:
        where = standing(workspace, name, now)
    except (DataError, ProfileError):
        return "", "", ""
    if where is None:
        return "", "", ""
    schedule, decision = where.planned.schedule(), where.decision
    missed = decision.moment if where.missed else None
    words = [f"{schedule.local(moment):%Y-%m-%d %H:%M}" if moment else "" for moment in (decision.next, missed)]
    return f"{schedule.every} {schedule.zone.key}", words[0], words[1]


def _languages(workspace: Workspace, names: list[str]) -> list[str]:
    languages = {"en"}
    for name in set(names) & set(profile_names(workspace)):
        try:
            languages |= set(load_profile(workspace, name).languages)
        except ProfileError:
            continue
    return [language for language in _NAMES if language in languages]
