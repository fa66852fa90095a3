"""Affinities of a profile: baskets, rules, partners, names of products. Serves 07_mine_affinities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.affinities.baskets import Baskets, bought_lines, build_baskets, item_entries
from workbench.analysis.affinities.hierarchy import contained_pairs
from workbench.analysis.affinities.partners import AFFINITY_COLUMNS, add_days_between, find_partners, map_items
from workbench.analysis.affinities.rules import RULE_COLUMNS, mine_rules
from workbench.analysis.affinities.same_products import find_same_products

__all__ = ["AffinityStudy", "distinct_names", "item_names", "study_affinities"]

_OF_CUSTOMERS = ("customers.", "answers.")
_MOST_NAMES = 200_000
_MAP_ITEMS = 12


@dataclass(frozen=True)
class AffinityStudy:
    """Affinities between items.

    Attributes
    ----------
    rules : DataFrame
        ``RULE_COLUMNS``.
    partners : DataFrame
        ``AFFINITY_COLUMNS``, leverage, after, before.
    facts : dict
        Those of `mine_rules`, and basket, items_of (levels), customers (whether a basket is a customer).
    counts : dict of str to int
        Baskets of each item.
    names : dict of str to str
        Product names by product_id and by item, where known; a name shared by several products includes the product_id.
    same_products : tuple of tuple of str
        Groups of items that may be the same product, by their names; they are reported, not merged.
    """

    rules: pd.DataFrame
    partners: pd.DataFrame
    facts: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    same_products: tuple[tuple[str, ...], ...] = ()

    @property
    def affinities(self) -> pd.DataFrame:
        """The partners in the columns of the table."""
        return self.partners[list(AFFINITY_COLUMNS)]

    @property
    def mapped(self) -> list[str]:
        """The items of the affinity map."""
        return map_items(self.partners, self.counts, most=_MAP_ITEMS)


def study_affinities(
    tables: Mapping[str, ibis.Table],
    *,
    as_of: date,
    basket: str,
    items: Sequence[str],
    min_support: float,
    min_confidence: float,
    max_items: int,
    max_rules: int,
    max_basket: int,
    prune: bool,
    least: int,
) -> AffinityStudy:
    """Mine rules and partners.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions, products, customers, responses, as far as they exist.
    as_of : date
    basket, items, min_support, min_confidence, max_items, max_rules, max_basket, prune
        Parameters of 07_mine_affinities. Without order ids, ``basket: order`` means all lines
        of a customer on one day.
    least : int
        Fewest baskets of a pair of partners, and fewest customers behind days_between.

    Returns
    -------
    AffinityStudy
    """
    lines = _lines(tables, as_of)
    basket = _basket(lines, basket)
    from_lines = any(not item.startswith(_OF_CUSTOMERS) for item in items)
    if from_lines and lines is None and list(items) == ["product_id"]:
        return _nothing(basket, items)
    entries = item_entries(lines, tables, basket=basket, items=items)
    baskets = build_baskets(entries, max_basket=max_basket)
    contained = contained_pairs(tables.get("products"), baskets, items=items)
    rules = mine_rules(
        baskets, min_support=min_support, min_confidence=min_confidence, max_items=max_items, max_rules=max_rules,
        prune=prune, contained=contained,
    )  # fmt: skip
    partners = find_partners(baskets, least=max(least, _partner_floor(baskets)), contained=contained)
    several = len(set(baskets.levels)) > 1
    days = _first_days(lines, tables, items, partners, several=several)
    partners = add_days_between(partners, days, least=least)
    counts = dict(zip(baskets.items, baskets.counts.tolist(), strict=True))
    names = item_names(tables) if "product_id" in items else {}
    same = find_same_products(counts, names) if list(items) == ["product_id"] else ()
    facts = {**rules.facts, "basket": basket, "levels": list(items)}
    return AffinityStudy(rules.table, partners, facts, counts, _shown_names(names, baskets), same)


def item_names(tables: Mapping[str, ibis.Table]) -> dict[str, str]:
    """Return product names by product_id, for at most 200,000 products, the first by product_id."""
    products = tables.get("products")
    if products is None or not {"product_id", "product_name"} <= set(products.columns):
        return {}
    with_name = products.filter(products.product_id.notnull(), products.product_name.notnull())
    one_name = with_name.group_by("product_id").aggregate(product_name=with_name.product_name.min())
    frame = one_name.order_by("product_id").limit(_MOST_NAMES).to_pandas()
    return dict(zip(frame["product_id"], frame["product_name"], strict=True))


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Append the product_id to names that several products share, so that a reader can distinguish them.

    Examples
    --------
    >>> distinct_names({"p1": "Milk", "p2": "Milk", "p3": "Beer"})
    {'p1': 'Milk (p1)', 'p2': 'Milk (p2)', 'p3': 'Beer'}
    """
    products = Counter(names.values())
    return {item: f"{name} ({item})" if products[name] > 1 and name != item else name for item, name in names.items()}


