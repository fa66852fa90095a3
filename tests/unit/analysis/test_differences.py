"""Group against base: equal to scipy, empty without a difference, and never with a small cell."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.analysis.description.differences import DIFFERENCE_COLUMNS, differences_from_base, strongest_differences
from workbench.core.errors import DataError


def features(n=300, seed=1):
    draw = np.random.default_rng(seed)
    group = draw.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "customer_id": [f"{at:04d}" for at in range(n)],
            "group": group,
            "spend": draw.normal(size=n) + (group == "b"),
            "channel": np.where(draw.random(n) < np.where(group == "c", 0.8, 0.4), "web", "store"),
            "last_ordered_on": pd.Timestamp("2024-01-01"),
            "ethnicity": "x",
        }
    )


def row_of(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_number_is_compared_by_welch_and_standardised_by_the_base():
    frame = features()
    row = row_of(differences_from_base(frame, by="group"), group="b", variable="spend")
    own, rest = frame.loc[frame["group"] == "b", "spend"], frame.loc[frame["group"] != "b", "spend"]
    welch = stats.ttest_ind(own, rest, equal_var=False)
    base = frame["spend"]
    assert row["p_value"] == pytest.approx(welch.pvalue, rel=1e-6)
    assert row["effect"] == pytest.approx((own.mean() - base.mean()) / base.std(ddof=1))
    interval = welch.confidence_interval(0.95)
    scale = len(rest) / len(base) / base.std(ddof=1)
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((interval.low * scale, interval.high * scale))
    assert (row["mean"], row["median"], row["base_median"]) == pytest.approx((own.mean(), own.median(), base.median()))
    assert (row["n"], row["base_n"]) == (len(own), 300) and row["differs"]


def test_category_is_compared_by_share_tgi_and_cohens_h():
    frame = features()
    row = row_of(differences_from_base(frame, by="group"), group="c", value="web")
    own = (frame.loc[frame["group"] == "c", "channel"] == "web").mean()
    base = (frame["channel"] == "web").mean()
    assert (row["share"], row["base_share"]) == pytest.approx((own, base))
    assert row["tgi"] == pytest.approx(100 * own / base)
    assert row["tgi_low"] < row["tgi"] < row["tgi_high"] and row["tgi_low"] > 100
    assert row["effect"] == pytest.approx(2 * np.arcsin(np.sqrt(own)) - 2 * np.arcsin(np.sqrt(base)))
    assert row["differs"]


def test_unknown_groups_and_values_are_no_part_of_the_base():
    frame = features()
    frame.loc[:99, "group"] = None
    frame.loc[100:119, "channel"] = None
    row = row_of(differences_from_base(frame, by="group"), group="a", value="web")
    known = frame.iloc[120:]
    assert row["base_n"] == 180 and row["n"] == (known["group"] == "a").sum()
    assert row["base_share"] == pytest.approx((known["channel"] == "web").mean())


def test_without_any_difference_few_are_called_so():
    draw = np.random.default_rng(7)
    frame = pd.DataFrame(draw.lognormal(size=(400, 60)), columns=[f"v{at}" for at in range(60)])
    frame = frame.assign(customer_id=[f"{at:04d}" for at in range(400)], group=draw.choice(list("abcd"), 400))
    table = differences_from_base(frame, by="group")
    assert len(table) == 240 and table["differs"].sum() <= 2
    assert (table["q_value"] >= table["p_value"]).all()


def test_a_group_of_fewer_than_10_and_its_cover_show_no_result():
    frame = features(60)
    frame["group"] = ["a"] * 36 + ["b"] * 15 + ["c"] * 9
    table = differences_from_base(frame, by="group", columns=["spend"])
    small, cover, shown = row_of(table, group="c"), row_of(table, group="b"), row_of(table, group="a")
    assert small["suppressed"] and pd.isna(small["n"]) and pd.isna(small["mean"]) and pd.isna(small["effect"])
    assert cover["suppressed"] and pd.isna(cover["median"])
    assert not shown["suppressed"] and shown["n"] == 36


def test_a_small_cell_of_a_category_hides_the_one_that_would_give_it_away():
    frame = features(100)
    frame["group"] = ["a"] * 50 + ["b"] * 50
    frame["channel"] = ["web"] * 4 + ["store"] * 46 + ["web"] * 25 + ["store"] * 25
    table = differences_from_base(frame, by="group", columns=["channel"])
    assert table["suppressed"].all() and table["share"].isna().all() and not table["differs"].any()


@pytest.mark.parametrize("spend", [5.0, np.nan])
def test_a_variable_that_is_constant_or_unknown_shows_no_effect(spend):
    table = differences_from_base(features().assign(spend=spend), by="group", columns=["spend"])
    assert table["effect"].isna().all() and not table["differs"].any()


def test_a_single_group_equals_its_base():
    row = row_of(differences_from_base(features().assign(group="all"), by="group", columns=["spend"]), group="all")
    assert row["effect"] == pytest.approx(0) and not row["differs"] and row["n"] == 300


def test_no_customers_give_an_empty_table_with_its_columns():
    full = differences_from_base(features(), by="group")
    for nothing in (
        differences_from_base(features().head(0), by="group"),
        differences_from_base(features(), by="group", columns=[]),
    ):
        assert nothing.empty and nothing.columns.tolist() == list(DIFFERENCE_COLUMNS)
        assert nothing.dtypes.equals(full.dtypes)
        assert strongest_differences(nothing).empty


def test_several_groupings_share_one_adjustment_and_keep_the_requested_order():
    frame = features()
    table = differences_from_base(frame, by=["group", "channel"])
    assert table["group_by"].drop_duplicates().tolist() == ["group", "channel"]
    tested = table["p_value"].notna()
    assert table.loc[tested, "q_value"].to_numpy() == pytest.approx(
        stats.false_discovery_control(table.loc[tested, "p_value"])
    )
    # dates, identifiers and sensitive columns are never compared, the groupings only when asked for
    assert set(table["variable"]) == {"spend"}
    settings = differences_from_base(frame, by=["group", "channel"], columns=["group", "channel"])
    assert settings[["group_by", "variable"]].drop_duplicates().to_numpy().tolist() == [
        ["group", "channel"],
        ["channel", "group"],
    ]


def test_row_order_does_not_change_a_digit_and_the_input_stays_as_it_was():
    frame = features()
    before = frame.copy()
    first = differences_from_base(frame, by=["group", "channel"])
    mixed = differences_from_base(frame.sample(frac=1, random_state=2), by=["group", "channel"])
    pd.testing.assert_frame_equal(first, mixed, check_exact=True)
    pd.testing.assert_frame_equal(frame, before)


def test_strongest_differences_are_those_that_hold_by_absolute_effect():
    table = differences_from_base(features(), by="group")
    strongest = strongest_differences(table, max_rows=3)
    assert strongest["differs"].all() and len(strongest) == 3
    assert strongest["effect"].abs().is_monotonic_decreasing


def test_columns_that_may_not_be_compared_are_refused_all_at_once():
    with pytest.raises(DataError) as caught:
        differences_from_base(features(), by="ethnicity", columns=["spnd", "customer_id", "spend"])
    assert [fault.found for fault in caught.value.faults] == [
        "'ethnicity' cannot be compared", "'spnd' cannot be compared", "'customer_id' cannot be compared",
    ]  # fmt: skip
    assert "Did you mean 'spend'?" in str(caught.value)


def test_how_attributes_differ_by_attributes_comes_after_what_customers_do():
    rng = np.random.default_rng(5)
    is_man = np.repeat([True, False], 200)
    people = pd.DataFrame({
        "customer_id": [f"c{at:03d}" for at in range(400)],
        "gender": np.where(is_man, "male", "female"),
        "height": 165 + 20 * is_man + rng.normal(0, 5, 400),  # some two standard deviations
        "orders": 5 + 1.5 * is_man + rng.normal(0, 2, 400),  # less than one
    })  # fmt: skip
    differences = differences_from_base(people, by="gender")
    assert strongest_differences(differences).iloc[0]["variable"] == "height"
    strongest = strongest_differences(differences, attributes=["gender", "height"])
    assert list(strongest["variable"]) == ["orders", "orders", "height", "height"][: len(strongest)]
    assert set(strongest["variable"]) == {"orders", "height"}
