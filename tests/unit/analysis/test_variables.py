"""The description of each column, and columns that are never described."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.variables import (
    VARIABLE_COLUMNS,
    as_text,
    count_values,
    describe_variables,
    variable_kinds,
)


def features(n=40):
    return pd.DataFrame(
        {
            "customer_id": [f"{at:03d}" for at in range(n)],
            "name": "Zhang San",
            "ethnicity": "Han",
            "birth_date": date(1990, 1, 1),
            "postcode": "100000",
            "spend": np.arange(n, dtype=float),
            "weekday_top": pd.array([1 + at % 7 for at in range(n)], dtype="Int64"),
            "member": [at % 2 == 0 for at in range(n)],
            "city": ["北京"] * 20 + ["上海"] * 12 + ["成都"] * 3 + [None] * (n - 35),
            "last_ordered_on": [date(2024, 1, 1 + at % 20) for at in range(n)],
        }
    )


def row_of(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_private_columns_are_never_described():
    kinds = variable_kinds(features())
    assert kinds == {
        "spend": "numeric",
        "weekday_top": "categorical",
        "member": "categorical",
        "city": "categorical",
        "last_ordered_on": "date",
    }
    message = describe_variables(features()).to_csv()
    assert not any(item in message for item in ("Zhang", "Han", "1990", "100000", "customer_id"))


def test_numbers_have_mean_spread_and_deciles():
    row = row_of(describe_variables(features()), variable="spend")
    assert (row["n"], row["missing"], row["mean"], row["minimum"], row["maximum"]) == (40, 0, 19.5, 0, 39)
    assert row["sd"] == pytest.approx(np.std(np.arange(40), ddof=1))
    assert row["p50"] == 19.5 and row["p10"] == pytest.approx(3.9)


def test_missing_and_infinite_numbers_count_as_missing():
    frame = features().assign(spend=[np.nan] * 5 + [np.inf] + [2.0] * 34)
    row = row_of(describe_variables(frame), variable="spend")
    assert (row["n"], row["missing"], row["mean"], row["sd"]) == (34, 6, 2, 0)


def test_categories_are_counted_among_the_known_and_small_ones_go_to_the_rest():
    table = describe_variables(features())
    city = table[table["variable"] == "city"]
    # the rest of 3 would give itself away, so the smallest listed value joins it
    assert city[["part", "n", "missing"]].to_numpy().tolist() == [["value", 20, 5], ["other", 15, 5]]
    assert city["value"].iloc[0] == "北京" and city["value"].isna().iloc[1]
    assert city["share"].tolist() == pytest.approx([20 / 35, 15 / 35])
    assert (city["share_low"] < city["share"]).all() and (city["share"] < city["share_high"]).all()


def test_only_the_requested_number_of_values_is_listed_with_ties_by_name():
    frame = pd.DataFrame({"customer_id": range(60), "brand": ["b", "a", "c"] * 20})
    table = describe_variables(frame, top_values=2)
    assert table["value"].tolist()[:2] == ["a", "b"] and table["part"].tolist() == ["value", "value", "other"]


def test_texts_with_too_many_values_are_counted_but_not_listed():
    frame = pd.DataFrame({"customer_id": range(60), "remark": [f"text {at}" for at in range(60)]})
    row = row_of(describe_variables(frame), variable="remark")
    assert (row["part"], row["n"], row["distinct"]) == ("unlisted", 60, 60) and pd.isna(row["value"])


def test_dates_have_an_earliest_and_a_latest_day():
    row = row_of(describe_variables(features()), variable="last_ordered_on")
    assert (row["part"], row["earliest"], row["latest"], row["n"]) == ("date", "2024-01-01", "2024-01-20", 40)


def test_fewer_than_10_customers_are_counted_but_not_described():
    table = describe_variables(features().head(9))
    assert table["mean"].isna().all() and table["minimum"].isna().all()
    assert table["earliest"].isna().all() and not (table["part"] == "value").any()


@pytest.mark.parametrize("n", [0, 1])
def test_none_or_one_customer_gives_the_same_columns(n):
    frame = pd.DataFrame(
        {"customer_id": ["a"][:n], "spend": [1.0][:n], "city": pd.array(["x"][:n], dtype="str"), "empty": [None][:n]}
    )
    table = describe_variables(frame)
    assert table.columns.tolist() == list(VARIABLE_COLUMNS)
    assert set(table["variable"]) == {"spend", "city", "empty"}


def test_columns_keep_their_types_when_everything_is_missing():
    frame = pd.DataFrame({"customer_id": range(20), "spend": [np.nan] * 20, "city": [None] * 20})
    table = describe_variables(frame)
    assert table["n"].tolist() == [0, 0] and table["missing"].tolist() == [20, 20]
    assert str(table["share"].dtype) == "float64" and str(table["n"].dtype) == "Int64"


def test_row_order_does_not_change_a_digit():
    frame = features().assign(spend=np.random.default_rng(0).lognormal(size=40))
    mixed = frame.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(describe_variables(frame), describe_variables(mixed), check_exact=True)


def test_text_of_flags_and_whole_numbers_reads_naturally():
    assert as_text(pd.Series([True, None, False], dtype="object")).tolist()[0] == "true"
    assert as_text(pd.Series([1.0, np.nan, 3.0])).dropna().tolist() == ["1", "3"]
    assert as_text(pd.Series([1.5, 2.0])).tolist() == ["1.5", "2.0"]
    assert count_values(pd.Series(["b", "a", None, "b", "a"])).to_dict() == {"a": 2, "b": 2}
