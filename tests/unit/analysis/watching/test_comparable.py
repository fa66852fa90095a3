"""What mere growth of the history moves is no alarm: which features and tags are compared, and on whom."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.watching.alarms import gather_alarms
from workbench.analysis.watching.comparable import TagRule, tag_quiet_in, watched_features
from workbench.analysis.watching.customers import RunTables, compare_customers
from workbench.analysis.watching.judging import judge
from workbench.analysis.watching.measures.columns import Columns
from workbench.analysis.watching.measures.figures import Figure
from workbench.analysis.watching.pairing import pair_customers
from workbench.analysis.watching.recorded import recorded_between
from workbench.analysis.watching.sources import Period, watch_tables
from workbench.intake.features.registry import REGISTRY

START, END = dt.date(2025, 5, 1), dt.date(2025, 6, 1)


def compared(names):
    return {one.name: set(one.quiet_in) for one in watched_features(names)}


def test_windows_are_compared_on_all_and_the_whole_history_on_the_quiet():
    assert compared(["spend_90d", "discount_share", "sessions", "decision_style", "city"]) == {
        "spend_90d": set(), "discount_share": {"transactions"}, "sessions": {"events"},
        "decision_style": {"events", "transactions"}, "city": set(),
    }  # fmt: skip


def test_ages_ranks_and_multiples_of_the_average_are_not_compared():
    moving = [
        "recency_days",
        "tenure_days",
        "sessions_per_week",
        "spend_quintile",
        "category_top_lift",
        "promotion_lift",
    ]
    assert compared([*moving, "next_purchase_on", "customer_id"]) == {}


def test_every_age_says_that_it_moves_with_the_date():
    to_date = [one for one in REGISTRY.values() if "to the as-of date" in one.formula["en"]]
    assert len(to_date) > 5
    assert [one.name for one in to_date if one.moves_with != "date"] == []


def test_every_comparison_with_all_customers_says_that_it_moves_with_others():
    words = ("of all customers", "average", "customers with the same")
    ranks = [one for one in REGISTRY.values() if any(word in one.formula["en"] for word in words)]
    ranks = [one for one in ranks if "averaged over" not in one.formula["en"]]
    assert {"category_top_lift", "promotion_lift", "contribution_share"} <= {one.name for one in ranks}
    assert [one.name for one in ranks if one.moves_with != "others"] == []


@pytest.mark.parametrize(
    ("columns", "relative", "tables"),
    [
        (["spend_90d", "city"], False, set()),
        (["discount_share"], False, {"transactions"}),
        (["discount_share", "spend_90d"], False, None),  # for the quiet the window moves on
        (["tenure_days"], False, None),
        (["life_cycle_stage"], False, None),  # of another table, which is watched itself
        (["discount_share"], True, None),
    ],
)
def test_a_tag_follows_the_features_of_its_rule(columns, relative, tables):
    feature_names = ["spend_90d", "city", "discount_share", "tenure_days"]
    assert tag_quiet_in(TagRule(tuple(columns), relative), feature_names) == tables


def growing(shift=0.0):
    """Two runs of 400 customers: half of them ordered in between, whose share rose; `shift` moves everybody."""
    rng, ids = np.random.default_rng(5), [f"c{at:03}" for at in range(400)]
    then = rng.beta(2, 3, 400)
    busy = np.arange(400) % 2 == 0
    now = np.where(busy, then * 0.5 + 0.5, then) + shift
    runs = [
        RunTables(pd.Series(ids), Columns(pd.DataFrame({"customer_id": ids, "evening_share": one})))
        for one in (then, now)
    ]
    orders = pd.DataFrame({"customer_id": np.array(ids)[busy], "ordered_at": pd.Timestamp("2025-05-10")})
    recorded = recorded_between({"transactions": ibis.memtable(orders)}, START, END)
    return judge(compare_customers(*runs, pair_customers(*(run.customers for run in runs)), recorded=recorded))


def test_a_share_of_the_whole_history_moves_with_new_orders_without_an_alarm():
    drift = growing()
    assert drift["level"].tolist() == [""]
    assert drift["change"].tolist() == [0.0]
    assert drift[["n_old", "n_new"]].iloc[0].tolist() == [200, 200]


def test_a_share_of_the_whole_history_that_moves_without_new_orders_is_an_alarm():
    assert growing(shift=0.2)["level"].tolist() == ["alert"]


def test_any_date_of_a_row_is_news_of_its_customer_and_the_end_is_open():
    sent = pd.DataFrame(
        {"customer_id": list("abcd"), "sent_at": pd.to_datetime(["2025-05-01", "2025-04-30", "2025-04-30", "2025-06-01"]),
         "opened_at": pd.to_datetime([None, "2025-05-02", None, None])}
    )  # fmt: skip
    recorded = recorded_between({"campaigns": ibis.memtable(sent)}, START, END)
    assert sorted(recorded["campaigns"]) == ["a", "b"]


def test_scores_spread_otherwise_by_a_new_model_are_no_alarm_but_their_mean_is():
    rng, ids = np.random.default_rng(3), pd.Series([f"c{at:04}" for at in range(2_000)])
    chance = rng.uniform(0, 1, 2_000)

    def level(new):
        runs = [
            RunTables(ids, None, {"churn": pd.DataFrame({"customer_id": ids, "churn_probability": one})})
            for one in (chance, new)
        ]
        drift = judge(compare_customers(*runs, pair_customers(ids, ids)))
        return drift.loc[drift["name"] == "churn_probability", "level"].tolist()

    assert level(0.5 + (chance - 0.5) * 0.7) == [""]
    assert level(chance * 0.8) == ["alert"]  # 0.1 / sqrt of the mean variance 0.0683: d = .38, 15 points


def test_the_rows_of_a_customer_are_alike_and_count_as_one():
    rng = np.random.default_rng(1)

    def lines(clusters):
        """Return 40 customers with 25 lines a month each: empty alike where `clusters`, else by line."""
        rows = []
        for month, day, share in (("then", "2025-04-10", 0.5), ("now", "2025-05-10", 0.6)):
            for person in range(40):
                empty = np.full(25, person / 40 < share) if clusters else rng.random(25) < share
                rows.append(pd.DataFrame({"customer_id": f"{month}{person}", "ordered_at": pd.Timestamp(day),
                                          "amount": np.where(empty, np.nan, 1.0)}))  # fmt: skip
        return ibis.memtable(pd.concat(rows))

    def p_value(clusters):
        figures = watch_tables({"transactions": lines(clusters)}, Period(START, END))
        return next(one.p_value for one in figures if one.name == "amount")

    assert p_value(clusters=False) < 0.001
    assert p_value(clusters=True) == pytest.approx(0.365, abs=0.01)  # 0.1 / sqrt((.25 + .24) / 40) = 0.9035


def test_an_alarm_keeps_its_date_as_a_date_where_the_store_gives_moments():
    drift = judge([Figure("f", "x", "customers", "all", 1.0, 2.0, 9.0, p_value=0.0, family="x")])
    before = pd.DataFrame({"what": ["distribution"], "subject": ["f.x"], "since": [pd.Timestamp("2025-05-01")]})
    alarms = gather_alarms(drift, as_of=END, least_change_points=2.0, before=before)
    assert alarms["since"].tolist() == [START] and type(alarms["since"].iloc[0]) is dt.date
