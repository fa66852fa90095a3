"""Who may get which action: the rule, the occasion, consent, contacts and plans that still run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.actions.contacts import contacts_since
from workbench.analysis.actions.occasions import customers_on_occasion
from workbench.analysis.audiences.select import check_audience, members, standing
from workbench.core.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import ibis

    from workbench.analysis.audiences.rule import Audience
    from workbench.analysis.audiences.select import Knowledge
    from workbench.core.actions.definition import Action

__all__ = ["STEPS", "Candidates", "Contacted", "find_candidates"]

STEPS = ("customers", "meets_rule", "may_be_contacted", "not_lately", "in_no_plan")


@dataclass(frozen=True)
class Contacted:
    """What limits further contacts.

    Attributes
    ----------
    contacts : DataFrame
        customer_id, channel, day: as from ``contacts.contacts_before``.
    most : int
        Contacts per customer.
    days : int
        In so many days.
    in_plans : frozenset of str
        Customers of exported plans that are still valid.
    """

    contacts: pd.DataFrame
    most: int
    days: int
    in_plans: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Candidates:
    """Who may get which action.

    Attributes
    ----------
    customers : ndarray of str
        All customers, sorted.
    allowed : ndarray of bool, actions x customers
        In the order of the actions.
    funnel : DataFrame
        One row per action: action and the customers left after each of ``STEPS``.
    unknown : tuple of str
        Actions whose occasion the data does not know.
    """

    customers: np.ndarray
    allowed: np.ndarray
    funnel: pd.DataFrame
    unknown: tuple[str, ...] = ()


def find_candidates(
    actions: Mapping[str, Action],
    rules: Mapping[str, Audience],
    permitted: Mapping[str, Iterable[str]],
    knowledge: Knowledge,
    contacted: Contacted,
) -> Candidates:
    """Say who may get which action.

    Parameters
    ----------
    actions : mapping of str to Action
    rules : mapping of str to Audience
        The rule of each action that has one.
    permitted : mapping of str to iterable of str
        Purpose to the customers who may be contacted for it.
    knowledge : Knowledge
        The tables, ``features`` among them, and the as-of date.
    contacted : Contacted

    Raises
    ------
    ProfileError
        Rules that this data cannot answer; all faults together.
    """
    features = knowledge.tables["features"].select("customer_id").order_by("customer_id")
    index = pd.Index(features.to_pyarrow()["customer_id"].to_numpy(zero_copy_only=False))
    _check(rules, knowledge)
    recent = contacts_since(contacted.contacts, knowledge.as_of - timedelta(days=contacted.days))
    tired = _flags(index, recent.index[recent >= contacted.most])
    busy = _flags(index, contacted.in_plans)
    willing = {purpose: _flags(index, ids) for purpose, ids in permitted.items()}
    allowed, rows, unknown = [], [], []
    for name, action in actions.items():
        meets = _flags(index, _ids(members(rules[name], standing(rules[name], knowledge)))) if name in rules else None
        flags = [np.ones(len(index), dtype=bool) if meets is None else meets]
        if action.occasion is not None:
            due = customers_on_occasion(
                action.occasion, knowledge.tables, as_of=knowledge.as_of, valid_days=action.valid_days
            )
            unknown += [name] if due is None else []
            flags[0] = flags[0] & (_flags(index, _ids(due)) if due is not None else False)
        flags += [willing[action.purpose], ~(tired | _cooling(action, index, contacted, knowledge.as_of)), ~busy]
        left = np.logical_and.accumulate(flags)
        allowed.append(left[-1])
        rows.append((name, len(index), *(int(step.sum()) for step in left)))
    matrix = np.array(allowed, dtype=bool).reshape(len(actions), len(index))
    funnel = pd.DataFrame(rows, columns=["action", *STEPS])
    return Candidates(index.to_numpy(dtype=object), matrix, funnel, tuple(unknown))


def _check(rules: Mapping[str, Audience], knowledge: Knowledge) -> None:
    faults = []
    for rule in rules.values():
        try:
            check_audience(rule, knowledge)
        except ProfileError as error:
            faults += error.faults
    if faults:
        raise ProfileError(faults)


def _ids(table: ibis.Table) -> Sequence[str]:
    return table.select("customer_id").to_pyarrow()["customer_id"].to_numpy(zero_copy_only=False)


def _flags(index: pd.Index, ids: Iterable[str]) -> np.ndarray:
    flags = np.zeros(len(index), dtype=bool)
    at = index.get_indexer(pd.Index(list(ids) if not isinstance(ids, (np.ndarray, pd.Index)) else ids, dtype=object))
    flags[at[at >= 0]] = True
    return flags


def _cooling(action: Action, index: pd.Index, contacted: Contacted, as_of: date) -> np.ndarray:
    """Return who was contacted on the action's channel within its cooldown."""
    if not action.cooldown_days:
        return np.zeros(len(index), dtype=bool)
    since = as_of - timedelta(days=action.cooldown_days)
    return _flags(index, contacts_since(contacted.contacts, since, action.channel).index)
