"""What groups buy and when: buyers by category, brand and channel, and the typical week.

Order lines stay in the database engine; the results have one row per group and value, or per group, weekday and hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.purchases import has_purchases
from workbench.intake.features.inputs.lines import is_sale, known_lines
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["BOUGHT", "WEEK_COLUMNS", "Buyers", "count_buyers", "typical_week"]

BOUGHT = (
    "category",
    "brand",
    "channel",
    "platform",
    "payment_method",
)  # variables by which buyers are counted, where present
WEEK_COLUMNS = ("group", "weekday", "hour", "hours", "orders", "share", "base_share", "suppressed")
WIDTHS = (1, 2, 3, 4, 6, 24)  # possible widths of a cell of the week, hours
MOST_HIDDEN = 0.2  # largest share of a group's orders in suppressed cells; above it cells are widened
DAY = 24


@dataclass(frozen=True)
class Buyers:
    """Buyers of each value of a variable, by group.

    Attributes
    ----------
    variable : str
        category, brand, channel, platform or payment_method.
    counts : DataFrame of int
        Buyers by group (rows) and value (columns, the most bought first); a customer may have several values.
    sizes : Series of int
        Number of customers of each group with a purchase for which the variable is known.
    """

    variable: str
    counts: pd.DataFrame
    sizes: pd.Series


def count_buyers(
    transactions: ir.Table | None,
    groups: pd.DataFrame,
    *,
    as_of: date,
    products: ir.Table | None = None,
    variables: Sequence[str] = BOUGHT,
    max_values: int = 200,
) -> list[Buyers]:
    """Count buyers by group and value.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines: customer_id, amount, and ``variables`` where present. Only sales before ``as_of`` count.
    groups : DataFrame
        customer_id, group.
    as_of : date
    products : ibis.Table, optional
        product_id with category and brand.
    variables : sequence of str
        Variables to count; those in neither table are left out.
    max_values : int
        Most values of a variable, by number of buyers; ties by name.

    Returns
    -------
    list of Buyers
        One per variable with any value, in the order of ``variables``.
    """
    if not has_purchases(transactions):
        return []
    lines = known_lines(transactions, as_of=as_of)
    lines = lines.filter(is_sale(lines))
    present = [name for name in variables if name in lines.columns]
    in_products = [
        name for name in variables if products is not None and name in products.columns and name not in present
    ]
    sales = lines.select(
        "customer_id", *present, *(["product_id"] if in_products and "product_id" in lines.columns else [])
    )
    if products is not None and in_products and "product_id" in sales.columns:
        product_values = products.group_by("product_id").aggregate(
            **{name: products[name].min() for name in in_products}
        )
        sales, present = sales.left_join(product_values, "product_id"), [*present, *in_products]
    in_groups = sales.inner_join(_as_table(groups), "customer_id")
    buyers = [_buyers_of(in_groups, name, max_values) for name in variables if name in present]
    return [bought for bought in buyers if bought is not None]


def typical_week(
    transactions: ir.Table | None, groups: pd.DataFrame, *, as_of: date, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count the orders of each group by weekday and hour.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines: customer_id, ordered_at, amount.
    groups : DataFrame
        customer_id, group.
    as_of : date
    least : int
        Cells in which 1 to ``least`` - 1 customers of a group bought are suppressed; a single suppressed cell gets a
        second one. Cells have the smallest width (1, 2, 3, 4, 6 or 24 hours) that suppresses at most a fifth of any
        group's orders.

    Returns
    -------
    DataFrame, `WEEK_COLUMNS`
        One row per group, weekday (1 Monday to 7 Sunday) and cell: hour (its first), hours (its width), orders, share
        (of the group's orders), base_share (of all orders); 0 without orders. If no order has a time of day (all at
        midnight), a cell is a whole day. Empty without dated purchases.
    """
    if not has_purchases(transactions):
        return pd.DataFrame(columns=list(WEEK_COLUMNS))
    orders = purchases(group_orders(known_lines(transactions, as_of=as_of)))
    ordered_at = orders.ordered_at
    clock = {
        "weekday": ordered_at.day_of_week.index() + 1,
        "hour": ordered_at.hour(),
        "moment": ordered_at.time() != ibis.time(0, 0, 0),
    }
    order_times = orders.select("customer_id", **clock)
    order_times = order_times.inner_join(_as_table(groups), "customer_id")
    widths = WIDTHS if bool(order_times.moment.any().execute()) else (DAY,)
    for width in widths:
        cells = _count_week(order_times, width)
        hidden = _hidden_cells(cells, least)
        suppressed = cells["orders"].where(hidden, 0).groupby(cells["group"]).sum()
        total = cells.groupby("group")["orders"].sum().clip(lower=1)
        large = total[total >= DAY * 7]  # groups with few orders do not influence the width
        if not (suppressed.reindex(large.index) / large > MOST_HIDDEN).any():
            break
    return _week_shares(cells.assign(hours=width, suppressed=hidden))


