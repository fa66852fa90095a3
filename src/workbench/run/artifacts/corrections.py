"""Corrections that override the sources, and restricted records, which are kept but not used.

Both are files in ``.workbench``, readable by their owner only: ``corrections.json`` with the corrected values, and
``restrictions.json`` with ids of records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_json, write_text

if TYPE_CHECKING:
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = [
    "add_corrections", "correction_digest", "corrections_path", "lift_restrictions", "read_corrections",
    "read_restrictions", "restrict_records", "restricted_customers", "restriction_digest",
]  # fmt: skip


def corrections_path(workspace: Workspace) -> Path:
    """Return the path of the corrections file."""
    return workspace.lock.parent / "corrections.json"


def restrictions_path(workspace: Workspace) -> Path:
    """Return the path of the restrictions file."""
    return workspace.lock.parent / "restrictions.json"


def read_corrections(workspace: Workspace) -> list[dict[str, Any]]:
    """Return all corrections: profile, source, source_id, column, value, at."""
    return _read(corrections_path(workspace), workspace)


def correction_digest(workspace: Workspace, profile: str) -> str:
    """Return the digest of a profile's corrections; empty if there are none."""
    entries = [entry for entry in read_corrections(workspace) if entry["profile"] == profile]
    return digest_json(entries) if entries else ""


def add_corrections(workspace: Workspace, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add corrections; a later correction of the same cell replaces the earlier one."""
    keys = ("profile", "source", "source_id", "column")
    by_cell = {tuple(entry[key] for key in keys): dict(entry) for entry in [*read_corrections(workspace), *entries]}
    _write(corrections_path(workspace), list(by_cell.values()))


def read_restrictions(workspace: Workspace, profile: str) -> list[tuple[str, str]]:
    """Return the restricted records of a profile: source (empty if identities are not resolved) and id."""
    entries = _read(restrictions_path(workspace), workspace)
    return sorted({(entry["source"], entry["source_id"]) for entry in entries if entry["profile"] == profile})


def restriction_digest(workspace: Workspace, profile: str) -> str:
    """Return the digest of a profile's restrictions; empty if there are none."""
    records = read_restrictions(workspace, profile)
    return digest_json(records) if records else ""


def restrict_records(workspace: Workspace, records: Sequence[Mapping[str, str]], *, since: str) -> None:
    """Add records (profile, source, source_id) to the restrictions."""
    earlier = _read(restrictions_path(workspace), workspace)
    present = {(entry["profile"], entry["source"], entry["source_id"]) for entry in earlier}
    added = [dict(entry) | {"since": since} for entry in records
             if (entry["profile"], entry["source"], entry["source_id"]) not in present]  # fmt: skip
    _write(restrictions_path(workspace), [*earlier, *added])


def lift_restrictions(workspace: Workspace, records: Sequence[Mapping[str, str]]) -> None:
    """Lift the restriction of records."""
    lifted = {(entry["profile"], entry["source"], entry["source_id"]) for entry in records}
    earlier = _read(restrictions_path(workspace), workspace)
    kept = [entry for entry in earlier if (entry["profile"], entry["source"], entry["source_id"]) not in lifted]
    _write(restrictions_path(workspace), kept)


def _read(path: Path, workspace: Workspace) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        place = workspace.relative(path)
        raise DataError(Fault(place, f"cannot be read ({error})", "", "Restore it from a copy")) from None


def _write(path: Path, entries: list[dict[str, Any]]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, json.dumps(entries, ensure_ascii=False, indent=1) + "\n", mode=0o600)


def restricted_customers(store: Store, records: Sequence[tuple[str, str]]) -> set[str]:
    """Return the customers with a restricted record; it restricts all records merged with it."""
    if not records:
        return set()
    if "identities" not in store.present():
        return {source_id for _, source_id in records}
    identities = store.read("identities").select("source", "source_id", "customer_id").to_pyarrow().to_pylist()
    restricted = set(records)
    return {row["customer_id"] for row in identities if (row["source"], row["source_id"]) in restricted}
