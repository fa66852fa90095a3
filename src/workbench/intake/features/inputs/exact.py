"""Exact arithmetic for features: the same rows give the same bytes, whatever their order or the thread count.

Sums use whole numbers and decimals; floats are used only for the final result, rounded to ``DIGITS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

import ibis
import ibis.expr.types as ir

__all__ = [
    "DIGITS",
    "MONEY",
    "at_midnight",
    "days_between",
    "deviation",
    "join_customers",
    "money",
    "ratio",
    "share_of",
    "squared",
    "top_by",
]

DIGITS = 6  # decimals kept of a ratio or a mean
MONEY = "decimal(18, 4)"
WIDE = "decimal(38, 4)"


def at_midnight(day: date) -> datetime:
    """Return the first instant of a day: rows before it are known on that day."""
    return datetime.combine(day, time.min)


def ratio(numerator: ir.NumericValue, denominator: ir.NumericValue) -> ir.FloatingValue:
    """Divide two exact numbers; null if the denominator is 0 or one of them is null."""
    whole = denominator.nullif(0).cast("float64")
    return (numerator.cast("float64") / whole).round(DIGITS)


def deviation(count: ir.NumericValue, total: ir.NumericValue, squares: ir.NumericValue) -> ir.FloatingValue:
    """Return the standard deviation (n - 1 in the denominator) from whole sums; null for fewer than two values."""
    spread = (count * squares - total * total).cast("float64")
    return (spread / (count * (count - 1)).nullif(0).cast("float64")).sqrt().round(DIGITS)


def money(amount: ir.NumericValue) -> ir.DecimalValue:
    """Cast an exact sum to the stored type of money, which also halves the cost of the next sum."""
    return amount.cast(MONEY)


def squared(amount: ir.DecimalValue) -> ir.DecimalValue:
    """Square money exactly; the stored type of money would overflow from 30,000 on."""
    return amount.cast(WIDE) * amount.cast(WIDE)


def days_between(earlier: ir.DateValue, later: date | ir.DateValue) -> ir.IntegerValue:
    """Count the days from one date to a later one."""
    until = ibis.literal(later) if isinstance(later, date) else later
    return until.delta(earlier, unit="day")


def top_by(table: ir.Table, value: str, measures: Sequence[str], *, also: Sequence[str] = ()) -> ir.StructScalar:
    """Aggregate to the value with the highest measures; ties go to the value that sorts first.

    Parameters
    ----------
    table : ibis.Table
        One row per customer and value.
    value : str
        The column whose top value is returned; not null.
    measures : sequence of str
        Columns compared in this order, the highest first.
    also : sequence of str
        Further columns of that row.

    Returns
    -------
    ibis struct
        Fields ``value``, the negated measures, and the columns of ``also``.
    """
    negated = {name: -table[name] for name in measures}
    return ibis.struct({**negated, "value": table[value], **{name: table[name] for name in also}}).min()


def join_customers(left: ir.Table, right: ir.Table) -> ir.Table:
    """Left-join another table with one row per customer."""
    return left.left_join(right, "customer_id").drop("customer_id_right")


def share_of(part: ir.NumericValue, whole: ir.NumericValue, least: int) -> ir.FloatingValue:
    """Divide two counts; null if the denominator is below ``least``."""
    return ratio(part, ibis.ifelse(whole >= least, whole, ibis.null(whole.type())))
