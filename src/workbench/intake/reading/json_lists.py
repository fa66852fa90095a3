"""The list of records inside a JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.core.errors import DataError, Fault

__all__ = ["list_at"]


def list_at(value: Any, records: str | None, where: str) -> list[Any]:
    """Return the list at a dotted path of a JSON value.

    Raises
    ------
    DataError
        There is no list; the message names the keys with lists.
    """
    found_value = value
    for part in (records or "").split(".") if records else []:
        found_value = found_value.get(part) if isinstance(found_value, Mapping) else None
    if isinstance(found_value, list):
        return found_value
    lists = [key for key, entry in value.items() if isinstance(entry, list)] if isinstance(value, Mapping) else []
    remedy = f"records: {lists[0]}" if lists else "Name the list under records, as a dotted path"
    raise DataError(Fault(where, f"no list at '{records or ''}'", "A list of objects", remedy))
