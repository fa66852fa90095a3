"""Assignment files: the arm of each customer in a test; 01 reads them as the source ``assignments``."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.core.errors import DataError, Fault, ProfileError
from workbench.core.files import digest_file, write_file, write_text
from workbench.core.params.assignments import ASSIGNMENT_COLUMNS, assignment_folder

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = [
    "assignment_path",
    "assignments_changed",
    "assignments_written",
    "forget_absent",
    "planned_tests",
    "read_assignment",
    "stated_tests",
    "write_assignment",
    "write_sealed",
]

_ABOUT = ".json"  # the plan of the test, next to the assignment
_DIGESTS = "SHA256SUMS"  # digests of the files that the workbench wrote into the folder
_MODE = 0o600  # the file holds customer ids
_LONGEST_BYTES = 200
_KEY = ["source", "source_id"]
_SHARE_SUM = 1e-6


def assignment_path(workspace: Workspace, profile: str, experiment: str) -> Path:
    """Return the path of an experiment's assignment file.

    Raises
    ------
    ProfileError
        The name is not a valid file name.
    """
    unprintable = any(unicodedata.category(sign)[0] == "C" for sign in experiment)
    too_long = len(experiment.encode()) > _LONGEST_BYTES
    if not experiment.strip() or experiment != experiment.strip() or set(experiment) & set('/\\:*?"<>|[]') \
            or experiment.startswith(".") or unprintable or too_long:  # fmt: skip
        expected = f"Letters, digits, blanks, - and _, at most {_LONGEST_BYTES} bytes, no dot at the start"
        raise ProfileError(Fault("", f"{experiment!r} cannot be the name of an experiment", expected))
    return assignment_folder(workspace, profile) / f"{experiment}.csv"


def assignments_written(workspace: Workspace, profile: str) -> list[str]:
    """Return the names of the experiments that have an assignment file, sorted."""
    return sorted(path.stem for path in assignment_folder(workspace, profile).glob("*.csv"))


def read_assignment(workspace: Workspace, profile: str, experiment: str) -> pd.DataFrame:
    """Read an assignment: experiment, source, source_id, arm, assigned_at (all text), share; empty without a file.

    Raises
    ------
    DataError
        The file was changed since it was written.
    """
    path = assignment_path(workspace, profile, experiment)
    suffix = f"/{path.name}"
    if faults := [fault for fault in assignments_changed(workspace, profile) if fault.where.endswith(suffix)]:
        raise DataError(faults)
    rows: list[dict[str, str]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    frame = pd.DataFrame(rows, columns=list(ASSIGNMENT_COLUMNS), dtype="str")
    return frame.assign(share=frame["share"].astype("float64"))


def planned_tests(workspace: Workspace, profile: str) -> dict[str, dict[str, Any]]:
    """Return outcome, control and plan of every experiment that has an assignment file."""
    plans = {}
    for name in assignments_written(workspace, profile):
        path = assignment_path(workspace, profile, name).with_suffix(_ABOUT)
        if path.is_file():
            plans[name] = json.loads(path.read_text(encoding="utf-8"))
    return plans


def stated_tests(workspace: Workspace, profile: str) -> dict[str, dict[str, Any]]:
    """Return outcome and control of the planned tests, which 10 uses to measure their effects."""
    plans = planned_tests(workspace, profile)
    return {
        name: {key: facts[key] for key in ("control", "outcome") if facts.get(key)} for name, facts in plans.items()
    }


def write_assignment(
    workspace: Workspace,
    profile: str,
    experiment: str,
    frame: pd.DataFrame,
    assigned_at: dt.datetime,
    *,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write the arm of each record in an experiment, for 01 to read.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    experiment : str
    frame : DataFrame
        source (as in ``identities``; empty where identities are not resolved), source_id, arm, share (planned share
        of the arm). One row per record.
    assigned_at : datetime
        In the shop's time zone; for a plan the start of its ``as_of`` day, never the current time.
    about : mapping, optional
        ``outcome`` (used by 10 where the profile declares none), ``control`` (the control arm) and the plan of the
        test. Written once, next to the assignment.

    Returns
    -------
    Path
        ``data/raw/<profile>/assignments/<experiment>.csv``, readable by its owner only, sorted by source and id.
        Existing rows keep their arm and their time of assignment; new rows are added. Writing the same rows again
        changes nothing. Ids are written unchanged, since 01 reads them back.

    Raises
    ------
    DataError
        The arm of a record, the share of an arm, the outcome or the control would change; a record is duplicated; a
        cell is blank.
    ProfileError
        The name is not a valid file name.
    """
    path = assignment_path(workspace, profile, experiment)
    fresh = frame[["source", "source_id", "arm", "share"]].astype(dict.fromkeys((*_KEY, "arm"), "str"))
    earlier = read_assignment(workspace, profile, experiment)
    stated = planned_tests(workspace, profile).get(experiment, {})
    faults = [*_faults(fresh), *_changes(earlier, fresh), *_restated(stated, about or {})]
    if faults:
        raise DataError([Fault(f"{workspace.relative(path)}", fault.found, *_rest(fault)) for fault in faults])
    present = pd.MultiIndex.from_frame(earlier[_KEY])
    added = fresh[~pd.MultiIndex.from_frame(fresh[_KEY]).isin(present)]
    if added.empty and path.is_file():
        return path
    moment = assigned_at.replace(tzinfo=None).isoformat(" ", "seconds")
    rows = pd.concat([earlier, added.assign(experiment=experiment, assigned_at=moment)], ignore_index=True)
    rows = rows[list(ASSIGNMENT_COLUMNS)].sort_values(_KEY, kind="stable")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if about and not stated:
        text = json.dumps(dict(about), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        write_sealed(path.with_suffix(_ABOUT), text.encode())
    return write_sealed(path, rows.to_csv(index=False, lineterminator="\n").encode())


def write_sealed(path: Path, content: bytes) -> Path:
    """Write a file and its digest. While it is written both digests are valid, so a killed write is not an error.

    Parameters
    ----------
    path : Path
    content : bytes
    """
    digests, fresh = _digests(path.parent), hashlib.sha256(content).hexdigest()
    _write_digests(path.parent, digests | {path.name: {*digests.get(path.name, ()), fresh}})
    write_file(path, lambda target: target.write_bytes(content), mode=_MODE)
    _write_digests(path.parent, digests | {path.name: {fresh}})
    return path


def forget_absent(folder: Path) -> None:
    """Remove the digests of assignment files that no longer exist."""
    digests = _digests(folder)
    present = {name: accepted for name, accepted in digests.items() if (folder / name).is_file()}
    if not present:
        (folder / _DIGESTS).unlink(missing_ok=True)
    elif len(present) < len(digests):
        _write_digests(folder, present)


def assignments_changed(workspace: Workspace, profile: str) -> list[Fault]:
    """Return a fault for every assignment or plan file that was changed after the workbench wrote it."""
    folder = assignment_folder(workspace, profile)
    expected = "Who was put into which arm, as it was written (SHA-256)"
    return [
        Fault(workspace.relative(folder / name), "the file was changed since it was written", expected, "Restore it")
        for name, accepted in _digests(folder).items()
        if (folder / name).is_file() and digest_file(folder / name) not in accepted
    ]


def _digests(folder: Path) -> dict[str, set[str]]:
    """Return file name to valid digests; two while a file is being rewritten."""
    path, digests = folder / _DIGESTS, defaultdict(set)
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        digest, _, name = line.partition("  ")
        digests[name].add(digest)
    return dict(digests)


def _write_digests(folder: Path, digests: Mapping[str, set[str]]) -> None:
    lines = [f"{digest}  {name}\n" for name in sorted(digests) for digest in sorted(digests[name])]
    write_text(folder / _DIGESTS, "".join(lines), mode=_MODE)


def _restated(stated: Mapping[str, Any], about: Mapping[str, Any]) -> list[Fault]:
    """List faults where the outcome or the control differs from the first assignment."""
    names = [name for name in ("outcome", "control") if stated and name in about and about[name] != stated.get(name)]
    return [
        Fault("", f"{name} is {about[name]}, and was {stated.get(name)}", "A test keeps what it was planned for",
              "Give the new experiment a name of its own")
        for name in names
    ]  # fmt: skip


def _rest(fault: Fault) -> tuple[str, str]:
    return fault.expected, fault.remedy


def _faults(fresh: pd.DataFrame) -> list[Fault]:
    """List faults in the new rows."""
    faults = []
    if fresh.empty:
        faults.append(Fault("", "nobody to assign", "At least one customer"))
    blank = [name for name in ("source_id", "arm") if (fresh[name].str.strip() == "").any()]
    if blank:
        faults.append(Fault("", f"blank cells in {', '.join(blank)}", "An id and an arm in every row"))
    duplicates = int(fresh.duplicated(_KEY).sum())
    if duplicates:
        faults.append(Fault("", f"{duplicates:,} records are in it twice", "One row per record, in one arm"))
    shares = fresh.groupby("arm")["share"].agg(["min", "max"])
    wrong = shares.isna().any(axis=None) or (shares["min"] != shares["max"]).any()
    if wrong or (len(shares) and (shares["min"].min() <= 0 or shares["max"].sum() > 1 + _SHARE_SUM)):
        faults.append(Fault("", "shares of the arms do not fit", "One share above 0 per arm, together at most 1"))
    return faults


def _changes(earlier: pd.DataFrame, fresh: pd.DataFrame) -> list[Fault]:
    """List faults where the new assignment would change an arm or a share of the earlier one."""
    joined = earlier.merge(fresh.drop_duplicates(_KEY), on=_KEY, suffixes=("", "_now"))
    moved = int((joined["arm"] != joined["arm_now"]).sum())
    remedy = "Give the new experiment a name of its own"
    faults = []
    if moved:
        problem = f"{moved:,} of {len(joined):,} records are already in another arm"
        faults.append(Fault("", problem, "Nobody changes the arm of an experiment", remedy))
    before, now = earlier.groupby("arm")["share"].first(), fresh.groupby("arm")["share"].first()
    changed_arms = [arm for arm in before.index if arm in now.index and abs(before[arm] - now[arm]) > _SHARE_SUM]
    if changed_arms:
        problem = f"arm {changed_arms[0]} has the share {now[changed_arms[0]]:g}, and had {before[changed_arms[0]]:g}"
        faults.append(Fault("", problem, "The shares of the first assignment", remedy))
    return faults
