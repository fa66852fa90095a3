"""The store: the only reader and writer of tables.

Tables are Parquet on disk, read as Ibis expressions on DuckDB. A stage writes into a private staging
folder; publishing it is one rename, after which ``data/processed/<profile>/<table>.parquet`` shows
the new content. Raw rows stay in the engine; tables of one row per customer may become pandas.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault, did_you_mean, listed
from workbench.core.files import digest_json, point_to, publish_folder
from workbench.core.later import later
from workbench.core.schema import CANONICAL, ID_SPACE, Table, ibis_type
from workbench.core.stages import TABLES

if TYPE_CHECKING:  # they take half a second each to import
    import ibis
    import pandas as pd

    from workbench.core.workspace import Workspace

if not TYPE_CHECKING:
    ibis = later("ibis")

__all__ = ["PARQUET", "Staging", "Store", "connect", "digest_table", "table_spec", "to_pandas"]

PARQUET = {  # how a table lies on disk: smaller and faster written than by the defaults of the engine
    "row_group_size": 122_880, "compression": "zstd", "parquet_version": "V2", "dictionary_size_limit": 8192,
    "write_bloom_filter": False,  # whole columns are read
}  # fmt: skip
OWN_PREFIX = "own_"  # of the tables that a notebook of one's own writes
_OWN_NAME = re.compile(rf"^{OWN_PREFIX}\w{{1,100}}$")
_PRIVATE = {"rejects"}  # holds raw text as it came, so only its owner may read the file
_KEPT_VERSIONS = 2
_CUSTOMER_GRAIN = {"customers"}
_IDENTITIES = "identities"
_ID_COLUMNS = ("customer_id", "other_id", "referrer_customer_id")  # each becomes the OneID


def connect(*, memory_limit_gb: float = 3.0, threads: int = 2, scratch: Path | None = None) -> ibis.BaseBackend:
    """Open an embedded engine: in memory, bounded, spilling into a scratch folder.

    Parameters
    ----------
    memory_limit_gb : float
        Memory the engine may use, GB.
    threads : int
    scratch : Path, optional
        Where the engine spills what does not fit.
    """
    engine = ibis.duckdb.connect(threads=threads, memory_limit=f"{memory_limit_gb:g}GB")
    engine.raw_sql("SET TimeZone = 'UTC'")
    engine.raw_sql("SET enable_progress_bar = false")  # it would stand in the page of a stage
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
        self._limits = {"memory_limit_gb": memory_limit_gb, "threads": threads}
        self._engine: ibis.BaseBackend | None = None

    @property
    def engine(self) -> ibis.BaseBackend:
        """The engine, opened at its first use."""
        if self._engine is None:
            scratch = self.workspace.interim(self.profile) / f".spill-{os.getpid()}"
            self._engine = connect(**self._limits, scratch=scratch)
        return self._engine

    def path(self, table: str) -> Path:
        """Return where a table's file is shown."""
        return self.folder / f"{table}.parquet"

    def present(self) -> set[str]:
        """Return the names of the tables that are there, those of notebooks of one's own included."""
        own = {path.stem for path in self.folder.glob(f"{OWN_PREFIX}*.parquet") if path.is_file()}
        return {name for name in TABLES if self.path(name).is_file()} | own

    def columns(self, tables: Iterable[str]) -> set[str]:
        """Return the columns of tables that are there, as table.column, read from their files' footers."""
        return {f"{table}.{name}" for table in tables for name in pq.read_schema(self.path(table)).names}

    def read(self, table: str) -> ibis.Table:
        """Return a table as an Ibis expression.

        Where identities are resolved, the ids of a source are replaced by the OneID, and customers have one row per
        OneID: by column the first value that is known, in the order of the sources.

        Raises
        ------
        DataError
            The table is unknown, or not there yet; the message names the stage that writes it.
        """
        path = self.path(table)
        if not path.is_file():
            found = f"{table}.parquet not found for profile {self.profile}"
            raise DataError(Fault("", found, f"It is written by {table_spec(table).writer}", "Run that stage first"))
        return self.read_file(table, path)

    def read_file(self, table: str, path: Path) -> ibis.Table:
        """Return one version of a table as an Ibis expression, in today's ids where it is canonical."""
        path = path.resolve()
        if table not in CANONICAL or ID_SPACE not in pq.read_schema(path).names:
            return self.engine.read_parquet(str(path), table_name=f"{table}_{path.parent.name}")
        return self._with_one_id(table, self._as_sourced(table, path))

    def previous_path(self, table: str, *, by: str) -> Path | None:
        """Return where a table lies as it stood before this run; None where it did not.

        Parameters
        ----------
        table : str
        by : str
            The stage that asks: what it writes itself is not replaced yet, of others the version before counts.
        """
        writer = self.writer(table)
        if writer is None or writer == by:
            return self.path(table) if self.path(table).is_file() else None
        home = self.folder / ".stages" / writer
        versions = sorted((path for path in home.glob("*") if path.is_dir() and not path.is_symlink()), key=_born)
        current = os.readlink(home / "current") if (home / "current").is_symlink() else ""
        older = [path / f"{table}.parquet" for path in versions if path.name != current]
        return next((path for path in reversed(older) if path.is_file()), None)

    def as_sourced(self, table: str) -> ibis.Table:
        """Return a canonical table with the ids of its sources, ``_people`` beside them and ``_row``, its order."""
        return self._as_sourced(table, self.path(table).resolve())

    def _as_sourced(self, table: str, path: Path) -> ibis.Table:
        name = f"{table}_{path.parent.name}_as_sourced"
        read = self.engine.read_parquet(str(path), table_name=name, file_row_number=True)
        return read.rename(_row="file_row_number")

    def _with_one_id(self, name: str, table: ibis.Table) -> ibis.Table:
        if self.path(_IDENTITIES).is_file():
            identities = self.read(_IDENTITIES)
            for column in (each for each in _ID_COLUMNS if each in table.columns):
                table = _replace_id(table, column, identities)
            if name in _CUSTOMER_GRAIN:
                table = _one_row_per_customer(table)
        return table.drop(ID_SPACE, "_row")

    def canonical(self) -> dict[str, ibis.Table]:
        """Return every canonical table that is there, by name."""
        return {name: self.read(name) for name in CANONICAL if self.path(name).is_file()}

    def frame(self, table: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table of one row per customer (or a small derived one) as pandas, decimals as float64.

        Raises
        ------
        DataError
            The table holds raw rows: those stay in the engine.
        """
        if table in CANONICAL and table not in _CUSTOMER_GRAIN:
            found = f"{table} holds raw rows, which do not become pandas"
            raise DataError(Fault("", found, "", "Collapse them in the engine: read() gives an Ibis table"))
        return to_pandas(self.read(table) if columns is None else self.read(table).select(columns))

    def digest(self, table: str) -> str:
        """Return the digest of a table's content, independent of row order, file layout and clock."""
        return digest_table(self.read(table))

    def stage(self, stage: str, run_id: str) -> Staging:
        """Open a private staging folder for a stage."""
        return Staging(self, stage, run_id)

    def staging_folder(self, stage: str, run_id: str) -> Path:
        """Return the private folder a stage of a run writes into."""
        return self.folder / ".staging" / f"{run_id}-{stage}"

    def publish(self, stage: str, run_id: str) -> Path:
        """Publish what a stage staged by one rename, show its tables, and return the stage's folder.

        The version before is kept, older ones are removed.
        """
        home = self.folder / ".stages" / stage
        target = publish_folder(self.staging_folder(stage, run_id), home / run_id)
        point_to(home / "current", run_id)
        self.show(stage)
        _forget_old_versions(home)
        return target

    def writer(self, table: str) -> str | None:
        """Return the stage that writes a table: of one's own the one that wrote it last, None before it was written."""
        if table in TABLES:
            return TABLES[table].writer
        link = self.path(table)
        return os.readlink(link).split("/")[1] if link.is_symlink() else None

    def retire(self, stage: str) -> None:
        """Show no table of a stage any more, since it was skipped."""
        (self.folder / ".stages" / stage / "current").unlink(missing_ok=True)
        self.show(stage)

    def show(self, stage: str) -> None:
        """Make ``<table>.parquet`` show the current version of every table a stage has written.

        A table that the current version of the stage no longer writes is no longer shown.
        """
        current = self.folder / ".stages" / stage / "current"
        declared = {table.name for table in TABLES.values() if table.writer == stage}
        for name in sorted(declared | self._own_tables(stage)):
            if (current / f"{name}.parquet").is_file():
                point_to(self.path(name), f".stages/{stage}/current/{name}.parquet")
            else:
                self.path(name).unlink(missing_ok=True)

    def _own_tables(self, stage: str) -> set[str]:
        """Return the tables of one's own that a stage has written or once wrote."""
        written = {path.stem for path in (self.folder / ".stages" / stage / "current").glob(f"{OWN_PREFIX}*.parquet")}
        links = (path for path in self.folder.glob(f"{OWN_PREFIX}*.parquet") if path.is_symlink())
        return written | {link.stem for link in links if os.readlink(link).startswith(f".stages/{stage}/")}


class Staging:
    """What one stage writes before it is published.

    Attributes
    ----------
    folder : Path
        Private; becomes ``.stages/<stage>/<run_id>`` by one rename.
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
        """Write a table, its columns checked and cast to the schema; return its rows.

        Parameters
        ----------
        table : str
        content : ibis.Table or DataFrame
            A frame is sorted by the table's keys; missing optional columns stay absent.
        key : str or sequence of str, optional
            What identifies a row of a table of one's own; default ``customer_id``; an empty list: nothing does.
        copy : Path, optional
            A Parquet file of the same rows; it is taken over where its columns are those of the schema.

        Raises
        ------
        DataError
            Another stage writes this table, a column is unknown, a key is absent, null or repeated.
        """
        spec = self._spec(table, key)
        expression = content if isinstance(content, ibis.Table) else ibis.memtable(content)
        expression = _conform(spec, expression)
        path = self.folder / f"{table}.parquet"
        if copy is None or not self._take_over(copy, expression, path):
            self.store.engine.to_parquet(expression, path, **PARQUET)
        if table in _PRIVATE:
            path.chmod(0o600)
        self.rows[table] = pq.read_metadata(path).num_rows
        if spec.keys and table in ("customers", "products") or (spec.keys and table not in CANONICAL):
            self._check_keys(spec, path)
        return self.rows[table]

    def _refuse(self, table: str, faults: list[Fault]) -> None:
        """Remove a table that was written and cannot stay, so that nothing of it is published."""
        (self.folder / f"{table}.parquet").unlink()
        del self.rows[table]
        raise DataError(faults)

    def _spec(self, table: str, key: str | Sequence[str] | None) -> Table:
        """Return what a table of this stage holds; refuse one that another stage writes."""
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
            found = f"{self.stage} would write {table}"
            remedy = f"Write a table of its own, called {OWN_PREFIX}..."
            if spec.own:
                remedy = f"Choose another name, or remove notebooks/{spec.writer}.ipynb where it is no longer used"
            raise DataError(Fault("", found, f"Its one writer is {spec.writer}", remedy))
        return spec

    def _own_writer(self, table: str) -> str:
        """Return who writes a table of one's own: who wrote it last, unless that notebook is gone or renamed."""
        writer = self.store.writer(table)
        there = writer is not None and (self.store.workspace.notebooks / f"{writer}.ipynb").is_file()
        return writer if there else self.stage

    def _take_over(self, copy: Path, expression: ibis.Table, path: Path) -> bool:
        """Show a file that is already there under another name, on the same disk; say whether that could be done."""
        if self.store.engine.read_parquet(str(copy)).schema() != expression.schema():
            return False
        try:
            os.link(copy, path)
        except OSError:  # another disk, or one without links
            return False
        path.chmod(self.folder.stat().st_mode & 0o666)
        return True

    def read(self, table: str) -> ibis.Table:
        """Return a table just written, as an Ibis expression."""
        read = self._read(table)
        return read.drop(ID_SPACE) if ID_SPACE in read.columns else read

    def _read(self, table: str) -> ibis.Table:
        return self.store.engine.read_parquet(str(self.folder / f"{table}.parquet"))

    def digest(self, table: str) -> str:
        """Return the content digest of a table just written."""
        return digest_table(self._read(table))

    def publish(self) -> Path:
        """Publish everything staged; see :meth:`Store.publish`."""
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
            found = f"{self.rows[spec.name] - distinct} rows repeat {listed(spec.keys)}"
            faults.append(Fault(spec.name, found, f"One row per {listed(spec.keys)}"))
        if faults and spec.own:
            faults.append(
                Fault(spec.name, "needs to know what identifies a row", "", "Name it: stage.write(..., key=)")
            )
        if faults:
            self._refuse(spec.name, faults)


def to_pandas(table: ibis.Table) -> pd.DataFrame:
    """Return an Ibis table as pandas, decimals as float64."""
    decimals = {name: table[name].cast("float64") for name, kind in table.schema().items() if kind.is_decimal()}
    return (table.mutate(**decimals) if decimals else table).to_pandas()


def digest_table(table: ibis.Table) -> str:
    """Return the SHA-256 over the schema, the row count and the sum of row hashes of a table.

    Parameters
    ----------
    table : ibis.Table
        On DuckDB.
    """
    schema = {name: str(kind) for name, kind in sorted(table.schema().items())}
    engine = table.get_backend()
    sql = engine.compile(table.select(*schema))
    row = engine.raw_sql(f"SELECT count(*), sum(hash(t)::HUGEINT) FROM ({sql}) AS t").fetchall()[0]
    return digest_json([schema, str(row[0]), str(row[1])])


def _replace_id(table: ibis.Table, column: str, identities: ibis.Table) -> ibis.Table:
    """Replace an id of a source by the OneID; one without identity, or none at all, stays."""
    known = identities.select(_space=identities.source, _id=identities.source_id, _one=identities.customer_id)
    joined = table.left_join(known, [table[ID_SPACE] == known["_space"], table[column] == known["_id"]])
    replaced = joined.mutate(**{column: ibis.coalesce(joined["_one"], joined[column])})
    return replaced.drop("_space", "_id", "_one")


def _one_row_per_customer(customers: ibis.Table) -> ibis.Table:
    """Fill every column by its first known value, in the order of the rows."""
    others = [name for name in customers.columns if name not in ("customer_id", "_row")]
    row = customers["_row"]
    first = {name: customers[name].argmin(row, where=customers[name].notnull()) for name in others}
    collapsed = customers.group_by("customer_id").aggregate(**first, _row=row.min())
    return collapsed.select(*customers.columns).order_by("_row")


def table_spec(table: str) -> Table:
    """Return the declaration of a table; refuse an unknown one with the nearest name."""
    if table not in TABLES:
        remedy = f"Tables of your own begin with {OWN_PREFIX} and are written by your notebook"
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
        known = [each.name for each in spec.columns]
        hidden = [ID_SPACE] if spec.name in CANONICAL else []
        strange = [name for name in unknown if name not in hidden]
        faults += [Fault(spec.name, f"unknown column {name}", "", did_you_mean(name, known)) for name in strange]
    if spec.name in CANONICAL:
        private = [each.name for each in spec.columns if each.contact and each.name in present]
        faults += [Fault(spec.name, f"contact column {name}", "Contact data stays out of tables") for name in private]
    if faults:
        raise DataError(faults)
    casts = {
        each.name: table[each.name].cast(ibis_type(each.kind))
        for each in spec.columns
        if each.name in present and table.schema()[each.name] != ibis.dtype(ibis_type(each.kind))
    }
    named = [each.name for each in spec.columns if each.name in present]
    table = (table.mutate(**casts) if casts else table).select(*named, *unknown)
    return table.order_by(spec.keys) if spec.name not in CANONICAL and spec.keys else table


def _forget_old_versions(home: Path) -> None:
    versions = sorted((each for each in home.iterdir() if each.is_dir() and not each.is_symlink()), key=_born)
    current = os.readlink(home / "current")
    for old in [each for each in versions if each.name != current][: -(_KEPT_VERSIONS - 1)]:
        shutil.rmtree(old)


def _born(folder: Path) -> tuple[float, str]:
    return (folder.stat().st_mtime, folder.name)
