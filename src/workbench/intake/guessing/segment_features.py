"""The numbers by which customers may be grouped where no orders tell of recency, frequency and spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.intake.guessing.guesses import Proposal

__all__ = ["numbers_to_group_by"]

MOST = 8
_NUMBER = "type_number"
_ORDERS, _PEOPLE = "transactions", "customers"


def numbers_to_group_by(proposal: Proposal) -> list[str]:
    """Return the names of features that segments may be made of, where the defaults cannot be had.

    Parameters
    ----------
    proposal : Proposal

    Returns
    -------
    list of str
        Income and attributes that are numbers, in the order of the file, eight at most; empty where there are orders,
        or fewer than two numbers.
    """
    if any(each.table == _ORDERS for each in proposal.sources):
        return []
    found: list[str] = []
    for source in (each for each in proposal.sources if each.table == _PEOPLE):
        found += ["income"] if any(each.ours == "income" for each in source.columns) else []
        found += [each.ours for each in source.attributes if _NUMBER in {reason.key for reason in each.reasons}]
    found = list(dict.fromkeys(found))
    return found[:MOST] if len(found) > 1 else []
