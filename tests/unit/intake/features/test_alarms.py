"""A planted column that leaks the future is found, named and left out; other columns stay."""

from datetime import date, datetime, timedelta

import ibis
import pytest

from workbench.core.schema import UNDATED
from workbench.intake.features.alarms import find_alarms, watch_future
from workbench.intake.features.build import build_features

AS_OF = date(2024, 7, 1)
N = 100


@pytest.fixture(scope="module")
def tables():
    """A hundred customers, every third of whom buys after the as-of date; columns that leak it and columns that do not."""
    ids = [f"c{at:03d}" for at in range(N)]
    later = [at % 3 == 0 for at in range(N)]
    customers = {
        "customer_id": ids,
        "hobby": [["tea", "chess", "golf", "art"][at % 4] for at in range(N)],
        "visits_planned": [at // 2 if bought else 100 + at // 2 for at, bought in enumerate(later)],
        "vip_flag": ["gold" if bought else "" for bought in later],
        "cancellationReason": ["price"] * N,
        "last_seen": [(date(2024, 1, 1) + timedelta(days=3 * at)).isoformat() for at in range(N)],
        "member_since": ["2020-05-01"] * N,
    }
    bought = [at for at in range(N) if later[at]]
    lines = {
        "order_id": [f"o{at}" for at in range(N)] + [f"p{at}" for at in bought],
        "customer_id": ids + [ids[at] for at in bought],
        "ordered_at": [datetime(2024, 3, 1, 10)] * N + [datetime(2024, 8, 1, 10)] * len(bought),
        "amount": [10.0] * (N + len(bought)),
    }
    return {"customers": ibis.memtable(customers), "transactions": ibis.memtable(lines)}


def test_each_planted_column_is_caught_with_its_reason(tables):
    reasons = {alarm.column: alarm.reason for alarm in find_alarms(tables, as_of=AS_OF)}
    assert reasons == {
        "cancellationReason": "name", "last_seen": "dates_after", "vip_flag": "tied", "visits_planned": "tied",
    }  # fmt: skip


def test_an_alarm_states_its_number_of_customers(tables):
    alarms = {alarm.column: alarm for alarm in find_alarms(tables, as_of=AS_OF)}
    assert (alarms["last_seen"].customers, alarms["last_seen"].share) == (39, 0.39)
    assert (alarms["vip_flag"].customers, alarms["vip_flag"].share) == (N, 1.0)


def test_a_column_with_an_alarm_becomes_no_feature_and_the_others_do(tables):
    watched, alarms = watch_future(tables, as_of=AS_OF)
    built = build_features(watched, as_of=AS_OF)
    assert len(alarms) == 4
    assert {"hobby", "member_since"} <= set(built.columns)
    assert not {alarm.column for alarm in alarms} & set(built.columns)


def test_a_column_filled_before_the_as_of_date_raises_no_alarm(tables):
    early = find_alarms(tables, as_of=date(2024, 9, 1))
    assert {alarm.column for alarm in early if alarm.reason == "tied"} == set()


def test_without_dates_only_names_are_checked(tables):
    assert [alarm.column for alarm in find_alarms(tables, as_of=UNDATED)] == ["cancellationReason"]


def test_data_without_customers_raises_no_alarm(tables):
    assert find_alarms({"transactions": tables["transactions"]}, as_of=AS_OF) == []
