"""Planning a test: sizes, who may take part, the assignment it writes, what is refused; listing and showing tests."""

import datetime as dt
import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.analysis.experiments.planning import sample_size_mean
from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.assignments import read_assignment, stated_tests
from workbench.run.artifacts.plans import freeze
from workbench.run.commands.cli import app
from workbench.run.services.audiences import AudienceService
from workbench.run.services.planned_tests import Request, TestPlanner

CUSTOMERS, AS_OF = 600, dt.date(2025, 7, 1)
CONSENTS = """sources:
  consents:
    path: data/raw/consents.csv
    table: consents
    columns: {customer_id: customer_id, purpose: purpose, granted: granted, changed_at: changed_at}
"""


@pytest.fixture
def root(fresh_workspace):
    """The tiny profile with 600 customers of a year, of whom every sixth refuses marketing."""
    draws = np.random.default_rng(3)
    ids = np.array([f"{at:06d}" for at in range(CUSTOMERS)])
    level = draws.gamma(2, 1, CUSTOMERS)
    orders = pd.DataFrame(
        [
            {"customer_id": ids[at], "ordered_at": pd.Timestamp(AS_OF) - pd.Timedelta(days=int(day)), "amount": amount}
            for at in range(CUSTOMERS)
            for day, amount in zip(
                [360, *draws.integers(1, 360, draws.poisson(3 * level[at]))], draws.gamma(2, 20, 99), strict=False
            )
        ]
    )
    orders["order_id"] = np.arange(len(orders)).astype(str)
    stages = pd.DataFrame({"customer_id": ids, "life_cycle_stage": np.where(level > 2, "active", "at_risk")})
    consents = pd.DataFrame(
        {
            "customer_id": ids,
            "purpose": "marketing",
            "granted": np.arange(CUSTOMERS) % 6 > 0,
            "changed_at": "2025-01-01",
        }
    )
    folder = fresh_workspace / "data/processed/tiny"
    current = folder / ".stages/03_build_features/current"
    current.mkdir(parents=True)
    features = stages[["customer_id"]].assign(recency_days=np.arange(CUSTOMERS) % 200)
    for name, frame in {"features": features, "rfm": stages, "transactions": orders}.items():
        frame.to_parquet(folder / f"{name}.parquet")
    (current / "summary.json").write_text(json.dumps({"as_of": AS_OF.isoformat()}), encoding="utf-8")
    (fresh_workspace / "data/raw").mkdir()
    consents.to_csv(fresh_workspace / "data/raw/consents.csv", index=False)
    path = fresh_workspace / "params/tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("sources:\n", CONSENTS, 1), encoding="utf-8")
    return fresh_workspace


@pytest.fixture
def planner(root):
    return TestPlanner(AudienceService(find_workspace(root), "tiny"))


def request(**changes):
    return Request(**{"arms": ("control", "coupon"), "outcome": "spend_90d"} | changes)


def test_everybody_who_may_be_contacted_is_assigned_evenly_over_the_strata(planner):
    drawn = planner.plan(request(shares=(0.3, 0.7), name="spring"))
    assert (drawn.left_out, drawn.at_hand) == ({"refused": CUSTOMERS / 6}, CUSTOMERS * 5 / 6)
    rows = read_assignment(planner.workspace, "tiny", "spring")
    assert rows["source_id"].astype(int).mod(6).gt(0).all() and len(rows) == drawn.at_hand
    assert rows.groupby("arm")["share"].first().to_dict() == {"control": 0.3, "coupon": 0.7}
    assert set(rows["assigned_at"]) == {"2025-07-01 00:00:00"}
    stages = planner.store.frame("rfm").set_index("customer_id")["life_cycle_stage"]
    joined = rows.assign(stage=rows["source_id"].map(stages), treated=rows["arm"] == "coupon")
    assert joined.groupby("stage")["treated"].mean().tolist() == pytest.approx([0.7, 0.7], abs=0.02)
    assert stated_tests(planner.workspace, "tiny") == {"spring": {"control": "control", "outcome": "spend_90d"}}
    assert drawn.until == dt.date(2025, 9, 29)


