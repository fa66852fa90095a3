"""Check corrections before they are saved: a column of ``customers`` and a value of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.schema import columns_of
from workbench.intake.tables.corrections import value_of

if TYPE_CHECKING:
    from workbench.run.rights.people import Person, ProfilePeople

__all__ = ["corrections_of"]

_KEYS = ("source", "source_id", "customer_id")


def corrections_of(
    people: Sequence[Person], every: Sequence[ProfilePeople], assignments: Sequence[str], *, on: str
) -> list[dict[str, Any]]:
    """Return one correction per record and column.

    Parameters
    ----------
    people : sequence of Person
    every : sequence of ProfilePeople
    assignments : sequence of str
        COLUMN=VALUE; a column of ``customers`` or a declared attribute; an empty value blanks it.
    on : str
        The day, ISO.

    Raises
    ------
    ProfileError
        No source of customers maps the column, or the value has another kind; all faults together.
    """
    faults: list[Fault] = []
    entries = []
    if not assignments:
        faults.append(Fault("--set", "nothing to correct", "COLUMN=VALUE", "For example --set city=上海"))
    for assignment in assignments:
        column, equals, value = assignment.partition("=")
        column = column.strip()
        for own in every:
            sources = {name: source for name, source in own.profile.sources.items() if source.table == "customers"}
            kinds = columns_of("customers", contact=True)
            mapped = {name for source in sources.values() for name in (*source.columns, *source.attributes)} - set(
                _KEYS
            )
            if not any(own.name in person.records for person in people):
                continue
            if not equals or column not in mapped:
                faults.append(Fault("--set", f"'{assignment}' names no column of the customers of {own.name}",
                                    "COLUMN=VALUE", did_you_mean(column, sorted(mapped))))  # fmt: skip
                continue
            if value and value_of(value, kinds.get(column, "category")) is None:
                faults.append(
                    Fault("--set", f"'{value}' cannot be {column}", f"A {kinds[column]}, dates as YYYY-MM-DD")
                )
                continue
            entries += [
                {"profile": own.name, "source": row.source or name, "source_id": row.source_id, "column": column,
                 "value": value, "at": on}
                for person in people if own.name in person.records
                for row in person.records[own.name].itertuples()
                for name, source in sources.items()
                if (row.source or name) == name and column in (*source.columns, *source.attributes)
            ]  # fmt: skip
    if faults:
        raise ProfileError(faults)
    return entries
