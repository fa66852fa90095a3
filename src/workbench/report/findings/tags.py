"""Findings and tables on tags. Serves 12_tag_customers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.tags.coverage import KNOWN, OFF, UNKNOWN
from workbench.analysis.tags.notes import EVERYBODY
from workbench.core.tags.items import ITEMS
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.tags.tagging import Tagged
    from workbench.core.tags.registry import TagRegistry

__all__ = [
    "NOTES", "STRATEGIES", "find_tags", "limit_tags", "shown_items", "shown_notes", "shown_sources",
    "shown_stability", "shown_strategies", "shown_values", "tag_metrics",
]  # fmt: skip

STRATEGIES = {
    "group": "text", "customers": "int", "goal": "text", "offer": "text", "channel": "text", "content": "text",
    "cadence": "text", "measure": "text", "avoid": "text", "evidence": "text",
}  # fmt: skip
NOTES = {
    "segment": "text", "tag": "text", "value": "text", "customers": "int", "share": "pct", "base_share": "pct",
    "tgi": "num",
}  # fmt: skip

_MOST_NAMED = 3
_EVERYBODY = {"en": "all customers", "zh": "全部客户"}
_MOST_VALUES = 8
_STRATEGY = ("goal", "offer", "channel", "content", "cadence", "measure", "avoid", "evidence")


def find_tags(tagged: Tagged, items: pd.DataFrame, sources: pd.DataFrame, stability: pd.DataFrame) -> list[Finding]:
    """Report known items, the most useful missing source, and changed tags.

    Parameters
    ----------
    tagged : Tagged
    items, sources : DataFrame
        `workbench.analysis.tags.coverage.count_items` and `missing_sources`.
    stability : DataFrame
        `workbench.analysis.tags.drifting.compare_with_last`.
    """
    known_items = items[items["status"] == KNOWN]
    values: dict[str, Any] = {
        "known": len(known_items),
        "items": len(items),
        "tags": len(tagged.computed),
        "unknown": len(items) - len(known_items),
    }
    findings = [Finding("tags_known", values, 0.6)]
    if len(known_items):
        findings.append(
            Finding("tags_coverage", {"share": float(known_items["share"].mean()), "items": len(known_items)}, 0.3)
        )
    sources = sources[~sources["source"].map(_is_company)] if len(sources) else sources
    if len(sources):
        first = sources.iloc[0]
        values = {"source": _asked(first["source"]), "items": int(first["count"]), "names": _named(first["items"])}
        findings.append(Finding("tags_unlock", values, 0.4))
    moved = stability[stability["moved"]] if len(stability) else stability
    if len(moved):
        findings.append(Finding("tags_moved", {"tags": len(moved), "compared": len(stability)}, 0.55))
    elif len(stability):
        findings.append(Finding("tags_steady", {"compared": len(stability)}, 0.2))
    return findings


def limit_tags(tagged: Tagged, items: pd.DataFrame, *, present: Collection[str]) -> list[Finding]:
    """Report the limits of the tags; ``present`` names the available tables."""
    findings = [Finding("tags_limit_unknown", {"unknown": int((items["status"] == UNKNOWN).sum())})]
    companies = int(
        (items["item"].map(lambda item: ITEMS[item].group == "account") & (items["status"] == UNKNOWN)).sum()
    )
    if companies and not {"accounts", "contacts"} & set(present):
        findings.append(Finding("tags_limit_companies", {"items": companies}))
    off = int((items["status"] == OFF).sum()) or len({tag.item for tag in tagged.off})
    if off:
        findings.append(Finding("tags_limit_sensitive", {"items": off}))
    if tagged.plan.short:
        names = sorted(tagged.plan.short)
        values = {"tags": len(names), "names": ", ".join(names[:_MOST_NAMED]), "days": max(tagged.plan.short.values())}
        findings.append(Finding("tags_limit_short", values))
    guessed = sum(tag.kind in ("predicted", "look_alike") for tag in tagged.computed)
    if guessed:
        findings.append(Finding("tags_limit_predicted", {"tags": guessed}))
    if "actions" not in present:
        findings.append(Finding("tags_limit_actions", {}))
    weak = [scale for scale in tagged.scales if scale.scores is None]
    for scale in weak[:_MOST_NAMED]:
        key = "tags_limit_scale" if scale.alpha is not None else "tags_limit_scale_few"
        findings.append(Finding(key, {"scale": ITEMS[scale.item].name, "alpha": scale.alpha, "n": scale.n}))
    return findings


def tag_metrics(tagged: Tagged, items: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of the stage: tags computed, items known and unknown (including those off), mean coverage."""
    is_known = items["status"] == KNOWN
    return {
        "tags": len(tagged.computed),
        "items_known": int(is_known.sum()),
        "items_unknown": int((~is_known).sum()),
        "items_off": int((items["status"] == OFF).sum()),
        "coverage": round(float(items.loc[is_known, "share"].mean()), 6) if is_known.any() else 0.0,
    }


