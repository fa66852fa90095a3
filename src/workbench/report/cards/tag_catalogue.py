"""The catalogue of tags: portrait items with their tags, owners and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.privacy.suppression import small_cells
from workbench.core.tags.items import GROUPS, ITEMS
from workbench.report.html import render
from workbench.report.numbers import show
from workbench.report.text import label, say

if TYPE_CHECKING:
    from workbench.core.tags.definition import Tag
    from workbench.core.tags.registry import TagRegistry

__all__ = ["ICONS", "catalogue_html", "class_of"]

ICONS = {"fact": "●", "rule": "◆", "predicted": "◌"}  # always shown with the word
_CLASSES = {
    "fact": "fact", "first_last": "fact", "survey": "fact", "imported": "fact", "predicted": "predicted",
    "look_alike": "predicted",
}  # fmt: skip
_MOST_VALUES = 24


def class_of(kind: str) -> str:
    """Return whether a kind of tag counts as fact, rule or predicted.

    Examples
    --------
    >>> class_of("survey"), class_of("rfm"), class_of("look_alike")
    ('fact', 'rule', 'predicted')
    """
    return _CLASSES.get(kind, "rule")


def catalogue_html(registry: TagRegistry, items: pd.DataFrame, values: pd.DataFrame, least: int, language: str) -> str:
    """Write the catalogue as HTML without scripts and references; every text is escaped.

    Parameters
    ----------
    registry : TagRegistry
    items : DataFrame
        `workbench.analysis.tags.coverage.count_items`.
    values : DataFrame
        `workbench.analysis.tags.coverage.count_values`.
    least : int
        Smallest count that is shown.
    language : str
    """
    by_item = items.set_index("item").to_dict("index")
    counts = {(row.tag, row.value): int(row.customers) for row in values.itertuples()}
    groups = [
        {
            "name": GROUPS[group][language],
            "entries": [
                _item(name, by_item[name], registry, counts, least=least, language=language)
                for name, item in ITEMS.items()
                if item.group == group
            ],
        }
        for group in GROUPS
    ]
    head = {name: label(name, language) for name in ("value", "when", "customers")}
    context = {"groups": groups, "tags": len(registry.tags), "items": len(ITEMS), "head": head}
    return render("tag_catalogue.html.j2", context, language)


def _item(
    name: str, row: Mapping[str, Any], registry: TagRegistry, counts: Mapping, *, least: int, language: str
) -> dict[str, Any]:
    status = label(f"item_{row['status']}", language)
    if row["status"] == "known":
        status = f"{status} · {show(row['share'], 'pct', language)}"
    tags = [_tag(tag, counts, least=least, language=language) for tag in registry.of_item(name)]
    return {"name": ITEMS[name].name[language], "status": status, "lacks": row["lacks"], "tags": tags}


def _tag(tag: Tag, counts: Mapping, *, least: int, language: str) -> dict[str, Any]:
    valid = say("catalogue_always", language) if tag.ttl_days is None else show(tag.ttl_days, "days", language)
    terms = {
        "owner": label(tag.owner, language), "cadence": label(tag.cadence, language), "valid": valid,
        "purpose": label(tag.purpose, language), "version": tag.version,
        "null": label(f"null_{tag.on_null}", language),
    }  # fmt: skip
    terms_text = say("catalogue_terms", language, terms)
    if tag.consent:
        terms_text += " " + say("catalogue_consent", language, {"consent": tag.consent})
    return {
        "id": tag.id,
        "name": getattr(tag.name, language),
        "icon": ICONS[class_of(tag.kind)],
        "kind": label(f"tag_kind_{tag.kind}", language),
        "state": label(f"tag_state_{tag.status}", language),
        "business": getattr(tag.business, language),
        "technical": getattr(tag.technical, language),
        "terms": terms_text,
        "levels": _values(tag, counts, least=least, language=language),
    }


def _values(tag: Tag, counts: Mapping, *, least: int, language: str) -> list[dict[str, str]]:
    open_values = [value for name, value in counts if name == tag.id and value not in tag.values]
    hidden = _hidden(
        {value: n for (name, value), n in counts.items() if name == tag.id and n is not None}, tag.id, least
    )
    return [
        {
            "name": getattr(tag.values[key], language) if key in tag.values else key,
            "when": _when(tag, key, language),
            "customers": _count(counts.get((tag.id, key)), hidden=key in hidden, language=language),
        }
        for key in [*tag.values, *open_values][:_MOST_VALUES]
    ]


def _when(tag: Tag, key: str, language: str) -> str:
    if key not in tag.values:
        return ""
    if tag.quantiles:
        bounds = [0.0, *tag.quantiles.cuts, 1.0]
        at = list(tag.values).index(key)
        low, high = (show(bound, "pct", language) for bound in bounds[at : at + 2])
        return f"{tag.quantiles.of}: {low} – {high}"
    if tag.values[key].otherwise:
        return say("catalogue_otherwise", language)
    return tag.condition(key) or ", ".join([key, *tag.values[key].same_as])


def _hidden(customers: Mapping[str, int], tag: str, least: int) -> set[str]:
    """Return the values whose count is small, or would reveal a small count."""
    if not customers:
        return set()
    counts = pd.DataFrame({"customers": pd.Series(customers, dtype="float64")})
    hidden = small_cells(counts, least=least, rows=False, name=f"tag {tag}")["customers"]
    return set(hidden.index[hidden])


def _count(n: int | None, *, hidden: bool, language: str) -> str:
    if n is None:
        return "–"
    return say("catalogue_few", language) if hidden else show(n, "int", language)
