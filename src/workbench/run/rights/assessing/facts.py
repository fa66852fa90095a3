"""Facts about a profile's processing of personal data, for `workbench assess`."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow.compute as pc

from workbench.analysis.intervals import wilson
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS
from workbench.core.tags.items import ITEMS
from workbench.intake.identity.vault import Vault, find_key
from workbench.intake.privacy.tombstone_file import OUTSIDE_VARIABLE, tombstones_path
from workbench.intake.reading.places import present_files
from workbench.run.artifacts.audit import HEAD_VARIABLE, audit_path
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.plans import frozen_plans, plans_folder
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.rights.requests.register import read_register
from workbench.run.rights.traces.journal import open_journals
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["assessment_facts"]

_FIRST, _FEATURES, _TAGS, _PLAN = "01_check_quality", "03_build_features", "12_tag_customers", "11_plan_actions"
_MODELS = {"08_predict_churn": ("churn", "purchase_propensity", "answers"), "09_value_customers": ("value",),
           "06_segment_customers": ("segments",), "07_mine_affinities": ("recommendations",),
           "10_measure_experiments": ("uplift",)}  # fmt: skip
_GROUPS = ("gender", "age_band", "province", "city", "country")
_SENSITIVE_COLUMNS = ("ethnicity", "religion", "document_id")
_AGES = (0, 18, 25, 35, 45, 55, 65, 200)  # years: bounds of the age groups compared, derived from birth dates
_MOST_LEVELS, _GAP = 12, 1.25  # report a significant ratio of shares above 1.25


def assessment_facts(
    workspace: Workspace, profile: Profile, permissions: Mapping[str, Mapping[str, int]], *, today: dt.date,
    models: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Gather the facts of an assessment.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    permissions : mapping
        Purpose to reason ("" if permitted) to number of customers, as of today.
    today : datetime.date
    models : list of dict
        Registered models: name, version, champion, trained on, due for retraining.
    """
    store = store_of(workspace, profile)
    first = stage_summary(workspace, profile.name, _FIRST)
    metrics = first.get("metrics", {})
    built = stage_summary(workspace, profile.name, _FEATURES).get("metrics", {})
    requests = [request for request in read_register(workspace) if request.profile == profile.name]
    return {
        "profile": profile.name,
        "made_on": today.isoformat(),
        "as_of": first.get("as_of"),
        "goal": profile.goal.model_dump(mode="json"),
        "customers": built.get("customers"),
        "not_profiled": built.get("not_profiled", metrics.get("not_profiled", 0)),
        "has_consents": any(source.table == "consents" for source in profile.sources.values()),
        "permissions": {purpose: dict(counts) for purpose, counts in permissions.items()},
        "legal_basis": dict(profile.consent.legal_basis),
        "minors_under": profile.consent.minors_under,
        "sources": [_source(workspace, profile, name) for name in profile.sources],
        "tags": _tags(workspace, profile),
        "sensitive_items": list(getattr(profile.sections.get(_TAGS), "sensitive_items", [])),
        "stages": list(profile.stages),
        "scores": [
            {"stage": stage, "table": table, "rows": store.read(table).count().execute()}
            for stage, tables in _MODELS.items() if stage in profile.stages
            for table in tables if table in store.present()
        ],
        "models": models,
        "exports": _exports(workspace, profile),
        "retention": _retention(profile),
        "requests": [
            {"number": entry.number, "kind": entry.kind, "people": entry.people, "received": entry.received,
             "due": entry.due, "done": entry.done, "identity": bool(entry.identity), "late": entry.is_late(today)}
            for entry in requests
        ],
        "masked_cells": sum(int(count) for key, count in metrics.items() if ".masked." in key),
        "vault": Vault.of(workspace, profile.name).path.is_file(),
        "key": find_key(workspace) is not None,
        "min_cell": profile.run.min_cell,
        "audit_lines": _lines(workspace),
        "audit_head": bool(os.environ.get(HEAD_VARIABLE)),
        "tombstones": tombstones_path(workspace).is_file(),
        "tombstones_outside": bool(os.environ.get(OUTSIDE_VARIABLE)),
        "unfinished_erasures": len(open_journals(workspace)),
        "offers": _offers(store, profile),
    }  # fmt: skip


def _source(workspace: Workspace, profile: Profile, name: str) -> dict[str, Any]:
    source = profile.sources[name]
    columns = [*source.columns, *source.attributes]
    sensitive = [column for column in columns if column in _SENSITIVE_COLUMNS]
    return {
        "source": name, "table": source.table, "path": source.path,
        "files": len(present_files(source, workspace.root)), "columns": columns,
        "contact": [column for column in columns if column in CONTACT_COLUMNS], "sensitive": sensitive,
        "known": source.table in CANONICAL,
    }  # fmt: skip


