"""Itemsets and rules: hand-computed answers, exact thresholds, bounds, marks, held-out lift."""

import datetime as dt
import json
import os
from itertools import combinations
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import fisher_exact

from workbench.analysis.affinities.baskets import bought_lines, build_baskets, encode_baskets, item_entries
from workbench.analysis.affinities.itemsets import count_itemsets, find_itemsets, least_count
from workbench.analysis.affinities.rules import RULE_COLUMNS, mine_rules
from workbench.analysis.affinities.significance import fisher_greater, lift_interval
from workbench.core.errors import DataError

AS_OF = dt.date(2024, 3, 1)
GROCER = ["bread milk", "bread butter", "bread milk butter", "milk", "beer"]


def baskets_of(texts, **options):
    rows = [(f"b{at}", item) for at, text in enumerate(texts) for item in text.split()]
    entries = pa.table({
        "basket": pa.array([row[0] for row in rows], pa.string()),
        "level": pa.array(["product_id"] * len(rows), pa.string()),
        "item": pa.array([row[1] for row in rows], pa.string()),
    })  # fmt: skip
    return encode_baskets(entries, **({"max_basket": 2000} | options))


def mined(texts, **options):
    settings = {"min_support": 0.2, "min_confidence": 0.5, "max_items": 3, "max_rules": 1000, "prune": False}
    return mine_rules(baskets_of(texts), **(settings | options))


def rule(rules, antecedent, consequent):
    rows = rules.table[rules.table["antecedent"] == json.dumps(sorted(antecedent.split()))]
    return rows[rows["consequent"] == consequent].iloc[0]


def test_measures_are_shares_of_all_baskets():
    row = rule(mined(GROCER), "bread", "milk")
    assert (row["baskets"], row["support"], row["confidence"]) == (2, 2 / 5, 2 / 3)
    assert row["lift"] == pytest.approx((2 / 5) / (3 / 5 * 3 / 5))
    assert row["leverage"] == pytest.approx(2 / 5 - 9 / 25)
    assert tuple(mined(GROCER).table.columns) == RULE_COLUMNS


def test_all_rules_meet_the_confidence_by_counts():
    pairs = {(row.antecedent, row.consequent) for row in mined(GROCER, max_items=2).table.itertuples()}
    assert pairs == {
        ('["bread"]', "milk"), ('["milk"]', "bread"), ('["bread"]', "butter"), ('["butter"]', "bread"),
        ('["butter"]', "milk"),
    }  # fmt: skip


def test_a_share_that_a_ratio_of_floats_misses_meets_its_threshold():
    texts = ["a b"] * 235 + ["a"] * 940
    assert 1 - 940 / 1175 < 0.2  # 235 of 1175
    assert rule(mined(texts, min_confidence=0.2), "a", "b")["baskets"] == 235
    assert (least_count(0.1, 30), least_count(0.01, 19773), least_count(0.5, 0)) == (3, 198, 1)


def test_a_longer_rule_without_gain_is_redundant_and_pruned():
    texts = ["a b c"] * 4 + ["d"] * 6
    rules = mined(texts)
    assert rules.facts["rules"] == 9
    assert rules.facts["redundant"] == 3
    assert len(mined(texts, prune=True).table) == 6
    assert mined(texts, prune=True).facts["rules"] == 9


def test_a_longer_rule_with_gain_stays():
    texts = ["a b c"] * 3 + ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    longer = [row for row in mined(texts, prune=True).table.itertuples() if len(json.loads(row.antecedent)) == 2]
    assert {row.consequent for row in longer} == {"a", "b", "c"}


def test_undated_rules_have_no_held_out_lift():
    table = mined(GROCER).table
    assert table["held_out_lift"].isna().all()
    assert set(table["mark"]) == {"undated"}


@pytest.mark.parametrize("texts", [[], ["a"], ["a b"]])
def test_no_or_one_basket_gives_rules_that_say_nothing(texts):
    rules = mined(texts)
    assert rules.facts["baskets"] == len(texts)
    assert rules.facts["significant"] == 0
    assert (rules.table["lift"] == 1).all()


def test_equal_baskets_have_lift_one_and_no_significance():
    rules = mined(["a b c"] * 50)
    assert (rules.table["lift"] == 1).all()
    assert (rules.table["q_value"] == 1).all()


def test_the_bound_on_rules_keeps_the_most_frequent_and_is_reported():
    texts = ["a b"] * 5 + ["c d"] * 3 + ["e f"] * 2
    rules = mined(texts, max_rules=2, max_items=2)
    assert set(rules.table["consequent"]) == {"a", "b"}
    assert (rules.facts["least"], rules.facts["used"]) == (2, 4)


def test_a_basket_of_all_items_does_not_explode():
    texts = [" ".join(f"i{at:03d}" for at in range(300)), *["i001 i002"] * 20]
    sets = find_itemsets(baskets_of(texts).matrix, min_support=0.01, max_items=3, most_sets=1000)
    assert sets.counts[2].tolist() == [21]
    assert sets.raised == 2


