"""A rule between a product and its own category restates the product table."""

import json

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.affinities.hierarchy import holds_pair
from workbench.analysis.affinities.study import study_affinities

PRODUCTS = pd.DataFrame({
    "product_id": ["r1", "r2", "p1", "p2", "x"], "category": ["ring", "ring", "pearl", "pearl", None],
    "brand": ["Luna", "Luna", "Luna", "Sol", "Sol"],
})  # fmt: skip
OPTIONS = {
    "as_of": pd.Timestamp("2025-01-01").date(), "basket": "customer", "min_support": 0.05, "min_confidence": 0.05,
    "max_items": 3, "max_rules": 10_000, "max_basket": 100, "least": 3,
}  # fmt: skip


def studied(items, **options):
    bought = [("r1", "p1"), ("r2", "p2"), ("r1", "r2"), ("p1", "x"), ("r2", "p1")] * 8
    rows = [(f"c{at}", item, f"2024-0{1 + at % 9}-01") for at, pair in enumerate(bought) for item in pair]
    lines = pd.DataFrame(rows, columns=["customer_id", "product_id", "ordered_at"])
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"])
    tables = {"transactions": ibis.memtable(lines), "products": ibis.memtable(PRODUCTS)}
    return study_affinities(tables, items=items, **OPTIONS | options)


def pairs_of(rules):
    return {
        frozenset((one, other))
        for row in rules.itertuples()
        for items in [[*json.loads(row.antecedent), row.consequent]]
        for one in items
        for other in items
        if one != other
    }


DEFINED = {
    frozenset(pair)
    for pair in [
        ("product_id=r1", "category=ring"), ("product_id=r2", "category=ring"), ("product_id=p1", "category=pearl"),
        ("product_id=p2", "category=pearl"),
    ]
}  # fmt: skip


def test_rules_between_a_product_and_its_category_are_counted_marked_and_pruned():
    kept = studied(["product_id", "category"], prune=False)
    pruned = studied(["product_id", "category"], prune=True)
    assert pairs_of(kept.rules) >= DEFINED
    assert not pairs_of(pruned.rules) & DEFINED
    assert frozenset(("product_id=p1", "category=ring")) in pairs_of(pruned.rules)
    marked = kept.rules[kept.rules["mark"] == "by_definition"]
    assert len(marked) == kept.facts["by_definition"] == pruned.facts["by_definition"] > 0
    assert kept.facts["rules"] == pruned.facts["rules"] == len(kept.rules)


def test_a_product_and_its_category_are_no_partners():
    partners = studied(["product_id", "category"], prune=True).partners
    assert not {frozenset(pair) for pair in zip(partners["item"], partners["other"], strict=True)} & DEFINED


def test_items_of_several_levels_have_days_between():
    bought = [("r1", "2024-01-01"), ("p1", "2024-01-31")]
    rows = [(f"c{at}", item, day) for at in range(20) for item, day in bought]
    rows += [(f"d{at}", "x", "2024-02-01") for at in range(20)]
    lines = pd.DataFrame(rows, columns=["customer_id", "product_id", "ordered_at"])
    tables = {"transactions": ibis.memtable(lines.assign(ordered_at=pd.to_datetime(lines["ordered_at"])))}
    tables["products"] = ibis.memtable(PRODUCTS)
    partners = study_affinities(tables, items=["product_id", "category"], prune=True, **OPTIONS).partners
    row = partners[(partners["item"] == "category=ring") & (partners["other"] == "product_id=p1")].iloc[0]
    assert (row["days_between"], row["after"], row["before"]) == (30, 20, 0)


def test_a_brand_of_several_categories_contains_none():
    # all rings are of Luna: the category implies the brand; pearls are of both
    rules = studied(["category", "brand"], prune=False).rules
    defined = pairs_of(rules[(rules["mark"] == "by_definition") & ~rules["antecedent"].str.contains(",")])
    assert frozenset(("category=ring", "brand=Luna")) in defined
    assert not defined & {frozenset(("category=pearl", "brand=Luna")), frozenset(("category=pearl", "brand=Sol"))}


def test_one_level_has_no_rules_by_definition():
    assert studied(["category"], prune=True).facts["by_definition"] == 0


def test_items_of_several_levels_are_named_by_their_values():
    products = PRODUCTS.assign(product_name=["Luna ring", "Second ring", "pearl", "Sol pearl", "x"])
    lines = pd.DataFrame({"customer_id": ["c1", "c1", "c2"], "product_id": ["r1", "p2", "r1"]})
    tables = {
        "transactions": ibis.memtable(lines), "products": ibis.memtable(products),
        "customers": ibis.memtable({"customer_id": ["c1", "c2"], "city": ["Jinan", "Linyi"]}),
    }  # fmt: skip
    items = ["product_id", "category", "customers.city"]
    names = study_affinities(tables, items=items, prune=True, **OPTIONS).names
    shown = {item: names[item] for item in ("product_id=r1", "category=ring", "category=pearl", "customers.city=Jinan")}
    assert list(shown.values()) == ["Luna ring", "ring", "pearl (category)", "city: Jinan"]


def test_a_set_holds_a_pair_wherever_its_items_stand():
    pairs = np.array([0 * 5 + 3])
    sets = np.array([[3, 1, 0], [0, 3, -1], [1, 2, 3], [0, -1, 4]])
    assert holds_pair(sets, pairs, 5).tolist() == [True, True, False, False]
