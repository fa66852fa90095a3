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
        There is none; the message names the keys that hold lists.
    """
    at = value
    for part in (records or "").split(".") if records else []:
        at = at.get(part) if isinstance(at, Mapping) else None
    if isinstance(at, list):
        return at
    lists = [key for key, inner in value.items() if isinstance(inner, list)] if isinstance(value, Mapping) else []
    remedy = f"records: {lists[0]}" if lists else "Name the list under records, as a dotted path"
    raise DataError(Fault(where, f"no list at '{records or ''}'", "A list of objects", remedy))
