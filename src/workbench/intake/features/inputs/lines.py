"""Order lines: sales, returns, and the sums per order.

A line is a *return* when its amount or quantity is negative (sent back), or when its status says that it was
returned, refunded or cancelled (marked). A *sale* is a line with a positive amount that is not a return. If the table
has no amounts at all, every line that is not a return is a sale, and nothing is summed.
"""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import MONEY, at_midnight

__all__ = [
    "ORDER_LABELS",
    "PROMOTIONS",
    "RETURN_STATUSES",
    "is_marked",
    "is_sale",
    "is_sent_back",
    "known_lines",
    "line_flags",
    "line_labels",
    "line_sums",
]

# statuses of a returned line, in lower case
RETURN_STATUSES = (
    "returned", "refunded", "cancelled", "canceled", "已退货", "退货", "已退款", "退款", "已取消", "取消",
)  # fmt: skip
PROMOTIONS = ("discount", "coupon")
# columns of the order rather than of its lines
ORDER_LABELS = ("store_id", "channel", "platform", "payment_method")


def known_lines(transactions: ir.Table, *, as_of: date) -> ir.Table:
    """Keep the order lines of known customers dated before the as-of date.

    Parameters
    ----------
    transactions : ibis.Table
        The canonical table; one row per order line.
    as_of : date
        Lines at or after its midnight, and lines without a date, are left out. Where the table has no
        ``ordered_at`` at all, every line is kept.

    Returns
    -------
    ibis.Table
        The same columns.
    """
    identified = transactions.filter(transactions.customer_id.notnull())
    return (
        identified.filter(identified.ordered_at < at_midnight(as_of))
        if "ordered_at" in identified.columns
        else identified
    )


def is_sale(lines: ir.Table) -> ir.BooleanColumn:
    """Mark sale lines: a positive amount and not a return. Null if the amount is null."""
    sale = lines.amount > 0 if "amount" in lines.columns else lines.customer_id.notnull()
    if "quantity" in lines.columns:
        sale &= lines.quantity.fill_null(0) >= 0
    return sale & ~is_marked(lines) if "status" in lines.columns else sale


def line_sums(lines: ir.Table) -> dict[str, ir.DecimalColumn]:
    """Return the amounts and pieces of each line to be summed per order, if the source columns exist.

    Returns
    -------
    dict of str to ibis column
        sold, returned (sent back, as a positive amount), marked (sold, then marked as returned; not part of sold or
        returned), discount, promoted (sold with a discount or coupon), items (pieces sold). Null if a line adds
        nothing.
    """
    sale, back = is_sale(lines), is_sent_back(lines)
    if "amount" not in lines.columns:
        return _sums_without_money(lines, sale)
    sums = {"sold": _where(sale, lines.amount), "returned": _where(back, lines.amount.abs())}
    if "status" in lines.columns:
        sums["marked"] = _where(is_marked(lines) & ~back, lines.amount)
    if "quantity" in lines.columns:
        sums["items"] = _where(sale, lines.quantity)
    if "discount" in lines.columns:
        sums["discount"] = _where(sale & (lines.discount > 0), lines.discount)
    promoted = [lines[name] > 0 for name in PROMOTIONS if name in lines.columns]
    if promoted:
        sums["promoted"] = _where(sale & reduce(or_, promoted), lines.amount)
    return sums


def _sums_without_money(lines: ir.Table, sale: ir.BooleanColumn) -> dict[str, ir.DecimalColumn]:
    nothing = _where(sale & lines.customer_id.isnull(), ibis.literal(0).cast(MONEY))  # null in every line
    sums = {"sold": nothing, "returned": nothing}
    return sums | ({"items": _where(sale, lines.quantity)} if "quantity" in lines.columns else {})


def line_flags(lines: ir.Table) -> dict[str, ir.BooleanColumn]:
    """Return the flags counted over an order's lines: sale_lines, return_lines, discounted_lines, coupon_lines."""
    sale, back = is_sale(lines), is_sent_back(lines)
    flags = {"sale_lines": sale, "return_lines": back | is_marked(lines) if "status" in lines.columns else back}
    if "discount" in lines.columns:
        flags["discounted_lines"] = sale & (lines.discount > 0)
    if "coupon" in lines.columns:
        flags["coupon_lines"] = sale & (lines.coupon > 0)
    return flags


def line_labels(lines: ir.Table) -> dict[str, ir.StringColumn]:
    """Return the store, channel, platform and payment method of each sale line; null for other lines."""
    sale = is_sale(lines)
    present = [name for name in ORDER_LABELS if name in lines.columns]
    return {name: _where(sale, lines[name]) for name in present}


def is_sent_back(lines: ir.Table) -> ir.BooleanColumn:
    """Mark the lines that were sent back: a negative amount or quantity. Never null."""
    back = (lines.amount < 0).fill_null(False) if "amount" in lines.columns else lines.customer_id.isnull()
    return back | (lines.quantity < 0).fill_null(False) if "quantity" in lines.columns else back


def is_marked(lines: ir.Table) -> ir.BooleanColumn:
    """Mark the lines whose status says returned. Never null."""
    return lines.status.strip().lower().isin(RETURN_STATUSES).fill_null(False)


def _where(condition: ir.BooleanColumn, value: ir.Column) -> ir.Column:
    return ibis.ifelse(condition, value, ibis.null(value.type()))
