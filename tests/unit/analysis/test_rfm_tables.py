"""Sizes, shares and values of the types, and the grid of recency by frequency."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.intervals import wilson
from workbench.analysis.rfm.scores import RFM_TYPES
from workbench.analysis.rfm.tables import table_grid, table_groups


def rfm_of(types, money):
    n = len(types)
    return pd.DataFrame(
        {
            "customer_id": [f"{at:03d}" for at in range(n)],
            "recency_days": np.arange(n, dtype=float),
            "frequency_orders": pd.array([1] * n, dtype="Int64"),
            "monetary_total": np.asarray(money, dtype=float),
            "r_score": pd.array([1 + at % 2 for at in range(n)], dtype="Int64"),
            "f_score": pd.array([5] * n, dtype="Int64"),
            "rfm_type": types,
            "activity_status": "active",
            "life_cycle_stage": "new",
        }
    )


def test_types_come_in_declared_order_with_empty_ones_and_wilson_intervals():
    table = table_groups(rfm_of(["general_winback"] * 30 + ["important_value"] * 10, [1] * 30 + [7] * 10))
    assert table["rfm_type"].tolist() == list(RFM_TYPES)
    best = table.iloc[0]
    assert (best["customers"], best["share"], best["value"], best["value_share"]) == (10, 0.25, 70, 0.7)
    low, high = wilson(10, 40)
    assert (best["share_low"], best["share_high"]) == (low, high)
    assert table.loc[table["customers"] == 0, "share"].tolist() == [0] * 6
    assert best["recency_days_median"] == 34.5
    assert table["share"].sum() == pytest.approx(1)


def test_customers_without_a_purchase_are_counted_but_have_no_share():
    table = table_groups(rfm_of(["no_purchase"] * 15 + ["important_value"] * 10, [np.nan] * 15 + [7] * 10))
    assert table["rfm_type"].tolist() == [*RFM_TYPES, "no_purchase"]
    assert table["customers"].tolist() == [10, 0, 0, 0, 0, 0, 0, 0, 15]
    assert table["share"].tolist()[0] == 1 and np.isnan(table["share"].tolist()[-1])
    assert table["value_share"].isna().tolist() == [False] * 8 + [True]


def test_a_group_of_fewer_than_10_shows_no_medians_and_its_value_cannot_be_subtracted_out():
    types = ["general_winback"] * 30 + ["general_value"] * 20 + ["important_value"] * 9
    table = table_groups(rfm_of(types, range(59))).set_index("rfm_type")
    small, cover, large = (table.loc[key] for key in ("important_value", "general_value", "general_winback"))
    assert small["suppressed"] and not cover["suppressed"] and not large["suppressed"]
    assert small[["value", "value_share", "monetary_total_median", "recency_days_median"]].isna().all()
    assert cover[["value", "value_share"]].isna().all() and cover["recency_days_median"] == 39.5
    assert large["value"] == sum(range(30))


def test_value_shares_are_unknown_where_the_net_value_is_not_positive():
    assert table_groups(rfm_of(["general_value"] * 20, [-1] * 20))["value_share"].isna().all()


@pytest.mark.parametrize(("by", "groups"), [("activity_status", 4), ("life_cycle_stage", 7)])
def test_statuses_and_stages_are_counted_the_same_way(by, groups):
    table = table_groups(rfm_of(["general_value"] * 20, range(20)), by=by)
    assert len(table) == groups and table["customers"].sum() == 20


def test_empty_input_gives_a_table_of_zeros():
    table = table_groups(rfm_of([], []).astype({"rfm_type": "str"}))
    assert table["customers"].tolist() == [0] * 8 and table["share"].isna().all()


def test_the_grid_has_25_cells_and_small_ones_have_no_mean():
    grid = table_grid(rfm_of(["general_value"] * 21, [10.0] * 21))
    assert len(grid) == 25 and grid["customers"].sum() == 21
    cell = grid.set_index(["r_score", "f_score"])
    assert (cell.loc[(1, 5), "customers"], cell.loc[(1, 5), "monetary_mean"]) == (11, 10.0)
    assert cell.loc[(2, 5), "share"] == pytest.approx(10 / 21)
    small = table_grid(rfm_of(["general_value"] * 4, [10.0] * 4))
    assert small["monetary_mean"].isna().all() and small["suppressed"].sum() == 2


def test_row_order_does_not_change_a_digit():
    draw = np.random.default_rng(2)
    rfm = rfm_of(draw.choice(list(RFM_TYPES), 300).tolist(), draw.lognormal(size=300))
    mixed = rfm.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(table_groups(rfm), table_groups(mixed), check_exact=True)
    pd.testing.assert_frame_equal(table_grid(rfm), table_grid(mixed), check_exact=True)