def _tags(workspace: Workspace, profile: Profile) -> list[dict[str, Any]]:
    if _TAGS not in profile.stages:
        return []
    return [
        {"tag": name, "item": tag.item, "kind": tag.kind, "purpose": tag.purpose, "sensitive": tag.sensitive,
         "sensitive_item": ITEMS[tag.item].sensitive, "owner": tag.owner, "ttl_days": tag.ttl_days,
         "consent": tag.consent, "name": {"en": tag.name.en, "zh": tag.name.zh}}
        for name, tag in registry_of(workspace, profile).tags.items() if tag.status == "published"
    ]  # fmt: skip


def _exports(workspace: Workspace, profile: Profile) -> list[dict[str, Any]]:
    entries = []
    if plans_folder(workspace, profile.name).is_dir():
        for plan in frozen_plans(workspace, profile.name):
            entries += [
                {"what": plan.plan, "on": entry["exported_at"][:10], "layout": entry.get("layout", ""),
                 "contacts": entry.get("contacts") or "", "rows": sum(file.get("rows", 0) for file in entry["files"])}
                for entry in plan.manifest["exports"]
            ]  # fmt: skip
    for line in _audit(workspace):
        facts = line.get("facts", {})
        if line.get("event") == "export" and facts.get("profile") == profile.name and "plan" not in facts:
            entries.append({"what": str(facts.get("what", "export")), "on": str(line.get("at", ""))[:10], "layout": "",
                            "contacts": "", "rows": facts.get("people", facts.get("rows", 0))})  # fmt: skip
    return entries


def _audit(workspace: Workspace) -> list[dict[str, Any]]:
    path = audit_path(workspace)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _lines(workspace: Workspace) -> int:
    return len(_audit(workspace))


def _retention(profile: Profile) -> Any:
    retention = getattr(profile.run, "retention", None)
    return json.loads(retention.model_dump_json()) if retention is not None else None


def _offers(store: Store, profile: Profile) -> list[dict[str, Any]]:
    """Compare the share of customers with each action between groups; groups that are too small are left out."""
    if not {"actions", "customers"} <= store.present() or "customer_id" not in store.read("actions").columns:
        return []
    customers = store.read("customers")
    columns = [name for name in _GROUPS if name in customers.columns]
    people = (
        store.read("features").select("customer_id").left_join(customers.select("customer_id", *columns), "customer_id")
    )
    people = people.drop("customer_id_right") if "customer_id_right" in people.columns else people
    features = store.read("features")
    if "age_band" not in columns and "age" in features.columns:
        bands = features.age.bucket(_AGES).cast("int64")
        names = ibis.cases(*((bands == at, _band(at)) for at in range(len(_AGES) - 1)), else_=ibis.null("string"))
        people = people.left_join(features.select("customer_id", age_band=names), "customer_id")
        people = people.drop(*(name for name in people.columns if name.endswith("_right")))
        columns = ["age_band", *columns]
    actions = store.read("actions")
    treated = actions.filter(actions.arm == "treat").select("customer_id", "action").to_pyarrow()
    frame, entries = people.to_pyarrow(), []
    for action in sorted(set(treated["action"].to_pylist())):
        chosen = set(treated.filter(pc.equal(treated["action"], action))["customer_id"].to_pylist())
        for column in columns:
            entries += _compared(frame["customer_id"].to_pylist(), frame[column].to_pylist(), chosen, action, column,
                                 least=profile.run.min_cell)  # fmt: skip
    return entries


def _band(at: int) -> str:
    return f"{_AGES[at]}-{_AGES[at + 1] - 1}" if at < len(_AGES) - 2 else f"{_AGES[at]}+"  # the last has no end


def _compared(
    ids: list[str], groups: list[Any], chosen: set[str], action: str, column: str, *, least: int
) -> list[dict[str, Any]]:
    sizes: dict[str, list[int]] = {}
    for customer, group in zip(ids, groups, strict=True):
        if group is not None:
            counts = sizes.setdefault(str(group), [0, 0])
            counts[0] += 1
            counts[1] += customer in chosen
    large = {group: counts for group, counts in sizes.items() if counts[0] >= least and counts[1] >= least}
    rows: list[dict[str, Any]] = []
    for group, (customers, offered) in sorted(large.items(), key=lambda item: -item[1][0])[:_MOST_LEVELS]:
        low, high = wilson(offered, customers)
        rows.append({"action": action, "column": column, "group": group, "customers": customers,
                     "share": offered / customers, "low": float(low), "high": float(high)})  # fmt: skip
    gap = False
    if rows:
        best, worst = max(rows, key=_share), min(rows, key=_share)
        gap = float(best["low"]) > float(worst["high"]) and _share(best) > _GAP * _share(worst)
    return [row | {"gap": gap} for row in rows]


def _share(row: Mapping[str, Any]) -> float:
    return float(row["share"])
