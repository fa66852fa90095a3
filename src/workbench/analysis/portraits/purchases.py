"""What and when the groups buy, counted in the engine: buyers by category, brand and channel, and the typical week.

Order lines stay in the engine; what comes out has one row per group and value, or group, weekday and hour.
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

BOUGHT = ("category", "brand", "channel", "platform", "payment_method")  # what buyers are counted by, where it is known
WEEK_COLUMNS = ("group", "weekday", "hour", "hours", "orders", "share", "base_share", "suppressed")
WIDTHS = (1, 2, 3, 4, 6, 24)  # hours of a cell of the week
MOST_HIDDEN = 0.2  # share of a group's orders in suppressed cells, above which cells are made wider
DAY = 24


@dataclass(frozen=True)
class Buyers:
    """How many customers of each group bought each value of something.

    Attributes
    ----------
    variable : str
        category, brand, channel, platform or payment_method.
    counts : DataFrame of int
        Buyers by group (rows) and value (columns, the most bought first); a customer may have several values.
    sizes : Series of int
        By group, the customers with a purchase for which the variable is known.
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
    most: int = 200,
) -> list[Buyers]:
    """Count who bought what in each group.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines: customer_id, amount, and those of ``variables`` that exist. Only sales before ``as_of`` count.
    groups : DataFrame
        customer_id, group.
    as_of : date
    products : ibis.Table, optional
        product_id with category and brand.
    variables : sequence of str
        Those that neither table has are left out.
    most : int
        Values kept of a variable, those with the most buyers; ties by name.

    Returns
    -------
    list of Buyers
        One per variable that exists and is known for somebody, in the order of ``variables``.
    """
    if not has_purchases(transactions):
        return []
    lines = known_lines(transactions, as_of=as_of)
    lines = lines.filter(is_sale(lines))
    kept = [name for name in variables if name in lines.columns]
    more = [name for name in variables if products is not None and name in products.columns and name not in kept]
    sold = lines.select("customer_id", *kept, *(["product_id"] if more and "product_id" in lines.columns else []))
    if more and "product_id" in sold.columns:
        listed = products.group_by("product_id").aggregate(**{name: products[name].min() for name in more})
        sold, kept = sold.left_join(listed, "product_id"), [*kept, *more]
    placed = sold.inner_join(_as_table(groups), "customer_id")
    found = [_buyers_of(placed, name, most) for name in variables if name in kept]
    return [each for each in found if each is not None]


