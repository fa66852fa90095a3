"""Which columns does a rule depend on? Those it names, and those computed from the same orders, visits or answers.

A look-alike score or a portrait based on these columns would only repeat the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from workbench.analysis.audiences.select import Knowledge, named_columns, named_tables
from workbench.analysis.description.same_thing import are_equivalent
from workbench.analysis.tags.columns import TAG
from workbench.analysis.tags.compiling import columns_of_tag
from workbench.intake.features.registry import registered

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Audience
    from workbench.core.tags.definition import Tag

__all__ = ["made_by_rule"]

_SCORES = ("rfm", "segments", "churn", "value")  # computed mostly from orders
_RELATED = ({"spend", "rhythm", "basket"}, {"usage", "decision"})  # groups of features that count the same rows
_TABLES = {"transactions": "spend", "events": "usage"}  # the group of features computed from a table's rows


def made_by_rule(audience: Audience, knowledge: Knowledge, tags: Mapping[str, Tag]) -> tuple[str, ...]:
    """List the columns whose values the rule determines, exactly or nearly.

    Parameters
    ----------
    audience : Audience
    knowledge : Knowledge
    tags : mapping of str to Tag
        The tag registry; a tag is replaced by the columns it is computed from.

    Returns
    -------
    tuple of str
        Sorted: the columns the rule names; the features in the same groups as these columns and the tables whose rows
        it counts; all scores, if it names a score or counts orders; equivalent columns (`same_thing.are_equivalent`).
    """
    rule_columns = _source_columns(named_columns(audience, knowledge), tags)
    features = knowledge.tables["features"].columns if "features" in knowledge.tables else ()
    scores = {name for table in _SCORES if table in knowledge.tables for name in knowledge.tables[table].columns[1:]}
    groups = {_TABLES.get(table, table) for table in named_tables(audience, knowledge)}
    groups |= {entry.group for entry in registered(sorted(rule_columns))} | (
        {"spend"} if rule_columns & scores else set()
    )
    groups |= {name for related in _RELATED if related & groups for name in related}
    columns = rule_columns | {entry.name for entry in registered(features) if entry.group in groups}
    columns |= {feature for feature in features if any(are_equivalent(feature, name) for name in rule_columns)}
    columns |= scores if "spend" in groups else set()
    columns |= {name for name, tag in tags.items() if columns & _source_columns([TAG + name], tags)}
    return tuple(sorted(columns - {"customer_id"}))


def _source_columns(names: Collection[str], tags: Mapping[str, Tag]) -> set[str]:
    """Return names and, for tags, the columns they are computed from; the tags themselves are included."""
    columns: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop().removeprefix(TAG)
        if name not in columns:
            columns.add(name)
            pending += columns_of_tag(tags[name]) if name in tags else []
    return columns