def shown_items(items: pd.DataFrame) -> pd.DataFrame:
    """Name items in both languages, with missing data; unknown items have no count."""
    names = items["item"].map(lambda item: ITEMS[item].name)
    status = "item_" + items["status"]
    return items.assign(item=names, status=status, lacks=[_asked(missing) for missing in items["lacks"]])


def shown_sources(sources: pd.DataFrame) -> pd.DataFrame:
    """Return the items that each missing source would add."""
    sources_named = [_asked(source) for source in sources["source"]]
    return sources.assign(source=sources_named, items=[_named(items, most=len(items)) for items in sources["items"]])


def shown_stability(stability: pd.DataFrame, registry: TagRegistry) -> pd.DataFrame:
    """Name the tags in both languages."""
    return stability.assign(tag=[_tag_name(registry, tag) for tag in stability["tag"]])


def shown_strategies(strategies: pd.DataFrame, registry: TagRegistry, *, least: int) -> pd.DataFrame:
    """Return each strategy in both languages; groups below the smallest size have no count."""
    parts = {name: [getattr(strategy, name).model_dump() for strategy in strategies["strategy"]] for name in _STRATEGY}
    groups = [registry.called(row.by, row.group) for row in strategies.itertuples()]
    customers = strategies["customers"].astype("Int64")
    return pd.DataFrame({"group": groups, "customers": customers.mask(customers < least), **parts})


def shown_notes(notes: pd.DataFrame, registry: TagRegistry, by: str | None) -> pd.DataFrame:
    """Name segments, tags and values in both languages."""
    return notes.assign(
        segment=[_EVERYBODY if key == EVERYBODY else registry.called(by or "", key) for key in notes["segment"]],
        value=[registry.called(row.tag, row.value) for row in notes.itertuples()],
        tag=[_tag_name(registry, tag) for tag in notes["tag"]],
    )


def shown_values(values: pd.DataFrame, registry: TagRegistry, *, least: int) -> pd.DataFrame:
    """Name tags and values, up to eight of an open tag; counts and shares below the smallest size are hidden."""
    top = values[values["customers"] > 0].groupby("tag", sort=False).head(_MOST_VALUES)
    small = top["customers"] < least
    named = [registry.called(row.tag, row.value) for row in top.itertuples()]
    return top.assign(
        tag=[_tag_name(registry, tag) for tag in top["tag"]],
        value=named,
        customers=top["customers"].mask(small),
        share=top["share"].mask(small),
    )


def _tag_name(registry: TagRegistry, tag: str) -> dict[str, str]:
    return registry.tags[tag].name.model_dump() if tag in registry.tags else {"en": tag, "zh": tag}


def _is_company(source: str) -> bool:
    """Return whether a source describes companies, which is not missing in a consumer profile."""
    return source.startswith(("accounts", "contacts"))


def _asked(needs: str) -> dict[str, str] | None:
    """Translate a description of missing data; names of tables and columns stay unchanged."""
    if not needs:
        return None
    chinese = needs.replace(" or ", " 或 ").replace(" + ", "、").replace("values in ", "以下列的取值：")
    chinese = chinese.replace("(question ", "（题目 ").replace("(scale ", "（量表 ").replace(")", "）")
    return {"en": needs, "zh": chinese.replace(" days of data", " 天的数据")}


def _named(items: Sequence[str], most: int = _MOST_NAMED) -> dict[str, str]:
    first = items[:most]
    english = ", ".join(ITEMS[item].name["en"] for item in first)
    chinese = "、".join(ITEMS[item].name["zh"] for item in first)
    return {"en": english, "zh": chinese}
