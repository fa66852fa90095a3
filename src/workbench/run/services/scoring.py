"""Apply the champions of a profile to today's features, in batches, without training (``workbench score``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.exports import export_batches
from workbench.core.params.profile import load_profile
from workbench.core.schema import UNDATED, ibis_type
from workbench.core.stages import TABLES
from workbench.core.store.tables import Store
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.context import new_run_id, stage_summary
from workbench.run.services.consent import PROFILING, ConsentService
from workbench.run.services.scorers import SCORERS, Prepared
from workbench.run.tracking.runs import Tracker

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["FORMS", "Scored", "score_profile"]

FORMS = (".parquet", ".csv")
BATCH_ROWS = 50_000  # customers at a time


@dataclass(frozen=True)
class Scored:
    """The result of applying one champion.

    Attributes
    ----------
    kind, version : str
        Kind of the model, and the version of the model itself.
    number : int
        Its version in the registry.
    rows : int
    path : Path
    notes : dict of int
        Column to the number of customers with a value that is new to the model; they are scored as rare values.
    """

    kind: str
    version: str
    number: int
    rows: int
    path: Path
    notes: dict[str, int]


def score_profile(
    workspace: Workspace, name: str, *, kind: str | None = None, out: Path | None = None, form: str = ".parquet"
) -> list[Scored]:
    """Apply each registered champion of a profile to the current features.

    Parameters
    ----------
    workspace : Workspace
    name : str
        The profile.
    kind : str, optional
        Only this kind of model; default: every kind that has a champion.
    out : Path, optional
        Folder to write ``<kind>.parquet`` or ``<kind>.csv`` into; default: data/interim/<profile>/scores.
    form : str
        .parquet or .csv.

    Raises
    ------
    ProfileError
        Nothing is tracked or registered, or the kind is unknown.
    DataError
        The model's files are not the registered ones, or features or some of its columns are missing.
    """
    profile = load_profile(workspace, name)
    _check_options(workspace, name, kind, form)
    tracker = Tracker(workspace, name)
    memory = min(profile.run.memory_limit_gb, 1.0)
    store = Store(workspace, name, memory_limit_gb=memory, threads=profile.run.threads)
    kinds = [kind] if kind else [candidate for candidate in SCORERS if tracker.models(candidate).versions()]
    if not kinds:
        remedy = f"workbench run {name}"
        raise ProfileError(Fault(name, "no model is registered for this profile", "", f"Train one: {remedy}"))
    last_as_of = stage_summary(workspace, name, "01_check_quality").get("as_of")
    as_of = profile.as_of or (dt.date.fromisoformat(last_as_of) if last_as_of else None)
    folder = out or workspace.interim(name) / "scores"
    consent = ConsentService(workspace, profile, store, as_of or UNDATED)
    return [_score(tracker, consent, model_kind, as_of, folder / f"{model_kind}{form}") for model_kind in kinds]


def _score(tracker: Tracker, consent: ConsentService, kind: str, as_of: dt.date | None, path: Path) -> Scored:
    store = consent.store
    registry = tracker.models(kind)
    champion = registry.find()
    saved = registry.load(champion)
    if "features" not in store.present():
        raise DataError(Fault("features", "the table does not exist", "", "Run 03_build_features first"))
    tables = {table: store.read(table) for table in store.present() & ({"features"} | set(store.canonical()))}
    prepared = SCORERS[kind](saved, tables, as_of)
    schema = _schema(kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    named = replace(prepared, rows=consent.keep(prepared.rows, PROFILING))
    append_audit(tracker.workspace, "export", profile=tracker.profile, what=f"score {kind}", file=path.name)
    rows = export_batches(_batches(named, schema), schema, path)
    tags = {"workbench.run_id": new_run_id(), "model": registry.name, "model_number": str(champion.number)}
    tags |= {"model_version": saved.version, "model_digest": champion.digest, "as_of": str(as_of or "undated")}
    table = {"digest": store.digest("features"), "rows": rows, "path": "features.parquet"}
    metrics = {"rows": rows, **{f"unseen.{name}": count for name, count in prepared.notes.items()}}
    tracker.log_scoring(tags, metrics, {"features": table})
    return Scored(kind, saved.version, champion.number, rows, path, dict(prepared.notes))


def _batches(prepared: Prepared, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in prepared.rows.to_pyarrow_batches(chunk_size=BATCH_ROWS):
        if batch.num_rows:
            scored = prepared.score(batch.to_pandas())
            yield pa.RecordBatch.from_pandas(scored, schema=schema, preserve_index=False)


def _schema(kind: str) -> pa.Schema:
    """Return the columns of the table of this kind."""
    return ibis.schema({column.name: ibis_type(column.kind) for column in TABLES[kind].columns}).to_pyarrow()


def _check_options(workspace: Workspace, name: str, kind: str | None, form: str) -> None:
    faults = []
    if kind is not None and kind not in SCORERS:
        faults.append(Fault("--kind", f"no model of kind '{kind}'", "", did_you_mean(kind, list(SCORERS))))
    if form not in FORMS:
        faults.append(Fault("--form", f"'{form}'", f"One of {' and '.join(FORMS)}"))
    if not (workspace.tracking / "mlflow.db").is_file():
        faults.append(Fault("mlruns/mlflow.db", "nothing is tracked yet", "", f"workbench run {name}"))
    if faults:
        raise ProfileError(faults)
