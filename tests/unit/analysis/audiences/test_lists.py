"""Ranking, size and evidence of lists, with answers worked out by hand."""

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.audiences.lists import (
    Size,
    answers_by_customer,
    answers_by_group,
    choose_size,
    close_test,
    detectable_difference,
    outcome_of_campaigns,
    rank_customers,
    tiers_and_tenths,
)

CHANCES = pd.DataFrame({"customer_id": list("abcde"), "probability": [0.5, 0.9, 0.5, 0.9, None]})
VALUES = pd.DataFrame({"customer_id": list("abc"), "expected_value": [100.0, 50.0, 100.0]})
STAGES = pd.DataFrame({"customer_id": list("abc"), "life_cycle_stage": ["active", "lost", "at_risk"]})
NOTHING = pd.DataFrame(columns=["customer_id", "life_cycle_stage"])


def test_customers_are_ranked_by_probability_times_value_and_ties_by_id():
    ranked = rank_customers(CHANCES, VALUES, NOTHING, leavers=True)
    assert ranked["customer_id"].tolist() == ["a", "c", "b", "d"]  # 50, 50, 45, unknown value
    assert ranked["at_stake"].tolist() == [50.0, 50.0, 45.0, 0.0]
    assert pd.isna(ranked["value"].iloc[3])
    turned = rank_customers(CHANCES.iloc[::-1], VALUES.iloc[::-1], NOTHING, leavers=True)
    pd.testing.assert_frame_equal(turned, ranked)


def test_who_has_left_is_on_no_list_of_leavers_but_may_answer():
    assert rank_customers(CHANCES, VALUES, STAGES, leavers=True)["customer_id"].tolist() == ["a", "c", "d"]
    assert "b" in rank_customers(CHANCES, VALUES, STAGES, leavers=False)["customer_id"].tolist()


def test_without_values_the_probability_ranks():
    ranked = rank_customers(CHANCES, VALUES.head(0), NOTHING, leavers=True)
    assert ranked["customer_id"].tolist() == ["b", "d", "a", "c"]
    assert rank_customers(CHANCES.head(0), VALUES, NOTHING, leavers=True).empty


GOOD = {"auc_low": 0.6, "profit_share": 0.24, "profit": 100.0}


@pytest.mark.parametrize(
    ("candidates", "judged", "asked", "size"),
    [
        (1000, GOOD, None, Size(240, "profit")),
        (1000, GOOD, 50, Size(50, "decision_size")),
        (20, GOOD, 50, Size(20, "decision_size")),
        (1, GOOD, None, Size(1, "profit")),
        (1000, GOOD | {"profit_share": 1.0}, None, Size(100, "decision_share")),
        (1000, GOOD | {"profit_share": None}, None, Size(100, "decision_share")),
        (1000, GOOD | {"profit": 0.0, "profit_share": 0.0}, None, Size(0, "no_profit")),
        (1000, GOOD | {"auc_low": 0.5}, None, Size(0, "no_gain")),
        (1000, GOOD | {"auc_low": 0.5}, 50, Size(0, "no_gain")),
        (0, GOOD, None, Size(0, "nobody")),
        (1000, {}, None, Size(0, "no_model")),
    ],
)
def test_the_size_is_the_one_asked_for_else_the_profit_optimum_else_none(candidates, judged, asked, size):
    assert choose_size(candidates, judged, decision_size=asked, decision_share=0.1) == size


NEAR_EVERYBODY = GOOD | {"profit_share": 0.96, "base_rate": 0.4}
TENTH, NEARLY_ALL = {"share": 0.1, "low": 0.5}, {"share": 0.95, "low": 0.39}


@pytest.mark.parametrize(
    ("tests", "asked", "size"),
    [
        ([TENTH, NEARLY_ALL], None, Size(100, "decision_share")),  # 960 of 1,000 are no better than a draw, 100 are
        ([TENTH, NEARLY_ALL | {"low": 0.41}], None, Size(960, "profit")),
        ([TENTH | {"low": 0.4}, NEARLY_ALL], None, Size(0, "no_gain")),
        ([TENTH | {"low": 0.4}], 110, Size(0, "no_gain")),  # the size asked for, tested at a share close to it
        ([TENTH | {"low": 0.4}], 500, Size(500, "decision_size")),  # no test at such a size: the AUC decides
        ([], None, Size(960, "profit")),
    ],
)
def test_no_list_where_its_test_may_be_a_draw(tests, asked, size):
    assert choose_size(1000, NEAR_EVERYBODY, tests, decision_size=asked, decision_share=0.1) == size


