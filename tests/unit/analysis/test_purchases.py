"""Purchase days and the gaps between them, on a handful of order lines."""

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.purchases import count_gaps, has_purchases, purchase_days

AS_OF = date(2024, 4, 1)


def table_of(rows, columns=("customer_id", "order_id", "ordered_at", "amount")):
    frame = pd.DataFrame(rows, columns=list(columns))
    return ibis.memtable(frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"], format="ISO8601")))


LINES = [
    ("a", "1", "2024-01-01 23:59", 5.0),
    ("a", "1", "2024-01-02 00:01", 7.0),  # the same order, after midnight
    ("a", "2", "2024-01-31 12:00", 1.0),
    ("a", "3", "2024-01-31 13:00", 1.0),  # a second order that day
    ("a", "4", "2024-02-10 10:00", -6.0),  # a refund makes no purchase
    ("b", "5", "2024-03-31 23:59", 3.0),
    ("b", "6", "2024-04-01 00:00", 3.0),  # not before the as-of date
    (None, "7", "2024-03-01 00:00", 9.0),  # nobody known
]


def _days(lines):
    days = purchase_days(lines, as_of=AS_OF).order_by("customer_id", "purchased_on").to_pandas()
    return [(customer, str(day)[:10]) for customer, day in days.itertuples(index=False)]


def test_purchase_days_are_days_of_orders_that_hold_a_sale_before_the_date():
    assert _days(table_of(LINES)) == [("a", "2024-01-01"), ("a", "2024-01-31"), ("b", "2024-03-31")]


def test_without_order_ids_each_line_is_an_order():
    lines = table_of([(row[0], *row[2:]) for row in LINES], ("customer_id", "ordered_at", "amount"))
    assert ("a", "2024-01-02") in _days(lines)


def test_gaps_are_counted_by_length_and_by_how_many_their_customer_has():
    more = [("c", "8", "2024-01-01", 1.0), ("c", "9", "2024-01-11", 1.0), ("c", "10", "2024-02-10", 1.0)]
    gaps = count_gaps(table_of(LINES + more), as_of=AS_OF)
    assert gaps.to_numpy().tolist() == [[10, 2, 1], [30, 1, 1], [30, 2, 1]]
    assert gaps.columns.tolist() == ["gap_days", "gaps_of_customer", "gaps"]


def test_no_customer_with_two_days_gives_an_empty_frame_of_integers():
    gaps = count_gaps(table_of(LINES[5:6]), as_of=AS_OF)
    assert gaps.empty and set(gaps.dtypes.astype(str)) == {"int64"}


@pytest.mark.parametrize("absent", ["customer_id", "ordered_at", "amount"])
def test_a_table_that_lacks_a_needed_column_has_no_purchases(absent):
    lines = table_of(LINES)
    assert has_purchases(lines)
    assert not has_purchases(lines.drop(absent)) and not has_purchases(None)