def _shown_names(names: Mapping[str, str], baskets: Baskets) -> dict[str, str]:
    """Return names of products and, if item names include their level, of every item."""
    display_names = distinct_names(names)
    if len(set(baskets.levels)) == 1:
        return display_names
    values = [item.removeprefix(f"{level}=") for level, item in zip(baskets.levels, baskets.items, strict=True)]
    times = Counter([*values, *display_names.values()])
    return display_names | {
        item: _shown_name(
            level, display_names.get(value, value) if level == "product_id" else value, unique=times[value] == 1
        )
        for level, item, value in zip(baskets.levels, baskets.items, values, strict=True)
    }


def _shown_name(level: str, value: str, *, unique: bool) -> str:
    """Return the display name of an item: its value, with attribute, question or level where needed to be unique."""
    attribute = next((level.removeprefix(start) for start in _OF_CUSTOMERS if level.startswith(start)), None)
    if attribute is not None:
        return f"{attribute}: {value}"
    return value if unique or level == "product_id" else f"{value} ({level})"


def _lines(tables: Mapping[str, ibis.Table], as_of: date) -> ibis.Table | None:
    transactions = tables.get("transactions")
    if transactions is None or "product_id" not in transactions.columns:
        return None
    return bought_lines(transactions, as_of=as_of)


def _basket(lines: ibis.Table | None, basket: str) -> str:
    if lines is None or basket != "order" or "order_id" in lines.columns:
        return basket
    return "day" if {"customer_id", "ordered_at"} <= set(lines.columns) else basket


def _nothing(basket: str, items: Sequence[str]) -> AffinityStudy:
    facts = {"baskets": 0, "items": 0, "rules": 0, "basket": basket, "levels": list(items), "left_out": 0,
             "dated": False}  # fmt: skip
    partners = pd.DataFrame(columns=[*AFFINITY_COLUMNS, "leverage", "after", "before"])
    return AffinityStudy(pd.DataFrame(columns=list(RULE_COLUMNS)), partners, facts)


def _partner_floor(baskets: Baskets) -> int:
    """Return the fewest baskets of a pair of partners: one in a thousand."""
    return baskets.n // 1000


def _first_days(
    lines: ibis.Table | None,
    tables: Mapping[str, ibis.Table],
    items: Sequence[str],
    partners: pd.DataFrame,
    *,
    several: bool,
) -> ibis.Table | None:
    """Return the first purchase of each partner item by customer; None without customers or dates."""
    bought = [level for level in items if not level.startswith(_OF_CUSTOMERS)]
    if lines is None or partners.empty or not bought:
        return None
    if not {"customer_id", "ordered_at"} <= set(lines.columns):
        return None
    dated = lines.filter(lines.customer_id.notnull(), lines.ordered_at.notnull())
    entries = item_entries(dated, tables, basket="customer", items=bought)
    if several:
        entries = entries.mutate(item=entries.level + "=" + entries["item"])
    paired = ibis.memtable(pd.DataFrame({"item": sorted(set(partners["item"]))}, dtype="object"))
    entries = entries.semi_join(paired, "item")
    return entries.group_by(customer_id=entries.basket, item=entries["item"]).aggregate(day=entries.day.min())