def _as_table(groups: pd.DataFrame) -> ir.Table:
    return ibis.memtable(groups[["customer_id", "group"]].astype("str"))


def _buyers_of(sales: ir.Table, variable: str, max_values: int) -> Buyers | None:
    usable = sales.filter(sales[variable].notnull())
    bought = usable.select("customer_id", "group", value=usable[variable]).distinct()  # evaluated once for both counts
    pairs = bought.group_by("group", "value").aggregate(n=bought.count())
    buyers = bought.group_by("group").aggregate(n=bought.customer_id.nunique())
    counts_table = pairs.union(buyers.select("group", value=ibis.null(bought.value.type()), n="n")).to_pandas()
    if counts_table.empty:
        return None
    sizes = counts_table[counts_table["value"].isna()].sort_values(["n", "group"], ascending=[False, True])
    sizes = sizes.set_index("group")["n"].astype("int64")
    pairs = counts_table[counts_table["value"].notna()]
    counts = pairs.pivot_table(index="group", columns="value", values="n", fill_value=0).astype("int64")
    total = counts.sum(axis=0).rename_axis("value").reset_index(name="n")
    order = total.sort_values(["n", "value"], ascending=[False, True])["value"].head(max_values)
    return Buyers(variable, counts.reindex(index=sizes.index, columns=list(order)), sizes)


def _count_week(order_times: ir.Table, width: int) -> pd.DataFrame:
    cells = order_times.mutate(
        hour=((order_times.hour // width) * width).cast("int64"), weekday=order_times.weekday.cast("int64")
    )
    cell_counts = cells.group_by("group", "weekday", "hour").aggregate(
        orders=cells.count(), customers=cells.customer_id.nunique()
    )
    counts = cell_counts.to_pandas().set_index(["group", "weekday", "hour"])
    names = sorted(counts.index.get_level_values("group").unique())
    all_cells = pd.MultiIndex.from_product([names, range(1, 8), range(0, DAY, width)], names=counts.index.names)
    return counts.reindex(all_cells, fill_value=0).astype("int64").reset_index()


def _hidden_cells(cells: pd.DataFrame, least: int) -> pd.Series:
    """Mark cells with few customers, and a second cell of a group with a single marked one."""
    hidden = (cells["customers"] > 0) & (cells["customers"] < least)
    for _, block in cells.groupby("group"):
        group_hidden = hidden.loc[block.index]
        if group_hidden.sum() == 1:
            visible = block.loc[~group_hidden & (block["customers"] > 0), "customers"]
            hidden.loc[(visible.idxmin() if len(visible) else block.index[~group_hidden][:1])] = True
    return hidden


def _week_shares(cells: pd.DataFrame) -> pd.DataFrame:
    total = cells.groupby("group")["orders"].transform("sum")
    all_orders = cells.groupby(["weekday", "hour"])["orders"].transform("sum")
    hidden = cells["suppressed"].astype(bool)
    shares = {
        "orders": cells["orders"].astype("float64").mask(hidden),
        "share": (cells["orders"] / total.where(total > 0)).mask(hidden),
        "base_share": (all_orders / max(int(cells["orders"].sum()), 1)).mask(_base_hidden(cells)),
    }
    return cells.assign(**shares)[list(WEEK_COLUMNS)]


def _base_hidden(cells: pd.DataFrame) -> pd.Series:
    """Mark the cells of the base from which a hidden cell of a group could be recovered."""
    by_cell = cells.groupby(["weekday", "hour"]).agg(hidden=("suppressed", "any"), orders=("orders", "sum"))
    if by_cell["hidden"].sum() == 1:
        by_cell.loc[by_cell["orders"].mask(by_cell["hidden"]).idxmin(), "hidden"] = True
    return pd.Series(by_cell["hidden"].reindex(cells.set_index(["weekday", "hour"]).index).to_numpy(), cells.index)