def test_the_same_request_again_changes_nothing_and_another_seed_gives_another_test(planner):
    first = planner.plan(request())
    before = first.path.read_bytes()
    again = planner.plan(request())
    assert (again.path, again.path.read_bytes(), again.counts) == (first.path, before, first.counts)
    other = planner.plan(request(seed=1))
    assert other.name != first.name
    arms = [
        read_assignment(planner.workspace, "tiny", drawn.name).set_index("source_id")["arm"] for drawn in (first, other)
    ]
    assert (arms[0] != arms[1]).mean() > 0.3
    with pytest.raises(DataError, match="records are already in another arm"):
        planner.plan(request(seed=1, name=first.name))


def test_an_effect_decides_the_number_by_the_normal_formula(planner):
    past = planner.plan(request(), write=False).past
    effect = past.deviation / 3
    drawn = planner.plan(request(effect=f"{effect}"), write=False)
    assert drawn.plan.needed == 2 * sample_size_mean(past.deviation, effect)
    assert sum(drawn.counts.values()) == drawn.plan.customers == drawn.plan.needed
    assert drawn.plan.detectable == pytest.approx(effect, rel=0.01)
    assert drawn.plan.needed_adjusted < drawn.plan.needed and 0 < drawn.past.variance_saved < 1
    by_share = planner.plan(request(effect=f"{effect / past.mean:.6%}"), write=False)
    assert by_share.plan.needed == drawn.plan.needed
    assert drawn.path is None and not list(planner.workspace.raw.glob("tiny/assignments/*"))


def test_the_saving_is_what_the_earlier_window_explains(planner):
    drawn = planner.plan(request(), write=False)
    lines = planner.store.read("transactions").to_pandas()
    days = (pd.Timestamp(AS_OF) - lines["ordered_at"]).dt.days
    sums = [lines[(days > low) & (days <= low + 90)].groupby("customer_id")["amount"].sum() for low in (0, 90)]
    ids = [f"{at:06d}" for at in range(CUSTOMERS) if at % 6]
    after, before = (part.reindex(ids).fillna(0) for part in sums)
    assert drawn.past.mean == pytest.approx(after.mean()) and drawn.past.deviation == pytest.approx(after.std())
    assert drawn.past.variance_saved == pytest.approx(np.corrcoef(after, before)[0, 1] ** 2, abs=1e-6)
    assert abs(drawn.false_alarms - 0.05) < 0.04 and not drawn.unreliable


def test_too_few_customers_are_all_assigned_and_the_wait_is_stated(planner, root):
    drawn = planner.plan(request(effect="0.5", rule="recency_days < 100"), write=False)
    assert drawn.plan.customers == drawn.at_hand < drawn.plan.needed
    assert drawn.days_to_enrol is None  # nobody is new in the last 90 days
    lines = pd.read_parquet(root / "data/processed/tiny/transactions.parquet")
    late = lines["customer_id"].isin([f"{at:06d}" for at in range(1, 91)])
    lines[~late | (lines["ordered_at"] > "2025-04-10")].to_parquet(root / "data/processed/tiny/transactions.parquet")
    fresh = TestPlanner(AudienceService(find_workspace(root), "tiny")).plan(request(effect="0.5"), write=False)
    assert 0.1 < fresh.new_per_day <= 1
    assert fresh.days_to_enrol == pytest.approx((fresh.plan.needed - fresh.at_hand) / fresh.new_per_day)


