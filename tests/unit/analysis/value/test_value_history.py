"""Purchase days and histories: what counts as a purchase, what is netted, and what comes after the date."""

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.value.history import days_of_purchase, holdout, purchase_history, weekly_orders

LINES = [
    # customer, day, quantity, amount, product
    ("a", "2024-01-01 09:00", 1, 10.0, "p"),
    ("a", "2024-01-15 09:00", 1, 20.0, "p"),
    ("a", "2024-01-15 18:00", 2, 30.0, "q"),  # the same day: one purchase of 50
    ("a", "2024-01-29 09:00", -1, -20.0, "p"),  # sent back later: no purchase
    ("b", "2024-01-08 10:00", 1, 40.0, "q"),
    ("b", "2024-01-22 10:00", 3, 60.0, "q"),
    ("b", "2024-01-22 11:00", -3, -60.0, "q"),  # all of the day sent back: no purchase
    ("c", "2024-01-08 10:00", 1, 0.0, "p"),  # a gift counts as a purchase, pays nothing
    ("c", "2024-01-10 10:00", 1, 5.0, "p"),
    ("d", "2024-01-09 10:00", -1, -7.0, "p"),  # returns alone: no customer of ours
    ("a", "2024-02-05 09:00", 1, 70.0, "p"),  # after the cut-off
    ("e", "2024-02-06 09:00", 1, 80.0, "p"),
]


def days(lines=LINES, before=date(2024, 2, 10), products=None):
    frame = pd.DataFrame(lines, columns=["customer_id", "ordered_at", "quantity", "amount", "product_id"])
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"])
    table = ibis.memtable(frame)
    table = table.mutate(amount=table.amount.cast("decimal(18, 4)"), quantity=table.quantity.cast("decimal(18, 3)"))
    return days_of_purchase(table, before=before, products=products)


def test_a_history_counts_days_with_a_purchase_and_nets_what_came_back():
    result = purchase_history(days(), before=date(2024, 2, 1)).set_index("customer_id")
    assert result.index.tolist() == ["a", "b", "c"]
    assert result["repeats"].tolist() == [1, 0, 1]
    assert result["paid_repeats"].tolist() == [1, 0, 1]
    assert result["last_weeks"].tolist() == pytest.approx([2, 0, 2 / 7])
    assert result["age_weeks"].tolist() == pytest.approx([30 / 7, 23 / 7, 23 / 7])
    assert result["second_weeks"].tolist() == pytest.approx([2, float("nan"), 2 / 7], nan_ok=True)
    assert result["spend_repeat_mean"].tolist() == pytest.approx([50, float("nan"), 5], nan_ok=True)
    assert result["spend_total"].tolist() == pytest.approx([40, 40, 5])


def test_nothing_at_or_after_the_date_is_read_and_the_order_of_rows_does_not_matter():
    first = purchase_history(days(), before=date(2024, 2, 1))
    planted = [*reversed(LINES), ("a", "2024-02-01 00:00", 9, 999.0, "p")]
    pd.testing.assert_frame_equal(purchase_history(days(planted), before=date(2024, 2, 1)), first)


def test_the_period_after_is_counted_for_the_customers_of_the_history():
    table = days()
    before = purchase_history(table, before=date(2024, 2, 1))
    result = holdout(table, before, first=date(2024, 2, 1), before=date(2024, 2, 10))
    assert result["customer_id"].tolist() == ["a", "b", "c"]
    assert result["orders"].tolist() == [1, 0, 0]
    assert result["spend"].tolist() == [70, 0, 0]
    assert result["next_days"].tolist() == pytest.approx([5, float("nan"), float("nan")], nan_ok=True)


def test_weeks_are_counted_from_the_first_purchase_of_all():
    table = days()
    before = purchase_history(table, before=date(2024, 2, 1))
    result = weekly_orders(table, before, before=date(2024, 2, 10))
    assert result["repeats"].tolist() == [0, 1, 1, 0, 0]


def test_costs_are_those_of_the_pieces_that_stayed_sold():
    products = ibis.memtable(pd.DataFrame({"product_id": ["p"], "unit_cost": [4.0]}))
    result = days(products=products).execute().sort_values(["customer_id", "day"])
    mine = result[result["customer_id"] == "a"]
    assert mine["cost"].tolist() == [4, 4, -4, 4]
    assert mine["costed"].tolist() == [10, 20, -20, 70]


def test_a_base_without_a_purchase_has_no_history():
    assert purchase_history(days([("d", "2024-01-09", -1, -7.0, "p")]), before=date(2024, 2, 1)).empty
