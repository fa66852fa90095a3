"""Update the folder addresses in the tracking store of a copied or moved workspace."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["relocate_store", "store_uri"]

_STORE = "/mlruns/"
_PLACES = {  # columns that hold the address of a folder, by table
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}


def store_uri(workspace: Workspace) -> str:
    """Return the URI of the tracking store."""
    return f"sqlite:///{workspace.tracking / 'mlflow.db'}"


def relocate_store(workspace: Workspace) -> list[str]:
    """Rewrite the addresses in a tracking store to this workspace; return the old locations.

    MLflow stores absolute addresses. Without this, runs in a copy of a workspace would write into the original.

    Parameters
    ----------
    workspace : Workspace
    """
    store = workspace.tracking / "mlflow.db"
    if not store.is_file() or not store.stat().st_size:  # none, or one that MLflow has not filled
        return []
    here = {True: workspace.root.as_uri(), False: str(workspace.root)}  # as a URI, as a path
    with closing(sqlite3.connect(store, timeout=30.0)) as connection, connection:
        addresses = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        places = {address.rpartition(_STORE)[0] for (address,) in addresses if address and _STORE in address}
        elsewhere = sorted(places - set(here.values()))
        for place in elsewhere:
            _move(connection, place, here[place.startswith("file:")])
    return elsewhere


def _move(connection: sqlite3.Connection, place: str, here: str) -> None:
    """Replace the prefix of every address below an old location."""
    present = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    old, new = f"{place}{_STORE}", f"{here}{_STORE}"
    for table in _PLACES.keys() & present:
        for column in _PLACES[table]:
            sql = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"  # noqa: S608
            connection.execute(sql, (new, len(old) + 1, len(old), old))
