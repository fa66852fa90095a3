"""The tables of successful runs, kept under ``.runs/<run_id>``, and the choice of the run to compare with."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.files import digest_json, publish_folder, write_text
from workbench.core.stages import TABLES
from workbench.core.store.sealed import KEPT_MANIFEST
from workbench.run.artifacts.context import stage_folder, stage_summary
from workbench.run.artifacts.manifest import table_digests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = [
    "COMPARED", "KEPT_TABLES", "KeptRun", "choose_run", "compared_digests", "compared_run",
    "earlier_runs", "keep_run", "kept_runs", "runs_folder",
]  # fmt: skip

# identities map changed customer ids; the others are compared in addition to the customer tables
KEPT_TABLES = (
    "features", "rfm", "segments", "churn", "value", "tags", "recommendations", "actions",
    "identities", "quality_profile", "purchase_propensity", "drift", "alerts",
)  # fmt: skip
_DEFINITION = "segment_definition.json"
_SEGMENTING, _WATCHING = "06_segment_customers", "13_watch_changes"
_FORMAT = 1
COMPARED = "compared_with"  # key in reads.json: digest of the kept run from which the stage read a table
_NONE, _LAST = "none", "last"
_MOST = 60  # runs whose predictions are checked


@dataclass(frozen=True)
class KeptRun:
    """The tables of a successful run.

    Attributes
    ----------
    folder : Path
    manifest : dict
        run_id, as_of, format, tables (digest by name), stages (status, metrics and settings by name).
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.manifest["run_id"])

    @property
    def as_of(self) -> dt.date:
        """The as-of date of its tables."""
        return dt.date.fromisoformat(self.manifest["as_of"])

    @property
    def stages(self) -> Mapping[str, Any]:
        """Status, metrics and settings of its stages, by name."""
        return self.manifest["stages"]

    @cached_property
    def digest(self) -> str:
        """The digest of everything that a later run may read from it, without run ids and times."""
        stages = {name: entry for name, entry in self.stages.items() if name < _WATCHING}
        return digest_json([self.manifest["as_of"], self.manifest["format"], self.manifest["tables"], stages])

    def path(self, table: str) -> Path | None:
        """Return the path of a table; None if the run did not have it."""
        path = self.folder / f"{table}.parquet"
        return path if path.is_file() else None

    def definition(self) -> dict[str, Any]:
        """Return the segment definition of the run; empty if it had none."""
        path = self.folder / _DEFINITION
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def runs_folder(workspace: Workspace, profile: str) -> Path:
    """Return the folder of the kept runs of a profile; scratch areas share it and add no runs."""
    return workspace.root / "data" / "processed" / profile / ".runs"


