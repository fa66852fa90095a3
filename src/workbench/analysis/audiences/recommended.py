"""To whom is a product or a category recommended? The clause ``recommended('...')``, on the lists of stage 07."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from workbench.core.errors import Fault, did_you_mean

__all__ = ["RECOMMENDATIONS", "check_recommended", "recommended_customers"]

RECOMMENDATIONS = "recommendations"
_ITEMS = ("product_id", "category")
_MOST_NAMES = 2_000  # names searched for the one most similar to a misspelt item


def check_recommended(item: str, tables: Mapping[str, ibis.Table], *, where: str) -> list[Fault]:
    """List the faults of a clause: no recommendations, or an item on no list; the most similar item is suggested."""
    if RECOMMENDATIONS not in tables:
        return [Fault(where, f"no table {RECOMMENDATIONS}", "", "Run 07_mine_affinities first")]
    if recommended_customers(item, tables).limit(1).count().to_pyarrow().as_py():
        return []
    rows = tables[RECOMMENDATIONS]
    names = [_text(rows, name).name("item") for name in _ITEMS]
    items = ibis.union(*(rows.select(name) for name in names), distinct=True)
    items = items.filter(items["item"].notnull()).order_by("item").limit(_MOST_NAMES)
    item_names = items.to_pyarrow()["item"].to_pylist()
    return [
        Fault(where, f"nobody is recommended '{item}'", "A product_id or a category", did_you_mean(item, item_names))
    ]


def recommended_customers(item: str, tables: Mapping[str, ibis.Table]) -> ibis.Table:
    """Return the customers who have the item on a personal list.

    Parameters
    ----------
    item : str
        A product_id or a category, as in the table.
    tables : mapping of str to ibis.Table
        With ``recommendations``. The neutral list, which is the same for everybody, does not count.

    Returns
    -------
    ibis.Table
        customer_id, distinct.
    """
    rows = tables[RECOMMENDATIONS]
    same = [(_text(rows, name) == item).fill_null(False) for name in _ITEMS]
    return rows.filter(rows["list"] != "neutral", same[0] | same[1]).select("customer_id").distinct()


def _text(rows: ibis.Table, name: str) -> ibis.expr.types.StringValue:
    return rows[name].cast("string")
