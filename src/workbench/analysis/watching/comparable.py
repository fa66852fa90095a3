"""Which features and tags are compared between two dates, and on whom: the rule against alarms by mere growth.

1. A feature of a window (``spend_90d``) is as old on either date: it is compared on all customers.
2. A feature of the whole history (``monetary_total``, ``discount_share``) has more behind it on the later date, so that
   it moves although nobody changed: counts grow, shares vary less, top shares fall. It is compared on the customers of
   whom nothing was recorded between the two dates, whose value cannot move unless the source or the definition did.
   What the others did shows in the features of windows.
3. A feature that moves with the date (ages) or with other customers (ranks, multiples of the average) is not compared.

What a feature is stands in its declaration, `intake.features.registry.Feature`: ``window``, ``needs``, ``moves_with``.
A tag follows the features of its rule; one of another table's column (life cycle, churn) is watched there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL
from workbench.intake.features.registry import SCALE_NAME, Feature, registered

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["EVERYBODY", "TagRule", "WatchedFeature", "quiet_in", "tag_quiet_in", "watched_features"]

EVERYBODY: frozenset[str] = frozenset()
_DATE = "date"
_SCALE = SCALE_NAME.partition("{")[0]  # how names of survey scores begin
_SURVEYS = frozenset({"responses"})


@dataclass(frozen=True)
class WatchedFeature:
    """A feature to compare.

    Attributes
    ----------
    name : str
    family : str
        Its group; a declared attribute is a family of its own.
    quiet_in : frozenset of str
        Compared on customers without a new row in these tables; empty: on all.
    """

    name: str
    family: str
    quiet_in: frozenset[str] = EVERYBODY


def watched_features(columns: Sequence[str], *, dated: Collection[str] = ()) -> list[WatchedFeature]:
    """Return the features to compare.

    Parameters
    ----------
    columns : sequence of str
        Of the table ``features`` of both runs.
    dated : collection of str
        Those of dates, which are left out.

    Examples
    --------
    >>> [(one.name, sorted(one.quiet_in)) for one in watched_features(["spend_90d", "monetary_total", "tenure_days"])]
    [('spend_90d', []), ('monetary_total', ['transactions'])]
    """
    features = {feature.name: feature for feature in registered(columns)}
    watched = []
    for name in columns:
        tables = quiet_in(name, features.get(name))
        if name != "customer_id" and name not in dated and tables is not None:
            family = features[name].group if name in features else "survey" if name.startswith(_SCALE) else name
            watched.append(WatchedFeature(name, family, tables))
    return watched


def quiet_in(name: str, feature: Feature | None) -> frozenset[str] | None:
    """Return the tables in which a compared customer has no new row; empty: compared on all; None: not compared.

    Parameters
    ----------
    name : str
    feature : Feature or None
        None for what is not registered: an attribute of customers, without a history, or the score of a survey scale.
    """
    if feature is None:
        return _SURVEYS if name.startswith(_SCALE) else EVERYBODY
    if feature.moves_with or feature.kind == _DATE:
        return None
    if feature.window is not None:
        return EVERYBODY
    tables = {column.partition(".")[0] for need in feature.needs for column in need.split("|")}
    return frozenset(table for table in tables if table in CANONICAL and CANONICAL[table].dated_by)


@dataclass(frozen=True)
class TagRule:
    """What the value of a tag rests on.

    Attributes
    ----------
    columns : tuple of str
        Features and columns of other tables, those of tags it builds on included.
    relative : bool
        Whether customers are placed by quantiles among all.
    """

    columns: tuple[str, ...]
    relative: bool = False


def tag_quiet_in(rule: TagRule | None, columns: Collection[str]) -> frozenset[str] | None:
    """Return where a compared customer has no new row, as `quiet_in`; None: the tag is not compared.

    Parameters
    ----------
    rule : TagRule or None
        None where it is not known: the tag is compared on all.
    columns : collection of str
        Of the table ``features``.

    Examples
    --------
    >>> tag_quiet_in(TagRule(("monetary_total", "city")), ["monetary_total", "city"]) == {"transactions"}
    True
    >>> tag_quiet_in(TagRule(("monetary_total", "spend_90d")), ["monetary_total", "spend_90d"]) is None
    True
    """
    if rule is None:
        return EVERYBODY
    if rule.relative or not set(rule.columns) <= set(columns):
        return None
    features = {feature.name: feature for feature in registered(rule.columns)}
    tables: set[str] = set()
    for name in rule.columns:
        own = quiet_in(name, features.get(name))
        if own is None:
            return None
        tables |= own
    windowed = any(feature.window is not None for feature in features.values())
    return None if tables and windowed else frozenset(tables)  # a window moves on for those without new rows
