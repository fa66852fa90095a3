"""What 13 needs from the run: the run it compares with, the predictions of earlier runs, who withdrew."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.segments.definition import SegmentDefinition, assign_table
from workbench.analysis.tags.columns import TAG
from workbench.analysis.tags.compiling import columns_of_tag
from workbench.analysis.watching.alarms import ALERT_COLUMNS
from workbench.analysis.watching.comparable import TagRule
from workbench.analysis.watching.customers import PLACED_AS_BEFORE, RunTables
from workbench.analysis.watching.judging import DRIFT_COLUMNS
from workbench.analysis.watching.measures.columns import Columns
from workbench.analysis.watching.pairing import rename_customers
from workbench.analysis.watching.realised import Prediction
from workbench.analysis.watching.sources import count_past
from workbench.analysis.watching.study import Changes, RunState, no_changes, study_changes
from workbench.core.errors import DataError
from workbench.core.store.tables import to_pandas
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.context import stage_folder, stage_summary
from workbench.run.artifacts.kept_runs import KeptRun, earlier_runs, kept_runs
from workbench.run.artifacts.plans import frozen_people, frozen_plans
from workbench.run.definitions.segment_names import DEFINITION_FILE, SEGMENTING, segment_names
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.stages.profiling import left_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis

    from workbench.core.tags.definition import Tag
    from workbench.core.tags.registry import TagRegistry
    from workbench.run.stages.stage import StageRun

__all__ = [
    "alarm_rows", "alarms_before", "categories", "changes_of_run", "compared", "drift_rows", "earlier_predictions",
    "metrics_so_far", "orders", "past_rows", "segment_labels", "states_so_far", "tag_registry",
    "withdrawn_customers",
]  # fmt: skip

_CUSTOMER_TABLES = ("rfm", "segments", "churn", "value", "tags", "recommendations")
_COLUMNS = {
    "rfm": ("rfm_type", "life_cycle_stage"), "segments": ("segment",), "churn": ("churn_probability",),
    "value": ("expected_value",), "tags": ("tag", "value", "version"),
    "recommendations": ("list", "rank", "product_id", "category"),
}  # fmt: skip
_RECENT = re.compile(r"recency_days|(?:orders|spend)_\d+d")
_SEASON_DAYS, _NEAR_DAYS = 365, 15
_TAGGING, _WATCHING = "12_tag_customers", "13_watch_changes"


def changes_of_run(stage: StageRun, *, alpha: float, least_change_points: float) -> Changes:
    """Compare the run with the one that ``compare_with`` names; nothing changed where there is none."""
    previous = stage.compared_with
    if previous is None:
        return no_changes()
    tables = _tables(stage)
    now = _state_of_run(stage, tables, previous)
    then = _kept_state(stage, previous)
    windows = [days for days in stage.setting("03_build_features.windows_days") if days]
    return study_changes(
        then, _in_terms_of(then, now), tables, alpha=alpha, least_change_points=least_change_points,
        least=stage.setting("run.min_cell"), window_days=max(windows, default=_SEASON_DAYS),
        withdrawn=withdrawn_customers(stage, then.customers.customers), usual=_usual(stage, previous),
        season=_season(stage, previous), tag_rules=_tag_rules(stage),
    )  # fmt: skip


def earlier_predictions(stage: StageRun) -> list[Prediction]:
    """Return what earlier runs predicted, the oldest first; people of exported plans under the ids of today."""
    runs = earlier_runs(stage.workspace, stage.profile.name, stage.as_of)
    if not runs:
        return []
    people = _people_of_plans(stage)
    predictions = []
    for run in runs:
        tables = {name: _renamed(stage, run, name, columns) for name, columns in _PREDICTED.items()}
        tables["features"] = _recent_behaviour(stage, run)
        present = {name: table for name, table in tables.items() if table is not None}
        predictions.append(Prediction(run.as_of, present, run.stages, people))
    return predictions


def drift_rows(changes: Changes) -> pd.DataFrame:
    """Return the table ``drift``."""
    rows = changes.drift[[*DRIFT_COLUMNS]]
    return rows.assign(level=rows["level"].replace("", None).astype("object"))


def alarm_rows(alarms: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``alerts``."""
    return alarms[[*ALERT_COLUMNS]]


def segment_labels(stage: StageRun) -> dict[str, dict[str, str]]:
    """Return the names of segments, those of the run compared with included."""
    previous = stage.compared_with
    old = (previous.definition() if previous else {}).get("segments") or ()
    then = {str(segment["key"]): segment["name"] for segment in old if isinstance(segment.get("name"), dict)}
    return {**then, **segment_names(stage.workspace, stage.profile.name)}


def tag_registry(stage: StageRun) -> TagRegistry | None:
    """Return the tags of the profile, which name what moved; None where it computes none."""
    return registry_of(stage.workspace, stage.profile) if _TAGGING in stage.profile.stages else None


