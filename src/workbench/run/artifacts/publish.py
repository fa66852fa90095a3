"""The run folder reports/<profile>/<run_id>: built in a staging folder, published by renaming, linked as ``latest``."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import point_to, publish_folder, write_json, write_text
from workbench.core.workspace import PEOPLE
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.plans import sweep_plans

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["RunFolder", "find_orphans", "last_summary", "sweep_orphans"]

_BY_HAND = re.compile(r"-hand(\d+)-")
_REPORTS = ("report.html", "report.en.html", "report.zh.html")
_BADGE = "<!--status-->"
_DETAILS = ("details.html", "details.en.html", "details.zh.html")
_CARDS = ("cards.html", "cards.en.html", "cards.zh.html")


class RunFolder:
    """The folder of one run, before and after it is published.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    run_id : str
    """

    def __init__(self, workspace: Workspace, profile: str, run_id: str):
        self.workspace = workspace
        self.profile = profile
        self.run_id = run_id
        self.home = workspace.reports(profile)
        self.staging = self.home / f".staging-{run_id}"
        self.final = self.home / run_id
        self.latest = self.home / "latest"

    @property
    def folder(self) -> Path:
        """The current location of the run's files."""
        return self.final if self.final.exists() else self.staging

    def page(self, stage: str) -> Path:
        """Return the path of a stage's page."""
        return self.staging / "pages" / f"{stage}.html"

    def add_notebook(self, stage: str, notebook: Path) -> Path:
        """Copy an executed notebook into the run."""
        target = self.staging / "notebooks" / f"{stage}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, target)
        return target

    def add_figures(self, stage: str) -> None:
        """Copy the figures of a stage's current version."""
        source = stage_folder(self.workspace, self.profile, stage) / "figures"
        if source.is_dir():
            shutil.copytree(source, self.staging / "figures", dirs_exist_ok=True)

    def add_report(self, source: Path) -> bool:
        """Copy the report with its cards and lists from the report stage; return whether there was a report."""
        reports = _pages_in(source, *_REPORTS)
        self._add_people(source)
        for path in (*reports, *_pages_in(source, *_DETAILS)):
            shutil.copyfile(path, self.staging / path.name)
        return bool(reports)

    def _add_people(self, source: Path) -> None:
        """Copy the files that name customers; they stay private."""
        if (source / PEOPLE).is_dir():
            shutil.copytree(source / PEOPLE, self.staging / PEOPLE, dirs_exist_ok=True)
            for path in (self.staging / PEOPLE).rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            (self.staging / PEOPLE).chmod(0o700)

    def keep_last_report(
        self, mark: Callable[[str, str, str, str], str], status: str, message: Mapping[str, str]
    ) -> None:
        """Copy the last successful report and its cards, with a badge that says why they are stale.

        Parameters
        ----------
        mark : callable
            Function ``mark(html, status, message, language)`` that sets the badge.
        status : str
        message : mapping of str to str
            By language.
        """
        for old in _pages_in(self.latest, *_REPORTS, *_DETAILS):
            write_text(self.staging / old.name, _marked(old, mark, status, message))
        for old in _pages_in(self.latest / PEOPLE, *_CARDS):
            (self.staging / PEOPLE).mkdir(mode=0o700, parents=True, exist_ok=True)
            write_text(self.staging / PEOPLE / old.name, _marked(old, mark, status, message), mode=0o600)
        for page in sorted((self.latest / "pages").glob("*.html")):
            if not self.page(page.stem).exists():
                self.page(page.stem).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(page, self.page(page.stem))

    def publish(self, summary: Mapping[str, Any]) -> Path:
        """Write the summary last, rename the staging folder and point ``latest`` to it."""
        write_json(self.staging / "summary.json", summary)
        publish_folder(self.staging, self.final)
        point_to(self.latest, self.run_id)
        return self.final

    def rewrite(self, summary: Mapping[str, Any]) -> None:
        """Rewrite the summary of a published run, after a later failure."""
        write_json(self.final / "summary.json", summary)

    def discard(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self.staging, ignore_errors=True)


def _marked(page: Path, mark: Callable[[str, str, str, str], str], status: str, message: Mapping[str, str]) -> str:
    """Return a page with a new badge in its language; a page without a badge (older cards) is unchanged."""
    text = page.read_text(encoding="utf-8")
    language = "zh" if re.search(r'<html[^>]* lang="zh', text) else "en"
    return mark(text, status, message[language], language) if _BADGE in text else text


def _pages_in(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def last_summary(workspace: Workspace, profile: str) -> dict[str, Any]:
    """Return the summary of the last run; empty if there is none."""
    try:
        return json.loads((workspace.reports(profile) / "latest" / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def sweep_orphans(workspace: Workspace) -> list[str]:
    """Remove the staging folders of dead runs and the leftovers of killed exports. Hold the workspace lock.

    The staging folder of a notebook open by hand is kept while its process is alive.
    """
    removed = sweep_plans(workspace)
    for path in find_orphans(workspace):
        shutil.rmtree(path, ignore_errors=True)
        removed.append(workspace.relative(path))
    return removed


def find_orphans(workspace: Workspace) -> list[Path]:
    """Return the staging folders of dead processes; those of a running flow are included."""
    areas = ("data/processed/*/.staging/*", "reports/*/.staging-*", "data/interim/*/.s*-*")
    scratch = (".*-*", "*/.staging/*", "*/reports/.staging-*", "*/interim/.s*-*")
    patterns = (*areas, *(f"data/interim/*/scratch/{pattern}" for pattern in scratch))
    paths = [path for pattern in patterns for path in sorted(workspace.root.glob(pattern))]
    return [path for path in paths if not _owner_is_alive(path.name)]


def _owner_is_alive(name: str) -> bool:
    by_hand = _BY_HAND.search(name) or re.search(r"\.(?:spill|scratch)-(\d+)$", name)
    if not by_hand:
        return False
    try:
        os.kill(int(by_hand.group(1)), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def plain_page(title: str, message: str, language: str, badge: str) -> str:
    """Return a minimal page for a run that failed before there was any report."""
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1><!--status-->{badge}<!--/status-->"
        f"<p>{html.escape(message)}</p></html>"
    )