def keep_run(workspace: Workspace, profile: Profile, summary: Mapping[str, Any]) -> Path | None:
    """Keep the tables of a successful run as hard links, or as copies where the disk has no links.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    summary : mapping
        The run's summary.

    Returns
    -------
    Path or None
        None if the run is not kept: it failed, has no date, is in a scratch area, or has tables of another date.
    """
    if workspace.scratch or summary["status"] != "done" or not summary["as_of"]:
        return None
    stages = {name: _facts(workspace, profile, name, summary["stages"]) for name in profile.stages}
    if any(entry["as_of"] not in (None, summary["as_of"]) for entry in stages.values()):
        return None
    home = runs_folder(workspace, profile.name)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = home / f".staging-{summary['run_id']}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    written = {table for stage in profile.stages for table in profile.stage(stage).writes}
    paths = {name: workspace.processed(profile.name) / f"{name}.parquet" for name in KEPT_TABLES if name in written}
    present = {name: path.resolve() for name, path in paths.items() if path.is_file()}
    for name, path in present.items():
        _link(path, staging / f"{name}.parquet")
    definition = stage_folder(workspace, profile.name, _SEGMENTING) / _DEFINITION
    if "segments" in present and definition.is_file():
        _link(definition.resolve(), staging / _DEFINITION)
    digests = table_digests(workspace, profile.name)
    manifest = {
        "format": _FORMAT,
        "run_id": summary["run_id"],
        "profile": profile.name,
        "as_of": summary["as_of"],
        "tables": {name: digests[name] for name in sorted(present) if TABLES[name].writer < _WATCHING},
        "stages": {
            name: {key: entry[key] for key in ("status", "metrics", "settings")} for name, entry in stages.items()
        },
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    write_text(staging / KEPT_MANIFEST, text, mode=0o600)
    return publish_folder(staging, home / summary["run_id"])


def kept_runs(workspace: Workspace, profile: str) -> list[KeptRun]:
    """Return the kept runs of a profile, sorted by date and id; folders without a readable manifest are ignored."""
    runs = []
    for path in runs_folder(workspace, profile).glob(f"*/{KEPT_MANIFEST}"):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            if not path.parent.name.startswith(".") and {"run_id", "as_of", "tables", "stages"} <= manifest.keys():
                runs.append(KeptRun(path.parent, {"format": 0, **manifest}))
        except (OSError, ValueError):
            continue
    return sorted(runs, key=lambda run: (run.as_of, run.run_id))


def choose_run(runs: Sequence[KeptRun], compare_with: str, as_of: dt.date) -> KeptRun | None:
    """Choose the run to compare with.

    Parameters
    ----------
    runs : sequence of KeptRun
        By date.
    compare_with : str
        ``last`` (the latest with an earlier date), ``none``, a run id, or a date: the latest run up to it.
    as_of : date
        Of this run.

    Returns
    -------
    KeptRun or None
        None for ``none``, or if there is no earlier run for ``last``.

    Raises
    ------
    ProfileError
        No kept run has this id, or none is dated on or before the date.
    """
    if compare_with == _NONE:
        return None
    if compare_with == _LAST:
        return next((run for run in reversed(runs) if run.as_of < as_of), None)
    try:
        day = dt.date.fromisoformat(compare_with)
    except ValueError:
        return _named(runs, compare_with)
    chosen = next((run for run in reversed(runs) if run.as_of <= day), None)
    if chosen is None:
        first = f"The earliest kept run is as of {runs[0].as_of}" if runs else "No run is kept yet"
        raise ProfileError(
            Fault("compare_with", f"no kept run is as of {day} or earlier", first, "Use compare_with: last")
        )
    return chosen


def compared_run(workspace: Workspace, profile: Profile, as_of: dt.date) -> KeptRun | None:
    """Return the run that 13 compares with; None for the first run, or if the profile has no stage 13."""
    section = profile.sections.get(_WATCHING)
    compare_with = getattr(section, "compare_with", _LAST)
    return choose_run(kept_runs(workspace, profile.name), compare_with, as_of)


def earlier_runs(workspace: Workspace, profile: str, as_of: dt.date) -> list[KeptRun]:
    """Return the latest kept run of every earlier date, the oldest first."""
    latest = {run.as_of: run for run in kept_runs(workspace, profile) if run.as_of < as_of}
    return [latest[day] for day in sorted(latest)][-_MOST:]


def compared_digests(workspace: Workspace, profile: Profile, as_of: dt.date) -> dict[str, str]:
    """Return the digests of the kept runs that 13 reads: the compared run, and all whose predictions it checks."""
    compared = compared_run(workspace, profile, as_of)
    digests = {run.as_of.isoformat(): run.digest for run in earlier_runs(workspace, profile.name, as_of)}
    return {**digests, COMPARED: compared.digest if compared else _NONE}


def _named(runs: Sequence[KeptRun], run_id: str) -> KeptRun:
    run = next((run for run in runs if run.run_id == run_id), None)
    if run is None:
        remedy = (
            "Use compare_with: last, a date, or the id of a kept run; runs are kept under the name of their profile"
        )
        problem = f"compare_with is '{run_id}', which is no kept run"
        raise ProfileError(Fault("compare_with", problem, did_you_mean(run_id, [run.run_id for run in runs]), remedy))
    return run


def _facts(workspace: Workspace, profile: Profile, stage: str, ran: Mapping[str, Any]) -> dict[str, Any]:
    entry = ran.get(stage) or {}
    summary = {} if entry.get("status") == "skipped" else stage_summary(workspace, profile.name, stage)
    return {
        "status": entry.get("status") or ("done" if summary else "skipped"),
        "as_of": summary.get("as_of"),
        "metrics": summary.get("metrics", {}),
        "settings": summary.get("settings", {}),
    }


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
        target.chmod(0o600)
