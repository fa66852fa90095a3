"""What does a rule depend on? The features that it names, or that are made of the same orders, visits or answers.

A score of likeness that used them would only repeat the rule, and a portrait that began with them would tell the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from workbench.analysis.audiences.select import Knowledge, named_columns, named_tables
from workbench.analysis.description.same_thing import say_the_same
from workbench.analysis.tags.columns import TAG
from workbench.analysis.tags.compiling import columns_of_tag
from workbench.intake.features.registry import registered

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Audience
    from workbench.core.tags.definition import Tag

__all__ = ["made_by_rule"]

_SCORES = ("rfm", "segments", "churn", "value")  # made of the orders, most of all
_KIN = ({"spend", "rhythm", "basket"}, {"usage", "decision"})  # groups of features that count the same rows
_TABLES = {"transactions": "spend", "events": "usage"}  # the group of features that counts a table's rows


def made_by_rule(audience: Audience, known: Knowledge, tags: Mapping[str, Tag]) -> tuple[str, ...]:
    """List the columns whose values the rule itself decides, or nearly so.

    Parameters
    ----------
    audience : Audience
    known : Knowledge
    tags : mapping of str to Tag
        The registry: a tag stands for the columns it is computed from.

    Returns
    -------
    tuple of str
        Sorted: what the rule names; features of the groups that these, or the tables it counts, belong to; scores,
        where it names one or counts orders; and what says the same in other words (`disguises.say_the_same`).
    """
    named = _behind(named_columns(audience, known), tags)
    features = known.tables["features"].columns if "features" in known.tables else ()
    scores = {name for table in _SCORES if table in known.tables for name in known.tables[table].columns[1:]}
    groups = {_TABLES.get(table, table) for table in named_tables(audience, known)}
    groups |= {each.group for each in registered(sorted(named))} | ({"spend"} if named & scores else set())
    groups |= {name for kin in _KIN if kin & groups for name in kin}
    found = named | {each.name for each in registered(features) if each.group in groups}
    found |= {name for name in features if any(say_the_same(name, each) for each in named)}
    found |= scores if "spend" in groups else set()
    found |= {name for name, tag in tags.items() if found & _behind([TAG + name], tags)}
    return tuple(sorted(found - {"customer_id"}))


def _behind(names: Collection[str], tags: Mapping[str, Tag]) -> set[str]:
    """Follow tags down to the columns they are computed from; the tags themselves are kept."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().removeprefix(TAG)
        if name not in found:
            found.add(name)
            waiting += columns_of_tag(tags[name]) if name in tags else []
    return found
