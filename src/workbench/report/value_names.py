"""The label keys of values: a code means nothing without its variable."""

from __future__ import annotations

from typing import Any

from workbench.intake.features.registry import REGISTRY

__all__ = ["value_key"]

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


def _is_code(value: Any) -> bool:
    text = str(value).removesuffix(".0")
    return text.isdecimal() and 1 <= int(text) <= 7  # noqa: PLR2004