def test_people_of_a_frozen_plan_take_no_part_until_it_is_over(planner):
    ids = ["000001", "000002", "000003"]
    actions = pd.DataFrame(
        {
            "plan": "tiny_2025-06-01_0123abcd", "customer_id": ids, "action": "coupon", "channel": "sms",
            "expected_gain": 1.0, "gain_low": 0.0, "gain_high": 2.0, "cost": 1.0, "basis": "none", "reason": "",
            "arm": "treat", "neutral_alternative": None,
            "valid_until": [dt.date(2025, 7, 2), dt.date(2025, 7, 1), dt.date(2025, 8, 1)],
        }
    )  # fmt: skip
    records = pd.DataFrame({"customer_id": ids, "source": "", "source_id": ids})
    manifest = {"plan": "tiny_2025-06-01_0123abcd", "as_of": "2025-06-01"}
    freeze(planner.workspace, "tiny", actions=actions, records=records, manifest=manifest)
    drawn = planner.plan(request())
    assert drawn.left_out == {"refused": CUSTOMERS / 6, "in_a_plan": 2}
    taking_part = set(read_assignment(planner.workspace, "tiny", drawn.name)["source_id"])
    assert "000002" in taking_part and not {"000001", "000003"} & taking_part


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "spent_90d"}, "unknown outcome 'spent_90d'.*Did you mean 'spend_90d'"),
        ({"outcome": "opened"}, "unknown outcome 'opened'"),
        ({"arms": ("control",)}, "At least two different arms"),
        ({"arms": ("a", "a")}, "At least two different arms"),
        ({"arms": ("control", "对照组")}, "two controls"),
        ({"shares": (0.5,)}, "1 shares for 2 arms"),
        ({"shares": (0.5, 0.4)}, "adding up to 1"),
        ({"effect": "much"}, "effect 'much'"),
        ({"effect": "0"}, "effect '0'"),
        ({"effect": "1", "customers": 100}, "One of them decides the size"),
        ({"customers": 0}, "0 customers"),
        ({"power": 1.0}, "power 1"),
        ({"rule": "win_back_valuble"}, "Did you mean 'win_back_valuable'"),
        ({"rule": "recencydays < 3"}, "Did you mean 'recency_days'"),
        ({"name": "a/b"}, "cannot be the name of an experiment"),
    ],
)
def test_a_wrong_request_is_refused_with_the_nearest_name(planner, changes, expected):
    with pytest.raises(ProfileError, match=expected):
        planner.plan(request(**changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customers": 40, "shares": (0.9, 0.1)}, "arm coupon would have 4 of 40 customers"),
        ({"customers": 10_000}, "10,000 customers asked for, 500 may take part"),
        ({"rule": "recency_days > 900"}, "nobody may take part. The rule fits nobody"),
        ({"outcome": "returned_90d"}, "returned_90d is the same for all"),
    ],
)
def test_a_request_that_the_data_cannot_answer_is_refused(planner, changes, expected):
    with pytest.raises(DataError, match=expected):
        planner.plan(request(**changes))


def run(root, *arguments):
    result = CliRunner().invoke(app, ["experiment", *arguments, "--workspace", str(root)])
    return result


def test_the_commands_plan_list_and_show_in_both_languages(root):
    plan = ["plan", "tiny", "--arms", "对照组,触达组", "--outcome", "orders_90d", "--effect", "20%", "--name", "七夕"]
    for language, expected in (("zh", "两均值正态公式"), ("en", "two means, normal formula")):
        result = run(root, *plan, "--language", language)
        assert (result.exit_code, result.exception) == (0, None)
        assert expected in result.output and "data/raw/tiny/assignments/七夕.csv" in result.output
    told = run(root, "list", "tiny").output
    assert re.search(r"七夕 +│ 2025-07-01 +│ \d+ +│ 对照组, 触达组 │ orders_90d │ 2025-09-29 │ not measured", told)
    shown = run(root, "show", "tiny", "七夕", "--language", "zh")
    assert shown.exit_code == 0 and "尚未测量" in shown.output and "20" in shown.output
    wrong = run(root, "show", "tiny", "七月")
    assert isinstance(wrong.exception, ProfileError)


def test_an_estimate_writes_nothing_and_a_profile_without_tests_says_so(root):
    result = run(root, "plan", "tiny", "--arms", "a,b", "--outcome", "orders_90d", "--estimate")
    assert result.exit_code == 0 and "nothing was written" in result.output
    assert "no tests yet" in run(root, "list", "tiny").output
    assert isinstance(
        run(root, "plan", "tiny", "--arms", "a,b", "--outcome", "x", "--shares", "a").exception, ProfileError
    )


def test_help_names_every_option(root):
    text = CliRunner().invoke(app, ["experiment", "plan", "--help"], env={"COLUMNS": "200"}).output
    for option in (
        "--arms",
        "--outcome",
        "--shares",
        "--effect",
        "--customers",
        "--rule",
        "--seed",
        "--name",
        "--estimate",
    ):
        assert option in text
