"""The tag registry of a profile: list tags, show one, preview tags on today's customers (``workbench tags``)."""

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
from workbench.intake.features.inputs.keep import keeping
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.context import stage_summary
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.tags.definition import Tag
    from workbench.core.tags.registry import TagRegistry
    from workbench.core.workspace import Workspace

__all__ = ["Preview", "TagService"]

_STAGE = "12_tag_customers"
_NEAREST = 2000  # ids searched for the nearest one


@dataclass(frozen=True)
class Preview:
    """The preview of one tag on today's customers.

    Attributes
    ----------
    tag : Tag
    customers, with_value : int
        All customers, and those with a known value.
    values : pandas.DataFrame
        value, customers, share.
    overlap : dict of str to int or None
        Number of customers by change since the last run: same, changed, gained, lost; None if that run had no such tag.
    """

    tag: Tag
    customers: int
    with_value: int
    values: pd.DataFrame
    overlap: dict[str, int] | None


class TagService:
    """The tag registry of one profile and its current customers.

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
        self.store = store_of(workspace, self.profile)

    def counts(self) -> dict[str, int]:
        """Return tag to number of customers with a value in the last run; empty before the first run."""
        if not self.store.path("tag_values").is_file():
            return {}
        return self.store.frame("tag_values").groupby("tag")["customers"].sum().astype(int).to_dict()

    def preview(self, names: Sequence[str]) -> list[Preview]:
        """Compute tags, including drafts and the tags they use, in the engine; write nothing.

        Raises
        ------
        ProfileError
            An unknown tag, or one whose window is longer than the data.
        DataError
            There are no customers yet, or the data lacks what a tag needs.
        """
        tags = self._with_dependencies([self.registry.find(name) for name in names])
        tables = self._tables()
        as_of = self._as_of()
        with keeping(self.store.engine) as keep:
            tagged = tag_customers(
                tables, tags, as_of=as_of, options=self._options(), keep=keep,
                days_covered=days_of_data(tables, as_of=as_of),
            )  # fmt: skip
            self._refuse(names, tagged)
            portraits = keep(tagged.portraits)
            values = count_values(portraits, tagged.computed)
            return [self._preview_of(self.registry.tags[name], portraits, values) for name in dict.fromkeys(names)]

    def trace(self, name: str, customer: str, *, most: int = 20) -> tuple[Trace, dict[str, Any]]:
        """Trace a customer's tag to the rows behind it; also return its row in the table of the last run, if any.

        Raises
        ------
        ProfileError
            An unknown tag, or one whose window is longer than the data.
        DataError
            An unknown customer, with the nearest id, or the data lacks what the tag needs.
        """
        tag = self.registry.find(name)
        tables, as_of = self._tables(), self._as_of()
        self._check_customer(tables["features"], customer)
        tagged = tag_customers(
            tables, self._with_dependencies([tag]), as_of=as_of, options=self._options(),
            days_covered=days_of_data(tables, as_of=as_of),
        )  # fmt: skip
        self._refuse([name], tagged)
        return trace_tag(tables, tagged, tag, customer, as_of=as_of, max_rows=most), self._last_row(name, customer)

    def _check_customer(self, features: ibis.Table, customer: str) -> None:
        if not features.filter(features.customer_id == customer).count().to_pyarrow().as_py():
            candidates = features.select("customer_id").order_by("customer_id").limit(_NEAREST)
            names = candidates.to_pandas()["customer_id"]
            remedy = "It may have been erased, or merged into another by 02_resolve_identity"
            raise DataError(Fault("--customer", f"no customer '{customer}'", nearest(customer, names), remedy))

    def _last_row(self, name: str, customer: str) -> dict[str, Any]:
        if not self.store.path("tags").is_file():
            return {}
        tags = self.store.read("tags")
        rows = tags.filter((tags.customer_id == customer) & (tags["tag"] == name)).to_pyarrow().to_pylist()
        return rows[0] if rows else {}

    def _preview_of(self, tag: Tag, portraits: ibis.Table, values: pd.DataFrame) -> Preview:
        counts = values[values["tag"] == tag.id].drop(columns="tag").reset_index(drop=True)
        customers = int(portraits.count().execute())
        return Preview(tag, customers, int(counts["customers"].sum()), counts, self._overlap(tag, portraits))

    def _overlap(self, tag: Tag, portraits: ibis.Table) -> dict[str, int] | None:
        if not self.store.path("portraits").is_file():
            return None
        last = self.store.read("portraits")
        if tag.id not in last.columns:
            return None
        past = last.select(_customer=last.customer_id, before=last[tag.id])
        present = portraits.select("customer_id", now=portraits[tag.id])
        pairs = present.outer_join(past, [("customer_id", "_customer")])
        today, before = pairs["now"], pairs["before"]
        changes = {
            "same": (today == before),
            "changed": (today != before),
            "gained": today.notnull() & before.isnull(),
            "lost": today.isnull() & before.notnull(),
        }
        row = pairs.aggregate(**{name: change.fill_null(False).cast("int64").sum() for name, change in changes.items()})
        return {name: int(n or 0) for name, n in row.to_pyarrow().to_pylist()[0].items()}

    def _with_dependencies(self, tags: Sequence[Tag]) -> list[Tag]:
        """Add the tags that these tags use."""
        needed = {tag.id: tag for tag in tags}
        pending = list(tags)
        while pending:
            for name in columns_of_tag(pending.pop()):
                other = name.removeprefix(TAG)
                if name.startswith(TAG) and other not in needed and other in self.registry.tags:
                    needed[other] = self.registry.tags[other]
                    pending.append(needed[other])
        return list(needed.values())

    def _tables(self) -> dict[str, ibis.Table]:
        declared = {table for stage in self.profile.stages for table in STAGES[stage].writes}
        present = self.store.present() & declared
        if "features" not in present:
            problem = f"features.parquet not found for profile {self.profile.name}"
            raise DataError(Fault("", problem, "It is written by 03_build_features", "Run that stage first"))
        tables = {name: self.store.read(name) for name in STAGES[_STAGE].reads if name in present}
        return name_purposes(tables, self.profile.consent.words)

    def _as_of(self) -> date:
        as_of = stage_summary(self._workspace, self.profile.name, "01_check_quality").get("as_of")
        return pd.Timestamp(as_of).date() if as_of else self.profile.as_of or UNDATED

    def _options(self) -> TagOptions:
        section = self.profile.sections[_STAGE]
        windows = self.profile.sections["03_build_features"].windows_days
        return tag_options(
            sensitive_items=section.sensitive_items, minors=section.minors, questions=section.questions,
            scales=section.scales, alpha_least=section.alpha_least, windows_days=windows,
            likes=section.likes,
        )  # fmt: skip

    def _refuse(self, names: Sequence[str], tagged: Tagged) -> None:
        """Raise if a tag was not computed: window too long, tag switched off, or columns missing."""
        short = [
            Fault(f"tag {name}", f"a window of {tagged.plan.short[name]} days", "", "The data covers fewer days")
            for name in names
            if name in tagged.plan.short
        ]
        if short:
            raise ProfileError(short)
        off = {tag.id for tag in tagged.off}
        sensitive = [
            Fault(f"tag {name}", f"item {self.registry.tags[name].item} is sensitive and off", "",
                  "Name it in 12_tag_customers.sensitive_items")
            for name in names if name in off
        ]  # fmt: skip
        if sensitive:
            raise ProfileError(sensitive)
        incomplete = [
            Fault(f"tag {name}", f"lacks {' and '.join(_needed(group, tagged) for group in tagged.plan.absent[name])}")
            for name in names
            if name in tagged.plan.absent
        ]
        if incomplete:
            raise DataError(incomplete)


def _needed(group: str, tagged: Tagged) -> str:
    columns = tagged.columns
    parts = [f"{name} ({columns[name].needs})" if name in columns else name for name in group.split("|")]
    return " or ".join(parts)
