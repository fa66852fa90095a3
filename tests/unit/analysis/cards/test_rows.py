"""The rows behind a card's preferences and timeline, counted by hand."""

from datetime import date

import ibis
import pandas as pd

from workbench.analysis.cards.preferences import leading_preferences
from workbench.analysis.cards.timeline import first_day, timelines

AS_OF = date(2025, 7, 1)
LINES = pd.DataFrame({
    "order_id": ["1", "1", "2", "3", "4", "5", "6"], "customer_id": ["a"] * 6 + ["b"],
    "ordered_at": pd.to_datetime(["2025-06-01", "2025-06-01", "2025-06-30", "2025-05-02", "2025-07-01", "2025-06-03", "2025-06-03"]),
    "product_id": ["p", "q", "p", "p", "p", "q", "p"], "amount": [10.0, 50.0, 10.0, 10.0, 99.0, -50.0, 5.0],
})  # fmt: skip
PRODUCTS = pd.DataFrame({"product_id": ["p", "q"], "category": ["tea", "ware"]})
TABLES = {"transactions": ibis.memtable(LINES), "products": ibis.memtable(PRODUCTS)}


def test_a_preference_needs_three_lines_before_the_date():
    result = leading_preferences(TABLES, ["a", "b"], as_of=AS_OF)
    assert result.to_dict("records") == [
        {"customer_id": "a", "by": "category", "value": "tea", "lines": 3, "share": 0.375, "rank": 1}
    ]


def test_without_products_there_is_no_preference():
    assert leading_preferences({"transactions": TABLES["transactions"]}, ["a"], as_of=AS_OF).empty


def test_orders_are_counted_by_month_and_none_from_the_date_on():
    result = timelines(TABLES, ["a"], as_of=AS_OF, months=2)
    assert result[["kind", "n"]].values.tolist() == [["transactions", 1], ["transactions", 3]]
    assert [pd.Timestamp(item).month for item in result["month"]] == [5, 6]


def test_the_first_day_is_the_earliest_before_the_date_over_all_kinds():
    events = ibis.memtable(pd.DataFrame({"customer_id": ["a"], "occurred_at": pd.to_datetime(["2025-04-30"])}))
    assert first_day(TABLES, as_of=AS_OF) == date(2025, 5, 2)
    assert first_day({**TABLES, "events": events}, as_of=AS_OF) == date(2025, 4, 30)
    assert first_day(TABLES, as_of=date(2025, 5, 2)) is None
    assert first_day({}, as_of=AS_OF) is None
