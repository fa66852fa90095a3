"""Numbers by which customers can be grouped without orders, and so without recency, frequency and spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.intake.guessing.headers.parts import tokens_of

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.guesses import Proposal

__all__ = ["numbers_to_group_by"]

MOST = 8
_NUMBER = "type_number"
_ORDERS, _PEOPLE = "transactions", "customers"


def numbers_to_group_by(proposal: Proposal) -> list[str]:
    """Return the features to form segments from, where the default ones are not available.

    Parameters
    ----------
    proposal : Proposal

    Returns
    -------
    list of str
        Income and attributes that are numbers, in the order of the file, eight at most; empty where there are orders,
        or fewer than two numbers. Codes and numbers of things, such as an area code, measure nothing.
    """
    if any(source.table == _ORDERS for source in proposal.sources):
        return []
    names: list[str] = []
    for source in (source for source in proposal.sources if source.table == _PEOPLE):
        names += ["income"] if any(mapped.ours == "income" for mapped in source.columns) else []
        numbers = [mapped for mapped in source.attributes if _NUMBER in {reason.key for reason in mapped.reasons}]
        names += [mapped.ours for mapped in numbers if not _is_code(mapped.ours)]
    names = list(dict.fromkeys(names))
    return names[:MOST] if len(names) > 1 else []


def _is_code(name: str) -> bool:
    """Tell whether a header ends in a word for ids after another one, as in ``area code``."""
    tokens = tokens_of(name)
    return len(tokens) > 1 and "id" in tokens[-1].parts and "quantity" not in tokens[-1].parts