def test_giant_baskets_are_left_out_of_counts_and_denominator():
    baskets = baskets_of(["a b c", "a b", "a"], max_basket=2)
    assert (baskets.n, baskets.left_out, baskets.counts.tolist()) == (2, 1, [2, 1, 0])


def test_itemsets_equal_those_of_an_exhaustive_count():
    random = np.random.default_rng(3)
    matrix = random.random((200, 8)) < 0.4
    texts = [" ".join("abcdefgh"[at] for at in np.flatnonzero(row)) for row in matrix]
    baskets = baskets_of([text for text in texts if text])
    dense = baskets.matrix.toarray()
    found = find_itemsets(baskets.matrix, min_support=0.02, max_items=4)
    for size in (2, 3, 4):
        sets = [(at, *rest) for at in range(8) for rest in combinations(range(at + 1, 8), size - 1)]
        counts = {items: int(dense[:, items].all(axis=1).sum()) for items in sets}
        expected = {items: count for items, count in counts.items() if count >= found.least}
        assert dict(zip(map(tuple, found.sets[size].tolist()), found.counts[size].tolist(), strict=True)) == expected
        assert count_itemsets(baskets.matrix, np.array(sets)).tolist() == list(counts.values())


def test_fisher_equals_scipy():
    random = np.random.default_rng(5)
    n = 400
    first, second = random.integers(1, 200, 300), random.integers(1, 200, 300)
    both = np.minimum(np.minimum(first, second), np.maximum(random.poisson(first * second / n), first + second - n))
    tables = [[[b, x - b], [y - b, n - x - y + b]] for b, x, y in zip(both, first, second, strict=True)]
    expected = [fisher_exact(table, alternative="greater").pvalue for table in tables]
    np.testing.assert_allclose(fisher_greater(both, first, second, n), expected, rtol=1e-7, atol=1e-12)


def test_fisher_at_its_limits():
    ends = fisher_greater(np.array([0, 5, 10]), np.array([5, 5, 10]), np.array([5, 5, 10]), 10)
    np.testing.assert_allclose(ends, [1.0, 1 / 252, 1.0], rtol=1e-9)


def test_interval_of_lift_covers_the_truth():
    random = np.random.default_rng(7)
    cells = random.multinomial(1000, [0.1, 0.1, 0.2, 0.6], 2000)
    both, first, second = cells[:, 0], cells[:, 0] + cells[:, 1], cells[:, 0] + cells[:, 2]
    low, high = lift_interval(both, first, second, 1000)
    covered = ((low <= 0.1 / (0.2 * 0.3)) & (high >= 0.1 / (0.2 * 0.3))).mean()
    assert 0.93 < covered < 0.97


# from order lines --------------------------------------------------------------------------------


def orders(rows, columns=("order_id", "customer_id", "ordered_at", "product_id", "quantity", "amount")):
    return ibis.memtable(pd.DataFrame(rows, columns=list(columns)))


def test_returns_and_repeated_lines_are_no_further_purchase():
    lines = orders([
        ("1", "x", dt.datetime(2024, 1, 1), "a", 1, 5.0), ("1", "x", dt.datetime(2024, 1, 1), "a", 2, 10.0),
        ("1", "x", dt.datetime(2024, 1, 1), "b", -1, -4.0), ("2", None, dt.datetime(2024, 2, 1), "b", 1, 4.0),
        ("3", "x", dt.datetime(2024, 3, 1), "c", 1, 4.0),
    ])  # fmt: skip
    entries = item_entries(bought_lines(lines, as_of=AS_OF), {}, basket="order", items=["product_id"])
    baskets = build_baskets(entries, max_basket=10)
    assert (baskets.n, baskets.items, baskets.counts.tolist()) == (2, ("a", "b"), [1, 1])
    assert baskets.half == dt.date(2024, 1, 17)


def test_order_and_product_alone_are_enough():
    lines = orders([("1", "a"), ("1", "b"), ("2", "a")], ("order_id", "product_id"))
    entries = item_entries(bought_lines(lines, as_of=AS_OF), {}, basket="order", items=["product_id"])
    baskets = build_baskets(entries, max_basket=10)
    assert (baskets.n, baskets.counts.tolist(), baskets.half) == (2, [2, 1], None)


def test_customers_answers_and_brands_share_a_basket():
    lines = orders([("1", "x", "p1"), ("2", "x", "p2"), ("3", "y", "p1")], ("order_id", "customer_id", "product_id"))
    tables = {
        "products": ibis.memtable({"product_id": ["p1", "p2"], "brand": ["Alpha", "Beta"]}),
        "customers": ibis.memtable({"customer_id": ["x", "y"], "city": ["Xi'an", None]}),
        "responses": ibis.memtable({"customer_id": ["x"], "question": ["wine"], "answer": ["red"]}),
    }
    items = ["brand", "customers.city", "answers.wine"]
    baskets = build_baskets(item_entries(lines, tables, basket="customer", items=items), max_basket=10)
    assert baskets.items == ("answers.wine=red", "brand=Alpha", "brand=Beta", "customers.city=Xi'an")
    assert baskets.matrix.sum(axis=1).tolist().count(4) == 1


