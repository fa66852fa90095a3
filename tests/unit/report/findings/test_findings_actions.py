"""Findings on the plan: what is said for which plan, in both languages, and the chart."""

import importlib.util
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.actions.comparison import compare_plans, share_planned
from workbench.analysis.actions.plan import price_table
from workbench.report.findings import actions as findings
from workbench.report.plots.actions import plot_actions
from workbench.report.text import say

_spec = importlib.util.spec_from_file_location(
    "made_plans", Path(__file__).parents[2] / "analysis" / "actions" / "test_plan.py"
)
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)


def found(plan, groups=None, risk=None):
    shares = share_planned(plan, groups if groups is not None else made.pd.DataFrame({"customer_id": []}), least=10)
    entries = findings.find_plan(plan, price_table(plan), compare_plans(plan, risk), shares)
    for entry in entries + findings.limit_plan(plan, no_hold_out_because="a pilot"):
        assert say(entry.key, "en", entry.values, "CNY") and say(entry.key, "zh", entry.values, "CNY")
    return {entry.key: entry.values for entry in entries}


def test_a_plan_says_what_more_money_brings():
    offer = made.offer_of([made.action("a", **made.measured())], [made.effect()])
    keys = found(made.planned(offer), risk=pd.Series(0.5, index=offer.candidates.customers))
    assert keys["plan_price"] == {"one": 1, "price": 5.0}
    assert say("plan_price", "en", keys["plan_price"], "CNY") == "¥1 more in the budget brings ¥5 of gain."
    assert keys["plan_answer"]["planned"] == 300 and "plan_by_risk_alike" in keys


def test_a_gain_whose_interval_holds_none_is_not_called_proven():
    offer = made.offer_of([made.action("a", **made.measured())], [made.effect(numbers=(0.5, -0.1, 1.1))])
    keys = found(made.planned(offer))
    assert "plan_answer" not in keys
    assert keys["plan_answer_open"]["gain_least"] < 0 < keys["plan_answer_open"]["expected_gain"]
    assert say("plan_answer_open_heading", "en", keys["plan_answer_open"], "CNY").endswith(", not proven")


def test_money_that_is_left_is_said():
    offer = made.offer_of([made.action("a", **made.measured())], [made.effect()], n=100)
    assert found(made.planned(offer))["plan_budget_left"]["left"] > 200


def test_what_is_assumed_is_said_first_where_nothing_else_is_planned():
    keys = found(made.planned(made.offer_of([made.action("a", gain={"assumed": 4.0})])))
    assert "plan_assumed_only" in keys and "plan_answer" not in keys and "plan_by_risk" not in keys


def test_the_plan_without_assumptions_is_said():
    two = [made.action("a", **made.measured()), made.action("b", gain={"assumed": 50.0})]
    values = found(made.planned(made.offer_of(two, [made.effect()])))["plan_assumed"]
    assert values["assumed"] == 3000.0 and values["unproven"] == 0.0 and values["gain"] == 1500.0


@pytest.mark.parametrize("state", findings.UNPLANNED)
def test_every_action_that_is_not_planned_has_its_reason(state):
    facts = {} if state == "unknown" else made.measured()
    verdict = {"gone": ("shown", "Autumn")}.get(state, (state, "Spring"))
    row = made.effect(experiment=verdict[1], verdict=verdict[0], numbers=(None, None, None))
    rows = [row if state != "opposite" else made.effect(verdict="opposite", numbers=(-0.5, -0.7, -0.3))]
    keys = found(made.planned(made.offer_of([made.action("a", **facts)], rows)))
    assert f"plan_not_{state}" in keys and keys["plan_nothing"]["reason"] == "plan_because_no_gain"


def test_nothing_for_nobody_or_without_money():
    one = [made.action("a", **made.measured())]
    keys = found(made.planned(made.offer_of(one, [made.effect()]), budget=0.0))
    assert keys["plan_nothing"]["reason"] == "plan_because_no_budget"
    dear = made.offer_of([made.action("a", cost=9.0, **made.measured())], [made.effect()])
    assert found(made.planned(dear))["plan_not_worth_it"] == {
        "action": {"en": "a", "zh": "a"}, "experiment": "Spring", "outcome": "orders_90d", "gain": 5.0, "cost": 9.0,
    }  # fmt: skip


def test_groups_that_are_served_unequally_are_named():
    allowed = np.ones((1, 1000), dtype=bool)
    offer = made.offer_of([made.action("a", capacity=300, **made.measured())], [made.effect()], allowed=allowed)
    plan = made.planned(offer)
    city = np.where(plan.treated, "x", "y")
    groups = pd.DataFrame({"customer_id": offer.candidates.customers, "city": city})
    values = found(plan, groups)["plan_groups_differ"]
    assert (values["most"], values["least"]) == ("x", "y")


def test_the_table_of_actions_has_reasons_in_words():
    two = [made.action("a", **made.measured(), neutral_alternative={"en": "Sale", "zh": "促销"}),
           made.action("b", gain={"assumed": 50.0})]  # fmt: skip
    plan = made.planned(made.offer_of(two, [made.effect()]))
    rows = findings.action_rows(plan, date(2025, 7, 1), language="zh", currency="CNY")
    assert rows["valid_until"].eq(date(2025, 7, 31)).all()
    by_action = rows.drop_duplicates("action").set_index("action")
    assert "Spring" in by_action.loc["a", "reason"] and by_action.loc["a", "neutral_alternative"] == "促销"
    assert "假定" in by_action.loc["b", "reason"]
    assert len(findings.candidates(plan).columns) == 8


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_chart_draws_measured_and_assumed_actions(language):
    two = [made.action("a", **made.measured()), made.action("b", gain={"assumed": 50.0})]
    plan = made.planned(made.offer_of(two, [made.effect()]))
    chart = plot_actions(findings.charted_actions(plan), language=language)
    assert chart.drawn and ("假定" if language == "zh" else "assumed") in chart.alt
