"""Loyalty to brands, against what chance would give: every expectation by hand."""

import ibis
import pytest

from workbench.intake.features.purchases.preferences import describe_loyalty

PRODUCTS = {"product_id": ["a", "b", "c"], "category": ["tea", "tea", "salt"], "brand": ["Ahmad", "Bigelow", "Cerebos"]}


def loyalty(*lines):
    """Give brand_loyalty by customer for lines of 5.00 each."""
    columns = {"customer_id": [who for who, _ in lines], "product_id": [what for _, what in lines]}
    table = ibis.memtable(columns | {"amount": [5.0] * len(lines)})
    found = describe_loyalty(table, ibis.memtable(PRODUCTS)).to_pyarrow().to_pylist()
    return {row["customer_id"]: row["brand_loyalty"] for row in found}


def test_one_brand_is_1_and_each_side_of_chance_is_measured_against_the_farthest_it_can_go():
    # 3 of 4 lines of tea are Ahmad: H = 10/16, and two lines drawn would give c = 10/16 + 6/16/2 = 13/16
    found = loyalty(("anna", "a"), ("anna", "a"), ("bo", "a"), ("bo", "b"))
    assert found["anna"] == 1
    assert found["bo"] == pytest.approx((0.5 - 13 / 16) / (13 / 16), abs=1e-6)


def test_a_rare_brand_where_nearly_all_choose_another_stays_within_the_scale():
    found = loyalty(*[("anna", "a")] * 400, ("bo", "a"), ("bo", "b"))
    assert -1 < found["bo"] < -0.45


def test_where_a_category_has_one_brand_nobody_is_loyal_or_not():
    assert loyalty(("anna", "c"), ("anna", "c")) == {"anna": None}
