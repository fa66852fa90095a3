"""What a proposed profile says about its run: stages left out, bounds of activity."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from workbench.core.schema import CONTACT_COLUMNS
from workbench.core.stages import STAGES

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.guesses import Proposal, SourceGuess

__all__ = ["short_history", "stages_for"]

_IDENTITY, _PEOPLE, _ORDERS, _LABELS = "02_resolve_identity", "customers", "transactions", "labels"
_FIRST_BOUND_DAYS = 90


def stages_for(proposal: Proposal) -> list[str]:
    """Return the default stages without 02 where one list of people has unique ids and no contact data; else none."""
    people = [source for source in proposal.sources if source.table == _PEOPLE]
    if len(people) != 1 or "numbered" in people[0].settings or people[0].maps(*CONTACT_COLUMNS):
        return []
    ids = [cell for cell in people[0].cells("customer_id") if cell]
    apart = [source for source in proposal.sources if source.people and source.people != people[0].name]
    lines = [source for source in proposal.sources if source.path == people[0].path and source.table == _ORDERS]
    if apart or not (lines or len(set(ids)) == len(ids)) or _has_contact_ids(people[0]):
        return []
    return [name for name in STAGES if name != _IDENTITY]


def _has_contact_ids(source: SourceGuess) -> bool:
    return sum("@" in cell for cell in source.cells("customer_id")) > 0


def short_history(proposal: Proposal) -> bool:
    """Tell whether all orders lie within fewer days than the first bound of activity."""
    days: list[dt.date] = []
    for source in (source for source in proposal.sources if source.table == _ORDERS):
        if not source.sample.complete or not source.maps("ordered_at"):
            return False
        days += [day for cell in source.cells("ordered_at") if (day := _day(cell)) is not None]
    return bool(days) and (max(days) - min(days)).days < _FIRST_BOUND_DAYS


def _day(cell: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(cell[:10].replace("/", "-"))
    except ValueError:
        return None