def orders(stage: StageRun) -> ibis.Table | None:
    """Return the order lines, where they have customers and dates."""
    return stage.tables(["transactions"]).get("transactions")


def categories(stage: StageRun) -> ibis.Table | None:
    """Return the products."""
    return stage.tables(["products"]).get("products")


def compared(stage: StageRun) -> dict[str, Any]:
    """Return the date of the run compared with, and the number of kept runs with a later date."""
    previous = stage.compared_with
    later = [run for run in kept_runs(stage.workspace, stage.profile.name) if run.as_of > stage.as_of]
    return {"compared_as_of": previous.as_of if previous else None, "later_runs": len(later)}


def metrics_so_far(stage: StageRun) -> dict[str, Any]:
    """Return the metrics of the stages before this one, as ``stage.metric``."""
    return {
        f"{name}.{key}": value
        for name, entry in states_so_far(stage).items()
        for key, value in (entry.get("metrics") or {}).items()
    }


def states_so_far(stage: StageRun) -> dict[str, dict[str, Any]]:
    """Return status, settings and metrics of the stages before this one."""
    states = {}
    for name in (name for name in stage.profile.stages if name < stage.stage):
        ran = stage.context.stages.get(name, {})
        summary = {} if ran.get("status") == "skipped" else stage_summary(stage.workspace, stage.profile.name, name)
        states[name] = {
            "status": "done" if summary else "skipped",
            "metrics": summary.get("metrics", {}),
            "settings": summary.get("settings", {}),
        }
    return states


def past_rows(stage: StageRun) -> dict[str, int]:
    """Return the rows before the date of the run, by table: what the next run compares its past with."""
    return {f"rows_before.{name}": n for name, n in count_past(_tables(stage), stage.as_of).items()}


def alarms_before(stage: StageRun) -> pd.DataFrame | None:
    """Return the alarms of the run compared with; None where it had none."""
    previous = stage.compared_with
    return _frame(stage, previous, "alerts") if previous else None


# the two runs ------------------------------------------------------------------------------------

_PREDICTED: dict[str, tuple[str, ...] | None] = {
    "churn": ("churn_probability",), "value": None, "recommendations": ("list", "rank", "product_id", "category"),
    "purchase_propensity": ("category", "purchase_probability"),
}  # fmt: skip


def _tables(stage: StageRun) -> dict[str, ibis.Table]:
    return name_purposes(stage.tables(), stage.setting("consent.words"))


def _state_of_run(stage: StageRun, tables: Mapping[str, ibis.Table], previous: KeptRun) -> RunState:
    features = stage.read("features", lazy=True, missing="none")
    derived = {}
    for name in _CUSTOMER_TABLES:
        table = stage.read(name, lazy=True, missing="none")
        if table is not None:
            derived[name] = to_pandas(table.select("customer_id", *_COLUMNS[name]))
    definition = stage_folder(stage.workspace, stage.profile.name, SEGMENTING) / DEFINITION_FILE
    return RunState(
        stage.as_of,
        RunTables(_ids(features, derived), Columns(features) if features is not None else None, derived),
        states_so_far(stage),
        stage.read("quality_profile", missing="none"),
        count_past(tables, previous.as_of),
        json.loads(definition.read_text(encoding="utf-8")) if "segments" in derived and definition.is_file() else {},
    )


def _kept_state(stage: StageRun, run: KeptRun) -> RunState:
    path = run.path("features")
    features = stage.store.read_file("features", path) if path else None
    derived = {
        name: table for name in _CUSTOMER_TABLES if (table := _renamed(stage, run, name, _COLUMNS[name])) is not None
    }
    ids = _ids(features, derived)
    renamed = rename_customers(ids, *_identities(stage, run)) if features is not None else ids
    metrics = (run.stages.get(_WATCHING) or {}).get("metrics") or {}
    past = {name.removeprefix("rows_before."): n for name, n in metrics.items() if name.startswith("rows_before.")}
    return RunState(
        run.as_of, RunTables(renamed, Columns(features) if features is not None else None, derived), run.stages,
        _frame(stage, run, "quality_profile"), past, run.definition(), int(run.manifest["format"]),
    )  # fmt: skip


def _in_terms_of(then: RunState, now: RunState) -> RunState:
    """Place today's customers by the definition of the earlier run, where a refit has moved its bounds a little."""
    features = now.customers.features
    if not then.definition or not now.definition or features is None or then.definition == now.definition:
        return now
    try:
        definition = SegmentDefinition.from_json(json.dumps(then.definition))
        placed = to_pandas(assign_table(definition, features.table))
    except DataError:  # it needs a column that no longer exists, or was written by another version
        return now
    tables = {**now.customers.tables, PLACED_AS_BEFORE: placed}
    return replace(now, customers=replace(now.customers, tables=tables))


