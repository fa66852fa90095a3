"""People in other files: columns constant within a customer of an order file, and files that number their people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.schema import columns_of
from workbench.intake.guessing.kinds.fitting import assign, is_date

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.fitting import Match
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["constant_within", "people_columns", "people_traits"]

_MOST_VALUES, _CONSTANT = 50, 0.98
_NOT_PEOPLE = frozenset(
    {"customer_id", "country", "province", "city", "registered_at", "address", "referrer_customer_id"}
)


def constant_within(ids: list[str], cells: list[str]) -> bool:
    """Tell whether a column has one value for each id, blanks apart, and some ids repeat."""
    values: dict[str, set[str]] = {}
    rows = 0
    for own, cell in zip(ids, cells, strict=True):
        if own:
            rows += 1
            if cell:
                values.setdefault(own, set()).add(cell)
    if not values or len(values) == rows:
        return False
    return sum(len(own) == 1 for own in values.values()) >= _CONSTANT * len(values)


def people_columns(sample: Sample, facts: list[Facts], key: Match, used: set[int]) -> dict[str, Match]:
    """Return columns of an order file that describe its customers: a place among customers, one value per customer.

    Parameters
    ----------
    sample : Sample
    facts : list of Facts
    key : Match
        The customer's id.
    used : set of int
        Positions that the orders use.
    """
    ids = sample.columns[key.at]
    own = assign("customers", sample.names, facts, header=sample.header)
    allowed = set(columns_of("customers", contact=True)) - _NOT_PEOPLE
    return {
        ours: match
        for ours, match in own.items()
        if ours in allowed and match.at not in used and constant_within(ids, sample.columns[match.at])
    }


def people_traits(sample: Sample, facts: list[Facts], key: Match, used: set[int]) -> list[int]:
    """Return further columns that describe the customers of an order file: few values, one per customer."""
    ids = sample.columns[key.at]
    return [
        at
        for at, own in enumerate(facts)
        if at not in used and 1 < own.distinct <= _MOST_VALUES and not is_date(own) and own.distinct < own.filled / 2
        and constant_within(ids, sample.columns[at])
    ]  # fmt: skip
