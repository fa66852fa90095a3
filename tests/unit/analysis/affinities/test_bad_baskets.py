"""Baskets as no one wishes them: single, equal, giant, a million items, long and hostile names, names without ids."""

import datetime as dt
import time

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.analysis.affinities import itemsets
from workbench.analysis.affinities.baskets import encode_baskets
from workbench.analysis.affinities.itemsets import find_itemsets
from workbench.analysis.affinities.partners import find_partners
from workbench.analysis.affinities.rules import mine_rules
from workbench.analysis.affinities.same_products import find_same_products
from workbench.analysis.affinities.study import study_affinities
from workbench.report.charts.theme import render
from workbench.report.findings import affinities as findings
from workbench.report.plots import affinities as plots

AS_OF = dt.date(2024, 3, 1)
SETTINGS = {
    "basket": "order", "items": ["product_id"], "min_support": 0.01, "min_confidence": 0.2, "max_items": 3,
    "max_rules": 1000, "max_basket": 2000, "prune": True,
}  # fmt: skip


def studied(rows, columns=("order_id", "product_id"), products=None, **settings):
    tables = {"transactions": ibis.memtable(pd.DataFrame(rows, columns=list(columns)))}
    tables |= {"products": ibis.memtable(products)} if products is not None else {}
    return study_affinities(tables, as_of=AS_OF, least=1, **SETTINGS | settings)


def keys(study):
    return [finding.key for finding in findings.find_affinities(study, least=1)]


def encoded(baskets, items):
    entries = {
        "basket": pa.array(baskets), "level": pa.array(["product_id"] * len(baskets)), "item": pa.array(items),
    }  # fmt: skip
    return encode_baskets(pa.table(entries), max_basket=2000)


def test_one_basket_has_no_rule_to_show():
    study = studied([("1", "a"), ("1", "b")])
    assert (study.facts["baskets"], study.facts["rules"]) == (1, 2)
    assert (findings.table_rules(study, least=1).empty, len(study.partners)) == (True, 0)
    assert keys(study)[0] == "affinity_none"


def test_one_item_has_no_rule_and_no_partner():
    study = studied([(str(at), "a") for at in range(50)])
    assert (study.facts["items"], study.facts["rules"], len(study.partners)) == (1, 0, 0)
    assert keys(study)[0] == "affinity_none"


def test_equal_baskets_have_rules_of_lift_one_and_none_to_show():
    study = studied([(str(at), item) for at in range(50) for item in "abc"])
    assert (study.facts["rules"], study.facts["significant"]) == (9, 0)
    assert set(study.rules["lift"]) == {1.0}
    assert (findings.table_rules(study, least=1).empty, len(study.partners)) == (True, 0)
    assert not plots.plot_affinity_map(findings.map_cells(study)).drawn


def test_a_million_distinct_items_are_counted_within_a_minute():
    number = 1_000_000
    items = [*(f"p{at}" for at in range(number)), *["p1", "p2"] * 30]
    baskets = [*(str(at % 300_000) for at in range(number)), *(f"x{at // 2}" for at in range(60))]
    start = time.perf_counter()
    matrix = encoded(baskets, items)
    rules = mine_rules(matrix, min_support=0.00005, min_confidence=0.5, max_items=3, max_rules=1000)
    partners = find_partners(matrix, least=16)
    assert (len(matrix.items), rules.facts["rules"]) == (number, 2)
    assert set(partners["item"]) == {"p1", "p2"}
    assert time.perf_counter() - start < 60


def test_giant_baskets_raise_the_threshold_instead_of_exploding(monkeypatch):
    monkeypatch.setattr(itemsets, "MOST_WORK", 1_000_000)
    random = np.random.default_rng(1)
    giant = [(f"g{at}", f"p{item}") for at in range(12) for item in random.permutation(3000)[:1000]]
    small = [(f"s{at}", item) for at in range(300) for item in ("tea", "milk")]
    rows = giant + small
    matrix = encoded([basket for basket, _ in rows], [item for _, item in rows])
    sets = find_itemsets(matrix.matrix, min_support=0.001, max_items=3)
    named = {tuple(matrix.items[code] for code in pair) for pair in sets.sets[2].tolist()}
    above = matrix.counts[matrix.counts >= sets.raised]
    assert ("milk", "tea") in named
    assert sets.raised > sets.least
    assert above[above <= 12].sum() * 1000 <= 1_000_000  # baskets of 1,000 entries that were touched


def test_giant_baskets_beyond_the_bound_are_reported():
    rows = [("giant", f"p{at}") for at in range(1000)] + [(f"s{at}", item) for at in range(20) for item in "ab"]
    study = studied(rows, max_basket=500)
    assert (study.facts["baskets"], study.facts["left_out"]) == (20, 1)
    assert "affinity_large_baskets" in keys(study)


def test_quantities_without_meaning_change_nothing():
    columns = ("order_id", "product_id", "quantity")
    pieces = [(str(at), item, 1) for at in range(30) for item in ("ab" if at % 3 else "bc")]
    grams = [(order, item, 375.5 if item == "a" else 0.001) for order, item, _ in pieces]
    pd.testing.assert_frame_equal(studied(pieces, columns).rules, studied(grams, columns).rules)


LONG = "梅" * 150 + "x" * 150
HOSTILE = ['<script>alert("1")</script>', '=HYPERLINK("http://x","y")', "$x_1^2$ {0} %s", LONG]


def test_long_names_markup_and_formulas_are_text_on_page_and_chart():
    rows = [(f"o{at}", HOSTILE[item]) for at in range(80) for item in ((0, 1) if at % 2 else (2, 3))]
    study = studied(rows)
    table = findings.table_rules(study, least=1)
    assert set(table["consequent"]) | set(table["antecedent"]) == set(HOSTILE)
    for chart in (plots.plot_rules(table), plots.plot_affinity_map(findings.map_cells(study))):
        assert chart.drawn
        assert b"<script>alert" not in render(chart, "svg")


def test_the_same_product_under_two_names_is_a_suspect_and_not_merged():
    rows = [(str(at), item) for at in range(40) for item in ("p1" if at % 2 else "p2", "p3")]
    products = pd.DataFrame({"product_id": ["p1", "p2", "p3"], "product_name": ["Red wine", "RED-WINE ", "Beer"]})
    study = studied(rows, products=products)
    assert (study.same_products, study.facts["items"]) == ((("p1", "p2"),), 3)
    suspects = [one for one in findings.find_affinities(study, least=1) if one.key == "affinity_same_products"]
    assert suspects[0].values == {"groups": 1, "example": "Red wine (p1) / RED-WINE  (p2)"}


def test_names_as_ids_are_compared_by_case_and_blanks_alone():
    assert find_same_products({"Red wine": 3, "red  wine": 2, "A-1": 1, "A1": 1}, {}) == (("Red wine", "red  wine"),)


def test_names_that_most_products_share_are_kinds_and_no_evidence():
    names = {f"p{at}": "MILK" if at % 2 else "CHEESE" for at in range(10)}
    assert find_same_products(dict.fromkeys(names, 1), names) == ()
    assert find_same_products({"a": 0, "b": 1}, {"a": "x", "b": "x"}) == ()  # not bought is no item
