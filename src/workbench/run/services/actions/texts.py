"""The text of every customer on a list: the content variants of an action, filled from the tags of the last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.actions.content import columns_of_content, fill_content, placeholders
from workbench.analysis.audiences.attributes import SOURCES, attribute_kinds, attributes

if TYPE_CHECKING:
    from workbench.core.actions.definition import Action
    from workbench.core.store.tables import Store
    from workbench.core.tags.registry import TagRegistry

__all__ = ["VariantCount", "count_variants", "write_texts"]


@dataclass(frozen=True)
class VariantCount:
    """One variant of an action's content, as it would be sent.

    Attributes
    ----------
    action, channel : str
    variant : int
        From 1; 0 where the action has no content.
    customers : int
    when : str
    needs : tuple of str
        Its placeholders.
    example : str
        The text of the first customer who gets it.
    """

    action: str
    channel: str
    variant: int
    customers: int
    when: str
    needs: tuple[str, ...]
    example: str


def write_texts(
    store: Store,
    rows: pd.DataFrame,
    definitions: Mapping[str, Action],
    registry: TagRegistry,
    *,
    language: str,
) -> pd.DataFrame:
    """Add to each row its text and the number of its variant.

    Parameters
    ----------
    store : Store
    rows : DataFrame
        customer_id and action, one row per customer.
    definitions : mapping of str to Action
        Their content was checked.
    registry : TagRegistry
        Names the values of tags.
    language : str

    Returns
    -------
    DataFrame
        The rows with content and variant (0 where the action has no content).
    """
    if not any(action.content for action in definitions.values()):
        return rows.assign(content="", variant=0)
    present = store.present()
    tables = {name: store.read(name) for name in SOURCES if name in present}
    kinds = attribute_kinds(tables)
    parts = []
    for name, of_action in rows.groupby("action", sort=True):
        content = definitions[str(name)].content
        known = [column for column in columns_of_content(content) if column in kinds]
        words = _words(registry, known, language)
        filled = fill_content(
            of_action["customer_id"].tolist(), content, attributes(tables, known), kinds, words=words, language=language
        )
        parts.append(of_action.assign(content=filled["content"].to_numpy(), variant=filled["variant"].to_numpy()))
    return pd.concat(parts).sort_index() if parts else rows.assign(content="", variant=0)


def count_variants(rows: pd.DataFrame, definitions: Mapping[str, Action]) -> list[VariantCount]:
    """Count the customers of every variant, with an example; variants that nobody gets are listed with 0."""
    counts = []
    for name, action in sorted(definitions.items()):
        of_action = rows[rows["action"] == name]
        for at in range(1, len(action.content) + 1) if action.content else (0,):
            chosen = of_action[of_action["variant"] == at]
            when = action.content[at - 1].when if at else ""
            needs = placeholders(action.content[at - 1].text.en) if at else []
            example = str(chosen["content"].iloc[0]) if len(chosen) else ""
            counts.append(VariantCount(name, action.channel, at, len(chosen), when, tuple(needs), example))
    return counts


def _words(registry: TagRegistry, columns: list[str], language: str) -> dict[str, dict[str, str]]:
    """Return the names of the values of columns: those of the tag itself, or of the tag that copies the column."""
    copied = {tag.copies: name for name, tag in registry.tags.items() if tag.copies and tag.values}
    words = {}
    for column in columns:
        tag = column if column in registry.tags else copied.get(column)
        if tag is not None:
            values = [*registry.tags[tag].values, *registry.value_names.get(tag, {})]
            words[column] = {value: registry.called(tag, value)[language] for value in values}
    return words
