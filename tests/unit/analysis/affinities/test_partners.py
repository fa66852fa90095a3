"""Partners, substitutes, bundles, days between, the items of the map."""

import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from workbench.analysis.affinities.baskets import encode_baskets
from workbench.analysis.affinities.partners import add_days_between, bundle_partners, find_partners, map_items
from workbench.analysis.affinities.study import study_affinities

TEXTS = ["a b"] * 40 + ["c"] * 60 + ["a"] * 5 + ["c d"] * 5


def baskets_of(texts):
    rows = [(f"b{at}", item) for at, text in enumerate(texts) for item in text.split()]
    columns = {"basket": [row[0] for row in rows], "item": [row[1] for row in rows], "level": ["p"] * len(rows)}
    return encode_baskets(pa.table(columns), max_basket=10)


def test_partners_lie_above_one_and_substitutes_below():
    table = find_partners(baskets_of(TEXTS), least=10)
    pairs = {(row.item, row.other): row for row in table.itertuples()}
    assert pairs["a", "b"].lift == pytest.approx(40 * 110 / (45 * 40))
    assert pairs["a", "b"].lift_low > 1
    assert (pairs["a", "c"].baskets, pairs["a", "c"].lift) == (0, 0)
    assert not {"d"} & set(table["item"])


def test_one_item_has_no_partner():
    assert find_partners(baskets_of(["a"] * 50), least=1).empty


def test_bundles_are_by_leverage():
    table = find_partners(baskets_of(TEXTS), least=5)
    assert bundle_partners(table, "a")["other"].tolist() == ["b"]
    assert bundle_partners(table, "z").empty


def test_days_between_are_of_those_who_bought_later():
    partners = pd.DataFrame({"item": ["a", "b"], "other": ["b", "a"]})
    days = ibis.memtable({
        "customer_id": ["x", "x", "y", "y", "z"], "item": ["a", "b", "a", "b", "a"],
        "day": [dt.date(2024, 1, 1), dt.date(2024, 1, 11), dt.date(2024, 1, 5), dt.date(2024, 1, 2), dt.date(2024, 1, 1)],
    })  # fmt: skip
    table = add_days_between(partners, days, least=1).set_index("item")
    assert table.loc["a", ["after", "before", "days_between"]].tolist() == [1, 1, 10]
    assert add_days_between(partners, days, least=2)["days_between"].isna().all()
    assert add_days_between(partners, None, least=1)["days_between"].isna().all()


def test_the_map_holds_the_strongest_pairs_by_frequency():
    partners = pd.DataFrame({"item": ["a", "c"], "other": ["b", "d"], "leverage": [0.1, -0.2]})
    assert map_items(partners, {"a": 1, "b": 2, "c": 3, "d": 4}, most=2) == ["d", "c"]


def test_shared_names_are_suspects_and_no_products_is_an_answer():
    lines = ibis.memtable({"order_id": ["1", "1"], "product_id": ["a", "b"]})
    products = ibis.memtable({"product_id": ["a", "b"], "product_name": ["Tea ", "tea"]})
    options = {
        "as_of": dt.date(2024, 1, 1), "basket": "order", "items": ["product_id"], "min_support": 0.1,
        "min_confidence": 0.1, "max_items": 2, "max_rules": 10, "max_basket": 10, "prune": True, "least": 1,
    }  # fmt: skip
    study = study_affinities({"transactions": lines, "products": products}, **options)
    assert (study.facts["baskets"], study.same_products) == (1, (("a", "b"),))
    assert study_affinities({}, **options).facts["baskets"] == 0
