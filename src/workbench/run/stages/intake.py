"""Inputs of 01 and 02: plausible dates, files of declared links, tables with source ids, keys."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from workbench.core.schema import CANONICAL, ID_SPACE

if TYPE_CHECKING:
    from pathlib import Path

    import ibis

    from workbench.intake.identity.vault import VaultKey
    from workbench.run.stages.stage import StageRun

__all__ = [
    "contact_ids_key",
    "date_range",
    "file_of",
    "freeze_as_of",
    "pseudonym_key",
    "resolves_identity",
    "rights_of_people",
    "sourced_tables",
]


def date_range(stage: StageRun, first: str, last: str | None) -> tuple[dt.date, dt.date]:
    """Return the first and last plausible date of a row; the last defaults to the day of the run."""
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last or stage.context.today)


def freeze_as_of(stage: StageRun, day: dt.date | None) -> None:
    """Set the as-of date, unless the profile or the run declares one."""
    if stage.profile.as_of is None and stage.context.as_of is None:
        stage.as_of = day


def resolves_identity(stage: StageRun) -> bool:
    """Return whether a later stage of this profile reads the private table of people."""
    private_file = stage.declaration.hands_over
    return any(stage.profile.stage(name).takes == private_file for name in stage.profile.stages)


def file_of(stage: StageRun, text: str | None) -> Path | None:
    """Return the path of a file inside the workspace that a parameter names; None if it is empty."""
    return stage.workspace.resolve(text) if text else None


def sourced_tables(stage: StageRun) -> dict[str, ibis.Table]:
    """Return the canonical tables that have an id space for their customers, with source ids."""
    present = stage.available()
    readable = [name for name in CANONICAL if name in stage.declaration.reads and name in present]
    tables = {name: stage.store.as_sourced(name) for name in readable}
    return {name: table for name, table in tables.items() if ID_SPACE in table.columns}


def contact_ids_key(stage: StageRun) -> VaultKey:
    """Return the key that pseudonymises ids that are contact data."""
    from workbench.intake.privacy import pseudonym_keys  # noqa: PLC0415

    return pseudonym_keys.contact_ids_key(stage.workspace)


def pseudonym_key(stage: StageRun) -> VaultKey:
    """Return the key that pseudonymises customer ids: that of the vault, else that of the workspace."""
    from workbench.intake.privacy import pseudonym_keys  # noqa: PLC0415

    return pseudonym_keys.pseudonym_key(stage.workspace)


def rights_of_people(stage: StageRun) -> dict[str, Any]:
    """Return the tombstones of erased people, whose records are left out, and the ``corrections`` of values."""
    from workbench.intake.privacy.tombstone_file import read_tombstones  # noqa: PLC0415
    from workbench.run.artifacts.corrections import read_corrections  # noqa: PLC0415

    name = stage.profile.name
    corrections = [entry for entry in read_corrections(stage.workspace) if entry["profile"] == name]
    return {"tombstones": read_tombstones(stage.workspace, name), "corrections": corrections}
