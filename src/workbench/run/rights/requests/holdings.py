"""All data about a person as one value: rows, tags with their meaning, scores in words, exports."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.core.schema import CANONICAL, CONTACT_COLUMNS
from workbench.core.stages import TABLES
from workbench.core.store.tables import to_pandas
from workbench.intake.reading.layouts import read_layout
from workbench.intake.reading.places import present_files
from workbench.report.text import say
from workbench.run.artifacts.corrections import read_corrections
from workbench.run.artifacts.plans import frozen_plans, plans_folder
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.services.consent import MARKETING, PROFILING, RECOMMENDATION, ConsentService

if TYPE_CHECKING:
    from workbench.core.section import Words
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import Person, ProfilePeople

__all__ = ["exports_of", "holdings_of"]

_SCORES = ("features", "rfm", "segments", "churn", "churn_reasons", "purchase_propensity", "answers", "value",
           "next_purchase", "uplift", "recommendations", "actions")  # fmt: skip
_OTHER_PEOPLE = ("other_id", "referrer_customer_id")  # ids of other people, hidden in the export


def holdings_of(
    workspace: Workspace, person: Person, every: Iterable[ProfilePeople], *, today: dt.date, language: str
) -> dict[str, Any]:
    """Return all data about a person, by profile.

    Parameters
    ----------
    workspace : Workspace
    person : Person
    every : iterable of ProfilePeople
    today : datetime.date
    language : str
        Language of labels and definitions.
    """
    profiles = {people.name: people for people in every if people.name in person.records}
    return {
        "made_on": today.isoformat(),
        "language": language,
        "profiles": {
            name: _of_profile(workspace, people, person, language=language) for name, people in profiles.items()
        },
    }


def _of_profile(workspace: Workspace, people: ProfilePeople, person: Person, *, language: str) -> dict[str, Any]:
    ids = person.customer_ids(people.name)
    records = person.records[people.name]
    present = people.store.present()
    tables = {name: _rows(people, name, ids) for name in CANONICAL if name in present}
    scores = {name: _rows(people, name, ids) for name in _SCORES if name in present}
    own_tables = [name for name in sorted(present) if name not in TABLES and name.startswith("own_")]
    return {
        "question": people.profile.goal.question if people.profile.goal else "",
        "customer_ids": ids,
        "contact": _contact(records),
        "sources": _sources(workspace, people, records),
        "purposes": _purposes(workspace, people, ids),
        "records": {name: rows for name, rows in tables.items() if rows},
        "tags": _tags(workspace, people, ids, language) if "tags" in present else [],
        "scores": {name: rows for name, rows in scores.items() if rows},
        "logic": {name: say(f"subject_logic_{name}", language) for name, rows in scores.items() if rows},
        "own_tables": {name: rows for name in own_tables if (rows := _rows(people, name, ids))},
        "exports": exports_of(workspace, people, records),
        "corrections": [entry for entry in read_corrections(workspace) if _is_of(entry, people.name, records)],
        "retention_days": _retention(people),
    }


def _rows(people: ProfilePeople, table: str, ids: list[str]) -> list[dict[str, Any]]:
    expression = people.store.read(table)
    if "customer_id" not in expression.columns:
        return []
    rows = expression.filter(expression.customer_id.isin(ids))
    for column in _OTHER_PEOPLE:
        if column in rows.columns:
            rows = rows.mutate(**{column: ibis.ifelse(rows[column].isnull(), ibis.null("string"), ibis.literal("*"))})
    return _plain(to_pandas(rows))


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    frame = frame.dropna(axis="columns", how="all")
    return [
        {name: _value(value) for name, value in row.items() if not _is_missing(value)}
        for row in frame.to_dict("records")
    ]


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, (list, dict)) and bool(pd.isna(value)))


def _value(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat(" ") if value.time() != dt.time() else value.date().isoformat()
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _contact(records: pd.DataFrame) -> list[dict[str, str]]:
    columns = [
        "source",
        "source_id",
        *(name for name in (*CONTACT_COLUMNS, "member_number", "birth_date") if name in records),
    ]
    return _plain(records[columns])


def _sources(workspace: Workspace, people: ProfilePeople, records: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the files with rows of the person, and the columns that are read."""
    spaces = set(records["source"]) - {""}
    entries = []
    for name, source in people.profile.sources.items():
        files = present_files(source, workspace.root)
        if not files or (spaces and name not in spaces and source.people not in spaces and source.table == "customers"):
            continue
        if "customer_id" not in source.columns and "source_id" not in source.columns:
            continue
        columns = read_layout(source, files[0]).columns
        entries.append({"source": name, "table": source.table, "files": [workspace.relative(path) for path in files],
                        "columns": sorted(columns)})  # fmt: skip
    return entries


