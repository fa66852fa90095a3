"""What ``workbench tags`` does: the registry listed, a tag shown, tags tried on today's customers without writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.tags.columns import TAG
from workbench.analysis.tags.compiling import columns_of_tag
from workbench.analysis.tags.coverage import count_values
from workbench.analysis.tags.tagging import Tagged, TagOptions, days_of_data, tag_customers, tag_options
from workbench.analysis.tags.tracing import Trace, trace_tag
from workbench.core.errors import DataError, Fault, ProfileError, nearest
from workbench.core.params.profile import load_profile
from workbench.core.schema import UNDATED
from workbench.core.stages import STAGES
from workbench.core.store.tables import Store
from workbench.intake.features.inputs.keep import keeping
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.tag_registry import registry_of

if TYPE_CHECKING:
    from workbench.core.tags.definition import Tag
    from workbench.core.tags.registry import TagRegistry
    from workbench.core.workspace import Workspace

__all__ = ["Preview", "TagService"]

_STAGE = "12_tag_customers"
_NEAREST = 2000  # ids among which the nearest is looked for


@dataclass(frozen=True)
class Preview:
    """One tag tried on today's customers.

    Attributes
    ----------
    tag : Tag
    customers, known : int
        Customers in all, and those of whom the tag is known.
    values : pandas.DataFrame
        value, customers, share.
    overlap : dict of str to int or None
        Customers by what changes against the tables of the last run: same, changed, gained, lost; None where the tag
        was not computed then.
    """

    tag: Tag
    customers: int
    known: int
    values: pd.DataFrame
    overlap: dict[str, int] | None


class TagService:
    """The registry of one profile, and its customers of today.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Raises
    ------
    ProfileError
        No such profile, or the registry cannot be read.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.profile = load_profile(workspace, profile)
        self.registry: TagRegistry = registry_of(workspace, self.profile)
        self._workspace = workspace
        limits = {"memory_limit_gb": self.profile.run.memory_limit_gb, "threads": self.profile.run.threads}
        self.store = Store(workspace, profile, **limits)

    def counts(self) -> dict[str, int]:
        """Return the customers of whom each tag is known, by the last run; empty before it."""
        if not self.store.path("tag_values").is_file():
            return {}
        return self.store.frame("tag_values").groupby("tag")["customers"].sum().astype(int).to_dict()

    def preview(self, names: Sequence[str]) -> list[Preview]:
        """Compute tags, drafts too, with those they name, in the engine; nothing is written.

        Raises
        ------
        ProfileError
            An unknown tag, or one that looks back further than the data reaches.
        DataError
            The customers are not there yet, or the data lacks what a tag needs.
        """
        tags = self._with_named([self.registry.find(name) for name in names])
        tables = self._tables()
        as_of = self._as_of()
        with keeping(self.store.engine) as keep:
            found = tag_customers(
                tables, tags, as_of=as_of, options=self._options(), keep=keep,
                days_covered=days_of_data(tables, as_of=as_of),
            )  # fmt: skip
            self._refuse(names, found)
            now = keep(found.portraits)
            values = count_values(now, found.computed)
            return [self._one(self.registry.tags[name], now, values) for name in dict.fromkeys(names)]

    def trace(self, name: str, customer: str, *, most: int = 20) -> tuple[Trace, dict[str, Any]]:
        """Follow a customer's tag down to the rows behind it; beside it its row in the table of the last run, if any.

        Raises
        ------
        ProfileError
            An unknown tag, or one that looks back further than the data reaches.
        DataError
            An unknown customer, with the nearest id, or the data lacks what the tag needs.
        """
        tag = self.registry.find(name)
        tables, as_of = self._tables(), self._as_of()
        self._check_customer(tables["features"], customer)
        found = tag_customers(
            tables, self._with_named([tag]), as_of=as_of, options=self._options(),
            days_covered=days_of_data(tables, as_of=as_of),
        )  # fmt: skip
        self._refuse([name], found)
        return trace_tag(tables, found, tag, customer, as_of=as_of, max_rows=most), self._last_row(name, customer)

    def _check_customer(self, features: ibis.Table, customer: str) -> None:
        if not features.filter(features.customer_id == customer).count().to_pyarrow().as_py():
            near = features.select("customer_id").order_by("customer_id").limit(_NEAREST).to_pandas()["customer_id"]
            remedy = "It may have been erased, or merged into another by 02_resolve_identity"
            raise DataError(Fault("--customer", f"no customer '{customer}'", nearest(customer, near), remedy))

    def _last_row(self, name: str, customer: str) -> dict[str, Any]:
        if not self.store.path("tags").is_file():
            return {}
        tags = self.store.read("tags")
        rows = tags.filter((tags.customer_id == customer) & (tags["tag"] == name)).to_pyarrow().to_pylist()
        return rows[0] if rows else {}

    def _one(self, tag: Tag, now: ibis.Table, values: pd.DataFrame) -> Preview:
        mine = values[values["tag"] == tag.id].drop(columns="tag").reset_index(drop=True)
        customers = int(now.count().execute())
        return Preview(tag, customers, int(mine["customers"].sum()), mine, self._overlap(tag, now))

    def _overlap(self, tag: Tag, now: ibis.Table) -> dict[str, int] | None:
        if not self.store.path("portraits").is_file():
            return None
        last = self.store.read("portraits")
        if tag.id not in last.columns:
            return None
        past = last.select(_customer=last.customer_id, before=last[tag.id])
        both = now.select("customer_id", now=now[tag.id]).outer_join(past, [("customer_id", "_customer")])
        today, before = both["now"], both["before"]
        counts = {
            "same": (today == before),
            "changed": (today != before),
            "gained": today.notnull() & before.isnull(),
            "lost": today.isnull() & before.notnull(),
        }
        row = both.aggregate(**{name: each.fill_null(False).cast("int64").sum() for name, each in counts.items()})
        return {name: int(n or 0) for name, n in row.to_pyarrow().to_pylist()[0].items()}

    def _with_named(self, tags: Sequence[Tag]) -> list[Tag]:
        """Add the tags that tags name."""
        found = {tag.id: tag for tag in tags}
        waiting = list(tags)
        while waiting:
            for name in columns_of_tag(waiting.pop()):
                other = name.removeprefix(TAG)
                if name.startswith(TAG) and other not in found and other in self.registry.tags:
                    found[other] = self.registry.tags[other]
                    waiting.append(found[other])
        return list(found.values())

    def _tables(self) -> dict[str, ibis.Table]:
        mine = {table for stage in self.profile.stages for table in STAGES[stage].writes}
        present = self.store.present() & mine
        if "features" not in present:
            found = f"features.parquet not found for profile {self.profile.name}"
            raise DataError(Fault("", found, "It is written by 03_build_features", "Run that stage first"))
        tables = {name: self.store.read(name) for name in STAGES[_STAGE].reads if name in present}
        return name_purposes(tables, self.profile.sections[_STAGE].purposes)

    def _as_of(self) -> date:
        said = stage_summary(self._workspace, self.profile.name, "01_check_quality").get("as_of")
        return pd.Timestamp(said).date() if said else self.profile.as_of or UNDATED

    def _options(self) -> TagOptions:
        section = self.profile.sections[_STAGE]
        windows = self.profile.sections["03_build_features"].windows_days
        return tag_options(
            sensitive_items=section.sensitive_items, minors=section.minors, questions=section.questions,
            scales=section.scales, alpha_least=section.alpha_least, windows_days=windows,
        )  # fmt: skip

    def _refuse(self, names: Sequence[str], found: Tagged) -> None:
        short = [
            Fault(f"tag {name}", f"a window of {found.plan.short[name]} days", "", "The data reaches less far back")
            for name in names
            if name in found.plan.short
        ]
        if short:
            raise ProfileError(short)
        off = {tag.id for tag in found.off}
        sensitive = [
            Fault(f"tag {name}", f"item {self.registry.tags[name].item} is sensitive and off", "",
                  "Name it in 12_tag_customers.sensitive_items")
            for name in names if name in off
        ]  # fmt: skip
        if sensitive:
            raise ProfileError(sensitive)
        lacking = [
            Fault(f"tag {name}", f"lacks {' and '.join(_asked(group, found) for group in found.plan.absent[name])}")
            for name in names
            if name in found.plan.absent
        ]
        if lacking:
            raise DataError(lacking)


def _asked(group: str, found: Tagged) -> str:
    parts = [f"{name} ({found.columns[name].needs})" if name in found.columns else name for name in group.split("|")]
    return " or ".join(parts)
