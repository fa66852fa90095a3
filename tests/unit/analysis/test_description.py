"""Population and repeat rate on frames small enough to count by hand."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.population import declared_attributes, population, repeat_rate
from workbench.analysis.intervals import wilson

AS_OF = date(2024, 2, 1)


def features():
    return pd.DataFrame(
        {
            "customer_id": list("abcdef"),
            "frequency_orders": pd.array([3, 1, 0, None, 2, 1], dtype="Int64"),
            "age_band": ["18-24", None, "25-29", None, None, None],
            "city": [None, None, "上海", "北京", None, None],
            "campaigns_sent": [1, 0, 0, 2, 0, 0],
        }
    )


def lines():
    frame = pd.DataFrame(
        {
            "customer_id": ["a", None, "b", None],
            "ordered_at": pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-02-01"]),
            "amount": [1.0, 2.0, 3.0, 4.0],
        }
    )
    return ibis.memtable(frame)


def test_population_counts_each_step_of_customers_and_lines():
    table = population(features(), lines(), as_of=AS_OF, attributes=["age_band", "city"])
    assert dict(zip(table["step"], table["n"], strict=True)) == {
        "known": 6,
        "with_purchase": 4,
        "with_repeat_purchase": 2,
        "with_attributes": 3,
        "with_purchase_and_attributes": 1,
        "with_campaigns": 2,
        "lines": 3,
        "lines_without_customer": 1,
        "lines_without_date": 1,
    }
    assert table["unit"].tolist() == ["customers"] * 6 + ["lines"] * 3
    assert table["share"].tolist() == pytest.approx([1, 4 / 6, 2 / 6, 3 / 6, 1 / 6, 2 / 6, 1, 1 / 3, 1 / 3])
    low, high = wilson(4, 6)
    assert (table["share_low"].iloc[1], table["share_high"].iloc[1]) == (low, high)


def test_steps_of_absent_columns_are_absent():
    table = population(features()[["customer_id"]], None, as_of=AS_OF)
    assert table["step"].tolist() == ["known"]
    no_customer = population(features()[["customer_id"]], lines().drop("customer_id"), as_of=AS_OF)
    assert no_customer["step"].tolist() == ["known"]


def test_no_customers_and_no_lines_give_zeros_and_no_shares():
    table = population(features().head(0), lines().filter(False), as_of=AS_OF, attributes=["city"])
    assert set(table["n"]) == {0} and table["share"].isna().all()


def test_declared_attributes_are_the_columns_shared_with_customers():
    customers = ibis.memtable(pd.DataFrame({"customer_id": ["a"], "city": ["x"], "age_band": ["y"], "unused": [1]}))
    assert declared_attributes(features(), customers) == ["age_band", "city"]
    assert declared_attributes(features(), None) == []


def test_repeat_rate_is_of_those_who_bought():
    rate = repeat_rate(features())
    assert (rate["customers"], rate["repeaters"], rate["share"]) == (4, 2, 0.5)
    assert (rate["low"], rate["high"]) == tuple(wilson(2, 4))


def test_customers_with_one_order_have_zero_repeat_rate_and_no_customers_have_none():
    assert repeat_rate(pd.DataFrame({"frequency_orders": [1, 1, 1]}))["share"] == 0
    assert np.isnan(repeat_rate(pd.DataFrame({"frequency_orders": [0]}))["share"])
