"""Frozen plans: the action of each customer, kept unchanged from the first export of the plan.

A frozen plan is the folder ``data/processed/<profile>/plans/<plan>``: ``actions.parquet`` and ``records.parquet`` (the
source ids of its customers), which never change, and ``manifest.json`` with their digests and the exports made.
The folder is renamed into place after the assignment of every arm is written, so a plan is complete or absent.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_file, publish_folder, write_text
from workbench.core.store.kept import keep_table, read_kept
from workbench.run.artifacts.assignments import forget_absent

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = [
    "HOLD_OUT",
    "TREAT",
    "FrozenPlan",
    "freeze",
    "frozen_people",
    "frozen_plans",
    "people_today",
    "plan_digests",
    "plans_folder",
    "sweep_plans",
    "write_manifest",
]  # fmt: skip

TREAT, HOLD_OUT = "treat", "hold_out"
ACTIONS, RECORDS, MANIFEST = "actions.parquet", "records.parquet", "manifest.json"
_ACTION_COLUMNS: dict[str, pa.DataType] = {
    "plan": pa.string(), "customer_id": pa.string(), "action": pa.string(), "channel": pa.string(),
    "expected_gain": pa.float64(), "gain_low": pa.float64(), "gain_high": pa.float64(), "cost": pa.float64(),
    "basis": pa.string(), "reason": pa.string(), "arm": pa.string(), "neutral_alternative": pa.string(),
    "valid_until": pa.date32(),
}  # fmt: skip
_RECORD_COLUMNS: dict[str, pa.DataType] = {
    "customer_id": pa.string(), "source": pa.string(), "source_id": pa.string(),
}  # fmt: skip
_PEOPLE = ["customer_id", "plan", "action", "channel", "arm", "starts_at", "valid_until"]
_NAME = re.compile(r"[a-z][a-z0-9_]*_\d{4}-\d{2}-\d{2}_[0-9a-f]{8}")
_PLAN_OF = re.compile(rf"({_NAME.pattern})_[a-z]")  # the plan in the name of an assignment
_STAGING = ".staging-"


@dataclass(frozen=True)
class FrozenPlan:
    """A plan as first exported.

    Attributes
    ----------
    folder : Path
    manifest : mapping
        plan, profile, as_of, starts_at, valid_until, actions (the definitions by name), people (counts by action and
        arm), digests, frozen_at, exported_at, exports.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def plan(self) -> str:
        """The id of the plan."""
        return self.folder.name

    @property
    def as_of(self) -> dt.date:
        """The day on which it starts."""
        return dt.date.fromisoformat(self.manifest["as_of"])

    def actions(self) -> pd.DataFrame:
        """Read the rows of the plan, with the columns of the table ``actions``.

        Raises
        ------
        DataError
            The file was changed since the plan was frozen.
        """
        return self._read(ACTIONS)

    def records(self) -> pd.DataFrame:
        """Read the source ids of its customers: customer_id as in the plan, source, source_id."""
        return self._read(RECORDS)

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        if not path.is_file() or digest_file(path) != self.manifest["digests"][name]:
            problem = f"{name} was changed or removed since the plan was frozen"
            raise DataError(Fault(f"plan {self.plan}", problem, "The file as it was", "Restore it from a copy"))
        return read_kept(path)


def plans_folder(workspace: Workspace, profile: str) -> Path:
    """Return the folder of a profile's frozen plans."""
    return workspace.processed(profile) / "plans"


def frozen_plans(workspace: Workspace, profile: str) -> list[FrozenPlan]:
    """Return the frozen plans of a profile, the earliest first.

    Raises
    ------
    DataError
        A manifest is missing or cannot be read.
    """
    folders = [path for path in plans_folder(workspace, profile).glob("*") if _NAME.fullmatch(path.name)]
    plans = [FrozenPlan(folder, _manifest(workspace, folder)) for folder in folders]
    return sorted(plans, key=lambda plan: (plan.as_of, plan.plan))


def frozen_people(workspace: Workspace, profile: str, as_of: dt.date) -> pd.DataFrame:
    """Return the customers of frozen plans that have begun, under their current ids.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    as_of : datetime.date
        Plans that start after it are left out.

    Returns
    -------
    DataFrame
        customer_id, plan, action, channel, arm (treat, hold_out), starts_at (the first day), valid_until (the first
        day after the plan), one row per customer and plan, sorted by plan and customer_id. Customers merged or split
        since then have their current ids; customers who are in no source any more keep the old id.
    """
    parts = [_people(workspace, profile, plan) for plan in frozen_plans(workspace, profile) if plan.as_of <= as_of]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype="object" if name in _PEOPLE[-2:] else "str") for name in _PEOPLE})
    return pd.concat(parts, ignore_index=True)


