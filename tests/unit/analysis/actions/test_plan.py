"""Plans: gains in money, shared errors, hold-outs that compare like with like, services that are due, prices."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.actions.candidates import STEPS, Candidates, Contacted, find_candidates
from workbench.analysis.actions.comparison import compare_plans, share_planned, target_by_risk
from workbench.analysis.actions.contacts import contacts_before
from workbench.analysis.actions.gains import gains_of, individual_gains
from workbench.analysis.actions.plan import Offer, Terms, make_plan, plan_id, price_table, total_of
from workbench.analysis.audiences.rule import parse_audience, parse_expression
from workbench.analysis.audiences.select import Knowledge
from workbench.core.actions.definition import Action
from workbench.core.errors import ProfileError

AS_OF = date(2025, 7, 1)
NO_UPLIFT = pd.DataFrame(columns=["customer_id", "experiment", "arm", "outcome", "low", "high"])
NO_PLANS = pd.DataFrame(columns=["customer_id", "channel", "arm", "starts_at"])


def action(name, **facts):
    words = {"en": name, "zh": name}
    return Action.model_validate({"name": name, "label": words, "channel": "sms", "cost": 1.0, **facts})


def measured(experiment="Spring", outcome="orders_90d", worth=10.0, **facts):
    return {"gain": {"experiment": experiment, "outcome": outcome, "worth": worth, **facts}}


def effect(experiment="Spring", arm="treat", outcome="orders_90d", verdict="shown", numbers=(0.5, 0.3, 0.7), **facts):
    names = ("effect", "low", "high", "adjusted_effect", "adjusted_low", "adjusted_high")
    row = dict.fromkeys(names) | dict(zip(names, numbers, strict=False))
    row |= {"experiment": experiment, "arm": arm, "outcome": outcome, "verdict": verdict, "group": None}
    return row | {"n_treated": 500, "n_control": 500} | facts


def effects(*rows):
    return pd.DataFrame(list(rows)).astype({"adjusted_effect": "float64"})


def everybody(n, names):
    ids = np.array([f"c{at:05d}" for at in range(n)], dtype=object)
    allowed = np.ones((len(names), n), dtype=bool)
    return Candidates(ids, allowed, pd.DataFrame({"action": names, **dict.fromkeys(STEPS, n)}))


def offer_of(actions, rows=(), n=1000, uplift=NO_UPLIFT, allowed=None):
    catalogue = {one.name: one for one in actions}
    candidates = everybody(n, list(catalogue))
    if allowed is not None:
        candidates = Candidates(candidates.customers, allowed, candidates.funnel)
    table = effects(*rows) if rows else pd.DataFrame()
    return Offer.of(catalogue, gains_of(catalogue, table), candidates, uplift)


def planned(offer, budget=300.0, **terms):
    return make_plan("plan", offer, Terms(budget, **terms))


# gains


def test_a_measured_gain_is_the_effect_times_its_worth():
    gain = gains_of({"a": action("a", **measured())}, effects(effect()))["a"]
    assert (gain.mean, gain.low, gain.high, gain.n) == (5.0, 3.0, 7.0, 1000)
    adjusted = gains_of({"a": action("a", **measured())}, effects(effect(numbers=(0.5, 0.3, 0.7, 0.4, 0.35, 0.45))))
    assert adjusted["a"].mean == 4.0


@pytest.mark.parametrize(
    ("row", "state", "planned"),
    [
        (effect(), "shown", True),
        (effect(verdict="not_shown", numbers=(0.1, -0.1, 0.3)), "not_shown", True),
        (effect(verdict="not_shown", numbers=(-0.1, -0.3, 0.1)), "not_shown", False),
        (effect(verdict="opposite", numbers=(-0.5, -0.7, -0.3)), "opposite", False),
        (effect(verdict="not_valid", numbers=(None, None, None)), "not_valid", False),
        (effect(verdict="immature", numbers=(None, None, None)), "immature", False),
        (effect(verdict="association"), "association", False),
        (effect(experiment="Autumn"), "gone", False),
    ],
)
def test_only_what_an_experiment_measured_can_be_planned(row, state, planned):
    gain = gains_of({"a": action("a", **measured())}, effects(row))["a"]
    assert (gain.state, gain.planned, gain.explores) == (state, planned, state == "not_shown")


def test_several_arms_need_a_name():
    rows = effects(effect(arm="call"), effect(arm="mail"))
    assert gains_of({"a": action("a", **measured())}, rows)["a"].state == "gone"
    assert gains_of({"a": action("a", **measured(arm="mail"))}, rows)["a"].arm == "mail"


def test_what_exported_plans_changed_is_pooled_with_the_named_experiment():
    plans = ("shop_2025-01-01_aaaaaaaa", "shop_2025-04-01_bbbbbbbb")
    first, second = (effect(experiment=f"{plan}_a", numbers=numbers, verdict="not_shown")
                     for plan, numbers in zip(plans, [(0.1, -0.1, 0.3), (0.3, 0.1, 0.5)], strict=True))  # fmt: skip
    rows = effects(effect(), first, second, effect(experiment=f"{plans[0]}_b", numbers=(9.0, 8.0, 10.0)))
    gain = gains_of({"a": action("a", **measured())}, rows, plans)["a"]
    # equal errors of se = .2 / 1.96: the mean of .5, .1 and .3; what they differ by beyond their errors widens it
    error = 0.2 / 1.959964
    between = (0.04 + 0.04) / 2 - error**2
    half = 1.959964 * ((error**2 + between) / 3) ** 0.5
    assert (gain.mean, gain.low, gain.high) == pytest.approx((3.0, 10 * (0.3 - half), 10 * (0.3 + half)))
    assert (gain.state, gain.n, gain.source) == ("shown", 3000, "Spring (+2)")
    assert gain.experiments == ("Spring", f"{plans[0]}_a", f"{plans[1]}_a")


@pytest.mark.parametrize("verdict", ["association", "not_valid", "immature"])
def test_what_is_no_effect_is_not_pooled(verdict):
    plan = "shop_2025-01-01_aaaaaaaa"
    rows = effects(effect(), effect(experiment=f"{plan}_a", numbers=(9.0, 8.0, 10.0), verdict=verdict))
    gain = gains_of({"a": action("a", **measured())}, rows, (plan,))["a"]
    assert (gain.mean, gain.source) == (5.0, "Spring")


def test_an_action_learns_from_its_own_plans_where_its_experiment_is_gone():
    plan = "shop_2025-01-01_aaaaaaaa"
    rows = effects(effect(experiment=f"{plan}_a", numbers=(0.2, 0.1, 0.3)))
    gain = gains_of({"a": action("a", **measured())}, rows, (plan,))["a"]
    assert (gain.state, gain.mean, gain.experiments) == ("shown", 2.0, (f"{plan}_a",))


def test_the_newest_experiment_of_a_customer_counts():
    plan = "shop_2025-01-01_aaaaaaaa"
    rows = effects(effect(), effect(experiment=f"{plan}_a"))
    gain = gains_of({"a": action("a", **measured())}, rows, (plan,))["a"]
    tenths = pd.DataFrame({
        "customer_id": ["c1", "c1", "c2", "c3"], "experiment": [f"{plan}_a", "Spring", "Spring", f"{plan}_a"],
        "arm": "treat", "outcome": "orders_90d", "low": [1.0, -1.1, -1.1, 1.0], "high": [1.1, -1.0, -1.0, 1.1],
    })  # fmt: skip
    customers = np.array(["c1", "c2", "c3", "c4"], dtype=object)
    means, _, _ = individual_gains(customers, gain, 10.0, tenths)
    assert means[0] == means[2] > means[3] > means[1]


def test_gains_of_tenths_are_shrunk_towards_the_mean_of_the_action():
    gain = gains_of({"a": action("a", **measured())}, effects(effect()))["a"]
    customers = np.array([f"c{at}" for at in range(8)], dtype=object)
    tenths = pd.DataFrame({
        "customer_id": ["c1", "c2", "c3", "zz"], "experiment": "Spring", "arm": "treat", "outcome": "orders_90d",
        "low": [-0.2, 0.9, 0.4, 0.4], "high": [0.2, 1.3, 0.6, 0.6],
    })  # fmt: skip
    means, lows, highs = individual_gains(customers, gain, 10.0, tenths)
    assert means[0] == 5.0 and lows[0] == 3.0  # not in the experiment
    assert 0.0 < means[1] < 5.0 < means[2] < 11.0
    assert (lows <= means).all() and (means <= highs).all()
    alike = tenths.assign(low=[0.3, 0.31, 0.29, 0.3], high=[0.7, 0.71, 0.69, 0.7])
    assert individual_gains(customers, gain, 10.0, alike)[0] == pytest.approx(5.0, abs=1e-9)


def test_errors_of_one_experiment_are_shared_and_of_two_are_not():
    two = [action("a", **measured()), action("b", **measured("Autumn"))]
    offer = offer_of(two, [effect(), effect(experiment="Autumn")])
    one = total_of(offer, np.repeat([0, -1], [100, 900]))
    assert (one["expected_gain"], one["gain_low"], one["gain_high"]) == (500.0, 300.0, 700.0)
    both = total_of(offer, np.repeat([0, 1, -1], [100, 100, 800]))
    assert both["gain_low"] == pytest.approx(1000 - 200 * np.sqrt(2), abs=0.01)
    same = offer_of([action("a", **measured()), action("b", **measured())], [effect()])
    assert total_of(same, np.repeat([0, 1, -1], [100, 100, 800]))["gain_low"] == 600.0


# plans


def test_assumed_gains_take_no_more_than_their_share_and_are_marked():
    offer = offer_of([action("a", **measured()), action("b", gain={"assumed": 50.0})], [effect()])
    plan = planned(offer, explore_share=0.2)
    costs = plan.rows[plan.rows["arm"] == "treat"].groupby("basis")["cost"].sum()
    assert costs["assumption"] == 60.0 and costs["experiment"] == 240.0
    assert plan.without["planned"] == 300 and plan.without["expected_gain"] == 1500.0
    assumed = plan.rows[plan.rows["basis"] == "assumption"]
    assert assumed["gain_low"].isna().all() and (assumed["expected_gain"] == 50.0).all()
    assert compare_plans(plan, None)["strategy"].tolist() == ["plan", "plan_without_assumed"]


def test_held_out_customers_cost_nothing_and_count_in_no_total():
    plan = planned(offer_of([action("a", **measured())], [effect()]), hold_out_share=0.3)
    rows = plan.rows
    assert set(rows["arm"]) == {"treat", "hold_out"} and rows["customer_id"].is_unique
    assert rows.loc[rows["arm"] == "hold_out", "cost"].eq(0).all()
    assert plan.totals["planned"] == (rows["arm"] == "treat").sum() == 300
    assert plan.totals["cost"] == rows["cost"].sum() == 300.0


@pytest.mark.long
def test_the_hold_out_compares_like_with_like():
    """Over 200 plans the covariate of both arms differs no more than chance, for every action."""
    draws = np.random.default_rng(0)
    n = 1500
    age = draws.normal(size=n)
    allowed = np.array([age > -0.5, age < 0.8])
    offer = offer_of([action("a", **measured()), action("b", **measured("Autumn"), cost=2.0)],
                     [effect(), effect(experiment="Autumn", numbers=(0.8, 0.5, 1.1))], n=n, allowed=allowed)  # fmt: skip
    scores = []
    for seed in range(200):
        plan = make_plan(f"plan{seed}", offer, Terms(1100.0, hold_out_share=0.3, seed=seed))
        for at in range(2):
            arms = [age[(plan.chosen == at) & (plan.held_out == held)] for held in (False, True)]
            if min(map(len, arms)) > 5:
                error = np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms))
                scores.append((arms[0].mean() - arms[1].mean()) / error)
    scores = np.array(scores)
    assert len(scores) > 200
    assert abs(scores.mean()) < 3.3 / np.sqrt(len(scores)) * 1.2
    assert 0.8 < scores.std() < 1.2 and (np.abs(scores) > 1.96).mean() < 0.1


def test_services_come_first_and_nobody_is_held_out_from_them():
    service = action("call", kind="service", cost=2.0, capacity=40, channel="phone")
    offer = offer_of([action("a", **measured()), service], [effect()], n=200)
    plan = planned(offer, budget=100.0, hold_out_share=0.5)
    rows = plan.rows.groupby(["action", "arm"]).size()
    assert rows["call", "treat"] == 40 and ("call", "hold_out") not in rows
    assert rows["a", "treat"] == 20
    assert plan.rows.set_index("action").loc["call", "expected_gain"].isna().all()


def test_channels_capacities_and_the_smaller_ones_than_the_hold_out():
    few = action("a", **measured(), capacity=3)
    plan = planned(offer_of([few], [effect()]), hold_out_share=0.4)
    assert plan.totals["planned"] == 3 and plan.held_out.sum() > 300
    capped = planned(offer_of([action("a", **measured())], [effect()]), channel_capacities={"sms": 7})
    assert capped.totals["planned"] == 7
    prices = price_table(capped).set_index("constraint")
    assert prices.loc["channel.sms", "price"] == 4.0 and prices.loc["budget", "price"] == 0.0


def test_the_price_of_the_budget_is_the_gain_of_one_more_unit():
    plan = planned(offer_of([action("a", **measured())], [effect()]))
    row = price_table(plan).set_index("constraint").loc["budget"]
    assert (row["price"], row["bound"], row["used"]) == (5.0, 300.0, 300.0)


def test_budget_zero_and_nobody_plan_nothing():
    offer = offer_of([action("a", **measured())], [effect()])
    assert planned(offer, budget=0.0).totals["planned"] == 0
    nobody = offer_of([action("a", **measured())], [effect()], allowed=np.zeros((1, 1000), dtype=bool))
    plan = planned(nobody)
    assert plan.totals["planned"] == 0 and not plan.held_out.any() and plan.rows.empty


def test_the_id_depends_on_what_decides_and_nothing_else():
    offer = offer_of([action("a", **measured())], [effect()])
    first = plan_id("shop", "2025-07-01", offer, Terms(300.0))
    assert first == plan_id("shop", "2025-07-01", offer_of([action("a", **measured())], [effect()]), Terms(300.0))
    assert first.startswith("shop_2025-07-01_") and len(first.rpartition("_")[2]) == 8
    assert first != plan_id("shop", "2025-07-01", offer, Terms(301.0))
    pd.testing.assert_frame_equal(planned(offer).rows, planned(offer).rows)


def test_by_risk_gives_the_same_actions_to_others_within_the_limits():
    offer = offer_of([action("a", **measured())], [effect()])
    plan = planned(offer)
    risk = pd.Series(np.linspace(0, 1, 1000), index=offer.candidates.customers)
    chosen = target_by_risk(plan, risk)
    assert (chosen >= 0).sum() == 300 and not plan.held_out[chosen >= 0].any()
    riskiest = np.flatnonzero(~plan.held_out)[-300:]
    assert set(np.flatnonzero(chosen >= 0)) == set(riskiest)


def test_groups_are_compared_and_small_ones_are_hidden():
    plan = planned(offer_of([action("a", **measured())], [effect()], n=400), budget=100.0)
    ids = plan.offer.candidates.customers
    groups = pd.DataFrame({"customer_id": ids, "city": ["x"] * 200 + ["y"] * 197 + ["z"] * 3})
    shares = share_planned(plan, groups, least=10).set_index("level")
    assert pd.isna(shares.loc["z", "n"]) and pd.isna(shares.loc["z", "share"])
    assert shares["planned"].sum() <= 100


# who may get an action


@pytest.fixture
def engine():
    return ibis.duckdb.connect()


def knowledge(engine, named=None, **tables):
    frames = {name: engine.create_table(name, frame) for name, frame in tables.items()}
    return Knowledge(frames, AS_OF, named or {})


FEATURES = pd.DataFrame({"customer_id": list("abcdef"), "recency_days": [10, 20, 380, 400, 30, 40]})
ALL = {"marketing": np.array(list("abcdef"), dtype=object)}


def none_lately(contacts=None, **facts):
    frame = contacts if contacts is not None else pd.DataFrame(columns=["customer_id", "channel", "day"])
    return Contacted(frame.astype({"day": "datetime64[ns]"}), **{"most": 1, "days": 7, **facts})


def test_a_rule_consent_and_running_plans_decide_who_may_get_it(engine):
    known = knowledge(engine, features=FEATURES)
    rules = {"a": parse_expression("recency_days < 100")}
    allowed = {"marketing": np.array(["a", "b", "c", "e"], dtype=object)}
    found = find_candidates(
        {"a": action("a", eligible="x")}, rules, allowed, known, none_lately(in_plans=frozenset({"e"}))
    )
    assert found.customers[found.allowed[0]].tolist() == ["a", "b"]
    assert found.funnel.iloc[0].tolist() == ["a", 6, 4, 3, 3, 2]


def test_contacts_are_counted_and_channels_cool_down(engine):
    campaigns = engine.create_table("campaigns", pd.DataFrame({
        "customer_id": ["a", "b", "c", "d"], "channel": ["短信", "邮件", None, "短信"],
        "sent_at": pd.to_datetime(["2025-06-29", "2025-06-10", "2025-06-10", "2025-07-01"]),
    }))  # fmt: skip
    plans = pd.DataFrame({"customer_id": ["e", "f"], "channel": "sms", "arm": ["treat", "hold_out"],
                          "starts_at": [date(2025, 6, 15)] * 2})  # fmt: skip
    contacts = contacts_before(campaigns, plans, as_of=AS_OF, days=30, words={})
    known = knowledge(engine, features=FEATURES)
    found = find_candidates({"a": action("a", cooldown_days=30)}, {}, ALL, known, none_lately(contacts))
    # a: contacted this week; b: by mail; c: on a channel nobody can tell; d: on the day itself; e: by a plan; f: kept out
    assert found.customers[found.allowed[0]].tolist() == ["b", "d", "f"]
    weekly = find_candidates({"a": action("a")}, {}, ALL, known, none_lately(contacts))
    assert weekly.customers[weekly.allowed[0]].tolist() == list("bcdef")


@pytest.mark.parametrize(
    ("occasion", "due"),
    [
        ({"case": "open"}, ["a"]),
        ({"birthday": True, "days_before": 10}, ["b", "d"]),
        ({"after_order_days": 365}, ["c"]),
    ],
)
def test_services_are_due_on_their_occasion(engine, occasion, due):
    moments = pd.to_datetime(["2025-06-01", "2025-06-01", "2025-07-02"])
    service = pd.DataFrame({"customer_id": ["a", "b", "c"], "opened_at": moments,
                            "closed_at": pd.to_datetime([None, "2025-06-02", None])})  # fmt: skip
    births = pd.to_datetime(["1990-02-28", "1990-07-01", "1990-07-11", "1980-07-10", None, None]).date
    people = pd.DataFrame({"customer_id": list("abcdef"), "birth_date": births})
    known = knowledge(engine, features=FEATURES, service=service, customers=people)
    one = action("s", kind="service", occasion=occasion, valid_days=30)
    found = find_candidates({"s": one}, {}, ALL, known, none_lately())
    assert found.customers[found.allowed[0]].tolist() == due
    bare = find_candidates({"s": one}, {}, ALL, Knowledge({"features": known.tables["features"]}, AS_OF, {}),
                           none_lately())  # fmt: skip
    assert bare.unknown == (("s",) if "after_order_days" not in occasion else ())


def test_rules_that_the_data_cannot_answer_are_refused_together(engine):
    known = knowledge(engine, features=FEATURES)
    rules = {"a": parse_expression("recensy_days < 1"), "b": parse_audience({"audience": "r", "where": "spend > 1"})}
    actions = {name: action(name, eligible="x") for name in rules}
    with pytest.raises(ProfileError) as caught:
        find_candidates(actions, rules, ALL, known, none_lately())
    assert len(caught.value.faults) == 2 and "Did you mean 'recency_days'?" in str(caught.value)
