"""Audiences: read a rule, count its members, compare, expand, export with a manifest (``workbench audience``)."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.audiences.attributes import SOURCES, attribute_kinds, attributes
from workbench.analysis.audiences.look_alike import LookAlike, find_look_alikes
from workbench.analysis.audiences.origins import made_by_rule
from workbench.analysis.audiences.overlap import overlap
from workbench.analysis.audiences.recommended import RECOMMENDATIONS
from workbench.analysis.audiences.select import (
    Knowledge,
    check_audience,
    compared_in,
    funnel,
    members,
    named_columns,
    standing,
)
from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.exports import export_csv, export_parquet, export_xlsx
from workbench.core.files import digest_json, write_json
from workbench.core.params.profile import load_profile
from workbench.core.schema import CANONICAL, UNDATED
from workbench.core.store.tables import digest_table, to_pandas
from workbench.core.write_back import write_back
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.definitions.audience_rules import audience_paths, named_rules, read_rule, rule_of
from workbench.run.definitions.tag_purposes import check_purposes
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.services.consent import ConsentService
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Audience
    from workbench.core.workspace import Workspace

__all__ = ["FORMS", "AudienceService", "Estimate"]

FORMS = ("csv", "xlsx", "parquet", "sql")
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Estimate:
    """The size of an audience today.

    Attributes
    ----------
    audience : Audience
    as_of : datetime.date
    funnel : DataFrame
        The result of ``select.funnel``.
    members : int
        After the limit.
    reachable : int
        Members with consent that are not suppressed.
    consent_recorded : bool
    purposes : tuple of str
        Purposes for which consents exist; an audience with another purpose reaches nobody.
    """

    audience: Audience
    as_of: dt.date
    funnel: pd.DataFrame
    members: int
    reachable: int
    consent_recorded: bool
    purposes: tuple[str, ...] = ()


class AudienceService:
    """The customers of one profile after its last run, and the rules of its workspace.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Raises
    ------
    ProfileError
        No such profile.
    DataError
        The profile has not been run yet.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.workspace = workspace
        self.profile = load_profile(workspace, profile)
        self.store = store_of(workspace, self.profile)
        if "features" not in self.store.present():
            raise DataError(Fault(f"profile {profile}", "no customers yet", "", f"Run: workbench run {profile}"))

    # rules --------------------------------------------------------------------------------------

    def rule(self, text: str) -> Audience:
        """Read a rule: the name of a file in params/audiences, a YAML file of the workspace, or an expression."""
        if text.endswith((".yaml", ".yml")) and text not in self.named_paths:
            path = self.workspace.resolve(text)
            if not path.is_file():
                names = [*self.named_paths, *(f"{name}.yaml" for name in self.named_paths)]
                raise DataError(Fault("audience", f"no file {text}", "", did_you_mean(text, names)))
            return read_rule(self.workspace, path)
        return rule_of(self.workspace, text)

    @cached_property
    def named_paths(self) -> dict[str, Path]:
        """Rule name to path, for the files in params/audiences."""
        return audience_paths(self.workspace)

    @cached_property
    def named(self) -> dict[str, Audience]:
        """Rule name to audience, for the files in params/audiences."""
        return named_rules(self.workspace)

    # results of a rule --------------------------------------------------------------------------

    @cached_property
    def knowledge(self) -> Knowledge:
        """The tables, the date and the rules against which a rule is evaluated."""
        present = self.store.present()
        dated = [name for name, table in CANONICAL.items() if table.dated_by]
        tables = {name: self.store.read(name) for name in (*SOURCES, *dated, RECOMMENDATIONS) if name in present}
        tables = name_purposes(tables, self.profile.consent.words)
        return Knowledge(tables, self.as_of, self.named)

    @property
    def as_of(self) -> dt.date:
        """The date of the run that wrote the features."""
        as_of = stage_summary(self.workspace, self.profile.name, "03_build_features").get("as_of")
        return dt.date.fromisoformat(as_of) if as_of else UNDATED

    @cached_property
    def consent(self) -> ConsentService:
        """The consents of the profile."""
        return ConsentService(self.workspace, self.profile, self.store, self.as_of)

    def estimate(self, audience: Audience) -> Estimate:
        """Count the members of an audience after each clause; write nothing."""
        check_audience(audience, self.knowledge)
        table = standing(audience, self.knowledge)
        steps = funnel(audience, table)
        count = min(int(steps["left"].iloc[-1]), audience.limit.customers if audience.limit else 2**62)
        reachable_count = int(self._reachable(audience, members(audience, table)).count().to_pandas())
        return Estimate(audience, self.as_of, steps, count, reachable_count, self.consent.recorded, self._purposes())

    def absent_values(self, audience: Audience) -> list[str]:
        """List the values in a rule that no customer has, each with the nearest existing value."""
        kinds, messages = attribute_kinds(self.knowledge.tables), []
        for column, text in compared_in(audience, self.knowledge):
            if kinds.get(column) != "category":
                continue
            table = attributes(self.knowledge.tables, [column])
            values = table.select(column).distinct().to_pyarrow().column(column).to_pylist()
            if text not in values:
                remedy = did_you_mean(text, [value for value in values if value is not None])
                messages.append(f"no customer has {column} '{text}'. {remedy}")
        return messages

    def members(self, audience: Audience) -> ibis.Table:
        """Return customer_id and the export columns of every member, reachable or not."""
        check_audience(audience, self.knowledge)
        return members(audience, standing(audience, self.knowledge))

    def overlaps(self, audience: Audience) -> pd.DataFrame:
        """Count the customers that the audience shares with each applicable rule in params/audiences."""
        tables = {audience.name: self.members(audience)}
        for name, other in self.named.items():
            if name == audience.name:
                continue
            try:
                tables[name] = self.members(other)
            except ProfileError:  # a rule with columns that this data lacks
                continue
        pairs = overlap(tables, customers=int(self.knowledge.tables["features"].count().to_pandas()))
        involved = (pairs["first"] == audience.name) | (pairs["second"] == audience.name)
        return pairs[involved].reset_index(drop=True)

    def look_alikes(self, audience: Audience, *, seed: int = 0) -> LookAlike:
        """Rank the customers outside an audience by similarity to it."""
        inside = to_pandas(self.members(audience).select("customer_id"))["customer_id"]
        return find_look_alikes(self.store.frame("features"), set(inside), left_out=self.made_by(audience), seed=seed)

    def made_by(self, audience: Audience) -> tuple[str, ...]:
        """List the columns that the rule uses, which tell nothing new about its members."""
        return made_by_rule(audience, self.knowledge, registry_of(self.workspace, self.profile).tags)

    # files ----------------------------------------------------------------------------------------

    def export(self, audience: Audience, form: str, *, variable: str | None = None) -> dict[str, Any]:
        """Write the reachable members with a manifest, and return the manifest.

        The folder is reports/<profile>/audiences/<name>/<version>. The version is a digest of rule, date and members;
        the manifest lists every export of the version.
        """
        if form not in FORMS:
            raise ProfileError(Fault("--export", f"'{form}'", "", did_you_mean(form, FORMS)))
        if (form == "sql") != (variable is not None):
            remedy = "Name the environment variable with the database's URL: --to NAME, only with --export sql"
            raise ProfileError(Fault("--to", f"{variable!r} with --export {form}", "", remedy))
        estimate = self.estimate(audience)
        if not estimate.reachable:
            recorded = f"Purposes with recorded consent: {', '.join(estimate.purposes)}" if estimate.purposes else ""
            remedy = "See --estimate for the clauses"
            raise DataError(Fault(f"audience {audience.name}", "nobody to export", recorded, remedy))
        self._check_purposes(audience)
        rows = self._reachable(audience, self.members(audience))
        rule = _plain(audience)
        digest = digest_table(rows)
        version = digest_json([rule, self.as_of.isoformat(), digest])[:12]
        folder = self.workspace.reports(self.profile.name) / "audiences" / audience.name / version
        manifest = {
            "audience": audience.name, "version": version, "profile": self.profile.name, "purpose": audience.purpose,
            "as_of": self.as_of.isoformat(), "rule": rule, "members": estimate.members, "exported": estimate.reachable,
            "without_consent_or_suppressed": estimate.members - estimate.reachable,
            "consent": "as of the export" if estimate.consent_recorded else "not recorded in this profile",
            "columns": list(rows.columns), "digest": digest, "funnel": estimate.funnel.to_dict("records"),
        }  # fmt: skip
        with hold_workspace(self.workspace, "workbench audience --export", wait_seconds=_WAIT_SECONDS):
            folder.mkdir(parents=True, exist_ok=True)
            facts = {"audience": audience.name, "version": version, "form": form, "customers": estimate.reachable}
            append_audit(self.workspace, "export", profile=self.profile.name, **facts)
            target = self._write(rows, form, folder, manifest, variable=variable)
            entry = {"form": form, "target": target, "exported_at": dt.datetime.now(dt.UTC).isoformat("T", "seconds")}
            path = folder / "manifest.json"
            earlier = json.loads(path.read_text(encoding="utf-8"))["exports"] if path.is_file() else []
            write_json(path, manifest | {"exports": [*earlier, entry]})
        return manifest | entry

    def _check_purposes(self, audience: Audience) -> None:
        """Refuse an export that uses a tag, in its rule or its columns, whose purpose changed."""
        columns = {*named_columns(audience, self.knowledge), *audience.columns}
        check_purposes(self.workspace, self.profile.name, registry_of(self.workspace, self.profile), columns)

    def _write(
        self, rows: ibis.Table, form: str, folder: Path, manifest: Mapping[str, Any], *, variable: str | None
    ) -> str:
        name = manifest["audience"]
        if form == "sql":
            write_back(rows, variable=variable or "", table=f"audience_{name}", version=manifest["version"])
            return f"env:{variable}, table audience_{name}"
        path = folder / f"{name}.{form}"
        if form == "xlsx":
            export_xlsx(rows, path)
        else:
            (export_csv if form == "csv" else export_parquet)(self.store.engine, rows, path)
        return self.workspace.relative(path)

    def _purposes(self) -> tuple[str, ...]:
        consents = self._consents()
        if consents is None:
            return ()
        purposes = consents.select(purpose=consents.purpose.strip()).distinct().to_pyarrow().column("purpose")
        return tuple(sorted(purpose for purpose in purposes.to_pylist() if purpose))

    def _consents(self) -> ibis.Table | None:
        return self.knowledge.tables.get("consents")

    def _reachable(self, audience: Audience, inside: ibis.Table) -> ibis.Table:
        return self.consent.keep(inside, audience.purpose, also_never=self._suppressed(audience))

    def _suppressed(self, audience: Audience) -> set[str]:
        if not audience.suppress:
            return set()
        path = self.workspace.resolve(audience.suppress)
        if not path.is_file():
            raise DataError(Fault("suppress", f"no file {audience.suppress}", "A CSV with customer_id", "Add it"))
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if "customer_id" not in (rows.fieldnames or []):
                problem = f"columns {', '.join(rows.fieldnames or [])}"
                raise DataError(Fault(audience.suppress, problem, "A column customer_id", "Rename the column"))
            ids = {row["customer_id"].strip() for row in rows if (row["customer_id"] or "").strip()}
        customers_by_id = self.consent.customers_of(ids)
        if ids and not customers_by_id:
            problem = f"none of its {len(ids):,} ids is a customer"
            expected = "Ids of the workbench or of a source, in the column customer_id"
            raise DataError(Fault(audience.suppress, problem, expected, "Check that it belongs to this profile"))
        return set().union(*customers_by_id.values())


def _plain(audience: Audience) -> dict[str, Any]:
    """Return a rule as JSON-compatible values for the manifest."""
    limit = audience.limit
    return {
        "all": [clause.words for clause in audience.rule], "exclude": [clause.words for clause in audience.exclude],
        "limit": f"{limit.customers} with the {limit.order} {limit.by}" if limit else None,
    }  # fmt: skip