def _tag_rules(stage: StageRun) -> dict[str, TagRule]:
    """Return what each tag rests on, the columns of tags it builds on in place of these."""
    registry = tag_registry(stage)
    tags = registry.tags if registry else {}

    def columns(tag: Tag) -> list[str]:
        names = []
        for name in columns_of_tag(tag):
            base = tags.get(name.removeprefix(TAG)) if name.startswith(TAG) else None
            names += columns(base) if base is not None else [name]
        return names

    return {name: TagRule(tuple(dict.fromkeys(columns(tag))), tag.quantiles is not None) for name, tag in tags.items()}


def _ids(features: ibis.Table | None, derived: Mapping[str, pd.DataFrame]) -> pd.Series:
    if features is not None:
        return pd.Series(features.select("customer_id").to_pyarrow()["customer_id"].to_pandas(), dtype="object")
    everybody = sorted({one for table in derived.values() for one in table["customer_id"] if one != "*"})
    return pd.Series(everybody, dtype="object")


def _frame(stage: StageRun, run: KeptRun, table: str) -> pd.DataFrame | None:
    path = run.path(table)
    return to_pandas(stage.store.read_file(table, path)) if path else None


def _renamed(stage: StageRun, run: KeptRun, table: str, columns: tuple[str, ...] | None) -> pd.DataFrame | None:
    """Return a kept table under today's ids; None where the run lacks it or one of the columns, as of an older form."""
    path = run.path(table)
    if path is None:
        return None
    rows = stage.store.read_file(table, path)
    wanted = rows.columns if columns is None else ("customer_id", *columns)
    if not set(wanted) <= set(rows.columns):
        return None
    frame = to_pandas(rows.select(*wanted))
    names = rename_customers(frame["customer_id"].drop_duplicates(), *_identities(stage, run))
    today = dict(zip(frame["customer_id"].drop_duplicates(), names, strict=True))
    return frame.assign(customer_id=frame["customer_id"].map(today))


def _recent_behaviour(stage: StageRun, run: KeptRun) -> pd.DataFrame | None:
    """Return what simple baselines predict from: days since the last order, orders and spend of windows."""
    path = run.path("features")
    if path is None:
        return None
    names = [name for name in stage.store.read_file("features", path).columns if _RECENT.fullmatch(name)]
    return _renamed(stage, run, "features", tuple(names)) if names else None


def _identities(stage: StageRun, run: KeptRun) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    names = ["source", "source_id", "customer_id"]
    path = run.path("identities")
    present = stage.store.path("identities").is_file()
    if path is None or not present:
        return None, None
    if path.samefile(stage.store.path("identities").resolve()):
        return None, None
    then, now = stage.store.read_file("identities", path), stage.store.read("identities")
    return to_pandas(then.select(*names)), to_pandas(now.select(*names))


def withdrawn_customers(stage: StageRun, customers: pd.Series) -> list[str]:
    """Return the customers of the earlier run who may not be profiled today: they refuse it or are restricted.

    Whoever was erased is in no kept run any more. Whoever is in no source any more has left, even where consent is
    refused by default.
    """
    return sorted(set(customers.astype("str")) & left_out(stage))


def _usual(stage: StageRun, previous: KeptRun) -> dict[tuple[str, str], float]:
    """Return how much the same customers changed between the two runs before, for as many days as now."""
    drift = _frame(stage, previous, "drift")
    metrics = (previous.stages.get(_WATCHING) or {}).get("metrics") or {}
    days = metrics.get("days_compared")
    if drift is None or not days:
        return {}
    scale = (stage.as_of - previous.as_of).days / float(days)
    same = drift[(drift["population"] == "same") & drift["change"].notna()]
    return {(row.subject, row.name): scale * float(row.change) for row in same.itertuples(index=False)}


def _season(stage: StageRun, previous: KeptRun) -> RunTables | None:
    """Return the customers of the run of the same season a year ago; None where it is not kept."""
    runs = earlier_runs(stage.workspace, stage.profile.name, stage.as_of)
    near = [run for run in runs if abs((stage.as_of - run.as_of).days - _SEASON_DAYS) <= _NEAR_DAYS]
    near = [run for run in near if run.run_id != previous.run_id]
    if not near:
        return None
    closest = min(near, key=lambda run: (abs((stage.as_of - run.as_of).days - _SEASON_DAYS), run.as_of))
    return _kept_state(stage, closest).customers


def _people_of_plans(stage: StageRun) -> pd.DataFrame:
    """Return the people of exported plans, with the gain that was expected of their action."""
    people = frozen_people(stage.workspace, stage.profile.name, stage.as_of)
    if people.empty:
        return people
    plans = frozen_plans(stage.workspace, stage.profile.name)
    planned = pd.concat([plan.actions()[["plan", "action", "expected_gain"]] for plan in plans])
    gains = planned.groupby(["plan", "action"], as_index=False)["expected_gain"].mean()
    return people.merge(gains, on=["plan", "action"], how="left")
