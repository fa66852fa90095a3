"""The command ``workbench check``: faults, doubts and notes in the language of the profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.params.doubts import Doubt, read_doubts
from workbench.core.params.profile import Profile, load_profile
from workbench.run.artifacts.manifest import check_unchanged
from workbench.run.artifacts.modes import find_group

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["CheckLines", "check_profile"]

Trial = Callable[["Workspace", Profile], list[Fault]]
_PORTRAYED = ("customers", "events", "responses", "contacts")


@dataclass(frozen=True)
class CheckLines:
    """The lines to print; ``serious`` if a doubt is about an id, money, a currency, an encoding or a status."""

    texts: list[str]
    serious: bool = False


def check_profile(
    workspace: Workspace, name: str, try_sources: Trial, *, settings: Sequence[str] = (), as_of: str | None = None
) -> CheckLines:
    """Check a profile, the headers of its files and their first rows.

    Parameters
    ----------
    workspace : Workspace
    name : str
    try_sources : callable
        Reads the first rows of the files; see `flows.trial`.
    settings : sequence of str
        As for `load_profile`.
    as_of : str, optional

    Raises
    ------
    ProfileError, DataError
        All faults together.
    """
    from workbench.run.flows.check import check_notes, check_sources, missing_files  # noqa: PLC0415

    profile = load_profile(workspace, name, settings=settings, as_of=as_of)
    find_group(profile)
    check_unchanged(workspace, name, profile.stages)
    if profile.demo_data and missing_files(workspace, profile):
        check_sources(workspace, profile, files=False)
        written_by = f"the first run, or 'workbench demo-data {profile.demo_data}', writes them"
        return CheckLines([f"{name}: raw files absent; {written_by}"])
    check_sources(workspace, profile)
    faults = try_sources(workspace, profile)
    if faults:
        raise DataError(faults)
    doubts = read_doubts(workspace.params / f"{name}.yaml")
    texts = _lines(profile, doubts)
    return CheckLines(texts + [f"  {note}" for note in check_notes(workspace, profile)], _serious(doubts) > 0)


def _serious(doubts: list[Doubt]) -> int:
    return sum(doubt.serious for doubt in doubts)


def _lines(profile: Profile, doubts: list[Doubt]) -> list[str]:
    from workbench.report.text import say  # noqa: PLC0415

    language = profile.languages[0]
    values = {"profile": profile.name, "sources": ", ".join(profile.sources), "stages": len(profile.stages)}
    if doubts:
        lines = [say("check_said_doubts", language, values | {"doubts": len(doubts)})]
    else:
        lines = [say("check_said_sound", language, values)]
    lines += [
        "  " + say("check_said_doubt", language, {"line": doubt.line, "key": doubt.key, "text": doubt.text})
        for doubt in doubts
    ]
    if _serious(doubts):
        lines.append("  " + say("check_said_settle", language, {"count": _serious(doubts)}))
    if not _portrays(profile):
        lines.append("  " + say("check_said_nothing", language))
    return lines


def _portrays(profile: Profile) -> bool:
    return any(
        source.table in _PORTRAYED or (source.table == "transactions" and "customer_id" in source.columns)
        for source in profile.sources.values()
    )
