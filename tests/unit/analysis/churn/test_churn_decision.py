"""Contact list, profit, groups and customers' statements: by hand on small tables."""

from dataclasses import replace
from datetime import date, datetime

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.answers import AnswerStudy
from workbench.analysis.churn.consequences import decide_today, group_results, precision_of_tests, segments_lack
from workbench.analysis.churn.decision import decide, precision_by_share, profit_curve
from workbench.analysis.churn.declared import declared_reasons
from workbench.analysis.churn.groups import judge_groups
from workbench.analysis.churn.labels import label_purchases
from workbench.analysis.churn.models.results import ChurnResult
from workbench.analysis.churn.propensity import predict_categories
from workbench.analysis.churn.study import ChurnStudy, answer_alarms, score_customers
from workbench.analysis.segments.declared import declare
from workbench.report.findings.churn.decision import find_decision
from workbench.report.text import say


def outcomes(n=100, left=40):
    """The riskiest fifth all leave, then every fourth."""
    risk = np.round(np.linspace(0.9, 0.1, n), 6)
    label = np.r_[np.ones(20), np.tile([1, 0, 0, 0], 20)].astype(int)
    return pd.DataFrame({"customer_id": [f"c{at:03}" for at in range(n)], "label": label, "churn_probability": risk})


def test_the_contact_list_is_the_riskiest_share_and_has_the_test_result():
    scored = outcomes()[["customer_id", "churn_probability"]].iloc[::-1]
    result = decide(scored, outcomes(), decision_share=0.2)
    assert (result.size, result.tested, result.precision, result.random) == (20, 20, 1.0, 0.4)
    assert result.customers["customer_id"].tolist() == [f"c{at:03}" for at in range(20)]
    assert result.expected == pytest.approx(sum(np.round(np.linspace(0.9, 0.1, 100), 6)[:20]), abs=1e-4)
    assert 0.8 < result.precision_low < 1 and result.precision_high == pytest.approx(1)
    assert decide(scored, outcomes(), decision_size=999).size == 100
    assert decide(scored.head(3), outcomes(), decision_share=0.01).size == 1


def test_the_list_is_empty_while_there_is_a_leak_alarm():
    scored = outcomes()[["customer_id", "churn_probability"]]
    settings = {"decision_share": 0.2, "decision_size": None}
    result = ChurnResult("model", "time", {}, {}, predictions=outcomes(), model=object())
    assert decide_today(ChurnStudy("labels", "model", result), scored, **settings).size == 20
    alarmed = replace(result, alarms=pd.DataFrame({"alarm": ["feature_auc"], "feature": ["reason"], "value": [1.0]}))
    assert decide_today(ChurnStudy("labels", "model", alarmed), scored, **settings) is None


def test_an_answered_alarm_gives_the_list_back():
    scored = outcomes()[["customer_id", "churn_probability"]]
    alarms = pd.DataFrame({"alarm": ["model_auc"], "feature": [""], "auc": [0.99]})
    result = ChurnResult(
        "model", "random", {}, {"leak_alarms": 1}, predictions=outcomes(), model=object(), alarms=alarms
    )
    study = answer_alarms(ChurnStudy("undated_labels", "model", result), ["model_auc"])
    assert study.result.metrics == {"leak_alarms": 0, "leak_alarms_answered": 1}
    assert decide_today(study, scored, decision_share=0.2, decision_size=None).size == 20
    assert answer_alarms(study, []) is study


def test_who_has_left_is_counted_and_on_no_list():
    gone = outcomes().query("label == 1")["customer_id"]
    result = ChurnResult("model", "random", {}, {}, predictions=outcomes(), model=Always(), model_version="a")
    study = ChurnStudy("undated_labels", "model", result, left=frozenset(gone))
    scored = score_customers(study, outcomes()[["customer_id"]], {}, as_of=date(2024, 7, 1))
    assert len(scored) == 60 and not set(scored["customer_id"]) & set(gone)
    decision = decide_today(study, scored, decision_share=0.2, decision_size=None)
    assert (decision.size, decision.gone, decision.dated) == (12, 40, False)
    findings = find_decision(decision, profit_curve(outcomes(), contact_cost=1, gain_per_leaver=5, n_bootstraps=5),
                             horizon_days=None, cost=1.0, gain=5.0)  # fmt: skip
    words = {finding.key: say(finding.key, "zh", finding.values) for finding in findings}
    assert "已流失者（40" in words["churn_decision_gone"] and "不在名单中" in words["churn_decision_gone"]
    assert "会流失" not in words["churn_decision_undated"].split("检验中")[0]


