"""What does each customer buy most? The leading categories with how many lines stand behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.purchases import has_purchases
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.lines import is_sale, known_lines

__all__ = ["LEAST_LINES", "leading_preferences"]

LEAST_LINES = 3  # order lines below which a preference is not told
_BY = ("category", "brand", "product_name")


def leading_preferences(
    tables: Mapping[str, ibis.Table], customer_ids: Collection[str], *, as_of: date, most: int = 3
) -> pd.DataFrame:
    """Rank what each customer spends on.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions and products; without both, or without a category, brand or name of products, nothing is told.
    customer_ids : collection of str
    as_of : date
    most : int
        Values told of each customer.

    Returns
    -------
    DataFrame
        customer_id, by (category, brand or product_name: the first the products have), value, lines (sale lines), share
        (of the customer's spend on known products, 0..1), rank (from 1). A value with fewer than three lines is left
        out; ties go to the name that sorts first.
    """
    columns = ["customer_id", "by", "value", "lines", "share", "rank"]
    lines, products = tables.get("transactions"), tables.get("products")
    by = next((name for name in _BY if products is not None and name in products.columns), None)
    if by is None or not has_purchases(lines) or "product_id" not in lines.columns:
        return pd.DataFrame(columns=columns)
    sold = known_lines(lines, as_of=as_of)
    sold = sold.filter(is_sale(sold), sold.customer_id.isin(sorted(customer_ids)), sold.product_id.notnull())
    named = products.filter(products[by].notnull()).group_by("product_id").aggregate(value=products[by].min())
    found = sold.select("customer_id", "product_id", "amount").inner_join(named, "product_id")
    spent = to_pandas(found.group_by("customer_id", "value").aggregate(lines=found.count(), spend=found.amount.sum()))
    spent = spent.assign(
        by=by, share=(spent["spend"] / spent.groupby("customer_id")["spend"].transform("sum")).round(6)
    )
    spent = spent.sort_values(["customer_id", "spend", "value"], ascending=[True, False, True])
    kept = spent[spent["lines"] >= LEAST_LINES]
    kept = kept.assign(rank=kept.groupby("customer_id").cumcount() + 1)
    return kept.loc[kept["rank"] <= most, columns].reset_index(drop=True)
