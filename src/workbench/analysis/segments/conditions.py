"""Conditions of segment rules: AND, OR, NOT, ranges, sets, windows, missing values.

A condition is written in YAML and stored in a normal form of plain JSON values. It is evaluated on a data frame or
compiled to an Ibis expression, with the same result: a comparison with a missing value is false, so its NOT is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.core.errors import Fault, ProfileError, did_you_mean

__all__ = [
    "Condition",
    "all_leaves",
    "compile_condition",
    "condition_columns",
    "holds",
    "normalise",
    "parts_of",
    "type_fault",
]

Condition = dict[str, Any]

_JOINS = ("all", "any")
_NUMERIC: dict[str, Callable[[Any, float], Any]] = {
    "at_least": lambda value, bound: value >= bound,
    "above": lambda value, bound: value > bound,
    "at_most": lambda value, bound: value <= bound,
    "below": lambda value, bound: value < bound,
}
_OPERATORS = (*_NUMERIC, "between", "is", "in", "missing", "window_days")


def normalise(written: Any, *, where: str) -> Condition:
    """Return a condition in normal form.

    Parameters
    ----------
    written : mapping
        ``{all: [...]}``, ``{any: [...]}``, ``{not: ...}``, or features with comparisons, joined by AND:
        ``{recency_days: {below: 90}, city: {in: [Beijing, Tianjin]}}``. Comparisons: at_least, above, at_most, below
        (numbers); between: [low, high], upper bound excluded, null for no bound; is (one value) or in (a list);
        missing: true or false. window_days: 90 selects the column ``<feature>_90d``.
    where : str
        Location in error messages.

    Returns
    -------
    dict
        Nested ``all``, ``any``, ``not``; the leaves are {feature, op, value}, with op at_least, above, at_most, below,
        in or missing.

    Raises
    ------
    ProfileError
        With the errors of all invalid parts.
    """
    faults: list[Fault] = []
    normal = _normal(written, where, faults)
    if faults:
        raise ProfileError(faults)
    return normal


def condition_columns(condition: Condition) -> list[str]:
    """Return the columns of a condition, sorted."""
    return sorted({leaf["feature"] for leaf in all_leaves(condition)})


def all_leaves(condition: Condition) -> Iterator[Condition]:
    """Yield the comparisons of a condition in their order."""
    if "feature" in condition:
        yield condition
    elif "not" in condition:
        yield from all_leaves(condition["not"])
    else:
        for part in parts_of(condition):
            yield from all_leaves(part)


def holds(condition: Condition, frame: pd.DataFrame) -> np.ndarray:
    """Evaluate a condition for every customer.

    Parameters
    ----------
    condition : dict
        In normal form.
    frame : pandas.DataFrame
        One row per customer with the condition's columns.

    Returns
    -------
    numpy.ndarray of bool
        One per row. For a missing value (or NaN) only ``missing`` is true; infinite values are numbers.
    """
    if "feature" in condition:
        return _leaf_holds(condition, frame[condition["feature"]])
    if "not" in condition:
        return ~holds(condition["not"], frame)
    joined = [holds(part, frame) for part in parts_of(condition)]
    if "all" in condition:
        return np.logical_and.reduce(joined) if joined else np.ones(len(frame), dtype=bool)
    return np.logical_or.reduce(joined) if joined else np.zeros(len(frame), dtype=bool)


def compile_condition(condition: Condition, table: ibis.Table) -> ibis.expr.types.BooleanValue:
    """Compile a condition to an expression over a table, with the same result as ``holds`` and never null."""
    if "feature" in condition:
        return _leaf_expression(condition, table[condition["feature"]])
    if "not" in condition:
        return ~compile_condition(condition["not"], table)
    joined = [compile_condition(part, table) for part in parts_of(condition)]
    if not joined:
        return ibis.literal("all" in condition)
    return ibis.and_(*joined) if "all" in condition else ibis.or_(*joined)


def type_fault(condition: Condition, column: str, *, is_number: bool) -> str:
    """Return the error if a condition compares numbers with a text column or the other way round, else ""."""
    for leaf in all_leaves(condition):
        if leaf["feature"] != column or leaf["op"] == "missing":
            continue
        compares_numbers = leaf["op"] in _NUMERIC or all(not isinstance(item, str) for item in leaf["value"])
        if compares_numbers and not is_number:
            return f"column '{column}' has texts, the rule compares numbers"
        if not compares_numbers and is_number:
            return f"column '{column}' has numbers, the rule lists texts"
    return ""


def parts_of(condition: Condition) -> list[Condition]:
    """Return the conditions that ``all`` or ``any`` joins."""
    return condition["all"] if "all" in condition else condition["any"]


def _normal(written: Any, where: str, faults: list[Fault]) -> Condition:
    if not isinstance(written, Mapping) or not written:
        faults.append(Fault(where, f"the condition is {written!r}", "a mapping: all, any, not, or features"))
        return {"all": []}
    parts: list[Condition] = []
    for key, value in written.items():
        if key in _JOINS:
            if not isinstance(value, (list, tuple)) or not value:
                faults.append(Fault(where, f"'{key}' has {value!r}", "a list of conditions"))
                continue
            parts.append({key: [_normal(part, where, faults) for part in value]})
        elif key == "not":
            parts.append({"not": _normal(value, where, faults)})
        else:
            parts += _leaves(str(key), value, where, faults)
    return parts[0] if len(parts) == 1 else {"all": parts}


def _leaves(feature: str, comparisons: Any, where: str, faults: list[Fault]) -> list[Condition]:
    comparisons = (
        comparisons
        if isinstance(comparisons, Mapping)
        else {"in" if isinstance(comparisons, (list, tuple)) else "is": comparisons}
    )
    if comparisons.get("feature"):
        faults.append(Fault(where, f"'{feature}' has a 'feature'", "a feature with comparisons"))
    if "window_days" in comparisons:
        feature = f"{feature}_{comparisons['window_days']}d"
    leaves = []
    for op, value in comparisons.items():
        if op not in _OPERATORS:
            operators = ", ".join(_OPERATORS)
            faults.append(
                Fault(where, f"{feature}: unknown comparison '{op}'", operators, did_you_mean(op, _OPERATORS))
            )
        elif op != "window_days":
            leaves += _leaf(feature, op, value, where, faults)
    if not leaves and not faults:
        faults.append(Fault(where, f"{feature}: nothing is compared", ", ".join(_OPERATORS)))
    return leaves


def _leaf(feature: str, op: str, value: Any, where: str, faults: list[Fault]) -> list[Condition]:
    """Return one comparison in normal form; ``between`` becomes up to two."""
    if op == "missing":
        leaf = {"feature": feature, "op": "missing", "value": True}
        return [leaf if value else {"not": leaf}]
    reader, expected = {
        "between": (_bounds, "[low, high], numbers or null; the upper bound is excluded"),
        "is": (_set, "texts, or numbers, not both; dates and null cannot be compared"),
        "in": (_set, "a list of texts, or of numbers, not both; dates and null cannot be compared"),
    }.get(op, (_bound, "a number"))
    bounds = reader(op, value)
    if bounds is None:
        faults.append(Fault(where, f"{feature}: {op} {value!r}", expected))
        return []
    return [{"feature": feature, "op": name, "value": bound} for name, bound in bounds]


def _bound(op: str, value: Any) -> list[tuple[str, Any]] | None:
    return [(op, float(value))] if _is_number(value) else None


def _bounds(_op: str, value: Any) -> list[tuple[str, Any]] | None:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(x is None or _is_number(x) for x in value):
        return None
    pairs = zip(("at_least", "below"), value, strict=True)
    return [(name, float(x)) for name, x in pairs if x is not None] or None


def _set(op: str, value: Any) -> list[tuple[str, Any]] | None:
    items = list(value) if op == "in" and isinstance(value, (list, tuple)) else [value]
    texts = [isinstance(item, str) for item in items]
    if not items or any(texts) != all(texts) or not all(isinstance(x, (str, int, float)) for x in items):
        return None
    return [("in", sorted({item if isinstance(item, str) else float(item) for item in items}))]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # noqa: PLR0124  not NaN


def _leaf_holds(leaf: Condition, values: pd.Series) -> np.ndarray:
    is_known = values.notna().to_numpy()
    if leaf["op"] == "missing":
        return ~is_known
    if leaf["op"] == "in" and isinstance(leaf["value"][0], str):
        return is_known & values.astype("object").isin(leaf["value"]).to_numpy()
    numbers = pd.to_numeric(values).astype("float64").to_numpy(na_value=np.nan)
    if leaf["op"] == "in":
        return is_known & np.isin(numbers, leaf["value"])
    with np.errstate(invalid="ignore"):
        return is_known & _NUMERIC[leaf["op"]](numbers, leaf["value"])


def _leaf_expression(leaf: Condition, value: ibis.Value) -> ibis.expr.types.BooleanValue:
    if value.type().is_floating():
        value = value.isnan().ifelse(ibis.null(value.type()), value)
    if leaf["op"] == "missing":
        return value.isnull()
    if leaf["op"] == "in" and isinstance(leaf["value"][0], str):
        return value.cast("string").isin(leaf["value"]).fill_null(False)
    number = value.cast("int8").cast("float64") if value.type().is_boolean() else value.cast("float64")
    result = number.isin(leaf["value"]) if leaf["op"] == "in" else _NUMERIC[leaf["op"]](number, leaf["value"])
    return result.fill_null(False)