def test_missing_columns_are_named_together():
    lines = orders([("1", "a")], ("order_id", "product_id"))
    with pytest.raises(DataError) as refused:
        item_entries(lines, {}, basket="customer", items=["product_id", "brand", "answers.wine"])
    text = str(refused.value)
    assert "basket: customer, items product_id: transactions has no customer_id" in text
    assert "products has no column 'brand'" in text
    assert "responses has no column 'question'" in text


def test_the_later_half_measures_the_rules_of_the_earlier():
    early = [(f"e{at}", "x", dt.datetime(2024, 1, 1), item, 1, 1.0) for at in range(10) for item in "ab"]
    early += [(f"f{at}", "x", dt.datetime(2024, 1, 2), "c", 1, 1.0) for at in range(10)]
    late = [
        (f"l{at}", "x", dt.datetime(2024, 2, 1), item, 1, 1.0) for at in range(10) for item in ("a" if at % 2 else "b")
    ]
    late += [(f"m{at}", "x", dt.datetime(2024, 2, 2), item, 1, 1.0) for at in range(5) for item in "ab"]
    late += [(f"n{at}", "x", dt.datetime(2024, 2, 2), item, 1, 1.0) for at in range(20) for item in "de"]
    baskets = build_baskets(
        item_entries(bought_lines(orders(early + late), as_of=AS_OF), {}, basket="order", items=["product_id"]),
        max_basket=10,
    )
    rules = mine_rules(baskets, min_support=0.05, min_confidence=0.1, max_items=2, max_rules=100, prune=False)
    assert rule(rules, "a", "b")["held_out_lift"] == pytest.approx(5 * 35 / (10 * 10))
    assert rule(rules, "d", "e")["mark"] == "not_repeated"
    assert np.isnan(rule(rules, "d", "e")["held_out_lift"])


def test_a_rule_that_fell_in_the_later_half_is_marked_and_not_counted_as_held():
    # early: a with b in 8 of 20 orders; later: a and b in 10 of 20 each, together in 4; c with d in both halves
    days = (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)), (dt.datetime(2024, 2, 1), dt.datetime(2024, 2, 2))
    orders_of = [["ab"] * 8 + ["cd"] * 4 + ["e"] * 8, ["ab"] * 4 + ["a"] * 6 + ["b"] * 6 + ["cd"] * 4]
    rows = [
        (f"{half}{at}", "x", day[at % 2], item, 1, 1.0)
        for half, (day, texts) in enumerate(zip(days, orders_of, strict=True))
        for at, text in enumerate(texts)
        for item in text
    ]
    entries = item_entries(bought_lines(orders(rows), as_of=AS_OF), {}, basket="order", items=["product_id"])
    rules = mine_rules(
        build_baskets(entries, max_basket=10), min_support=0.05, min_confidence=0.1, max_items=2, max_rules=100,
        prune=False,
    )  # fmt: skip
    assert (rule(rules, "a", "b")["mark"], rule(rules, "c", "d")["mark"]) == ("not_held", "")
    assert rule(rules, "a", "b")["held_out_lift"] == pytest.approx(4 * 20 / (10 * 10))
    assert (rules.facts["repeated"], rules.facts["held"]) == (4, 2)
    assert rules.facts["early_lift"] == pytest.approx((20 / 8 + 20 / 4) / 2)
    assert rules.facts["late_lift"] == pytest.approx((0.8 + 20 / 4) / 2)


def test_rules_of_equal_counts_are_in_the_order_of_their_names():
    rules = mined(["d c", "b a", "d c", "b a"], max_items=2)
    assert list(zip(rules.table["antecedent"], rules.table["consequent"], strict=True)) == [
        ('["a"]', "b"), ('["b"]', "a"), ('["c"]', "d"), ('["d"]', "c"),
    ]  # fmt: skip


@pytest.mark.skipif(not os.environ.get("WORKBENCH_PUBLIC_DATA"), reason="needs the public files")
def test_online_retail_has_as_many_pair_rules_as_published():
    path = next(Path(os.environ["WORKBENCH_PUBLIC_DATA"]).rglob("online_retail.csv.gz"))
    excluded = ("POST", "DOT", "C2", "BANK CHARGES", "AMAZONFEE", "CRUK", "M", "m", "S", "PADS")
    source = ibis.duckdb.connect().sql(
        "select StockCode as product_id, InvoiceNo as order_id, Quantity::int as quantity, "
        "UnitPrice::double * Quantity::int as amount from read_csv('" + str(path) + "', all_varchar = true) "
        "where InvoiceNo not like 'A%' and StockCode not in " + str(excluded)
    )
    entries = item_entries(bought_lines(source, as_of=AS_OF), {}, basket="order", items=["product_id"])
    baskets = build_baskets(entries, max_basket=2000)
    rules = mine_rules(baskets, min_support=0.01, min_confidence=0.2, max_items=2, max_rules=10_000)
    assert (baskets.n, rules.facts["rules"]) == (19_773, 1_337)
