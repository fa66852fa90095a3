"""Customers of orders without amounts, and of events alone: recency, frequency and sessions need no money."""

import datetime as dt

import ibis
import pandas as pd
import pytest

from workbench.core.stages import STAGES
from workbench.intake.features.build import build_features

AS_OF = dt.date(2024, 2, 1)
LINES = pd.DataFrame({
    "order_id": ["1", "1", "2", "3"], "customer_id": ["a", "a", "a", "b"], "product_id": ["x", "y", "x", "x"],
    "status": ["paid", "paid", "paid", "cancelled"],
    "ordered_at": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:00", "2024-01-11 10:00", "2024-01-05 11:00"]),
})  # fmt: skip
EVENTS = pd.DataFrame({
    "customer_id": ["a", "a", "b", None], "type": ["view", "buy", "view", "view"],
    "occurred_at": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:10", "2024-01-05 11:00", "2024-01-05 11:00"]),
})  # fmt: skip


def features(**tables):
    engine = ibis.duckdb.connect(threads=1)
    named = {name: engine.create_table(name, frame) for name, frame in tables.items()}
    return build_features(named, as_of=AS_OF).to_pandas().set_index("customer_id")


def test_orders_without_amounts_give_recency_and_frequency_and_no_money():
    built = features(transactions=LINES)
    assert built.loc["a", ["recency_days", "frequency_orders", "products_distinct"]].tolist() == [21, 2, 2]
    assert built.loc["a", "gap_days_mean"] == 10 and built.loc["b", "frequency_orders"] == 0
    assert not [name for name in built if "spend" in name or "monetary" in name or "return" in name]


def test_amounts_change_nothing_that_is_counted():
    paid = features(transactions=LINES.assign(amount=10.0))
    counted = features(transactions=LINES)
    pd.testing.assert_frame_equal(paid[list(counted)], counted)
    assert paid.loc["a", "monetary_total"] == 30


def test_the_customers_of_events_alone_are_those_of_the_events():
    built = features(events=EVENTS)
    assert built.index.tolist() == ["a", "b"] and built["sessions"].tolist() == [1, 1]


@pytest.mark.parametrize(("stage", "present", "lacks"), [
    ("03_build_features", {"events.customer_id"}, None),
    ("05_score_rfm", {"transactions.customer_id", "features"}, ("transactions.amount",)),
    ("09_value_customers", {"transactions.customer_id", "transactions.ordered_at"}, ("transactions.amount",)),
])  # fmt: skip
def test_a_stage_runs_where_it_has_what_it_needs_and_names_what_it_lacks(stage, present, lacks):
    assert STAGES[stage].lacks(present) == lacks
