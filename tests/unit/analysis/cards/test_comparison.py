"""A customer compared with her segment and all customers: medians, shares below, small groups, missing values."""

import numpy as np
import pandas as pd

from workbench.analysis.cards.comparison import compare_with_group

BASE = pd.DataFrame({
    "customer_id": [f"c{at:02d}" for at in range(20)], "recency_days": np.arange(20.0),
    "monetary_total": [np.nan, *[5.0] * 19],
})  # fmt: skip


def test_medians_and_the_share_below_are_as_counted():
    result = compare_with_group(BASE, "c04", [f"c{at:02d}" for at in range(10)]).set_index("feature")
    recency = result.loc["recency_days"]
    assert recency.tolist() == [4.0, 4.5, 9.5, 0.225, 10]  # 4 of 20 below, itself half


def test_equal_values_are_in_the_middle_and_missing_ones_are_missing():
    assert compare_with_group(BASE, "c04", []).set_index("feature").loc["monetary_total", "base_share_below"] == 0.5
    missing = compare_with_group(BASE, "c00", []).set_index("feature").loc["monetary_total"]
    assert np.isnan(missing["customer"]) and np.isnan(missing["base_share_below"])


def test_the_median_of_a_small_group_is_hidden():
    result = compare_with_group(BASE, "c04", ["c01", "c02"]).set_index("feature")
    assert np.isnan(result.loc["recency_days", "group_median"])
    assert result.loc["recency_days", "group_n"] == 2


def test_figures_a_base_lacks_are_left_out():
    assert compare_with_group(BASE, "c04", [])["feature"].tolist() == ["recency_days", "monetary_total"]
