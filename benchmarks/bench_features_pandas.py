"""The same features in plain hand-written pandas: the rival of bench_features."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["build_with_pandas"]

PARTS = np.array(["night", "morning", "afternoon", "evening"])


def build_with_pandas(folder: Path, *, as_of: date) -> None:
    """Read the order lines, build the columns of the workbench, write pandas.parquet. Money as doubles."""
    end = pd.Timestamp(as_of)
    lines = _read(folder / "transactions.parquet")
    lines = lines[lines.customer_id.notna() & (lines.ordered_at < end)]
    sale = (lines.amount > 0) & (lines.quantity >= 0)
    orders = _orders(lines, sale)
    bought = orders[orders.sale_lines > 0]
    features = _totals(orders, end).join(_rhythm(bought)).join(_times(bought))
    for label in ("store_id", "channel", "platform", "payment_method"):
        spent = bought.groupby(["customer_id", label], observed=True).sold.sum()
        features = features.join(_top(spent, label.removesuffix("_id")))
    pairs = lines[sale].groupby(["customer_id", "product_id"], observed=True).amount.sum()
    features["products_distinct"] = pairs.groupby("customer_id", observed=True).size()
    named = pairs.rename("sold").reset_index().merge(_read(folder / "products.parquet"), on="product_id")
    for group in ("category", "brand"):
        spent = named.groupby(["customer_id", group], observed=True).sold.sum()
        features = features.join(_top(spent, group))
        squares = (spent**2).groupby("customer_id", observed=True).sum()
        features[f"{group}_hhi"] = squares / spent.groupby("customer_id", observed=True).sum() ** 2
        features[f"{group}_distinct"] = spent.groupby("customer_id", observed=True).size()
    features.sort_index().to_parquet(folder / "pandas.parquet")


def _read(path: Path) -> pd.DataFrame:
    table = pq.read_table(path)
    fields = [pa.field(f.name, pa.float64()) if pa.types.is_decimal(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields)).to_pandas()


def _orders(lines: pd.DataFrame, sale: pd.Series) -> pd.DataFrame:
    back = (lines.amount < 0) | (lines.quantity < 0)
    keys = ["customer_id", "order_id", "ordered_at", "store_id", "channel", "platform", "payment_method"]
    measured = lines[keys].assign(
        lines=1, sale_lines=sale.astype("int64"), return_lines=back.astype("int64"),
        discounted_lines=(sale & (lines.discount > 0)).astype("int64"),
        coupon_lines=(sale & (lines.coupon > 0)).astype("int64"), sold=lines.amount.where(sale, 0),
        returned=lines.amount.abs().where(back, 0), items=lines.quantity.where(sale, 0),
        discount=lines.discount.where(sale, 0),
    )  # fmt: skip
    sums = [
        "lines",
        "sale_lines",
        "return_lines",
        "discounted_lines",
        "coupon_lines",
        "sold",
        "returned",
        "items",
        "discount",
    ]
    grouped = measured.groupby(["customer_id", "order_id"], sort=False)
    # one label for all lines of an order holds in the generated data, so the first is enough
    firsts = grouped[["store_id", "channel", "platform", "payment_method"]].first()
    orders = grouped[sums].sum().join(grouped.ordered_at.min()).join(firsts).reset_index()
    return orders.assign(
        net=orders.sold - orders.returned, bought=orders.sale_lines > 0, coupons=orders.coupon_lines > 0
    )


def _totals(orders: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    columns = {}
    for days in (30, 90, 365):
        inside = orders.ordered_at >= end - pd.Timedelta(days=days)
        columns |= {
            f"orders_{days}d": (orders.bought & inside).astype("int64"),
            f"spend_{days}d": orders.net.where(inside, 0),
        }
    orders = orders.assign(weekend=orders.bought & (orders.ordered_at.dt.dayofweek >= 5), **columns)
    sums = ["bought", "net", "sold", "returned", "items", "discount", "lines", "sale_lines", "return_lines",
            "discounted_lines", "coupons", "weekend", *columns]  # fmt: skip
    totals = orders.groupby("customer_id", sort=False)[sums].sum()
    dates = orders[orders.bought].groupby("customer_id", sort=False).ordered_at.agg(["min", "max"])
    first, last = dates["min"].dt.normalize(), dates["max"].dt.normalize()
    count = totals.bought.where(totals.bought > 0)
    return totals[list(columns)].assign(
        frequency_orders=totals.bought, monetary_total=totals.net, recency_days=(end - last).dt.days,
        tenure_days=(end - first).dt.days, first_ordered_on=first, last_ordered_on=last,
        spend_per_order_mean=totals.net / count, lines_per_order_mean=totals.sale_lines / count,
        items_per_order_mean=totals["items"] / count, weekend_share=totals.weekend / count,
        discount_share=totals.discount / (totals.sold + totals.discount),
        discounted_line_share=totals.discounted_lines / totals.sale_lines, coupon_order_share=totals.coupons / count,
        return_value_share=totals.returned / totals.sold, return_line_share=totals.return_lines / totals.lines,
        returns_total=totals.returned,
    )  # fmt: skip


def _rhythm(bought: pd.DataFrame) -> pd.DataFrame:
    days = bought[["customer_id"]].assign(day=bought.ordered_at.dt.normalize()).drop_duplicates()
    days = days.sort_values(["customer_id", "day"])
    days["gap"] = days.groupby("customer_id", sort=False).day.diff().dt.days
    days["month"] = days.day.dt.year * 12 + days.day.dt.month
    gaps = days.groupby("customer_id", sort=False).gap
    rhythm = gaps.agg(gap_days_mean="mean", gap_days_median="median", gap_days_std="std", last_gap_days="last")
    months = days[["customer_id", "month"]].drop_duplicates().groupby("customer_id", sort=False).size()
    return rhythm.assign(active_months=months)


def _times(bought: pd.DataFrame) -> pd.DataFrame:
    clock = bought.ordered_at.dt
    valued = bought[["customer_id", "sold"]].assign(weekday=clock.dayofweek + 1, part=PARTS[clock.hour // 6])
    features = []
    for value in ("weekday", "part"):
        counts = valued.groupby(["customer_id", value]).sold.agg(["size", "sum"]).reset_index()
        counts = counts.sort_values(["customer_id", "size", "sum", value], ascending=[True, False, False, True])
        features.append(counts.drop_duplicates("customer_id").set_index("customer_id")[value].rename(f"{value}_top"))
    evening = (valued.part == "evening").groupby(valued.customer_id).mean()
    return pd.concat([*features, evening.rename("evening_share")], axis=1)


def _top(spent: pd.Series, name: str) -> pd.DataFrame:
    value = spent.index.names[1]
    ranked = (
        spent.rename("sold").reset_index().sort_values(["customer_id", "sold", value], ascending=[True, False, True])
    )
    top = ranked.drop_duplicates("customer_id").set_index("customer_id")
    share = top.sold / spent.groupby("customer_id", observed=True).sum()
    return pd.DataFrame({f"{name}_top": top[value], f"{name}_top_share": share})
