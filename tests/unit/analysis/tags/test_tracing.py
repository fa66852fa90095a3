"""A tag followed down to the rows of one customer, counted by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import pandas as pd
import pytest

from workbench.analysis.tags.tagging import tag_customers
from workbench.analysis.tags.tracing import trace_tag
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

AS_OF = dt.date(2025, 7, 1)
TAGS = load_registry(Workspace(Path(__file__).parents[4])).tags
FEATURES = pd.DataFrame(
    {
        "customer_id": ["a", "b"],
        "orders_90d": [1, 0], "orders_365d": [2, 1], "category_top": ["tea", None], "category_top_share": [0.75, None],
        "category_top_lift": [1.5, None], "frequency_orders": [4, 1], "recency_days": [16, 300],
    }
)  # fmt: skip
ORDERS = pd.DataFrame(
    {
        "order_id": ["1", "2", "2", "3", "4", "5"],
        "customer_id": ["a", "a", "a", "a", "b", "a"],
        "ordered_at": pd.to_datetime(
            ["2024-06-30", "2024-07-01", "2024-07-01", "2025-06-15", "2025-01-01", "2025-07-01"]
        ),
        "product_id": ["p1", "p1", "p2", "p9", "p1", "p1"],
        "amount": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
)
PRODUCTS = pd.DataFrame({"product_id": ["p1", "p2"], "category": ["tea", "salt"]})


def trace(name, customer="a", most=20, **more):
    frames = {"features": FEATURES, "transactions": ORDERS, "products": PRODUCTS, **more}
    tables = {key: ibis.memtable(frame) for key, frame in frames.items()}
    result = tag_customers(tables, [TAGS[name]], as_of=AS_OF)
    return trace_tag(tables, result, TAGS[name], customer, as_of=AS_OF, max_rows=most)


def test_a_tag_leads_to_the_lines_of_its_window_and_to_no_others():
    result = trace("order_recency")  # looks back 365 days: from 2024-07-01 on, up to the day before the as-of date
    assert (result.value, result.since) == ("steady", dt.date(2024, 7, 1))
    assert result.figures == {"orders_90d": 1, "orders_365d": 2}
    assert result.rows["transactions"]["amount"].tolist() == [4.0, 2.0, 3.0]  # newest first, ties by the row
    assert result.totals == {"transactions": 3}


def test_lines_carry_what_the_products_say_and_all_of_the_past_counts_without_a_window():
    lines = trace("favourite_category").rows["transactions"]
    assert lines["category"].fillna("-").tolist() == ["-", "tea", "salt", "tea"]


def test_rows_beyond_the_most_are_counted_and_not_shown():
    result = trace("favourite_category", most=1)
    assert (len(result.rows["transactions"]), result.totals["transactions"]) == (1, 4)


def test_an_unknown_value_lists_the_missing_figure():
    result = trace("favourite_category", "b")
    assert result.value is None and result.figures["category_top"] is None
    assert result.totals == {"transactions": 1}


def test_the_stage_of_life_leads_over_the_scores_to_the_orders():
    rfm = pd.DataFrame({"customer_id": ["a", "b"], "life_cycle_stage": ["active", "lost"]})
    features = FEATURES.assign(tenure_days=[500, 181])
    result = trace("life_cycle", rfm=rfm, features=features)
    assert (result.value, result.totals) == ("active", {"transactions": 4})


@pytest.mark.parametrize("word", ["refuses", "under_age"])
def test_nothing_is_shown_of_customers_who_refuse_profiling_or_are_under_age(word):
    refusal = pd.DataFrame({"customer_id": ["a"], "purpose": ["profiling"], "granted": [False]})
    more = {"consents": refusal} if word == "refuses" else {"features": FEATURES.assign(age=[17, 40])}
    result = trace("favourite_category", **more)
    assert (result.allowed, result.value, result.figures, result.rows) == (False, None, {}, {})
