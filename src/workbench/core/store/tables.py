"""The store: the only reader and writer of tables.

Tables are Parquet files, read as Ibis expressions on DuckDB. A stage writes into a private staging folder. One rename
publishes it; then ``data/processed/<profile>/<table>.parquet`` points to the new content. Raw rows stay in the database
engine; only tables with one row per customer may be converted to pandas.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault, did_you_mean, listed
from workbench.core.files import digest_json, point_to, publish_folder
from workbench.core.later import later
from workbench.core.schema import CANONICAL, ID_SPACE, Table, ibis_type
from workbench.core.stages import TABLES
from workbench.core.store.layout import PARQUET
from workbench.core.store.sealed import check_published

if TYPE_CHECKING:  # importing each takes half a second
    import ibis
    import pandas as pd

    from workbench.core.workspace import Workspace

if not TYPE_CHECKING:
    ibis = later("ibis")

__all__ = ["Staging", "Store", "connect", "digest_table", "table_spec", "to_pandas"]

OWN_PREFIX = "own_"  # prefix of tables written by an analyst's own notebooks
_OWN_NAME = re.compile(rf"^{OWN_PREFIX}\w{{1,100}}$")
_PRIVATE = {"rejects"}  # tables with raw text, readable by the owner only
_KEPT_VERSIONS = 2
_CUSTOMER_GRAIN = {"customers"}
_IDENTITIES, _CONSENTS = "identities", "consents"
_ID_COLUMNS = ("customer_id", "other_id", "referrer_customer_id")  # columns in which the OneID replaces source ids


def connect(*, memory_limit_gb: float = 3.0, threads: int = 2, scratch: Path | None = None) -> ibis.BaseBackend:
    """Open an in-memory DuckDB engine with limits on memory and threads, which spills to a scratch folder.

    Parameters
    ----------
    memory_limit_gb : float
        Memory the engine may use, GB.
    threads : int
    scratch : Path, optional
        Folder for data that exceeds the memory limit.
    """
    engine = ibis.duckdb.connect(threads=threads, memory_limit=f"{memory_limit_gb:g}GB")
    engine.raw_sql("SET TimeZone = 'UTC'")
    engine.raw_sql("SET enable_progress_bar = false")  # it would appear in the output of a stage
    if scratch is not None:
        engine.raw_sql(f"SET temp_directory = '{str(scratch).replace(chr(39), chr(39) * 2)}'")
    return engine


class Store:
    """The tables of one profile.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    memory_limit_gb : float
        Memory the engine may use, GB.
    threads : int
    """

    def __init__(self, workspace: Workspace, profile: str, *, memory_limit_gb: float = 3.0, threads: int = 2):
        self.workspace = workspace
        self.profile = profile
        self.folder = workspace.processed(profile)
        self.memory_limit_gb = memory_limit_gb
        self.threads = threads
        self._engine: ibis.BaseBackend | None = None

    @property
    def engine(self) -> ibis.BaseBackend:
        """The database engine, opened at first use."""
        if self._engine is None:
            scratch = self.workspace.interim(self.profile) / f".spill-{os.getpid()}"
            self._engine = connect(memory_limit_gb=self.memory_limit_gb, threads=self.threads, scratch=scratch)
        return self._engine

    def path(self, table: str) -> Path:
        """Return the path of a table's published file."""
        return self.folder / f"{table}.parquet"

    def present(self) -> set[str]:
        """Return the names of the published tables, including those of own notebooks."""
        own_tables = {path.stem for path in self.folder.glob(f"{OWN_PREFIX}*.parquet") if path.is_file()}
        return {name for name in TABLES if self.path(name).is_file()} | own_tables

    def columns(self, tables: Iterable[str]) -> set[str]:
        """Return the columns of published tables as table.column, read from the files' footers."""
        paths = {table: self.path(table).resolve() for table in tables}
        return {
            f"{table}.{name}" for table, path in paths.items() for name in _column_names(path, path.stat().st_mtime_ns)
        }

    def read(self, table: str) -> ibis.Table:
        """Return a table as an Ibis expression.

        If identities are resolved, the OneID replaces source ids, and ``customers`` has one row per OneID with the
        first known value of each column, in the order of the sources. Consents have a column ``record``, the source
        record.

        Raises
        ------
        DataError
            When the table is unknown, was not written yet (the message names the stage that writes it), or its file was
            changed after publication.
        """
        path = self.path(table)
        if not path.is_file():
            problem = f"{table}.parquet not found for profile {self.profile}"
            raise DataError(Fault("", problem, f"It is written by {table_spec(table).writer}", "Run that stage first"))
        return self.read_file(table, path)

    def read_file(self, table: str, path: Path) -> ibis.Table:
        """Return one version of a table as an Ibis expression; canonical tables have the current OneIDs."""
        path = path.resolve()
        check_published(path)
        if table not in CANONICAL or ID_SPACE not in pq.read_schema(path).names:
            return self.engine.read_parquet(str(path), table_name=f"{table}_{path.parent.name}")
        return self._with_one_id(table, self._as_sourced(table, path))

    def previous_path(self, table: str, *, by: str) -> Path | None:
        """Return the path of the table's version before this run; None if there was none.

        Parameters
        ----------
        table : str
        by : str
            The reading stage. Its own tables are not replaced yet; for tables of other stages the previous version is
            returned.
        """
        writer = self.writer(table)
        if writer is None or writer == by:
            return self.path(table) if self.path(table).is_file() else None
        home = self.folder / ".stages" / writer
        versions = sorted((path for path in home.glob("*") if path.is_dir() and not path.is_symlink()), key=_modified)
        current = os.readlink(home / "current") if (home / "current").is_symlink() else ""
        older = [path / f"{table}.parquet" for path in versions if path.name != current]
        return next((path for path in reversed(older) if path.is_file()), None)

    def as_sourced(self, table: str) -> ibis.Table:
        """Return a canonical table with source ids, their id space ``_people`` and the row order ``_row``."""
        check_published(self.path(table))
        return self._as_sourced(table, self.path(table).resolve())

    def _as_sourced(self, table: str, path: Path) -> ibis.Table:
        name = f"{table}_{path.parent.name}_as_sourced"
        table_with_rows = self.engine.read_parquet(str(path), table_name=name, file_row_number=True)
        return table_with_rows.rename(_row="file_row_number")

    def with_identity(self, rows: ibis.Table) -> ibis.Table:
        """Replace source ids by customer ids; the column ``record`` has id space and source id.

        Parameters
        ----------
        rows : ibis.Table
            customer_id as in the source, and ``_people``, the id space of the source.
        """
        with_record = rows.mutate(record=rows[ID_SPACE] + ibis.literal("\x1f") + rows.customer_id)
        if self.path(_IDENTITIES).is_file():
            with_record = _replace_id(with_record, "customer_id", self.read(_IDENTITIES))
        return with_record.drop(ID_SPACE)

    def _with_one_id(self, name: str, table: ibis.Table) -> ibis.Table:
        if name == _CONSENTS:  # one refusal among merged records counts for all
            return self.with_identity(table.drop("_row"))
        if self.path(_IDENTITIES).is_file():
            identities = self.read(_IDENTITIES)
            for column in (name for name in _ID_COLUMNS if name in table.columns):
                table = _replace_id(table, column, identities)
            if name in _CUSTOMER_GRAIN:
                table = _one_row_per_customer(table)
        return table.drop(ID_SPACE, "_row")

    def canonical(self) -> dict[str, ibis.Table]:
        """Return every published canonical table, by name."""
        return {name: self.read(name) for name in CANONICAL if self.path(name).is_file()}

    def frame(self, table: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table with one row per customer, or a small derived table, as pandas; decimals become float64.

        Raises
        ------
        DataError
            When the table has raw rows, which must stay in the engine.
        """
        if table in CANONICAL and table not in _CUSTOMER_GRAIN:
            problem = f"{table} holds raw rows, which do not become pandas"
            raise DataError(Fault("", problem, "", "Aggregate them in the engine: read() returns an Ibis table"))
        return to_pandas(self.read(table) if columns is None else self.read(table).select(columns))

    def digest(self, table: str) -> str:
        """Return the digest of a table's content, independent of row order, file layout and time."""
        return digest_table(self.read(table))

    def stage(self, stage: str, run_id: str) -> Staging:
        """Open a private staging folder for a stage."""
        return Staging(self, stage, run_id)

    def staging_folder(self, stage: str, run_id: str) -> Path:
        """Return the private folder into which a stage of a run writes."""
        return self.folder / ".staging" / f"{run_id}-{stage}"

    def publish(self, stage: str, run_id: str) -> Path:
        """Publish the staging folder of a stage by one rename, and return the stage's folder.

        The previous version is kept; older ones are deleted.
        """
        home = self.folder / ".stages" / stage
        target = publish_folder(self.staging_folder(stage, run_id), home / run_id)
        point_to(home / "current", run_id)
        self.show(stage)
        _remove_old_versions(home)
        return target

    def writer(self, table: str) -> str | None:
        """Return the stage that writes a table; for own tables the last writer, or None if never written."""
        if table in TABLES:
            return TABLES[table].writer
        link = self.path(table)
        return os.readlink(link).split("/")[1] if link.is_symlink() else None

    def retire(self, stage: str) -> None:
        """Unpublish the tables of a skipped stage."""
        (self.folder / ".stages" / stage / "current").unlink(missing_ok=True)
        self.show(stage)

    def show(self, stage: str) -> None:
        """Point ``<table>.parquet`` to the current version of every table a stage has written.

        Links of tables that the current version no longer contains are removed.
        """
        current = self.folder / ".stages" / stage / "current"
        declared = {table.name for table in TABLES.values() if table.writer == stage}
        for name in sorted(declared | self._own_tables(stage)):
            if (current / f"{name}.parquet").is_file():
                point_to(self.path(name), f".stages/{stage}/current/{name}.parquet")
            else:
                self.path(name).unlink(missing_ok=True)

    def _own_tables(self, stage: str) -> set[str]:
        """Return the own tables that a stage writes, or wrote in an earlier version."""
        written = {path.stem for path in (self.folder / ".stages" / stage / "current").glob(f"{OWN_PREFIX}*.parquet")}
        links = (path for path in self.folder.glob(f"{OWN_PREFIX}*.parquet") if path.is_symlink())
        return written | {link.stem for link in links if os.readlink(link).startswith(f".stages/{stage}/")}


class Staging:
    """The tables and files of one stage before they are published.

    Attributes
    ----------
    folder : Path
        Private folder; publishing renames it to ``.stages/<stage>/<run_id>``.
    rows : dict of str to int
        Rows written, by table.
    """

    def __init__(self, store: Store, stage: str, run_id: str):
        self.store = store
        self.stage = stage
        self.run_id = run_id
        self.folder = store.staging_folder(stage, run_id)
        self.rows: dict[str, int] = {}
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)

    def write(
        self,
        table: str,
        content: ibis.Table | pd.DataFrame,
        *,
        key: str | Sequence[str] | None = None,
        copy: Path | None = None,
    ) -> int:
        """Write a table, with columns checked and cast to the schema; return its row count.

        Parameters
        ----------
        table : str
        content : ibis.Table or DataFrame
            Derived tables are sorted by their keys; missing optional columns stay absent.
        key : str or sequence of str, optional
            Columns that identify a row of an own table; default: ``customer_id``; an empty list: none.
        copy : Path, optional
            An existing Parquet file with the same rows, which is linked if it has the same schema.

        Raises
        ------
        DataError
            When another stage writes this table, a column is unknown, or a key is absent, null or repeated.
        """
        spec = self._spec(table, key)
        expression = content if isinstance(content, ibis.Table) else ibis.memtable(content)
        expression = _conform(spec, expression)
        path = self.folder / f"{table}.parquet"
        if copy is None or not self._link_copy(copy, expression, path):
            self.store.engine.to_parquet(expression, path, **PARQUET)
        if table in _PRIVATE:
            path.chmod(0o600)
        self.rows[table] = pq.read_metadata(path).num_rows
        if spec.keys and table in ("customers", "products") or (spec.keys and table not in CANONICAL):
            self._check_keys(spec, path)
        return self.rows[table]

    def _refuse(self, table: str, faults: list[Fault]) -> None:
        """Remove a table that was written but is invalid, so that it is not published."""
        (self.folder / f"{table}.parquet").unlink()
        del self.rows[table]
        raise DataError(faults)

    def _spec(self, table: str, key: str | Sequence[str] | None) -> Table:
        """Return the declaration of a table; a table of another stage is an error."""
        if table.startswith(OWN_PREFIX) and table not in TABLES:
            if not _OWN_NAME.match(table):
                raise DataError(
                    Fault("", f"{table!r} cannot be the name of a table", "Letters, digits and _ after own_")
                )
            writer = self._own_writer(table)
            spec = Table(table, (), keys=_keys(key), writer=writer, open=True, own=True)
        else:
            spec = table_spec(table)
        if spec.writer != self.stage:
            problem = f"{self.stage} would write {table}"
            remedy = f"Write an own table, called {OWN_PREFIX}..."
            if spec.own:
                remedy = f"Choose another name, or remove notebooks/{spec.writer}.ipynb if it is no longer used"
            raise DataError(Fault("", problem, f"Only {spec.writer} writes it", remedy))
        return spec

    def _own_writer(self, table: str) -> str:
        """Return the writer of an own table: the last one, unless its notebook is gone or renamed."""
        writer = self.store.writer(table)
        if writer is not None and (self.store.workspace.notebooks / f"{writer}.ipynb").is_file():
            return writer
        return self.stage

    def _link_copy(self, copy: Path, expression: ibis.Table, path: Path) -> bool:
        """Hard-link an existing file of the same schema; return whether that was possible."""
        if self.store.engine.read_parquet(str(copy)).schema() != expression.schema():
            return False
        try:
            os.link(copy, path)
        except OSError:  # another disk, or a file system without links
            return False
        return True

    def read(self, table: str) -> ibis.Table:
        """Return a table of this staging folder as an Ibis expression."""
        written = self._read(table)
        return written.drop(ID_SPACE) if ID_SPACE in written.columns else written

    def _read(self, table: str) -> ibis.Table:
        return self.store.engine.read_parquet(str(self.folder / f"{table}.parquet"))

    def digest(self, table: str) -> str:
        """Return the content digest of a table of this staging folder."""
        return digest_table(self._read(table))

    def publish(self) -> Path:
        """Publish the staging folder; see :meth:`Store.publish`."""
        return self.store.publish(self.stage, self.run_id)

    def discard(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check_keys(self, spec: Table, path: Path) -> None:
        table = self.store.engine.read_parquet(str(path))
        keys = [*spec.keys, *([ID_SPACE] if ID_SPACE in table.columns else [])]
        nulls = {key: int(table[key].isnull().sum().execute() or 0) for key in spec.keys}
        faults = [Fault(spec.name, f"{count} rows without {key}") for key, count in nulls.items() if count]
        distinct = table.select(*keys).distinct().count().execute()
        if distinct < self.rows[spec.name]:
            problem = f"{self.rows[spec.name] - distinct} rows repeat {listed(spec.keys)}"
            faults.append(Fault(spec.name, problem, f"One row per {listed(spec.keys)}"))
        if faults and spec.own:
            faults.append(
                Fault(spec.name, "the columns that identify a row are unknown", "", "Name them: stage.write(..., key=)")
            )
        if faults:
            self._refuse(spec.name, faults)


def to_pandas(table: ibis.Table) -> pd.DataFrame:
    """Return an Ibis table as pandas; decimals become float64."""
    decimals = {name: table[name].cast("float64") for name, kind in table.schema().items() if kind.is_decimal()}
    return (table.mutate(**decimals) if decimals else table).to_pandas()


def digest_table(table: ibis.Table) -> str:
    """Return the SHA-256 of a table's schema, row count and sum of row hashes.

    Parameters
    ----------
    table : ibis.Table
        A table on DuckDB.
    """
    schema = {name: str(kind) for name, kind in sorted(table.schema().items())}
    engine = table.get_backend()
    sql = engine.compile(table.select(*schema))
    row = engine.raw_sql(f"SELECT count(*), sum(hash(t)::HUGEINT) FROM ({sql}) AS t").fetchall()[0]
    return digest_json([schema, str(row[0]), str(row[1])])


@cache
def _column_names(path: Path, changed_at: int) -> tuple[str, ...]:  # noqa: ARG001  part of the cache's key
    """Return the columns of a file, cached, since a run needs those of all tables before every stage."""
    return tuple(pq.read_schema(path).names)


def _replace_id(table: ibis.Table, column: str, identities: ibis.Table) -> ibis.Table:
    """Replace a source id by the OneID; ids without an identity and missing ids are unchanged."""
    one_ids = identities.select(_space=identities.source, _id=identities.source_id, _one=identities.customer_id)
    joined = table.left_join(one_ids, [table[ID_SPACE] == one_ids["_space"], table[column] == one_ids["_id"]])
    replaced = joined.mutate(**{column: ibis.coalesce(joined["_one"], joined[column])})
    return replaced.drop("_space", "_id", "_one")


def _one_row_per_customer(customers: ibis.Table) -> ibis.Table:
    """Keep the first known value of every column, in row order."""
    others = [name for name in customers.columns if name not in ("customer_id", "_row")]
    row = customers["_row"]
    first = {name: customers[name].argmin(row, where=customers[name].notnull()) for name in others}
    collapsed = customers.group_by("customer_id").aggregate(**first, _row=row.min())
    return collapsed.select(*customers.columns).order_by("_row")


def table_spec(table: str) -> Table:
    """Return the declaration of a table; for an unknown table raise an error with the most similar name."""
    if table not in TABLES:
        remedy = f"The name of your own table starts with {OWN_PREFIX}, and your notebook writes it"
        raise DataError(Fault("", f"unknown table '{table}'", did_you_mean(table, TABLES), remedy))
    return TABLES[table]


def _keys(key: str | Sequence[str] | None) -> tuple[str, ...]:
    return ("customer_id",) if key is None else (key,) if isinstance(key, str) else tuple(key)


def _conform(spec: Table, table: ibis.Table) -> ibis.Table:
    present = table.columns
    faults = [
        Fault(spec.name, f"no column {key}", f"Keys: {listed(spec.keys)}") for key in spec.keys if key not in present
    ]
    unknown = [name for name in present if spec.kind(name) is None]
    if unknown and not spec.open:
        names = [column.name for column in spec.columns]
        hidden = [ID_SPACE] if spec.name in CANONICAL else []
        undeclared = [name for name in unknown if name not in hidden]
        faults += [Fault(spec.name, f"unknown column {name}", "", did_you_mean(name, names)) for name in undeclared]
    if spec.name in CANONICAL:
        private = [column.name for column in spec.columns if column.contact and column.name in present]
        faults += [Fault(spec.name, f"contact column {name}", "Contact data stays out of tables") for name in private]
    if faults:
        raise DataError(faults)
    casts = {
        column.name: table[column.name].cast(ibis_type(column.kind))
        for column in spec.columns
        if column.name in present and table.schema()[column.name] != ibis.dtype(ibis_type(column.kind))
    }
    declared = [column.name for column in spec.columns if column.name in present]
    table = (table.mutate(**casts) if casts else table).select(*declared, *unknown)
    return table.order_by(spec.keys) if spec.name not in CANONICAL and spec.keys else table


def _remove_old_versions(home: Path) -> None:
    versions = sorted((path for path in home.iterdir() if path.is_dir() and not path.is_symlink()), key=_modified)
    current = os.readlink(home / "current")
    for old in [path for path in versions if path.name != current][: -(_KEPT_VERSIONS - 1)]:
        shutil.rmtree(old)


def _modified(folder: Path) -> tuple[float, str]:
    return (folder.stat().st_mtime, folder.name)