class Always:
    """A model that gives everybody the same probability."""

    def predict(self, frame):
        return np.full(len(frame), 0.5)


def test_precision_is_that_of_as_large_a_share_of_the_test():
    rows = precision_by_share(outcomes().iloc[::-1], [0.4, 0.2, 0.001])
    assert rows["share"].tolist() == [0.001, 0.2, 0.4]
    assert rows[["tested", "positives"]].values.tolist() == [[1, 1], [20, 20], [40, 25]]
    assert rows.loc[2, ["precision", "low", "high"]].tolist() == pytest.approx([0.625, 0.4703, 0.7578], abs=5e-4)
    assert precision_by_share(outcomes().head(0), [0.1]).empty


def test_both_models_are_judged_at_the_usual_sizes_the_most_profitable_and_that_of_the_decision():
    tested = outcomes()
    metrics = {"answers.profit_share": 0.25}
    answers = AnswerStudy("model", tested.head(0), metrics, predictions=tested)
    study = ChurnStudy("model", "purchases", ChurnResult("model", "time", {}, {}, predictions=tested))
    profit = profit_curve(tested, contact_cost=1, gain_per_leaver=5, n_bootstraps=2)
    decision = decide(tested, tested, decision_size=7)
    rows = precision_of_tests(study, answers, profit, decision, least=6)
    best = float(profit.loc[profit["best"], "share_contacted"].iloc[0])
    assert rows.loc[rows["basis"] == "leaving", "share"].tolist() == sorted({0.07, 0.1, 0.2, 0.3, 0.5, best})
    assert rows.loc[rows["basis"] == "answers", "share"].tolist() == [0.07, 0.1, 0.2, 0.25, 0.3, 0.5]
    nothing = AnswerStudy("no_campaigns", tested.head(0), {})
    unfitted = ChurnStudy("too_short", "purchases", ChurnResult("too_short", "time", {}, {}))
    assert precision_of_tests(unfitted, nothing, profit.head(0), None).empty


def test_profit_by_hand():
    curve = profit_curve(outcomes(), contact_cost=2, gain_per_leaver=5, n_bootstraps=50).set_index("contacted")
    assert curve.loc[0, "profit"] == 0
    assert curve.loc[20, "profit"] == 20 * 5 - 20 * 2
    assert curve.loc[100, "profit"] == 40 * 5 - 100 * 2 == curve.loc[100, "random"]
    assert curve.index[curve["best"]].tolist() == [20] or curve.loc[curve["best"], "profit"].iloc[0] >= 60
    assert (curve["low"] <= curve["high"]).all()
    assert profit_curve(outcomes(), contact_cost=9, gain_per_leaver=5, n_bootstraps=9)["profit"].max() == 0


def test_a_group_whose_risk_is_understated_is_reported_and_small_ones_are_not():
    n = 300
    frame = pd.DataFrame({"customer_id": [f"c{at:03}" for at in range(n)], "churn_probability": 0.3})
    group = np.where(np.arange(n) < 140, "north", np.where(np.arange(n) < 280, "south", "islands"))
    frame["label"] = np.where(group == "north", np.arange(n) % 10 < 3, np.arange(n) % 10 < 6).astype(int)
    result = judge_groups(frame, frame[["customer_id"]].assign(city=group, gender="f", age=np.arange(n) % 70))
    cities = result[result["grouping"] == "city"].set_index("group")
    assert cities["verdict"].to_dict() == {"north": "fits", "south": "understated"}
    assert cities.loc["south", ["n", "positives"]].tolist() == [140, 84]
    assert "gender" not in set(result["grouping"])
    assert {"< 25", "25–34"} <= set(result.loc[result["grouping"] == "age", "group"])
    assert judge_groups(frame.iloc[:0], frame).empty


