"""Translate the expressions of rules and measures to Ibis; they are parsed, never pasted into SQL.

An expression has columns, numbers, quoted text, ``= != < <= > >=``, ``is [not] null``, ``[not] in (...)``,
``[not] like``, ``and``, ``or``, ``not`` and round brackets. Used by 01_check_quality and by ``workbench check``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.later import later
from workbench.intake.expression_syntax import Column, Literal, Node, SyntaxFault, names_in, parse

if TYPE_CHECKING:
    import ibis
else:
    ibis = later("ibis")

__all__ = ["ATTRIBUTE", "check_expression", "columns_in", "compared_texts", "to_ibis"]

ATTRIBUTE = "attribute"  # kind of a declared attribute; numeric or text is decided when its values are read
_COMPARISONS = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_TEXT_KINDS = {"id", "text", "category"}
_NUMBER_KINDS = {"integer", "number", "quantity", "money"}
_DATE_KINDS = {"date", "timestamp"}


def check_expression(expression: str, columns: Mapping[str, str], *, where: str = "") -> list[Fault]:
    """List the faults of an expression: its syntax, unknown columns, comparisons across kinds.

    Parameters
    ----------
    expression : str
    columns : mapping of str to str
        Columns the expression may name, each with its kind (a key of ``core.schema.KINDS``).
    where : str
        File, section or line, for the message.

    Returns
    -------
    list of Fault
        Empty when the expression can be used.

    Examples
    --------
    >>> [str(fault) for fault in check_expression("quantty > 0", {"quantity": "quantity"})]
    ["unknown column 'quantty' in quantty > 0. Did you mean 'quantity'?"]
    """
    try:
        tree = parse(expression)
    except SyntaxFault as fault:
        expected = "Columns, numbers, 'text', = != < <= > >=, is [not] null, in (...), like, and, or, not"
        return [Fault(where, f"{fault} in {expression!r}", expected)]
    unknown = [name for name in names_in(tree) if name not in columns]
    if unknown:
        remedies = {name: did_you_mean(name, columns) for name in unknown}
        return [
            Fault(where, f"unknown column '{name}' in {expression}", "", remedy) for name, remedy in remedies.items()
        ]
    return [Fault(where, f"{misfit} in {expression}", expected) for misfit, expected in _misfits(tree, columns)]


def columns_in(expression: str) -> list[str]:
    """Return the columns an expression names, in order of appearance, each once.

    Raises
    ------
    ProfileError
        The expression cannot be parsed.
    """
    try:
        return list(dict.fromkeys(names_in(parse(expression))))
    except SyntaxFault as fault:
        raise ProfileError(Fault("", f"{fault} in {expression!r}")) from None


def compared_texts(expression: str) -> list[tuple[str, str]]:
    """Return (column, text) pairs that an expression compares by ``=`` or ``in``.

    Examples
    --------
    >>> compared_texts("a = 'x' and (b in ('y', 'z') or c > 3)")
    [('a', 'x'), ('b', 'y'), ('b', 'z')]
    """

    def pairs_in(node: Any) -> list[tuple[str, str]]:
        if not isinstance(node, Node):
            return []
        left, *operands = node.parts
        if node.operator in ("=", "in") and isinstance(left, Column):
            values = [getattr(operand, "value", None) for operand in operands]
            return [(left.name, value) for value in values if isinstance(value, str)]
        return [pair for part in node.parts for pair in pairs_in(part)]

    return pairs_in(parse(expression))


def to_ibis(expression: str, table: ibis.Table, columns: Mapping[str, str]) -> ibis.expr.types.BooleanValue:
    """Turn an expression into an Ibis boolean over a table; null where a compared cell is missing.

    Parameters
    ----------
    expression : str
    table : ibis.Table
        Holds every column named.
    columns : mapping of str to str
        Columns and kinds, as in `check_expression`.

    Raises
    ------
    ProfileError
        All faults of `check_expression` together.
    """
    faults = check_expression(expression, columns)
    if faults:
        raise ProfileError(faults)
    return _build(parse(expression), table, columns)


def _misfits(node: Node, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    if node.operator in ("and", "or", "not"):
        return [misfit for part in node.parts for misfit in _misfits(part, columns)]
    left, *operands = node.parts
    if not isinstance(left, Column):
        return [("a test that does not begin with a column", "For example quantity > 0")]
    if node.operator == "null":
        return []
    kind = columns[left.name]
    if node.operator == "like":
        texts = isinstance(operands[0], Literal) and isinstance(operands[0].value, str)
        fits = kind in (*_TEXT_KINDS, ATTRIBUTE) and texts
        return [] if fits else [(f"'like' on {left.name} ({kind})", "like compares text with 'a pattern%'")]
    return [misfit for operand in operands if (misfit := _misfit(left.name, kind, operand, columns))]


def _misfit(name: str, kind: str, other: Column | Literal, columns: Mapping[str, str]) -> tuple[str, str] | None:
    if isinstance(other, Column):
        families = {_family(kind), _family(columns[other.name])}
        same = len(families) == 1 and families != {"any"}
        return (
            None if same else (f"{name} ({kind}) against {other.name} ({columns[other.name]})", "Columns of one kind")
        )
    value, family = other.value, _family(kind)
    if family == "any":
        return None
    if family == "date":
        fits = isinstance(value, str) and _is_iso(value)
    else:
        fits = isinstance(value, {"text": str, "number": Decimal, "flag": bool}[family])
    expected = {"text": "quoted text", "number": "a number", "flag": "true or false", "date": "'YYYY-MM-DD'"}[family]
    literal = str(value) if isinstance(value, Decimal) else repr(value)
    return None if fits else (f"{name} ({kind}) compared with {literal}", f"Expected {expected}")


def _family(kind: str) -> str:
    if kind in _NUMBER_KINDS:
        return "number"
    if kind in _DATE_KINDS:
        return "date"
    return {"flag": "flag", ATTRIBUTE: "any"}.get(kind, "text")


def _is_iso(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _build(node: Any, table: ibis.Table, columns: Mapping[str, str]) -> Any:
    if node.operator == "not":
        return ~_build(node.parts[0], table, columns)
    if node.operator in ("and", "or"):
        built = [_build(part, table, columns) for part in node.parts]
        return ibis.and_(*built) if node.operator == "and" else ibis.or_(*built)
    kind = columns[node.parts[0].name]
    left, *others = [_value(part, table, kind) for part in node.parts]
    if kind == ATTRIBUTE:
        left = _as_compared(left, node.parts[1:])
    if node.operator == "null":
        return left.isnull()
    if node.operator == "in":
        return ibis.or_(*[left == value for value in others])
    if node.operator == "like":
        return left.like(node.parts[1].value)
    return _COMPARISONS[node.operator](left, others[0])


def _as_compared(left: Any, others: tuple) -> Any:
    """Cast an attribute to the type it is compared with: a number, or text."""
    if any(isinstance(operand, Literal) and isinstance(operand.value, Decimal) for operand in others):
        return left.try_cast("float64") if left.type().is_string() else left
    if others and not left.type().is_string():
        return left.cast("string")
    return left


def _value(part: Column | Literal, table: ibis.Table, kind: str) -> Any:
    if isinstance(part, Column):
        return table[part.name]
    if isinstance(part.value, Decimal):
        return _number(part.value, kind)
    if _family(kind) == "date":
        moment = dt.datetime.fromisoformat(part.value)
        return ibis.literal(moment.date() if kind == "date" else moment)
    return ibis.literal(part.value)


def _number(value: Decimal, kind: str) -> Any:
    if kind == "number":
        return ibis.literal(float(value))
    if value == value.to_integral_value():
        return ibis.literal(int(value))
    scale = max(-int(value.as_tuple().exponent), 4)  # at least the decimals of a money column
    return ibis.literal(value, type=f"decimal(38, {scale})")
