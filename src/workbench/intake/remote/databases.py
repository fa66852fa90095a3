"""Fetch a table or view of an SQL database into a snapshot, for sources with the path ``env:NAME``.

Any database SQLAlchemy has a driver for (PostgreSQL and SQLite are installed), and DuckDB files. Rows are read in
batches, in the order of the primary key, as text; the snapshot is then read like any file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.core.files import write_file

__all__ = ["fetch_table", "without_password"]

_BATCH_ROWS = 20_000
# type -> text conversion; the first match is used
_WRITERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (dt.datetime, lambda value: value.isoformat(sep=" ")),
    (dt.date, lambda value: value.isoformat()),
    (Decimal, lambda value: format(value, "f")),
    (float, repr),
    ((bytes, memoryview), lambda value: bytes(value).hex()),
)


def fetch_table(url: str, select: str, target: Path) -> int:
    """Write a table or view to a Parquet file of text columns, atomically; return the number of rows.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL, or ``duckdb:///path``.
    select : str
        Name of the table or view; ``schema.name`` if it is not in the default schema.
    target : Path

    Raises
    ------
    DataError
        No driver, no connection, no such table; passwords are not repeated.
    """
    try:
        parsed = sa.engine.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is none, perhaps part of the password
        remedy = "Write signs such as @, :, / and # in a password as %40, %3A, %2F and %23"
        raise DataError(
            Fault(select, "the variable holds no URL", "For example postgresql://host/db", remedy)
        ) from None
    if parsed.drivername == "duckdb":
        return _write(target, *_read_duckdb(parsed, select))
    engine = _engine(parsed, select)
    try:
        with engine.connect() as connection:
            return _write(target, *_read_table(connection, select))
    except sa.exc.SQLAlchemyError as error:
        message = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        problem = f"{without_password(url)}: {_hide(message, parsed)}"
        raise DataError(Fault(select, problem, "", "Is the database up, and may this user read it?")) from None
    finally:
        engine.dispose()


def without_password(url: str) -> str:
    """Return a URL without its password and query string."""
    try:
        return sa.engine.make_url(url).set(query={}).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "the URL"


def _engine(url: sa.engine.URL, select: str) -> sa.engine.Engine:
    drivers = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    url = url.set(drivername=drivers.get(url.drivername, url.drivername))
    if url.drivername.startswith("sqlite") and url.database and not Path(url.database).is_file():
        raise DataError(Fault(select, f"no SQLite file {Path(url.database).name}"))
    try:
        return sa.create_engine(url)
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        problem = f"no driver for {url.drivername} ({error})"
        raise DataError(Fault(select, problem, "", "Install it beside the workbench, or export a file")) from None


def _read_table(connection: sa.engine.Connection, select: str) -> tuple[list[str], Iterator[list[tuple]]]:
    inspector = sa.inspect(connection)
    schema, _, name = select.rpartition(".")
    tables = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    if name not in tables:
        raise DataError(Fault(select, f"no table or view '{select}'", "", did_you_mean(name, tables)))
    columns = [column["name"] for column in inspector.get_columns(name, schema or None)]
    keys = inspector.get_pk_constraint(name, schema or None).get("constrained_columns") or columns
    table = sa.table(name, *(sa.column(column) for column in columns), schema=schema or None)
    query = sa.select(*(table.c[column] for column in columns)).order_by(*(table.c[key] for key in keys))
    result = connection.execution_options(stream_results=True, yield_per=_BATCH_ROWS).execute(query)
    return columns, ([tuple(row) for row in part] for part in result.partitions(_BATCH_ROWS))


def _read_duckdb(url: sa.engine.URL, select: str) -> tuple[list[str], Iterator[list[tuple]]]:
    path = Path(url.database or "")
    if not path.is_file():
        raise DataError(Fault(select, f"no DuckDB file {path.name}"))
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise DataError(Fault(select, f"{path.name}: {str(error).splitlines()[0]}")) from None
    tables = [row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]
    if select not in tables:
        connection.close()
        raise DataError(Fault(select, f"no table or view '{select}'", "", did_you_mean(select, tables)))
    quoted = '"' + select.replace('"', '""') + '"'
    result = connection.execute(f"SELECT * FROM {quoted} ORDER BY ALL")
    columns = [column[0] for column in result.description]

    def parts() -> Iterator[list[tuple]]:
        try:
            while rows := result.fetchmany(_BATCH_ROWS):
                yield rows
        finally:
            connection.close()

    return columns, parts()


def _write(target: Path, columns: list[str], parts: Iterator[list[tuple]]) -> int:
    schema = pa.schema([(column, pa.string()) for column in columns])
    rows = 0

    def write(path: Path) -> None:
        nonlocal rows
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in parts:
                cells = [pa.array([_as_text(row[at]) for row in part], pa.string()) for at in range(len(columns))]
                writer.write_table(pa.Table.from_arrays(cells, schema=schema))
                rows += len(part)

    write_file(target, write, mode=0o600)
    return rows


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def _hide(text: str, url: sa.engine.URL) -> str:
    return text.replace(str(url.password), "***") if url.password else text