def people_today(workspace: Workspace, profile: str, records: pd.DataFrame) -> pd.DataFrame:
    """Map the records of a plan to current customer ids.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    records : DataFrame
        customer_id as in the plan, source ("" where identities are not resolved), source_id.

    Returns
    -------
    DataFrame
        planned_id, customer_id (null for a record that no source has any more), source, source_id, one row per record.
    """
    records = records.rename(columns={"customer_id": "planned_id"})
    identities = workspace.processed(profile) / "identities.parquet"
    if not identities.is_file() or not (records["source"] != "").any():
        return records.assign(customer_id=records["planned_id"])
    current_ids = read_kept(identities, ["source", "source_id", "customer_id"])
    return records.merge(current_ids, on=["source", "source_id"], how="left")


def plan_digests(workspace: Workspace, profile: str) -> dict[str, str]:
    """Return plan id to digest of its actions and records; later exports do not change it."""
    return {plan.plan: plan.manifest["digests"][ACTIONS] for plan in frozen_plans(workspace, profile)}


def freeze(
    workspace: Workspace, profile: str, actions: pd.DataFrame, records: pd.DataFrame, manifest: Mapping[str, Any]
) -> FrozenPlan:
    """Freeze a plan. Call it under the workspace lock, after its assignments are written.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    actions : DataFrame
        The table ``actions`` of one plan.
    records : DataFrame
        customer_id, source ("" where identities are not resolved), source_id.
    manifest : mapping
        plan, as_of and further facts; the digests are added.
    """
    home = plans_folder(workspace, profile)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = home / f"{_STAGING}{manifest['plan']}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    ordered = actions.sort_values(["customer_id", "action"]).reset_index(drop=True)
    keep_table(ordered, staging / ACTIONS, _ACTION_COLUMNS)
    keep_table(records.sort_values(list(_RECORD_COLUMNS)), staging / RECORDS, _RECORD_COLUMNS)
    digests = {name: digest_file(staging / name) for name in (ACTIONS, RECORDS)}
    write_manifest(staging, {**manifest, "digests": digests, "exports": []})
    folder = publish_folder(staging, home / manifest["plan"])
    return FrozenPlan(folder, _manifest(workspace, folder))


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write the manifest of a plan, readable by its owner only."""
    text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return write_text(folder / MANIFEST, text, mode=0o600)


def sweep_plans(workspace: Workspace) -> list[str]:
    """Remove the leftovers of killed exports in every profile, and return their names. Hold the workspace lock.

    Leftovers are plans not yet renamed into place, assignments whose plan was never frozen, and partial files.
    """
    unfinished = ("data/raw/*/assignments/.*", "data/processed/*/plans/*/.*", "reports/*/people/plans/**/.*")
    removed = []
    for path in sorted({path for pattern in unfinished for path in workspace.root.glob(pattern) if path.is_file()}):
        path.unlink()
        removed.append(workspace.relative(path))
    for path in sorted(workspace.root.glob(f"data/processed/*/plans/{_STAGING}*")):
        shutil.rmtree(path, ignore_errors=True)
        removed.append(workspace.relative(path))
    for path in sorted(workspace.root.glob("data/raw/*/assignments/*")):  # the assignment and its plan file
        plan = _PLAN_OF.match(path.stem) if path.suffix in (".csv", ".json") else None
        if plan and not (plans_folder(workspace, path.parts[-3]) / plan[1]).is_dir():
            path.unlink()
            removed.append(workspace.relative(path))
    for folder in workspace.root.glob("data/raw/*/assignments"):
        forget_absent(folder)
    return removed


def _manifest(workspace: Workspace, folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        place = workspace.relative(folder / MANIFEST)
        raise DataError(Fault(place, "no manifest that can be read", "", "Restore it from a copy")) from None


def _people(workspace: Workspace, profile: str, plan: FrozenPlan) -> pd.DataFrame:
    rows = plan.actions()[["customer_id", "plan", "action", "channel", "arm", "valid_until"]]
    ids = people_today(workspace, profile, plan.records())[["planned_id", "customer_id"]].dropna().drop_duplicates()
    rows = rows.rename(columns={"customer_id": "planned_id"}).merge(ids, on="planned_id", how="left")
    rows["customer_id"] = rows["customer_id"].fillna(rows["planned_id"])
    rows = rows.assign(starts_at=plan.as_of).sort_values(["customer_id", "action"])
    return rows.drop_duplicates("customer_id").reset_index(drop=True)[_PEOPLE]
