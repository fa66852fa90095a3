"""The first recommendations of each customer, for the portrait card."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import ibis
import pandas as pd

from workbench.analysis.affinities.study import distinct_names
from workbench.core.store.tables import to_pandas

__all__ = ["OFFER_COLUMNS", "top_offers"]

OFFER_COLUMNS = ("customer_id", "list", "item", "name", "evidence", "because_name")
_EVERYBODY = "*"
_ORDER = {"again": 0, "new": 1, "neutral": 2}


def top_offers(
    tables: Mapping[str, ibis.Table], ids: Sequence[str], *, permitted: Collection[str], most: int = 3
) -> pd.DataFrame:
    """Return each customer's first recommendations: rank 1 of each list, then rank 2, and so on.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        recommendations and, for names, products.
    ids : sequence of str
    permitted : collection of str
        Customers who permit personal recommendations; all others get the neutral list.
    most : int
        Offers per customer.

    Returns
    -------
    DataFrame
        ``OFFER_COLUMNS`` in display order: item (a product_id or a category), name (of the product, with its id if
        several products share the name; else the item), evidence (JSON), because_name (name of the item that explains
        the recommendation).
    """
    if "recommendations" not in tables:
        return pd.DataFrame(columns=list(OFFER_COLUMNS))
    table = tables["recommendations"]
    permitted_rows = table.filter(
        table.customer_id.isin([*sorted(set(ids) & set(permitted)), _EVERYBODY]), table["rank"] <= most
    )
    item = ibis.coalesce(permitted_rows.product_id.cast("string"), permitted_rows.category.cast("string"))
    rows = to_pandas(permitted_rows.select("customer_id", "list", "rank", "evidence", item=item))
    neutral = rows[rows["customer_id"] == _EVERYBODY]
    with_list = set(rows["customer_id"])
    others = [neutral.assign(customer_id=customer) for customer in dict.fromkeys(ids) if customer not in with_list]
    rows = pd.concat([rows[rows["customer_id"] != _EVERYBODY], *others], ignore_index=True)
    rows = rows.assign(order=rows["list"].map(_ORDER)).sort_values(["customer_id", "rank", "order"], kind="stable")
    rows = rows.groupby("customer_id").head(most)
    because = [json.loads(evidence).get("because") for evidence in rows["evidence"]]
    names = _names(tables, {*rows["item"], *filter(None, because)})
    rows = rows.assign(
        name=[names.get(code, code) for code in rows["item"]],
        because_name=[names.get(code, code) if code is not None else None for code in because],
    )
    return rows[list(OFFER_COLUMNS)].reset_index(drop=True)


def _names(tables: Mapping[str, ibis.Table], items: Collection[str]) -> dict[str, str]:
    products = tables.get("products")
    if products is None or "product_name" not in products.columns or not items:
        return {}
    with_name = products.filter(products.product_id.isin(sorted(items)), products.product_name.notnull())
    frame = to_pandas(with_name.group_by("product_id").aggregate(product_name=with_name.product_name.min()))
    return distinct_names(dict(zip(frame["product_id"], frame["product_name"], strict=True)))