def test_a_test_of_another_size_says_nothing_of_a_list():
    tests = [{"share": 0.1}, {"share": 0.12}, {"share": 0.5}]
    assert close_test(tests, 0.115) == {"share": 0.12}
    assert close_test(tests, 0.3) is None


def campaigns(**columns):
    frame = pd.DataFrame(columns)
    for name in ("sent_at", "redeemed_at", "opened_at"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return ibis.memtable(frame)


def test_answers_are_counted_once_for_each_campaign_and_only_before_the_date():
    table = campaigns(
        customer_id=["a", "a", "a", "b", "b", None], campaign_id=["1", "1", "2", "1", "3", "1"],
        sent_at=["2024-01-01", "2024-01-01", "2024-02-01", "2024-01-01", "2024-06-01", "2024-01-01"],
        redeemed_at=["2024-01-05", None, None, "2024-06-05", "2024-06-05", "2024-01-05"],
    )  # fmt: skip
    assert outcome_of_campaigns(table) == "redeemed_at"
    counts = answers_by_customer(table, "redeemed_at", date(2024, 6, 1))
    assert counts.values.tolist() == [["a", 2, 1], ["b", 1, 0]]


def test_opened_counts_where_nothing_was_ever_redeemed():
    table = campaigns(sent_at=["2024-01-01"], redeemed_at=[None], opened_at=["2024-01-02"])
    assert outcome_of_campaigns(table) == "opened_at"
    assert outcome_of_campaigns(table.drop("opened_at")) is None
    assert outcome_of_campaigns(table.drop("opened_at", "redeemed_at")) is None


def test_evidence_by_tier_and_tenth_hides_small_groups():
    ids = [f"{at:02d}" for at in range(30)]
    values = pd.DataFrame({"customer_id": ids, "expected_value": range(30)})
    ranked = pd.DataFrame({"customer_id": ids[::-1]})
    groups = tiers_and_tenths(ranked, values)
    answers = pd.DataFrame({"customer_id": ids[8:], "sent": 1, "answered": [1] * 5 + [0] * 17})
    rows = answers_by_group(groups, answers, least=3).set_index(["grouping", "group"])
    assert rows.loc[("value_tier", "high"), ["n", "answered", "share"]].isna().all()  # the total would give away "low"
    assert rows.loc[("value_tier", "middle"), ["n", "answered", "share"]].tolist() == [10, 3, 0.3]
    assert rows.loc[("value_tier", "low"), ["n", "answered", "share"]].isna().all()
    assert rows.loc[("value_tier", "middle"), ["low", "high"]].tolist() == [0.1078, 0.6032]
    tenths = rows.loc["risk_tenth"]
    assert tenths.index[tenths["n"].isna()].tolist() == ["1", "2", "8", "9", "10"]  # one for the single customer of "8"
    assert tenths["n"].dropna().tolist() == [3] * 5
    assert len(rows) == 13
    assert answers_by_group(tiers_and_tenths(ranked.head(0), values.head(0)), answers, least=3).empty


def test_the_detectable_difference_shrinks_with_both_arms_and_can_be_none():
    assert detectable_difference(900, 100, 0.5) == pytest.approx(
        2.801585 * (0.25 * (1 / 900 + 1 / 100)) ** 0.5, abs=1e-6
    )
    assert detectable_difference(9000, 1000, 0.5) < detectable_difference(900, 100, 0.5)
    assert detectable_difference(9, 1, 0.5) is None
    assert detectable_difference(0, 10, 0.5) is None
    assert detectable_difference(90, 10, 0.0) is None


def test_no_group_that_is_hidden_can_be_computed_from_the_total():
    ids = [f"{at:02d}" for at in range(60)]
    groups = pd.DataFrame(
        {"grouping": "value_tier", "group": ["low"] * 4 + ["middle"] * 16 + ["high"] * 40, "customer_id": ids}
    )
    answers = pd.DataFrame({"customer_id": ids, "sent": 1, "answered": 1})
    rows = answers_by_group(groups, answers, least=5).set_index("group")
    assert rows["n"].isna().to_dict() == {"high": False, "middle": True, "low": True}
    assert answers_by_group(groups, answers, least=4).set_index("group")["n"].tolist() == [40, 16, 4]