def test_statements_before_the_cut_off_are_compared_with_who_left():
    predictions = outcomes()
    complained = [f"c{at:03}" for at in range(12)]
    service = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": [*complained, "c050"],
                "topic": ["delivery"] * 12 + ["size"],
                "opened_at": [datetime(2024, 1, 5)] * 11 + [datetime(2024, 9, 1)] * 2,
            }
        )
    )
    result = declared_reasons({"service": service}, predictions, cut_off=date(2024, 2, 1))
    assert result[["said_in", "said", "n", "left", "share"]].to_numpy().tolist() == [
        ["service", "delivery", 11, 11, 1.0]
    ]
    assert result["others_share"].iloc[0] == pytest.approx((40 - 11) / 89, abs=1e-6)
    assert declared_reasons({}, predictions, cut_off=None).empty


def test_partial_churn_is_buying_on_fewer_days_than_before():
    days = {"steady": [1, 8, 31, 38], "fading": [1, 8, 15, 31], "gone": [8]}
    rows = [
        (name, datetime(2024, 1, 1) + pd.Timedelta(days=day - 1), 5.0) for name, item in days.items() for day in item
    ]
    table = ibis.memtable(pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"]))
    settings = {"as_of": date(2024, 3, 1), "active_within_days": 30}
    whole = label_purchases(table, date(2024, 1, 31), 30, **settings).frame
    partial = label_purchases(table, date(2024, 1, 31), 30, **settings, partial_below=0.5).frame
    assert dict(zip(whole["customer_id"], whole["label"], strict=True)) == {"fading": 0, "gone": 1, "steady": 0}
    assert dict(zip(partial["customer_id"], partial["label"], strict=True)) == {"fading": 1, "gone": 1, "steady": 0}


@pytest.fixture(scope="module")
def shop():
    """Customers who buy tea every two weeks, or coffee every month; from the same person always the same."""
    rng = np.random.default_rng(3)
    rows = []
    for at in range(240):
        likes_tea = at % 2 == 0
        gap = 12 if likes_tea else 25
        for day in range(int(rng.integers(1, gap)), 200, gap):
            product = "tea" if likes_tea and rng.random() < 0.9 else "coffee"
            rows.append((f"c{at:03}", f"o{at}-{day}", datetime(2024, 1, 1) + pd.Timedelta(days=day), product, 4.0))
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "ordered_at", "product_id", "amount"])
    products = pd.DataFrame({"product_id": ["tea", "coffee"], "category": ["Tea", "Coffee"]})
    return {"transactions": ibis.memtable(lines), "products": ibis.memtable(products)}


def test_buyers_of_a_category_are_predicted_at_a_later_cut_off(shop):
    cuts = {"train": date(2024, 4, 1), "calibrate": date(2024, 5, 1), "test": date(2024, 6, 1)}
    settings = {"as_of": date(2024, 7, 1), "horizon_days": 30, "active_within_days": 60}
    chances, result = predict_categories(shop, cuts, **settings, n_categories=2)
    assert set(result["category"]) <= {"Tea", "Coffee"} and len(result)
    assert (result["auc"] > 0.8).all()
    assert chances["purchase_probability"].between(0, 1).all()
    tea = chances[chances["category"] == result["category"].iloc[0]]
    assert tea["customer_id"].is_unique and tea["cut_off"].eq(pd.Timestamp("2024-07-01")).all()
    later = shop["transactions"].filter(shop["transactions"].ordered_at < pd.Timestamp("2024-07-01"))
    repeated, _ = predict_categories({**shop, "transactions": later}, cuts, **settings, n_categories=2)
    pd.testing.assert_frame_equal(chances, repeated)  # nothing at or after the as-of date is read