def typical_week(
    transactions: ir.Table | None, groups: pd.DataFrame, *, as_of: date, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count in which hours of the week each group buys.

    Parameters
    ----------
    transactions : ibis.Table
        Order lines: customer_id, ordered_at, amount.
    groups : DataFrame
        customer_id, group.
    as_of : date
    least : int
        Cells in which 1 to ``least`` - 1 customers of a group bought are suppressed, and a second one with a single
        suppressed cell. The cells are as narrow (1, 2, 3, 4, 6 or 24 hours) as leaves at most a fifth of any group's
        orders suppressed.

    Returns
    -------
    DataFrame, `WEEK_COLUMNS`
        One row per group, weekday (1 Monday to 7 Sunday) and cell: hour (its first), hours (its width), orders, share
        (of the group's orders), base_share (of all orders); 0 where nothing was bought. Where no order has a time
        of day (all at midnight) a cell is a day. Empty without dated purchases.
    """
    if not has_purchases(transactions):
        return pd.DataFrame(columns=list(WEEK_COLUMNS))
    orders = purchases(group_orders(known_lines(transactions, as_of=as_of)))
    at = orders.ordered_at
    parts = {"weekday": at.day_of_week.index() + 1, "hour": at.hour(), "moment": at.time() != ibis.time(0, 0, 0)}
    timed = orders.select("customer_id", **parts)
    timed = timed.inner_join(_as_table(groups), "customer_id")
    widths = WIDTHS if bool(timed.moment.any().execute()) else (DAY,)
    for width in widths:
        cells = _count_week(timed, width)
        hidden = _hidden_cells(cells, least)
        lost = cells["orders"].where(hidden, 0).groupby(cells["group"]).sum()
        total = cells.groupby("group")["orders"].sum().clip(lower=1)
        enough = total[total >= DAY * 7]  # a group of few orders has no week and decides nothing
        if not (lost.reindex(enough.index) / enough > MOST_HIDDEN).any():
            break
    return _week_shares(cells.assign(hours=width, suppressed=hidden))


def _as_table(groups: pd.DataFrame) -> ir.Table:
    return ibis.memtable(groups[["customer_id", "group"]].astype("str"))


def _buyers_of(placed: ir.Table, variable: str, most: int) -> Buyers | None:
    known = placed.filter(placed[variable].notnull())
    bought = known.select("customer_id", "group", value=known[variable]).distinct()  # read once for both counts
    pairs = bought.group_by("group", "value").aggregate(n=bought.count())
    buyers = bought.group_by("group").aggregate(n=bought.customer_id.nunique())
    counted = pairs.union(buyers.select("group", value=ibis.null(bought.value.type()), n="n")).to_pandas()
    if counted.empty:
        return None
    sizes = counted[counted["value"].isna()].sort_values(["n", "group"], ascending=[False, True])
    sizes = sizes.set_index("group")["n"].astype("int64")
    pairs = counted[counted["value"].notna()]
    counts = pairs.pivot_table(index="group", columns="value", values="n", fill_value=0).astype("int64")
    total = counts.sum(axis=0).rename_axis("value").reset_index(name="n")
    order = total.sort_values(["n", "value"], ascending=[False, True])["value"].head(most)
    return Buyers(variable, counts.reindex(index=sizes.index, columns=list(order)), sizes)


def _count_week(timed: ir.Table, width: int) -> pd.DataFrame:
    cells = timed.mutate(hour=((timed.hour // width) * width).cast("int64"), weekday=timed.weekday.cast("int64"))
    counted = cells.group_by("group", "weekday", "hour").aggregate(
        orders=cells.count(), customers=cells.customer_id.nunique()
    )
    found = counted.to_pandas().set_index(["group", "weekday", "hour"])
    names = sorted(found.index.get_level_values("group").unique())
    full = pd.MultiIndex.from_product([names, range(1, 8), range(0, DAY, width)], names=found.index.names)
    return found.reindex(full, fill_value=0).astype("int64").reset_index()


def _hidden_cells(cells: pd.DataFrame, least: int) -> pd.Series:
    """Mark cells of few customers, and a second cell of a group with a single one."""
    hidden = (cells["customers"] > 0) & (cells["customers"] < least)
    for _, block in cells.groupby("group"):
        mine = hidden.loc[block.index]
        if mine.sum() == 1:
            filled = block.loc[~mine & (block["customers"] > 0), "customers"]
            hidden.loc[(filled.idxmin() if len(filled) else block.index[~mine][:1])] = True
    return hidden


def _week_shares(cells: pd.DataFrame) -> pd.DataFrame:
    total = cells.groupby("group")["orders"].transform("sum")
    everybody = cells.groupby(["weekday", "hour"])["orders"].transform("sum")
    hidden = cells["suppressed"].astype(bool)
    shares = {
        "orders": cells["orders"].astype("float64").mask(hidden),
        "share": (cells["orders"] / total.where(total > 0)).mask(hidden),
        "base_share": (everybody / max(int(cells["orders"].sum()), 1)).mask(_base_hidden(cells)),
    }
    return cells.assign(**shares)[list(WEEK_COLUMNS)]


def _base_hidden(cells: pd.DataFrame) -> pd.Series:
    """Mark the cells of the base from which a hidden cell of a group could be worked out."""
    by_cell = cells.groupby(["weekday", "hour"]).agg(hidden=("suppressed", "any"), orders=("orders", "sum"))
    if by_cell["hidden"].sum() == 1:
        by_cell.loc[by_cell["orders"].mask(by_cell["hidden"]).idxmin(), "hidden"] = True
    return pd.Series(by_cell["hidden"].reindex(cells.set_index(["weekday", "hour"]).index).to_numpy(), cells.index)