def _purposes(workspace: Workspace, people: ProfilePeople, ids: list[str]) -> list[dict[str, Any]]:
    """Return for each purpose whether the person may be named today, or the reason why not."""
    consent = ConsentService(workspace, people.profile, people.store, dt.date.today())
    customers = ibis.memtable({"customer_id": ids}, schema={"customer_id": "string"})
    purposes = []
    for purpose in (PROFILING, MARKETING, RECOMMENDATION, "research"):
        rows = to_pandas(consent.verdicts(customers, purpose))
        reasons = sorted(set(rows.loc[~rows["permitted"].astype(bool), "reason"]))
        purposes.append({"purpose": purpose, "permitted": not reasons, "reason": ", ".join(reasons)})
    return purposes


def _tags(workspace: Workspace, people: ProfilePeople, ids: list[str], language: str) -> list[dict[str, Any]]:
    definitions = registry_of(workspace, people.profile).tags
    tags = []
    for row in _rows(people, "tags", ids):
        tag = definitions.get(row["tag"])
        entry = dict(row)
        if tag is not None:
            entry |= {"name": _words(tag.name, language), "kind": tag.kind, "purpose": tag.purpose,
                      "meaning": _words(tag.business, language),
                      "definition": _words(tag.technical, language)}  # fmt: skip
        tags.append(entry)
    return tags


def _words(text: Words, language: str) -> str:
    return text.zh if language == "zh" else text.en


def exports_of(workspace: Workspace, people: ProfilePeople, records: pd.DataFrame) -> list[dict[str, Any]]:
    """List the plans, exports and lists with a row of the person."""
    ids = {*records["customer_id"], *records["source_id"]}
    entries: list[dict[str, Any]] = []
    if plans_folder(workspace, people.name).is_dir():
        for plan in frozen_plans(workspace, people.name):
            rows = plan.actions()
            person_rows = rows[rows["customer_id"].isin(ids)]
            entries += [{"plan": plan.plan, "action": row.action, "arm": row.arm,
                         "exported": [entry["exported_at"] for entry in plan.manifest["exports"]]}
                        for row in person_rows.itertuples()]  # fmt: skip
    folders = (workspace.reports(people.name) / "people", workspace.reports(people.name) / "latest" / "people")
    for path in sorted({path for folder in folders for path in folder.rglob("*.csv")}):
        if _has_row(path, ids):
            entries.append({"list": workspace.relative(path.resolve())})
    return entries


def _has_row(path: Path, ids: set[str]) -> bool:
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        return any(ids & {cell.strip() for cell in row} for row in csv.reader(file))


def _is_of(entry: Mapping[str, Any], profile: str, records: pd.DataFrame) -> bool:
    keys = set(zip(records["source"], records["source_id"], strict=True))
    return entry["profile"] == profile and (entry["source"], entry["source_id"]) in keys


def _retention(people: ProfilePeople) -> Any:
    retention = getattr(people.profile.run, "retention", None)
    return json.loads(retention.model_dump_json()) if retention is not None else None
