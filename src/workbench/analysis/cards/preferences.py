"""What does each customer spend most on? The leading categories, brands or products with their number of lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.purchases import has_purchases
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.lines import is_sale, known_lines

__all__ = ["LEAST_LINES", "leading_preferences"]

LEAST_LINES = 3  # fewest order lines for a preference
_BY = ("category", "brand", "product_name")  # in order of preference


def leading_preferences(
    tables: Mapping[str, ibis.Table], customer_ids: Collection[str], *, as_of: date, max_values: int = 3
) -> pd.DataFrame:
    """Rank categories, brands or products by each customer's spend.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions and products; the result is empty if either is missing, or products has no column to rank by.
    customer_ids : collection of str
    as_of : date
    max_values : int
        Most values per customer.

    Returns
    -------
    DataFrame
        customer_id, by (category, brand or product_name: the first column present in products), value, lines (sale
        lines), share (of the customer's spend on products in the table, 0..1), rank (from 1). Values with fewer than
        three lines are left out; ties are broken by name.
    """
    columns = ["customer_id", "by", "value", "lines", "share", "rank"]
    lines, products = tables.get("transactions"), tables.get("products")
    by = next((name for name in _BY if products is not None and name in products.columns), None)
    if products is None or by is None or not has_purchases(lines) or "product_id" not in lines.columns:
        return pd.DataFrame(columns=columns)
    sales = known_lines(lines, as_of=as_of)
    sales = sales.filter(is_sale(sales), sales.customer_id.isin(sorted(customer_ids)), sales.product_id.notnull())
    product_values = products.filter(products[by].notnull()).group_by("product_id").aggregate(value=products[by].min())
    lines_with_value = sales.select("customer_id", "product_id", "amount").inner_join(product_values, "product_id")
    spend = to_pandas(
        lines_with_value.group_by("customer_id", "value").aggregate(
            lines=lines_with_value.count(), spend=lines_with_value.amount.sum()
        )
    )
    spend = spend.assign(
        by=by, share=(spend["spend"] / spend.groupby("customer_id")["spend"].transform("sum")).round(6)
    )
    spend = spend.sort_values(["customer_id", "spend", "value"], ascending=[True, False, True])
    frequent = spend[spend["lines"] >= LEAST_LINES]
    frequent = frequent.assign(rank=frequent.groupby("customer_id").cumcount() + 1)
    return frequent.loc[frequent["rank"] <= max_values, columns].reset_index(drop=True)
