"""What the RFM scores say: shares with their n, and no sentence without its number."""

import pandas as pd
import pytest

from workbench.analysis.rfm.life_cycle import Bounds
from workbench.analysis.rfm.scores import RfmScores
from workbench.analysis.rfm.tables import late_high_spenders, table_groups
from workbench.report.findings.rfm import find_rfm, limit_rfm
from workbench.report.text import say

FIXED = Bounds((90, 180, 360), "fixed")


def customers(*groups):
    """Make the table rfm from (customers, type, status, stage, money of each)."""
    rows = [row for n, *row in groups for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["rfm_type", "activity_status", "life_cycle_stage", "monetary_total"])
    known = frame["rfm_type"] != "no_purchase"
    score = pd.Series(3, index=frame.index, dtype="Int64").where(known)
    return frame.assign(
        customer_id=[f"c{at}" for at in frame.index],
        recency_days=10.0,
        frequency_orders=1,
        **dict.fromkeys(("r_score", "f_score", "m_score"), score),
    )


def find(rfm, bounds=FIXED, notes=(), ratio=1.0):
    tables = [table_groups(rfm, by=by) for by in ("rfm_type", "activity_status", "life_cycle_stage")]
    features = pd.DataFrame({"customer_id": rfm["customer_id"], "recency_to_gap_ratio": ratio})
    late = late_high_spenders(rfm, features)
    return find_rfm(RfmScores(rfm, pd.DataFrame(), tuple(notes)), *tables, bounds, late=late)


BASE = (
    (20, "important_value", "active", "active", 60.0),
    (10, "important_retention", "dormant", "at_risk", 40.0),
    (10, "important_winback", "churned", "lost", 20.0),
    (40, "general_development", "active", "new", 5.0),
)  # 80 customers, 1200 + 400 + 200 + 200 = 2000 of money


def test_shares_are_of_all_who_bought_and_value_is_of_all_spend(values_by_key):
    values = values_by_key(find(customers(*BASE)))
    champions = values["rfm_champions"]
    assert (champions["share"], champions["value_share"], champions["n"]) == (0.25, 0.6, 80)
    assert champions["low"] < 0.25 < champions["high"]
    assert values["rfm_type_largest"]["type"] == "general_development"
    assert (values["rfm_type_largest"]["share"], values["rfm_type_largest"]["value_share"]) == (0.5, 0.1)
    assert (values["rfm_active"]["share"], values["rfm_active"]["days"]) == (0.75, 90)
    assert (values["rfm_stage_largest"]["stage"], values["rfm_stage_largest"]["share"]) == ("new", 0.5)
    assert say("rfm_champions", "en", champions).startswith("Champions are 25 % of customers and account for 60 %")


def test_customers_without_a_purchase_enter_no_share(values_by_key):
    nobody = (20, "no_purchase", None, "prospect", 0.0)
    note = {"note": "no_purchase", "customers": 20}
    values = values_by_key(find(customers(*BASE, nobody), notes=[note]))
    assert values["rfm_champions"]["n"] == 80
    assert values["rfm_champions"]["share"] == 0.25
    assert values["rfm_no_purchase"] == {"customers": 20, "n": 100, "share": 0.2}


def test_nine_champions_have_no_value_and_no_sentence_that_would_need_it(values_by_key):
    few = (9, "important_value", "active", "active", 60.0)
    values = values_by_key(find(customers(few, *BASE[3:])))
    assert "rfm_champions" not in values
    assert "rfm_type_largest" not in values  # the value of the other group would tell theirs
    assert values["rfm_type_largest_bare"]["type"] == "general_development"
    assert values["rfm_type_largest_bare"]["share"] == pytest.approx(40 / 49)


def test_without_spend_above_zero_no_sentence_speaks_of_shares_of_it(values_by_key):
    refunded = [(n, *row[:-1], -1.0) for n, *row in BASE]
    values = values_by_key(find(customers(*refunded)))
    assert {"rfm_champions", "rfm_at_stake", "rfm_type_largest"}.isdisjoint(values)
    assert "rfm_type_largest_bare" in values


def test_high_spenders_are_late_by_their_own_rhythm_never_by_days_alone(values_by_key):
    ratio = [2.5] * 12 + [2.0] * 28 + [9.0] * 40  # twelve champions are late; low spenders do not count
    stake = values_by_key(find(customers(*BASE), ratio=ratio))["rfm_at_stake"]
    assert (stake["customers"], stake["n"], stake["share"]) == (12, 80, 0.15)
    assert stake["value_share"] == pytest.approx(12 * 60 / 2000)
    assert "more than 2 times their usual gap ago" in say("rfm_at_stake", "en", stake)


def test_fewer_late_customers_than_may_be_shown_or_no_rhythm_are_not_reported(values_by_key):
    assert "rfm_at_stake" not in values_by_key(find(customers(*BASE), ratio=[2.5] * 9 + [1.0] * 71))
    assert "rfm_at_stake" not in values_by_key(find(customers(*BASE), ratio=float("nan")))
    assert late_high_spenders(customers(*BASE), pd.DataFrame({"customer_id": ["c0"]})) == {}


def test_without_any_purchase_only_the_bounds_are_reported(values_by_key):
    nobody = customers((12, "no_purchase", None, "prospect", 0.0))
    assert set(values_by_key(find(nobody))) == {"rfm_bounds"}
    empty = customers()
    assert set(values_by_key(find(empty))) == {"rfm_bounds"}


def test_the_order_of_the_customers_does_not_matter():
    rfm = customers(*BASE)
    assert find(rfm) == find(rfm.sample(frac=1, random_state=1))


def test_derived_bounds_say_from_how_many_gaps(values_by_key):
    values = values_by_key(find(customers(*BASE), bounds=Bounds((14, 34, 94), "derived", "", 100, 124)))
    assert values["rfm_bounds_derived"] == {"active_days": 14, "dormant_days": 34, "pre_churn_days": 94, "n": 124}
    assert "rfm_bounds" not in values


def test_bounds_that_fell_back_are_reported_as_settings(values_by_key):
    assert "rfm_bounds" in values_by_key(
        find(customers(*BASE), bounds=Bounds((90, 180, 360), "fallback", "too_few_customers"))
    )


def test_fewer_scores_than_asked_names_the_score(values_by_key):
    note = {"note": "fewer_scores", "measure": "frequency_orders", "asked": 5, "given": 3}
    values = values_by_key(find(customers(*BASE), notes=[note, {"note": "not_positive", "customers": 2}]))
    assert values["rfm_fewer_scores"] == {"score": "f_score", "groups": 3, "bins": 5}


def test_the_limits_name_those_who_were_scored(values_by_key):
    scores = RfmScores(customers(*BASE, (20, "no_purchase", None, "prospect", 0.0)), pd.DataFrame(), ())
    values = values_by_key(limit_rfm(scores, FIXED))
    assert values == {"rfm_limit_relative": {"n": 80}, "rfm_limit_bounds": {"active_days": 90}}
