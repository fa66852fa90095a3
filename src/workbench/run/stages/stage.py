"""The ``stage`` object of a notebook: it reads, writes, shows and records.

Every notebook starts with :func:`start` and ends with ``stage.finish()``. In a flow the runner publishes and tracks the
results; by hand ``finish()`` does both, so that Run All in JupyterLab gives the same tables and the same tracked run.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
from pydantic import ValidationError

from workbench.analysis.audiences.profiling import without_customers
from workbench.analysis.privacy.memory import CellMemory, use_memory
from workbench.core.errors import DataError, Fault, ProfileError, StageError, did_you_mean
from workbench.core.files import PRIVATE_UMASK, write_json, write_text
from workbench.core.held_secrets import take_secrets
from workbench.core.params.declared import declared_profile, recorded_profile, shared_section
from workbench.core.params.own_notebooks import is_own_name, own_stage
from workbench.core.schema import CANONICAL, UNDATED
from workbench.core.stages import FIRST, STAGES, TABLES
from workbench.core.store.sealed import check_published
from workbench.core.store.tables import Store, to_pandas
from workbench.report.charts.chart import About
from workbench.report.text import forget_names_read, text_names_read
from workbench.run.artifacts.context import RunContext, current_context, stage_folder, stage_summary
from workbench.run.artifacts.kept_runs import COMPARED, KEPT_TABLES, compared_run
from workbench.run.stages.presentation import Presentation
from workbench.run.stages.profiling import left_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.core.params.profile import Profile
    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace
    from workbench.run.artifacts.kept_runs import KeptRun

__all__ = ["DAY", "MOST_ROWS", "READS_FILE", "StageRun", "start"]

MOST_ROWS = 2_000_000  # largest table that may become a DataFrame
HIDDEN_FILE = "hidden.cells"  # cells hidden in earlier reports; the ending keeps the file out of tracking
READS_FILE = "reads.json"  # inputs read beyond the declaration: tables, parameters, texts
DAY = "day"  # key in it: the day of the run, if the result depends on it
_MIN_CELL = "run.min_cell"
_CONSENTS = "consents"
_BEFORE_PROFILING = ("01_check_quality", "02_resolve_identity")


def start(stage: str, profile: str, settings: Mapping[str, Any]) -> StageRun:
    """Start a stage: check its parameters, find its run, open the store and a private staging folder.

    Parameters
    ----------
    stage : str
        The notebook's stem.
    profile : str
        The profile whose tables it reads and writes.
    settings : mapping
        Every parameter of the stage, by name.

    Returns
    -------
    StageRun

    Raises
    ------
    ProfileError
        A parameter is unknown, missing, of the wrong type or out of range.
    DataError
        A table that the stage needs is missing.
    """
    begun = time.perf_counter()
    os.umask(PRIVATE_UMASK)
    forget_names_read()
    context = current_context(profile)
    if context.by_flow:
        take_secrets()
    loaded = context.load_profile()
    declaration = _declaration(stage, loaded, context.place)
    checked = _check_settings(declaration, settings)
    run = StageRun(declaration, context, loaded, checked, begun)
    use_memory(run.hidden_cells)
    if declaration.asked_by and not checked[declaration.asked_by]:
        remedy = f"Name some under {stage} in params/{profile}.yaml"
        raise DataError(Fault("", f"{stage}.{declaration.asked_by} names none for profile {profile}", "", remedy))
    group = declaration.lacks(run.available())
    if group:
        unlocks = (declaration.unlocks or {}).get("en", "")
        problem = f"{stage} has no {' or '.join(group)} for profile {profile}"
        raise DataError(
            Fault("", problem, f"It would give {unlocks}", "Add such a source, or run the stages before it")
        )
    return run


class StageRun(Presentation):
    """A running stage, from :func:`start`.

    Attributes
    ----------
    stage : str
        Its name.
    profile : Profile
        The profile. From other sections only the declared parameters can be read.
    settings : dict
        Its own parameters, checked.
    store : workbench.core.store.tables.Store
        The tables; ``store.engine`` is the engine behind them.
    context : RunContext
    workspace : Workspace
    closing : contextlib.ExitStack
        Resources that ``finish()`` closes.
    """

    def __init__(
        self, declaration: Stage, context: RunContext, profile: Profile, settings: dict[str, Any], begun: float
    ):
        self.declaration = declaration
        self.context = context
        self.settings = settings
        self.workspace = context.place
        self._reads: dict[str, set[str]] = {"tables": set(), "settings": set()}
        if is_own_name(declaration.name):
            self.profile = recorded_profile(profile, declaration.name, self._reads["settings"].add)
        else:
            self.profile = declared_profile(profile, declaration)
        self._as_of = dt.date.fromisoformat(context.as_of) if context.as_of else None
        self.store = Store(
            self.workspace,
            profile.name,
            threads=context.threads or profile.run.threads,
            memory_limit_gb=context.memory_limit_gb or profile.run.memory_limit_gb,
        )
        self.staging = self.store.stage(declaration.name, context.run_id)
        self._begun = begun
        self._left_out: set[str] | None = None
        self._compared = ""  # digest of the kept run that was read
        self.closing = ExitStack()
        self.answer: dict[str, Any] = {}  # to the goal; only the report has one
        self.carded: frozenset[str] = frozenset()  # customers with a portrait card in the report
        super().__init__(declaration.name, profile.languages, profile.currency, self.staging.folder)

    @property
    def as_of(self) -> dt.date:
        """The as-of date of the run; the latest possible date if no row has a date."""
        return self._as_of or UNDATED

    @as_of.setter
    def as_of(self, day: dt.date | None) -> None:
        self._as_of = day

    # reading ----------------------------------------------------------------------------

    def read(self, table: str, *, lazy: bool = False, when: str = "this", missing: str = "raise") -> Any:
        """Return a table as this stage has just written it, otherwise the published one.

        Parameters
        ----------
        table : str
        lazy : bool
            An Ibis table in the engine instead of pandas. Canonical tables other than ``customers`` hold raw rows and
            are always lazy.
        when : {"this", "previous"}
            ``previous``: the table of the run compared with, if kept; otherwise the one published before this run.
        missing : {"raise", "empty", "none"}
            If the table does not exist: an error, a table without rows in its declared columns, or None.

        Returns
        -------
        DataFrame or ibis.Table or None

        Raises
        ------
        DataError
            The table is unknown or missing, or has more than ``MOST_ROWS`` rows and would become pandas.
        """
        _check_choice("when", when, ("this", "previous"))
        _check_choice("missing", missing, ("raise", "empty", "none"))
        expression = self._find(table, when)
        if expression is None:
            return self._missing(table, missing, lazy)
        if lazy or (table in CANONICAL and table != "customers"):
            return expression
        rows = int(expression.count().execute())
        if rows > MOST_ROWS:
            remedy = "Read it with lazy=True and aggregate it in the engine; no setting raises the limit"
            raise DataError(Fault(table, f"{rows:,} rows would become pandas", f"At most {MOST_ROWS:,}", remedy))
        return to_pandas(expression)

    def tables(self, names: Iterable[str] | None = None) -> dict[str, ibis.Table]:
        """Return canonical tables as Ibis tables by name: the named ones; default: those that the stage declares.

        An own notebook gets all of them by default. Missing tables are left out.
        """
        present = self.available()
        requested = list(self._readable() if names is None else names)
        self._reads["tables"] |= {name for name in requested if name not in self.staging.rows}  # also absent ones
        return {name: self.read(name, lazy=True) for name in requested if name in present or name in self.staging.rows}

    def _readable(self) -> list[str]:
        if is_own_name(self.stage):
            return list(CANONICAL)
        return [name for name in CANONICAL if name in self.declaration.depends_on]

    def available(self) -> set[str]:
        """Return the published tables of this profile's stages, and their columns as table.column."""
        declared = {table for stage in self.profile.stages for table in self.profile.stage(stage).writes}
        own_tables = {name for name in self.store.present() if name not in TABLES}
        present = (self.store.present() & declared) | own_tables
        mapped = {f"sources.{source.table}" for source in self.profile.sources.values()}
        return present | self.store.columns(present) | mapped

    def setting(self, name: str) -> Any:
        """Return a parameter of another section, as ``section.key``, such as ``run.min_cell``.

        A notebook of your own may read any; a declared stage only those that its declaration borrows.

        Raises
        ------
        StageError
            The declaration does not borrow it, or there is no such parameter.
        """
        section, _, key = name.partition(".")
        owner = shared_section(self.profile, section) or self.profile.sections.get(section)
        try:
            value = getattr(owner, key)
        except AttributeError:
            sections = ["run", "consent", *self.profile.sections]
            raise StageError(Fault(self.stage, f"no parameter {name}", "", did_you_mean(section, sections))) from None
        self._reads["settings"].add(name)
        return value

    # writing ---------------------------------------------------------------------------

    def write(
        self,
        table: str | Mapping[str, ibis.Table | pd.DataFrame | None],
        content: ibis.Table | pd.DataFrame | None = None,
        *,
        key: str | Sequence[str] | None = None,
        copies: Mapping[str, Path] | None = None,
    ) -> None:
        """Write a table that only this stage writes, or several by name.

        Parameters
        ----------
        table : str or mapping of str to table
            Tables that are None in a mapping are left out. The name of your own table starts with ``own_``.
        content : ibis.Table or DataFrame
        key : str or sequence of str, optional
            Key columns of your own table; default ``customer_id``, which must be unique; an empty list: no key.
        copies : mapping of str to Path, optional
            Parquet files that already hold one of the tables.

        Raises
        ------
        DataError
            Another stage writes this table, a column is unknown, a key is absent, null or repeated.
        """
        contents = {table: content} if isinstance(table, str) else table
        for name, rows in contents.items():
            if rows is not None:
                self.staging.write(name, rows, key=key, copy=(copies or {}).get(name))

    # end ------------------------------------------------------------------------------

    @cached_property
    def hidden_cells(self) -> CellMemory:
        """Cells hidden in earlier reports of this stage; they stay hidden until they have changed enough."""
        path = stage_folder(self.workspace, self.profile.name, self.stage) / HIDDEN_FILE
        if not path.is_file():
            return CellMemory()
        check_published(path)
        return CellMemory.from_json(path.read_text(encoding="utf-8"))

    def finish(self) -> None:
        """Write the stage's summary; by hand also publish and track it."""
        summary = self._summary()
        write_json(self.staging.folder / "summary.json", summary)
        reads = {name: sorted(values) for name, values in self._reads.items()} if is_own_name(self.stage) else {}
        day = {DAY: self.context.today} if self._left_out_the_future() else {}
        write_text(self.staging.folder / HIDDEN_FILE, self.hidden_cells.to_json())
        use_memory(None)
        compared = {COMPARED: self._compared} if self._compared else {}
        write_json(self.staging.folder / READS_FILE, {**reads, **day, **compared, "texts": text_names_read()})
        self.closing.close()
        if not self.context.by_flow:
            from workbench.run.stages.by_hand import publish_by_hand  # noqa: PLC0415  (only by hand is MLflow imported)

            publish_by_hand(self, summary)

    def _left_out_the_future(self) -> bool:
        """Return whether rows dated after the day of the run were dropped, since the same files may give more later."""
        by_day = self.stage == FIRST and self.settings.get("date_max") is None
        return by_day and any(count for name, count in self.metrics.items() if name.endswith(".date-future"))

    def _summary(self) -> dict[str, Any]:
        """Return the summary of the stage for the report and for tracking."""
        return {
            "stage": self.stage,
            "status": "done",
            "seconds": round(time.perf_counter() - self._begun, 3),
            "seconds_by": {"charts": round(self.chart_seconds, 3)},
            "skipped_because": None,
            "profile": self.profile.name,
            "run_id": self.context.run_id,
            "as_of": self._as_of.isoformat() if self._as_of else None,
            "language": list(self.languages),
            "currency": self.currency,
            "settings": self.settings,
            "metrics": self.metrics,
            "tables": self._tables(),
            **({"answer": self.answer} if self.answer else {}),
            **({"question": self.declaration.question} if is_own_name(self.stage) else {}),
            **self.records,
        }

    def _find(self, table: str, when: str) -> ibis.Table | None:
        """Return a table in the engine; None if it does not exist."""
        if when == "previous":
            path = self._kept_path(table) or self.store.previous_path(table, by=self.stage)
            return self._profiled(self.store.read_file(table, path)) if path else None
        if table in self.staging.rows:
            return self.staging.read(table)
        self._reads["tables"].add(table)
        if self.store.path(table).is_file() and table in self.available():
            rows = self.store.read(table)
            return self._profiled(rows) if table in CANONICAL and table != _CONSENTS else rows
        return None

    def _profiled(self, rows: ibis.Table) -> ibis.Table:
        """Drop, from 03 on, the customers who are not profiled."""
        if self.stage in _BEFORE_PROFILING:
            return rows
        if self._left_out is None:
            self._left_out = left_out(self)
        return without_customers(rows, self._left_out)

    @cached_property
    def compared_with(self) -> KeptRun | None:
        """The run that 13 compares with; None for the first run."""
        return compared_run(self.workspace, self.profile, self._as_of) if self._as_of else None

    def _kept_path(self, table: str) -> Path | None:
        """Return the path of a table in the run compared with; None if this stage writes it, or it was not kept."""
        if self.store.writer(table) == self.stage or table not in KEPT_TABLES or self.compared_with is None:
            return None
        self._compared = self.compared_with.digest
        return self.compared_with.path(table)

    def _missing(self, table: str, missing: str, lazy: bool) -> Any:
        if missing == "none":
            return None
        if missing == "empty" and table in TABLES:
            frame = pd.DataFrame({column.name: pd.Series(dtype="str") for column in TABLES[table].columns})
            return ibis.memtable(frame) if lazy else frame
        return self.store.read(table)  # raises an error that says which stage writes it

    def _tables(self) -> dict[str, Any]:
        return {
            name: {
                "rows": rows,
                "digest": self.staging.digest(name),
                "path": self.workspace.relative(self.store.path(name)),
            }
            for name, rows in sorted(self.staging.rows.items())
        }

    def _about(self) -> About:
        """Return the facts printed under every chart: source, period of the orders, currency, smallest group."""
        metrics = stage_summary(self.workspace, self.profile.name, FIRST).get("metrics", {})
        days = [metrics.get(f"transactions.{which}_ordered_at") for which in ("first", "last")]
        period = None
        if all(days):
            first, last = (dt.date.fromisoformat(day[:10]) for day in days)
            period = (first, last if self.stage == FIRST else min(last, self.as_of - dt.timedelta(days=1)))
        about = About(source=self.profile.credit, period=period, currency=self.currency)
        return replace(about, least=self.profile.run.min_cell) if self._shows_customers() else about

    def _shows_customers(self) -> bool:
        return is_own_name(self.stage) or _MIN_CELL in self.declaration.borrows


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise DataError(Fault("read", f"{name} is {value!r}", did_you_mean(str(value), choices)))


def _declaration(name: str, profile: Profile, workspace: Workspace) -> Stage:
    if name in STAGES:
        return STAGES[name]
    if name in profile.own:
        return profile.own[name]
    if is_own_name(name):
        return own_stage(workspace.notebooks, name)
    raise ProfileError(Fault("start()", f"unknown stage '{name}'", "", did_you_mean(name, STAGES)))


def _check_settings(stage: Stage, settings: Mapping[str, Any]) -> dict[str, Any]:
    model = stage.parameters
    names = list(model.model_fields)
    missing = [name for name in names if name not in settings]
    faults = [Fault(stage.name, f"parameter {name} is not passed to start()") for name in missing]
    unknown = [name for name in settings if name not in names]
    faults += [Fault(stage.name, f"unknown parameter '{name}'", "", did_you_mean(name, names)) for name in unknown]
    values = {name: value for name, value in settings.items() if name in names}
    try:
        checked = model.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        details = [(".".join(map(str, item["loc"])), item["msg"], item.get("input")) for item in error.errors()]
        faults += [
            Fault(stage.name, f"{key} is {value!r}" if key else "settings", message) for key, message, value in details
        ]
    if faults:
        raise ProfileError(faults)
    return checked.model_dump(mode="json")
