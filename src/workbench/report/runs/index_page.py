"""The index of ``reports/``: every profile with its last runs, whether it is up to date, and its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.report.html import badge, render
from workbench.report.text import say

__all__ = ["ProfileRow", "RunRow", "index_page"]

_RUN_HEADS = ("started", "as_of", "status", "stages", "alerts", "links")
_HEADS = ("profile", "status", "good", "schedule", "alerts")


@dataclass(frozen=True)
class RunRow:
    """One run of a profile.

    Attributes
    ----------
    run_id : str
    started : str
        Start time in UTC, formatted.
    as_of : str
    status : str
        ``done`` or ``failed``.
    ran, reused, skipped : int
        Numbers of stages.
    alerts, warnings : int or None
        None if no stage checks for alerts.
    report, graph, failed_page : str
        Addresses relative to the index; empty if there is no such page.
    failed_stage : str
    """

    run_id: str
    started: str
    as_of: str
    status: str
    ran: int = 0
    reused: int = 0
    skipped: int = 0
    alerts: int | None = None
    warnings: int | None = None
    report: str = ""
    graph: str = ""
    failed_page: str = ""
    failed_stage: str = ""


@dataclass(frozen=True)
class ProfileRow:
    """One profile.

    Attributes
    ----------
    name : str
    runs : list of RunRow
        The newest first.
    total : int
        Number of kept runs; ``runs`` has the newest.
    good : RunRow or None
        The last successful run.
    good_days : int or None
        Age of that run in days when the page was written.
    schedule : str
        The schedule in words; empty if there is none.
    next : str
        The next scheduled time.
    missed : str
        The missed scheduled time; empty if there is none.
    """

    name: str
    runs: list[RunRow] = field(default_factory=list)
    total: int = 0
    good: RunRow | None = None
    good_days: int | None = None
    schedule: str = ""
    next: str = ""
    missed: str = ""

    @property
    def status(self) -> str:
        """``failed``, ``stale`` (a scheduled run was missed), ``done``, or empty before the first run."""
        if self.runs and self.runs[0].status == "failed":
            return "failed"
        return "stale" if self.missed else "done" if self.runs else ""


def index_page(
    profiles: Sequence[ProfileRow], *, written: str, language: str, other: tuple[str, str] | None = None
) -> str:
    """Write the index as one self-contained page.

    Parameters
    ----------
    profiles : sequence of ProfileRow
    written : str
        When the page was written, UTC.
    language : {"en", "zh"}
    other : tuple of str, optional
        Address and link text of the page in the other language.
    """
    context = {
        "title": say("index_title", language),
        "note": say("index_note", language, {"written": written}),
        "heads": [say(f"index_head_{name}", language) for name in _HEADS],
        "run_heads": [say(f"index_head_{name}", language) for name in _RUN_HEADS],
        "profiles": [_profile(row, language) for row in profiles],
        "other": other,
    }
    return render("index.html.j2", context, language)


def _profile(row: ProfileRow, language: str) -> dict[str, object]:
    newest = row.runs[0] if row.runs else None
    more = row.total - len(row.runs)
    return {
        "name": row.name,
        "badge": badge(row.status, language) if row.status else "",
        "good": _good(row, language),
        "report": newest.report if newest else "",
        "schedule": row.schedule,
        "next": say("index_next", language, {"moment": row.next}) if row.next else "",
        "missed": say("index_missed", language, {"moment": row.missed}) if row.missed else "",
        "alerts": _alerts(newest, language) if newest else "",
        "runs": [_run(run, language) for run in row.runs],
        "more": say("index_more", language, {"count": more}) if more > 0 else "",
    }


def _good(row: ProfileRow, language: str) -> str:
    if row.good is None:
        return say("index_never" if not row.runs else "index_no_good", language)
    values = {"as_of": row.good.as_of or "–", "started": row.good.started, "days": row.good_days or 0}
    return say("index_good", language, values)


def _run(run: RunRow, language: str) -> dict[str, object]:
    counts = {"ran": run.ran, "reused": run.reused, "skipped": run.skipped}
    return {
        "id": run.run_id,
        "started": run.started,
        "as_of": run.as_of or "–",
        "badge": badge(run.status, language),
        "stages": say("index_stages", language, counts),
        "alerts": _alerts(run, language),
        "report": run.report,
        "graph": run.graph,
        "failed_page": run.failed_page,
        "failed_stage": run.failed_stage,
    }


def _alerts(run: RunRow, language: str) -> str:
    if run.alerts is None and run.warnings is None:
        return "–"
    return say("index_alerts", language, {"alerts": run.alerts or 0, "warnings": run.warnings or 0})
