"""Buyers, the typical week, journeys and funnels: small histories with answers computed by hand."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.portraits.funnel import convert_within, funnel_times
from workbench.analysis.portraits.journeys import journey_times, summarise_journeys
from workbench.analysis.portraits.purchases import count_buyers, typical_week

AS_OF = dt.date(2025, 3, 1)


def orders(rows):
    names = ["order_id", "customer_id", "ordered_at", "product_id", "amount"]
    frame = pd.DataFrame(rows, columns=names).assign(ordered_at=lambda table: pd.to_datetime(table["ordered_at"]))
    return ibis.memtable(frame)


def events(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "occurred_at", "type"])
    return ibis.memtable(frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"])))


def test_buyers_are_counted_once_returns_and_later_lines_not_at_all():
    lines = orders(
        [("1", "a", "2025-01-01", "p", 5.0), ("2", "a", "2025-01-02", "p", 5.0), ("3", "b", "2025-01-01", "q", 1.0),
         ("4", "b", "2025-01-03", "p", -5.0), ("5", "c", "2025-03-01", "p", 5.0), ("6", "c", "2025-01-01", None, 5.0)]
    )  # fmt: skip
    products = ibis.memtable(pd.DataFrame({"product_id": ["p", "q"], "category": ["bread", "wine"]}))
    groups = pd.DataFrame({"customer_id": ["a", "b", "c"], "group": ["x", "y", "y"]})
    (result,) = count_buyers(lines, groups, as_of=AS_OF, products=products)
    assert result.variable == "category"
    assert result.counts.to_dict() == {"bread": {"x": 1, "y": 0}, "wine": {"x": 0, "y": 1}}
    assert result.sizes.to_dict() == {"x": 1, "y": 1}  # c bought nothing of a known category
    assert count_buyers(lines, groups, as_of=AS_OF) == []


def week_of(n, hour, seed=0):
    draw = np.random.default_rng(seed)
    days = draw.integers(0, 50, n)
    at = pd.Timestamp("2025-01-06") + pd.to_timedelta(days, "D") + pd.to_timedelta(draw.integers(*hour, n), "h")
    rows = [(f"{seed}-{item}", f"{seed}-{item % 60}", when, "p", 1.0) for item, when in enumerate(at)]
    return rows


def test_the_week_has_the_hours_at_which_orders_fell():
    rows = [(str(at), f"c{at % 40}", f"2025-01-{6 + 7 * (at % 3):02d} 09:30", "p", 1.0) for at in range(120)]
    groups = pd.DataFrame({"customer_id": [f"c{at}" for at in range(40)], "group": "x"})
    week = typical_week(orders(rows), groups, as_of=AS_OF)
    filled = week[week["orders"] > 0]
    assert filled[["weekday", "hour", "hours", "orders", "share"]].to_numpy().tolist() == [[1, 9, 1, 120.0, 1.0]]
    assert len(week) == 7 * 24


def test_cells_widen_until_few_are_suppressed_and_none_is_the_only_one():
    rows = week_of(400, (8, 20))
    groups = pd.DataFrame({"customer_id": [f"0-{at}" for at in range(60)], "group": "x"})
    week = typical_week(orders(rows), groups, as_of=AS_OF)
    assert week["hours"].nunique() == 1 and week["hours"].iloc[0] > 1
    assert week["suppressed"].sum() != 1
    assert week.loc[week["suppressed"], ["orders", "share", "base_share"]].isna().all(axis=None)


def test_without_times_of_day_a_cell_is_a_day_and_without_orders_there_is_none():
    rows = [(str(at), f"c{at % 30}", f"2025-01-{6 + at % 14:02d}", "p", 1.0) for at in range(420)]
    groups = pd.DataFrame({"customer_id": [f"c{at}" for at in range(30)], "group": "x"})
    week = typical_week(orders(rows), groups, as_of=AS_OF)
    assert week["hours"].unique().tolist() == [24] and week["share"].sum() == pytest.approx(1)
    assert typical_week(orders(rows[:1]).filter(ibis.literal(False)), groups, as_of=AS_OF).empty


def test_a_later_step_counts_for_the_ones_before_and_use_begins_with_the_purchase():
    customers = pd.DataFrame({"customer_id": [f"{at:02d}" for at in range(50)]})
    ids = customers["customer_id"].tolist()
    tables = {
        "campaigns": ibis.memtable(pd.DataFrame({"customer_id": ids[:30], "sent_at": pd.Timestamp("2025-01-01")})),
        "events": events([(item, "2025-01-03", "view") for item in ids[:20]]),
        "transactions": orders([(item, item, "2025-01-07", "p", 1.0) for item in ids[10:40]]),
        "reviews": ibis.memtable(
            pd.DataFrame({"customer_id": ids[:25], "reviewed_at": [pd.Timestamp("2025-01-02")] * 12
                          + [pd.Timestamp("2025-01-09")] * 13})
        ),
    }  # fmt: skip
    table = summarise_journeys(journey_times(tables, customers, as_of=AS_OF)).set_index("step")
    assert table["reached"].tolist() == [40, 40, 30, 13]  # 20 looked, 20 more were first seen buying
    assert table["observed"].tolist() == [30, 20, 30, 13]
    assert table["rate"].to_numpy() == pytest.approx([40 / 50, 1, 30 / 40, 13 / 30])
    assert table["days_median"].tolist()[1:] == [2, 4, 2]
    assert table["days_n"].tolist()[1:] == [20, 10, 13]


def test_a_step_that_no_table_records_is_unknown_not_zero():
    customers = pd.DataFrame({"customer_id": [f"{at:02d}" for at in range(20)]})
    bought = orders([(item, item, "2025-01-07", "p", 1.0) for item in customers["customer_id"]])
    table = summarise_journeys(journey_times({"transactions": bought}, customers, as_of=AS_OF)).set_index("step")
    assert table["recorded"].to_dict() == {"awareness": False, "consideration": False, "purchase": True, "use": False}
    assert table.loc["use", ["reached", "rate"]].isna().all() and table.loc["purchase", "reached"] == 20
    empty = summarise_journeys(journey_times({}, customers.head(0), as_of=AS_OF))
    assert empty.empty


@pytest.mark.parametrize("dropped", [3, 9])
def test_a_drop_off_of_few_customers_cannot_be_worked_out(dropped):
    customers = pd.DataFrame({"customer_id": [f"{at:02d}" for at in range(60)]})
    ids = customers["customer_id"].tolist()
    tables = {
        "events": events([(item, "2025-01-03", "view") for item in ids[:50]]),
        "transactions": orders([(item, item, "2025-01-07", "p", 1.0) for item in ids[: 50 - dropped]]),
    }
    table = summarise_journeys(journey_times(tables, customers, as_of=AS_OF)).set_index("step")
    assert table["suppressed"].to_dict() == {
        "awareness": False, "consideration": True, "purchase": False, "use": False
    }  # fmt: skip
    assert pd.isna(table.loc["consideration", "reached"]) and pd.isna(table.loc["purchase", "rate"])


def funnel():
    ids = [f"{at:03d}" for at in range(100)]
    rows = [(item, "2025-01-01 10:00", "view") for item in ids]
    rows += [(item, "2025-01-01 12:00", "加购") for item in ids[:40]]
    rows += [(item, "2025-01-05 12:00", "cart") for item in ids[40:60]]
    rows += [(item, "2024-12-01 12:00", "cart") for item in ids[60:80]]  # before the first view: no step of it
    rows += [(item, "2025-01-02 12:00", "purchase") for item in ids[:20]]
    rows += [("late", "2025-02-27 10:00", "view"), ("after", "2025-03-01 00:00", "view")]
    return events(rows)


def test_a_funnel_counts_within_its_window_and_only_those_who_had_the_time():
    table = convert_within(funnel_times(funnel(), as_of=AS_OF), windows_days=[1, 7], as_of=AS_OF)
    day, week = table[table["window_days"] == 1], table[table["window_days"] == 7]
    assert day["entered"].tolist() == [101] * 3 and week["entered"].tolist() == [100] * 3
    assert day["n"].tolist() == [101, 40, 0]
    assert week["n"].tolist() == [100, 60, 20]
    assert week["share"].to_numpy() == pytest.approx([1, 0.6, 0.2])
    assert week["step_share"].to_numpy()[1:] == pytest.approx([0.6, 1 / 3])
    assert week["hours_median"].tolist()[1:] == [2, 24]


def test_orders_replace_purchases_that_events_do_not_record():
    looked = events([(f"{at:02d}", "2025-01-01 10:00", "view") for at in range(40)])
    bought = orders([(f"{at:02d}", f"{at:02d}", "2025-01-01 20:00", "p", 1.0) for at in range(15)])
    table = convert_within(funnel_times(looked, bought, as_of=AS_OF), windows_days=[1], as_of=AS_OF)
    assert table["step"].tolist() == ["view", "purchase"] and table["n"].tolist() == [40, 15]
    for nothing in (funnel_times(None, as_of=AS_OF), funnel_times(looked, as_of=AS_OF)):
        assert convert_within(nothing, windows_days=[1], as_of=AS_OF).empty


def test_few_who_go_on_are_not_shown():
    looked = events([(f"{at:02d}", "2025-01-01 10:00", "view") for at in range(40)]
                    + [(f"{at:02d}", "2025-01-01 11:00", "cart") for at in range(4)])  # fmt: skip
    table = convert_within(funnel_times(looked, as_of=AS_OF), windows_days=[1], as_of=AS_OF)
    assert table["suppressed"].tolist() == [False, True] and pd.isna(table["n"].iloc[1])
