"""Which source leads, and when its records end."""

import datetime as dt

import ibis
import pandas as pd
import pytest

from workbench.core.params.sources import SourceParams
from workbench.intake.tables.lead import find_as_of, lead_source, lead_table, rows_over_time


def sources(**tables):
    return {name: SourceParams(path=f"{name}.csv", table=table) for name, table in tables.items()}


def table(**columns):
    return ibis.memtable(pd.DataFrame(columns))


def moments(*days):
    return pd.to_datetime(pd.Series(days, dtype="object"), format="ISO8601").astype("datetime64[us]")


ORDERS = table(customer_id=["a", "b", "c"], ordered_at=moments("2024-01-31T23:59:59", "2024-02-10", None))
PEOPLE = table(customer_id=["a"], registered_at=moments("2024-05-01"))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"crm": "customers", "pos": "transactions", "web": "transactions"}, "pos"),
        ({"stock": "products", "crm": "customers"}, "crm"),
        ({"mail": "campaigns", "stock": "products"}, "mail"),
    ],
)
def test_orders_lead_then_customers_then_whatever_comes_first(tables, expected):
    assert lead_source(sources(**tables)) == expected


def test_the_leading_table_follows_the_same_order():
    assert lead_table({"products": PEOPLE, "customers": PEOPLE, "transactions": ORDERS}) == "transactions"
    assert lead_table({"products": PEOPLE, "customers": PEOPLE}) == "customers"
    assert lead_table({"products": PEOPLE}) == "products"


def test_the_record_ends_the_day_after_the_last_order():
    assert find_as_of({"transactions": ORDERS}) == dt.date(2024, 2, 11)


def test_later_rows_of_other_tables_do_not_move_the_end():
    assert find_as_of({"customers": PEOPLE, "transactions": ORDERS}) == dt.date(2024, 2, 11)


def test_without_orders_any_dated_row_ends_the_record():
    mails = table(customer_id=["a"], sent_at=moments("2024-03-03T08:00:00"))
    assert find_as_of({"customers": table(customer_id=["a"]), "campaigns": mails}) == dt.date(2024, 3, 4)


def test_orders_without_a_date_leave_the_end_to_other_tables():
    undated = table(customer_id=["a"], ordered_at=moments(None))
    mails = table(customer_id=["a"], sent_at=moments("2024-03-03"))
    assert find_as_of({"transactions": undated, "campaigns": mails}) == dt.date(2024, 3, 4)


@pytest.mark.parametrize(
    "tables",
    [
        {"customers": table(customer_id=["a"])},
        {"transactions": table(customer_id=["a"], amount=[1.0])},
        {"transactions": table(customer_id=["a"], ordered_at=moments(None))},
        {"transactions": ORDERS.limit(0)},
        {},
    ],
)
def test_data_without_any_date_has_no_end(tables):
    assert find_as_of(tables) is None


def test_a_leap_day_and_the_last_day_of_a_year_are_followed_by_the_next():
    for last, expected in (("2024-02-28", dt.date(2024, 2, 29)), ("2023-12-31", dt.date(2024, 1, 1))):
        assert find_as_of({"transactions": table(customer_id=["a"], ordered_at=moments(last))}) == expected


def test_rows_are_counted_by_month_of_the_leading_table():
    counted = rows_over_time({"customers": PEOPLE, "transactions": ORDERS})
    assert counted["rows"].tolist() == [1, 1]
    assert [str(month)[:10] for month in counted["month"]] == ["2024-01-01", "2024-02-01"]
    assert counted["complete"].tolist() == [False, False]


@pytest.mark.parametrize("tables", [{"products": table(product_id=["p"])}, {"transactions": table(customer_id=["a"])}])
def test_without_dates_no_month_is_counted(tables):
    counted = rows_over_time(tables)
    assert list(counted) == ["month", "rows", "complete"]
    assert counted.empty
