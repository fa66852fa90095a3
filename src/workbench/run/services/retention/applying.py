"""Apply retention to a workspace: list the expired results, and delete exactly those."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import load_profile, profile_names
from workbench.core.params.shop_day import shop_day
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.services.retention.expiry import MLFLOW, Expired, expired_files, kept_runs

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["MOST_DAYS_BEHIND", "Outcome", "apply_retention"]

MOST_DAYS_BEHIND = 40  # if the newest successful run is older, the clock may be wrong, so nothing is deleted


@dataclass(frozen=True)
class Outcome:
    """The result of retention for one profile.

    Attributes
    ----------
    profile : str
    expired : list of Expired
    reference : datetime.date or None
        The date from which ages are counted back; None if there is no successful run.
    days_behind : int
        Days since the newest successful run if they are too many to delete without ``--as-of``; else 0.
    deleted : bool
        Whether everything listed was deleted.
    """

    profile: str
    expired: list[Expired]
    reference: dt.date | None
    days_behind: int = 0
    deleted: bool = False


def apply_retention(
    workspace: Workspace, *, delete: bool, as_of: dt.date | None = None, profiles: Sequence[str] = ()
) -> list[Outcome]:
    """List the results that are older than ``run.retention`` allows, and delete them if requested.

    Parameters
    ----------
    workspace : Workspace
    delete : bool
    as_of : date, optional
        Reference date for ages; default: the date of the newest successful run.
    profiles : sequence of str, optional
        Default: all profiles of the workspace.

    Raises
    ------
    ProfileError
        A profile cannot be read, or the date lies in the future.
    WorkspaceBusyError
        A run holds the workspace.
    """
    loaded = [load_profile(workspace, name) for name in profiles or profile_names(workspace)]
    today = max((shop_day(profile.sources.values()) for profile in loaded), default=dt.date.today())  # noqa: DTZ011
    if as_of is not None and as_of > today:
        expected = f"Today, {today}, or a day before it"
        raise ProfileError(Fault("--as-of", f"{as_of} lies in the future", expected))
    with hold_workspace(workspace, "workbench retention apply") if delete else nullcontext():
        outcomes = []
        for profile in loaded:
            runs = kept_runs(workspace, profile.name)
            reference = as_of or runs.newest
            if reference is None:
                outcomes.append(Outcome(profile.name, [], None))
                continue
            expired = expired_files(workspace, profile, runs, reference, today)
            limit = profile.run.retention.mlflow
            if limit is not None and (workspace.tracking / "mlflow.db").is_file():
                expired += _expired_runs(workspace, profile.name, reference, limit, runs.protected | runs.current)
            behind = (today - runs.newest).days if runs.newest else 0
            behind = behind if as_of is None and behind > MOST_DAYS_BEHIND else 0
            deletes = delete and not behind
            if deletes and expired:
                _delete(workspace, profile.name, expired)
            outcomes.append(Outcome(profile.name, expired, reference, behind, deleted=deletes))
    return outcomes


def _delete(workspace: Workspace, profile: str, expired: list[Expired]) -> None:
    counts = {kind: sum(item.kind == kind for item in expired) for kind in sorted({item.kind for item in expired})}
    append_audit(workspace, "retention", profile=profile, **counts)
    for item in expired:
        if item.kind != MLFLOW:
            path = workspace.root / item.name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    tracked = [item.name for item in expired if item.kind == MLFLOW]
    if tracked:
        from workbench.run.tracking.removal import remove_runs  # noqa: PLC0415

        remove_runs(workspace, tracked)


def _expired_runs(
    workspace: Workspace, profile: str, reference: dt.date, limit: int, protected: frozenset[str]
) -> list[Expired]:
    from workbench.run.tracking.removal import dated_runs  # noqa: PLC0415

    ages = {run: (dated, (reference - dated).days) for run, dated in dated_runs(workspace, profile, protected).items()}
    return [Expired(MLFLOW, run, dated, days, limit) for run, (dated, days) in ages.items() if days > limit]
