"""The private table of people, passed from 01_check_quality to 02_resolve_identity only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file
from workbench.core.later import later
from workbench.intake.identity.vault import KEY_FILE_VARIABLE, KEY_VARIABLE, Vault

if TYPE_CHECKING:  # a run that reuses every stage needs no engine
    import ibis

    from workbench.core.workspace import Workspace

if not TYPE_CHECKING:
    ibis = later("ibis")

__all__ = ["forget_people", "gather_people", "has_people", "people_path", "read_people", "write_people"]

_ORDER, _PLACES = "_order", ("_file", "_line", "_order")


def gather_people(sources: Mapping[str, ibis.Table | None]) -> ibis.Table | None:
    """Stack the people of all sources, one row per accepted record.

    Parameters
    ----------
    sources : mapping of str to ibis.Table or None
        Source name to its customers with contact columns, in order of precedence; None if the source has none.

    Returns
    -------
    ibis.Table or None
        source, source_id (the id by which other tables name the customer), precedence (of the source, from 0), record
        (its position in the files), then every mapped column as text, dates as ISO; columns missing in a source are
        null. None if no source has people.
    """
    tables = {name: table for name, table in sources.items() if table is not None}
    names = sorted({column for table in tables.values() for column in _text_columns(table)})
    parts = [_part(name, rank, table, names) for rank, (name, table) in enumerate(tables.items())]
    if not parts:
        return None
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _text_columns(table: ibis.Table) -> list[str]:
    return [name for name in table.columns if name not in (*_PLACES, "customer_id", "source", "source_id")]


def _part(name: str, precedence: int, table: ibis.Table, names: list[str]) -> ibis.Table:
    texts = {
        column: table[column].cast("string") if column in table.columns else ibis.null("string") for column in names
    }
    return table.select(
        source=ibis.literal(name),
        source_id=table.customer_id,
        precedence=ibis.literal(precedence, "int64"),
        record=table[_ORDER].cast("int64"),
        **texts,
    )


def people_path(workspace: Workspace, profile: str) -> Path:
    """Return the path of the private table of people between 01 and 02."""
    return workspace.interim(profile) / "people.parquet"


def write_people(engine: ibis.BaseBackend, people: ibis.Table | None, workspace: Workspace, profile: str) -> int:
    """Write people.parquet, readable by its owner only; return the number of rows.

    Parameters
    ----------
    engine : ibis.BaseBackend
    people : ibis.Table or None
        `gather_people`; None removes the file.
    workspace : Workspace
    profile : str
    """
    path = people_path(workspace, profile)
    if people is None:
        path.unlink(missing_ok=True)
        return 0
    ordered = people.order_by("precedence", "record")
    write_file(path, lambda target: engine.to_parquet(ordered, target, compression="zstd"), mode=0o600)
    return int(engine.read_parquet(str(path)).count().execute())


def has_people(workspace: Workspace, profile: str) -> bool:
    """Return whether 02 has people to resolve: written by 01, or in a vault that can be opened."""
    vault = Vault.of(workspace, profile)
    return people_path(workspace, profile).is_file() or vault.can_be_read()


def read_people(engine: ibis.BaseBackend, workspace: Workspace, profile: str) -> ibis.Table:
    """Read the people written by 01, else those in the vault.

    Raises
    ------
    DataError
        01 has not written people, and no vault can be opened.
    """
    path, vault = people_path(workspace, profile), Vault.of(workspace, profile)
    if path.is_file():
        return engine.read_parquet(str(path))
    if vault.can_be_read():
        return ibis.memtable(vault.read()).drop("customer_id")
    problem = f"no people to resolve for profile {profile}"
    expected = "01_check_quality gathers them, and 02_resolve_identity removes them once it is done"
    remedy = f"workbench run {profile} --from 01_check_quality --force"
    if vault.path.is_file():
        opened = "the key given does not open" if vault.key else "no key opens"
        problem += f": they lie in its vault, which {opened}"
        remedy = f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE} to the key it was written with, or {remedy}"
    raise DataError(Fault("", problem, expected, remedy))


def forget_people(workspace: Workspace, profile: str) -> None:
    """Remove people.parquet after 02 has published its results."""
    people_path(workspace, profile).unlink(missing_ok=True)
