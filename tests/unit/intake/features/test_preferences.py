"""Loyalty to brands, compared with chance: every expectation by hand."""

import ibis
import pytest

from workbench.intake.features.purchases.preferences import describe_loyalty, spend_by_group

PRODUCTS = {"product_id": ["a", "b", "c"], "category": ["tea", "tea", "salt"], "brand": ["Ahmad", "Bigelow", "Cerebos"]}


def loyalty(*lines):
    """Return brand_loyalty by customer for lines of 5.00 each."""
    columns = {"customer_id": [who for who, _ in lines], "product_id": [what for _, what in lines]}
    table = ibis.memtable(columns | {"amount": [5.0] * len(lines)})
    spend = spend_by_group(table, ibis.memtable(PRODUCTS), ["category", "brand"])
    loyalties = describe_loyalty(spend).to_pyarrow().to_pylist()
    return {row["customer_id"]: row["brand_loyalty"] for row in loyalties}


def test_one_brand_is_1_and_each_side_of_chance_is_relative_to_its_maximum():
    # 3 of 4 lines of tea are Ahmad: H = 10/16, and two lines drawn would give c = 10/16 + 6/16/2 = 13/16
    loyalties = loyalty(("anna", "a"), ("anna", "a"), ("bo", "a"), ("bo", "b"))
    assert loyalties["anna"] == 1
    assert loyalties["bo"] == pytest.approx((0.5 - 13 / 16) / (13 / 16), abs=1e-6)


def test_a_rare_brand_where_nearly_all_choose_another_stays_within_the_scale():
    loyalties = loyalty(*[("anna", "a")] * 400, ("bo", "a"), ("bo", "b"))
    assert -1 < loyalties["bo"] < -0.45


def test_loyalty_is_missing_in_a_category_with_one_brand():
    assert loyalty(("anna", "c"), ("anna", "c")) == {"anna": None}
