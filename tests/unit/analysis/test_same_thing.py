"""Columns that mean the same thing are recognised."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.differences import differences_from_base, strongest_differences
from workbench.analysis.description.same_thing import are_equivalent


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("source_l1", "acquisition_channel", True),
        ("city", "city_tier", True),
        ("platform_top", "event_platform_top", True),
        ("part_of_day_top", "evening_share", True),
        ("category_top", "category_hhi", True),
        ("category_top", "monetary_total", False),
        ("gender", "category_top", False),
        ("gender", "gender", True),
        ("part_of_day_top", "recency_days", False),
    ],
)
def test_columns_made_of_the_same_entry_say_the_same(one, other, same):
    assert are_equivalent(one, other) is are_equivalent(other, one) is same


def test_a_group_does_not_differ_in_its_own_column_nor_twice_in_the_same_sum():
    base = pd.DataFrame({
        "customer_id": [f"{at:03}" for at in range(200)],
        "city": ["Bath"] * 100 + ["York"] * 100,
        "city_tier": [1.0, 2.0] * 50 + [3.0, 4.0] * 50,
        "monetary_total": [float(at % 7 + 5 * (at < 100)) for at in range(200)],
    })  # fmt: skip
    base["contribution_share"] = base["monetary_total"] / base["monetary_total"].sum()
    result = strongest_differences(differences_from_base(base, by="city"))
    assert result[["group", "variable"]].to_numpy().tolist() == [["Bath", "monetary_total"], ["York", "monetary_total"]]


def test_two_groups_of_the_same_customers_are_compared_once():
    offline = np.arange(400) % 4 == 0
    base = pd.DataFrame({
        "customer_id": [f"c{at}" for at in range(400)],
        "internet": np.where(offline, "No", "Fiber"),
        "streaming": np.where(offline, "No internet service", np.where(np.arange(400) % 3, "Yes", "No")),
        "charges": np.where(offline, 20.0, 80.0) + np.arange(400) % 7,
    })  # fmt: skip
    result = strongest_differences(differences_from_base(base, by=["internet", "streaming"], columns=["charges"]))
    named = list(zip(result["group_by"], result["group"], strict=True))
    assert ("internet", "No") in named
    assert ("streaming", "No internet service") not in named
