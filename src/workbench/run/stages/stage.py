"""The start and the finish of a notebook: what it reads, writes, shows, finds and records.

Every notebook opens with :func:`start` and closes with ``stage.finish()``. In a flow the runner
publishes and tracks what the stage staged; by hand ``finish()`` does both itself, so that Run All in
JupyterLab gives the same tables and the same tracked run.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
from pydantic import ValidationError

from workbench.analysis.tags.strategies import advice_for
from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.files import write_json
from workbench.core.schema import CANONICAL, ID_SPACE, TABLES, UNDATED
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.store.tables import Store, to_pandas
from workbench.core.workspace import Workspace
from workbench.intake.features.inputs.keep import keeping
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.context import RunContext, current_context, stage_summary
from workbench.run.artifacts.declared_segments import shipped_kinds
from workbench.run.artifacts.model_files import MODEL_FOLDER, write_model
from workbench.run.artifacts.segment_names import segment_names
from workbench.run.artifacts.tag_registry import registry_of
from workbench.run.stages.looking_back import LookingBack
from workbench.run.stages.telling import Telling

if TYPE_CHECKING:
    from workbench.analysis.saved_models import SavedModel
    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.core.tags.registry import TagRegistry

__all__ = ["StageRun", "start"]


def start(stage: str, profile: str, settings: Mapping[str, Any]) -> StageRun:
    """Open a stage: check its parameters, find its run, open the store and a private staging folder.

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
        A table the stage cannot do without is not there.
    """
    begun = time.perf_counter()
    checked = _check_settings(stage, settings)
    run = StageRun(stage, current_context(profile), checked, begun)
    group = STAGES[stage].lacks(run.present() | run.store.columns(run.present()))
    if group:
        unlocks = (STAGES[stage].unlocks or {}).get("en", "")
        found = f"{stage} has no {' or '.join(group)} for profile {profile}"
        raise DataError(Fault("", found, f"It would give {unlocks}", "Add such a source, or run the stages before it"))
    return run


class StageRun(Telling, LookingBack):
    """A stage while it runs; made by :func:`start`.

    Attributes
    ----------
    profile : Profile
    context : RunContext
    settings : dict
        The checked parameters.
    """

    def __init__(self, stage: str, context: RunContext, settings: dict[str, Any], begun: float):
        self.context = context
        self.settings = settings
        self.workspace = Workspace(Path(context.workspace))
        self.profile = context.load_profile()
        self._as_of = dt.date.fromisoformat(context.as_of) if context.as_of else None
        limits = {"memory_limit_gb": self.profile.run.memory_limit_gb, "threads": self.profile.run.threads}
        self.store = Store(self.workspace, self.profile.name, **limits)
        self.staging = self.store.stage(stage, context.run_id)
        self._begun = begun
        self._closing = ExitStack()
        super().__init__(stage, self.profile.languages, self.profile.currency, self.staging.folder)

    @property
    def as_of(self) -> dt.date:
        """The frozen date of the run; the end of time where no row carries a date."""
        return self._as_of or UNDATED

    # what it reads and writes -----------------------------------------------------------------

    def present(self) -> set[str]:
        """Return the tables that are there for this profile's stages."""
        mine = {table for stage in self.profile.stages for table in STAGES[stage].writes}
        return self.store.present() & mine

    def tables(self) -> dict[str, ibis.Table]:
        """Return the canonical tables that are there."""
        return {name: self.store.read(name) for name in self.store.canonical() if name in self.present()}

    def frame(self, table: str) -> pd.DataFrame:
        """Return a table of one row per customer as pandas."""
        return self.store.frame(table)

    def frames(self, *tables: str) -> list[pd.DataFrame]:
        """Return those of some tables of one row per customer that are there."""
        present = self.present()
        return [self.store.frame(table) for table in tables if table in present]

    def staged_frame(self, table: str) -> pd.DataFrame:
        """Return a table this stage has just written as pandas; one row per customer."""
        return to_pandas(self.staging.read(table))

    def staged(self, table: str) -> ibis.Table:
        """Return a table this stage has just written, in the engine."""
        return self.staging.read(table)

    def optional_frame(self, table: str) -> pd.DataFrame:
        """Return a table of one row per customer as pandas; its columns without rows where it is not there."""
        if table in self.present():
            return self.store.frame(table)
        return pd.DataFrame({column.name: pd.Series(dtype="str") for column in TABLES[table].columns})

    def previous_frame(self, table: str) -> pd.DataFrame | None:
        """Return a table as this stage wrote it at its last run, None on a first run; small tables only."""
        return self.store.frame(table) if self.store.path(table).is_file() else None

    def previous(self, table: str) -> ibis.Table | None:
        """Return a table as this stage wrote it at its last run, in the engine; None on a first run."""
        return self.store.read(table) if self.store.path(table).is_file() else None

    def customer_tables(self, purposes: Mapping[str, Sequence[str]] | None = None) -> dict[str, ibis.Table]:
        """Return the tables this stage reads that are there, by name; purposes of consent as they are named."""
        tables = {name: self.store.read(name) for name in STAGES[self.stage].reads if name in self.present()}
        return name_purposes(tables, purposes or {})

    def columns(self) -> set[str]:
        """Return the tables that are there, and their columns as table.column."""
        return self.present() | self.store.columns(self.present())

    def registry(self) -> TagRegistry:
        """Return the tag registry as the profile has it."""
        return registry_of(self.workspace, self.profile)

    def kinds(self) -> list[SegmentDefinition]:
        """Return the kinds of segments declared in params/segments."""
        return shipped_kinds(self.workspace)

    def known_of_customers(self, *tables: str) -> pd.DataFrame:
        """Return the columns of tables of one row per customer side by side; a column of two tables is the first's."""
        first, *others = self.frames(*tables)
        for other in others:
            fresh = [name for name in other.columns if name not in first.columns or name == "customer_id"]
            first = first.merge(other[fresh], on="customer_id", how="left", validate="one_to_one")
        return first

    def advice(self, segments: Sequence[str]) -> dict[str, Any]:
        """Return what the profile's trade declares to do, and not to do, with segments."""
        return advice_for(self.registry().pack, segments)

    def digest(self, table: str) -> str:
        """Return the content digest of a table."""
        return self.store.digest(table)

    def setting(self, stage: str, name: str) -> Any:
        """Return a parameter of another stage, as the profile has it."""
        return getattr(self.profile.sections[stage], name)

    def feature_labels(self) -> dict[str, dict[str, str]]:
        """Return what the registered features are called, by language."""
        from workbench.intake.features.contacts.scales import read_scales  # noqa: PLC0415
        from workbench.intake.features.registry import registered  # noqa: PLC0415

        columns = self.store.read("features").columns
        given = {name: each.model_dump() for name, each in self.setting("03_build_features", "scales").items()}
        return {feature.name: dict(feature.label) for feature in registered(columns, scales=read_scales(given))}

    def feature_units(self, names: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return unit and formula of features as a segment definition keeps them; a declared attribute has neither."""
        from workbench.intake.features.registry import registered_units  # noqa: PLC0415

        units = registered_units(self.store.read("features").columns)
        return units if names is None else {name: units[name] for name in names}

    def write(self, table: str, content: ibis.Table | pd.DataFrame) -> None:
        """Stage a table this stage alone writes."""
        self.staging.write(table, content)

    def write_all(self, tables: Mapping[str, ibis.Table | None], copies: Mapping[str, Path] | None = None) -> None:
        """Stage several tables, those that are None left out.

        Parameters
        ----------
        tables : mapping of str to ibis.Table or None
        copies : mapping of str to Path, optional
            Files that hold one of the tables already.
        """
        known = copies or {}
        for name, content in tables.items():
            if content is not None:
                self.staging.write(name, content, copy=known.get(name))

    def written(self) -> dict[str, ibis.Table]:
        """Return the canonical tables this stage has just written."""
        return {name: self.staging.read(name) for name in self.staging.rows if name in CANONICAL}

    def resolves_identity(self) -> bool:
        """Say whether identities are resolved in this profile, so that people are gathered for it."""
        return "02_resolve_identity" in self.profile.stages

    def named_file(self, text: str | None) -> Path | None:
        """Return the place of a file that a parameter names inside the workspace; None where it names none."""
        return self.workspace.resolve(text) if text else None

    def sourced_tables(self) -> dict[str, ibis.Table]:
        """Return the canonical tables that say whose customer ids they use, with these ids."""
        tables = {name: self.store.as_sourced(name) for name in CANONICAL if name in self.present()}
        return {name: table for name, table in tables.items() if ID_SPACE in table.columns}

    def former(self, table: str) -> pd.DataFrame:
        """Return a table of this stage as it stood before this run; its columns without rows where there is none."""
        if self.store.path(table).is_file():
            return self.store.frame(table)
        return pd.DataFrame({column.name: pd.Series(dtype="str") for column in TABLES[table].columns})

    def holding(self, *, files: bool = False) -> Callable[[ibis.Table], ibis.Table]:
        """Return what holds a step's rows, in the engine or in files, until ``finish()``, so that memory suffices."""
        return self._closing.enter_context(keeping(self.store.engine, folder=self.scratch() if files else None))

    def scratch(self) -> Path:
        """Return a private folder for what is read on the way; ``finish()`` removes it."""
        folder = self.workspace.interim(self.profile.name) / f".scratch-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def date_range(self, first: str, last: str | None) -> tuple[dt.date, dt.date]:
        """Return the dates between which rows are believed; the last is the day of the run unless given."""
        return dt.date.fromisoformat(first), dt.date.fromisoformat(last or self.context.today)

    def keep(self, name: str, content: str) -> Path:
        """Stage a text file (a definition, a page) beside the tables."""
        path = self.staging.folder / name
        path.write_text(content, encoding="utf-8", newline="\n")
        return path

    def placed(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Return the segment of each customer, and what segments are called by language; empty where there are none."""
        if "segments" not in self.present():
            return {}, {}
        frame = self.store.frame("segments")
        names = segment_names(self.workspace, self.profile.name)
        return dict(zip(frame["customer_id"], frame["segment"], strict=True)), names

    def keep_model(self, saved: SavedModel | None, cards: Mapping[str, str]) -> None:
        """Stage a trained model and its cards (by language): the runner registers it; None is left out."""
        if saved is not None:
            write_model(self.staging.folder / MODEL_FOLDER, saved, cards)

    def about(self) -> Any:
        """Return what stands under every chart: source, period of the orders, currency."""
        from workbench.report.charts.chart import About  # noqa: PLC0415

        metrics = stage_summary(self.workspace, self.profile.name, "01_check_quality").get("metrics", {})
        days = [metrics.get(f"transactions.{which}_ordered_at") for which in ("first", "last")]
        period = tuple(dt.date.fromisoformat(day[:10]) for day in days) if all(days) else None
        if period and self.stage != "01_check_quality":
            period = (period[0], min(period[1], self.as_of - dt.timedelta(days=1)))
        least = self.setting("04_describe_customers", "min_cell")
        return About(source=self.profile.credit, period=period, currency=self.currency, least=least)

    def freeze_as_of(self, found: dt.date | None) -> None:
        """Set the as-of date that 01 has found, unless the profile declares one."""
        if self.profile.as_of is None and self.context.as_of is None:
            self._as_of = found

    # how it ends ------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write the stage's summary; by hand also publish and track it."""
        write_json(self.staging.folder / "summary.json", self.summary())
        self._closing.close()
        if not self.context.by_flow:
            from workbench.run.stages.by_hand import publish_by_hand  # noqa: PLC0415

            publish_by_hand(self)

    def summary(self) -> dict[str, Any]:
        """Return what the report and the tracking read of this stage."""
        return {
            "stage": self.stage,
            "status": "done",
            "seconds": round(time.perf_counter() - self._begun, 3),
            "skipped_because": None,
            "profile": self.profile.name,
            "run_id": self.context.run_id,
            "as_of": self._as_of.isoformat() if self._as_of else None,
            "language": list(self.languages),
            "currency": self.currency,
            "settings": self.settings,
            "metrics": self.metrics,
            "tables": self._tables(),
            **self.told,
        }

    def _tables(self) -> dict[str, Any]:
        return {
            name: {
                "rows": rows,
                "digest": self.staging.digest(name),
                "path": self.workspace.relative(self.store.path(name)),
            }
            for name, rows in sorted(self.staging.rows.items())
        }

    def upstream(self) -> list[dict[str, Any]]:
        """Return the summaries of the profile's stages before this one, skipped ones included.

        Figure files are named relative to the profile's folder of tables.
        """
        found = []
        for name in (name for name in self.profile.stages if name < self.stage):
            state = self.context.stages.get(name, {})
            summary = dict(stage_summary(self.workspace, self.profile.name, name))
            if state.get("status") == "skipped" or not summary:
                because = state.get("skipped_because")
                summary = {"stage": name, "status": state.get("status", "skipped"), "skipped_because": because}
            placed = {kind: [_placed(each, name) for each in summary.get(kind, [])] for kind in ("figures", "embedded")}
            found.append(summary | placed)
        return found


def _placed(figure: Mapping[str, Any], stage: str) -> dict[str, Any]:
    files = {language: f".stages/{stage}/current/{file}" for language, file in figure["files"].items()}
    return {**figure, "files": files}


def _check_settings(stage: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    if stage not in SECTIONS:
        raise ProfileError(Fault("start()", f"unknown stage '{stage}'", "", did_you_mean(stage, SECTIONS)))
    model = SECTIONS[stage]
    known = list(model.model_fields)
    lacking = [name for name in known if name not in settings]
    faults = [Fault(stage, f"parameter {name} is not passed to start()") for name in lacking]
    unknown = [name for name in settings if name not in known]
    faults += [Fault(stage, f"unknown parameter '{name}'", "", did_you_mean(name, known)) for name in unknown]
    given = {name: value for name, value in settings.items() if name in known}
    try:
        checked = model.model_validate_json(json.dumps(given, default=str))
    except ValidationError as error:
        said = [(".".join(map(str, each["loc"])), each["msg"], each.get("input")) for each in error.errors()]
        faults += [Fault(stage, f"{key} is {value!r}" if key else "settings", message) for key, message, value in said]
    if faults:
        raise ProfileError(faults)
    return checked.model_dump(mode="json")
