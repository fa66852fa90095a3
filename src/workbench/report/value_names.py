"""Label keys of values, tables and sources; a code needs its variable to have a meaning."""

from __future__ import annotations

from typing import Any

from workbench.intake.features.registry import REGISTRY
from workbench.report.text import has_label

__all__ = ["source_name", "table_key", "value_key"]

_WEEKDAYS = frozenset(feature.name for feature in REGISTRY.values() if feature.unit == "weekday")


def value_key(variable: Any, value: Any) -> str:
    """Return the label key of a value; weekdays are numbers in the data.

    Parameters
    ----------
    variable : object
        The column, or a label key of another kind.
    value : object

    Examples
    --------
    >>> value_key("weekday_top", "7"), value_key("city", "7")
    ('weekday_7', '7')
    """
    return f"weekday_{round(float(value))}" if variable in _WEEKDAYS and _is_code(value) else str(value)


def table_key(name: str) -> str:
    """Return the label key of a table whose name is also that of a column or of an outcome."""
    key = f"{name}_table"
    return key if has_label(key) else name


def source_name(name: str) -> str:
    """Return the name of a source in quotes, so that it is not replaced by a label."""
    return f"“{name}”"


def _is_code(value: Any) -> bool:
    text = str(value).removesuffix(".0")
    return text.isdecimal() and 1 <= int(text) <= 7  # noqa: PLR2004
