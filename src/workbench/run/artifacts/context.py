"""The context of a run for its stages, started by a flow or by hand."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_json
from workbench.core.params.profile import Profile, load_profile
from workbench.core.params.shop_day import shop_day
from workbench.core.stages import FIRST
from workbench.core.workspace import Workspace, find_workspace
from workbench.run.artifacts.scratch import SCRATCH_VARIABLE, open_scratch

__all__ = ["CONTEXT_VARIABLE", "RunContext", "current_context", "new_run_id", "stage_folder", "stage_summary"]

CONTEXT_VARIABLE = "WORKBENCH_RUN"
_STAMP = "%Y%m%dT%H%M%S"  # the time in a run's id


@dataclass(frozen=True)
class RunContext:
    """The run a stage belongs to.

    Attributes
    ----------
    workspace : str
    profile : str
    run_id : str
    as_of : str or None
        ISO date; None before 01 has determined it.
    settings : list of str
        Overrides of the profile from the command line.
    by_flow : bool
        True if the flow publishes and tracks the stage; False if ``finish()`` does.
    stages : dict
        Status of every stage so far, for the report.
    today : str
        The day of the run in the shop's time zone, fixed at its start.
    memory_limit_gb : float
        Memory limit of this stage's engine; 0: the value of the profile.
    threads : int
        Threads of this stage's engine; 0: the value of the profile.
    scratch : str
        Name of the scratch area that receives the results; empty: they are published.
    """

    workspace: str
    profile: str
    run_id: str
    as_of: str | None
    settings: list[str] = field(default_factory=list)
    by_flow: bool = False
    stages: dict[str, Any] = field(default_factory=dict)
    today: str = ""
    memory_limit_gb: float = 0.0
    threads: int = 0
    scratch: str = ""

    @property
    def place(self) -> Workspace:
        """The workspace in which the run reads and writes."""
        return Workspace(Path(self.workspace), self.scratch)

    def write(self, path: Path) -> Path:
        """Write the context for a kernel to read."""
        return write_json(path, asdict(self))

    def load_profile(self) -> Profile:
        """Read the profile with the run's overrides."""
        return load_profile(self.place, self.profile, settings=self.settings)


def new_run_id(after: str = "") -> str:
    """Return an id that sorts by time and stays unique if the clock jumps back.

    Parameters
    ----------
    after : str
        The id of the previous run. If the clock is behind it, the new id is one second after it.
    """
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with suppress(ValueError):
        before = dt.datetime.strptime(after[:15], _STAMP).replace(tzinfo=dt.UTC)
        now = before + dt.timedelta(seconds=1) if before >= now else now
    return f"{now:{_STAMP}}-{secrets.token_hex(3)}"


def current_context(profile: str) -> RunContext:
    """Return the context that a flow has prepared, or a new one for a run by hand.

    For a run by hand the as-of date is that of the profile, or the one that 01 determined.

    Parameters
    ----------
    profile : str
        The profile named in the notebook.
    """
    context_file = os.environ.get(CONTEXT_VARIABLE)
    if context_file:
        return RunContext(**json.loads(Path(context_file).read_text(encoding="utf-8")))
    workspace = find_workspace()
    if name := os.environ.get(SCRATCH_VARIABLE, ""):
        workspace = open_scratch(workspace, profile, name)
    declared = load_profile(workspace, profile)
    as_of = declared.as_of.isoformat() if declared.as_of else _last_as_of(workspace, profile)
    stages = {name: {"status": "done"} for name in declared.stages if stage_summary(workspace, profile, name)}
    return RunContext(
        workspace=str(workspace.root),
        profile=profile,
        run_id=f"{new_run_id()}-hand{os.getpid()}",
        as_of=as_of,
        stages=stages,
        today=shop_day(declared.sources.values()).isoformat(),
        scratch=workspace.scratch,
    )


def stage_folder(workspace: Workspace, profile: str, stage: str) -> Path:
    """Return the folder of the current version of a stage."""
    return workspace.processed(profile) / ".stages" / stage / "current"


def stage_summary(workspace: Workspace, profile: str, stage: str) -> Mapping[str, Any]:
    """Return the summary of the current version of a stage; empty if it has not run."""
    path = stage_folder(workspace, profile, stage) / "summary.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(Fault(workspace.relative(path), "not JSON", "", "Remove it and run the stage again")) from None


def _last_as_of(workspace: Workspace, profile: str) -> str | None:
    return stage_summary(workspace, profile, FIRST).get("as_of")