def test_long_after_the_last_order_nobody_gets_a_chance_and_the_test_stands(shop):
    cuts = {"train": date(2024, 4, 1), "calibrate": date(2024, 5, 1), "test": date(2024, 6, 1)}
    settings = {"horizon_days": 30, "active_within_days": 60, "n_categories": 2}
    chances, result = predict_categories(shop, cuts, as_of=date(2026, 7, 1), **settings)
    assert chances.empty
    pd.testing.assert_frame_equal(result, predict_categories(shop, cuts, as_of=date(2024, 7, 1), **settings)[1])


def test_without_categories_nothing_is_predicted(shop):
    settings = {"as_of": date(2024, 7, 1), "horizon_days": 30, "active_within_days": 60}
    for tables, count in ((shop, 0), ({"transactions": shop["transactions"]}, 3)):
        chances, result = predict_categories(tables, {"train": date(2024, 4, 1)}, **settings, n_categories=count)
        assert chances.empty and result.empty


def test_groups_of_a_dated_test_are_those_of_its_cut_off_and_todays_segment_is_not_used():
    ids = [f"c{at:03}" for at in range(120)]
    label = [1, 0] * 60
    predictions = pd.DataFrame({"customer_id": ids, "label": label, "churn_probability": 0.5})
    result = ChurnResult("model", "time", {}, {}, predictions=predictions, model=object())
    tested = pd.DataFrame({"customer_id": ids, "label": label, "frequency_orders": [1, 4, 12] * 40})
    segments = pd.DataFrame({"customer_id": ids, "segment": ["left" if at else "stayed" for at in label]})
    features = pd.DataFrame({"customer_id": ids, "gender": ["f"] * 60 + ["m"] * 60})
    dated = ChurnStudy("purchases", "model", result, cut_offs={"test": date(2024, 3, 1)}, tested=tested)
    actual = group_results(dated, segments, features)
    assert list(zip(actual["grouping"], actual["group"], actual["n"], strict=True)) == [
        ("orders_before", "1", 40), ("orders_before", "10 +", 40), ("orders_before", "3–4", 40),
        ("gender", "f", 60), ("gender", "m", 60),
    ]  # fmt: skip
    undated = group_results(replace(dated, cut_offs={}), segments, features)
    assert undated["grouping"].tolist() == ["segment", "segment", "gender", "gender"]


def often(column):
    """Those with four orders and more, and the others, by a column of theirs."""
    rules = [{"key": "often", "name": {"en": "Often", "zh": "常客"}, "when": {column: {"at_least": 4}}}]
    rules += [{"key": "seldom", "name": {"en": "Seldom", "zh": "稀客"}, "otherwise": True}]
    return declare({"name": "often", "as_of": "2024-06-01", "segments": rules})


def test_segments_are_those_of_the_cut_off_by_the_definition_in_use():
    ids = [f"c{at:03}" for at in range(120)]
    predictions = pd.DataFrame({"customer_id": ids, "label": [1, 0] * 60, "churn_probability": 0.5})
    result = ChurnResult("model", "time", {}, {}, predictions=predictions, model=object())
    tested = pd.DataFrame({"customer_id": ids, "frequency_orders": [1, 4, 12] * 40})
    dated = ChurnStudy("purchases", "model", result, cut_offs={"test": date(2024, 3, 1)}, tested=tested)
    today = pd.DataFrame({"customer_id": ids, "segment": "often", "frequency_orders": 20})  # whom they became
    actual = group_results(dated, today[["customer_id", "segment"]], today, definition=often("frequency_orders"))
    mine = actual[actual["grouping"] == "segment"].set_index("group")
    assert mine["n"].to_dict() == {"often": 80, "seldom": 40}
    assert mine["predicted"].tolist() == [0.5, 0.5] and mine["auc"].notna().all()
    assert segments_lack(dated, often("frequency_orders")) == ()
    lacking = often("loyalty_points")
    assert segments_lack(dated, lacking) == ("loyalty_points",)
    assert "segment" not in set(group_results(dated, today, today, definition=lacking)["grouping"])
    assert segments_lack(replace(dated, cut_offs={}), lacking) == () == segments_lack(dated, None)
