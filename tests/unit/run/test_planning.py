"""11_plan_actions in a run: its table, its metrics, what is refused before a run, and when it is skipped."""

import json

import pandas as pd
import pytest
import yaml

from workbench.core.params.profile import load_profile
from workbench.core.stages import STAGES
from workbench.core.stages.plan_actions import PlanActions
from workbench.core.workspace import Workspace
from workbench.run.keys.checks import stage_faults
from workbench.run.keys.inputs import stage_inputs

STAGE = STAGES["11_plan_actions"]
OTHERS = PlanActions().model_dump()


@pytest.fixture(scope="module")
def run(tiny):
    return json.loads((tiny / "reports/tiny/latest/summary.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def actions(tiny):
    return pd.read_parquet(tiny / "data/processed/tiny/actions.parquet")


def test_the_metrics_are_sums_of_the_table(run, actions):
    metrics = run["stages"][STAGE.name]["metrics"]
    treated = actions[actions["arm"] == "treat"]
    assert metrics["planned"] == len(treated) > 0
    assert metrics["held_out"] == (actions["arm"] == "hold_out").sum() > 0
    assert metrics["cost"] == pytest.approx(float(treated["cost"].astype(float).sum()))
    assert metrics["expected_gain"] == pytest.approx(float(treated["expected_gain"].astype(float).sum()))
    assert metrics["cost"] <= 0.2 * 150 and metrics["bound_gap"] <= 5e-4
    assert {"gain_low", "gain_high", "without_basis", "customers"} <= set(metrics)


def test_each_customer_has_one_row_with_reason_and_end(actions):
    assert actions["customer_id"].is_unique and actions["plan"].nunique() == 1
    assert actions["reason"].notna().all() and actions["valid_until"].notna().all()
    assert set(actions["basis"]) == {"assumption"}
    assert actions.loc[actions["arm"] == "hold_out", "cost"].astype(float).eq(0).all()


def test_tags_name_the_next_action(tiny, actions):
    tags = pd.read_parquet(tiny / "data/processed/tiny/tags.parquet")
    planned = tags[tags["tag"] == "next_action"].set_index("customer_id")["value"]
    treated = actions[actions["arm"] == "treat"].set_index("customer_id")["action"]
    assert planned.sort_index().to_dict() == treated.sort_index().to_dict()
    arms = tags[tags["tag"] == "treat"].set_index("customer_id")["value"]
    assert arms.sort_index().to_dict() == actions.set_index("customer_id")["arm"].sort_index().to_dict()


def test_the_report_answers_with_the_plan(tiny, run, actions):
    entry = run["stages"]["14_write_report"]["answer"]["lists"][0]
    assert (entry["name"], entry["basis"]) == ("contact_list", "plan")
    listed = pd.read_csv(tiny / "reports/tiny/latest" / entry["file"], dtype=str)
    assert set(listed["customer_id"]) == set(actions.loc[actions["arm"] == "treat", "customer_id"])
    page = (tiny / "reports/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "to learn what it changes" in page


def test_without_actions_it_is_skipped_with_the_reason():
    reason = STAGE.idle(PlanActions())
    assert reason["en"].startswith("11_plan_actions.actions names none; it would unlock")
    assert "11_plan_actions.actions" in reason["zh"]
    assert STAGE.idle(PlanActions(actions=["a"])) is None


# before any kernel starts


def faults_of(root, section, **files):
    profile = root / "params/tiny.yaml"
    content = yaml.safe_load(profile.read_text(encoding="utf-8")) | {STAGE.name: section}
    profile.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    for name, text in files.items():
        folder = "audiences" if name.startswith("rule_") else "actions"
        (root / f"params/{folder}/{name}.yaml").write_text(text, encoding="utf-8")
    workspace = Workspace(root)
    return "\n".join(str(fault) for fault in stage_faults(STAGE, workspace, load_profile(workspace, "tiny")))


def coupon(eligible):
    return f'label: {{en: Coupon, zh: 优惠券}}\nchannel: sms\ncost: 1\neligible: "{eligible}"\n'


def test_unknown_actions_and_a_missing_budget_are_refused_together(fresh_workspace):
    text = faults_of(fresh_workspace, {"actions": ["repeat_ofer"]})
    assert "no action 'repeat_ofer' in params/actions. Did you mean 'repeat_offer'?" in text
    assert "names actions and no budget" in text and "params/tiny.yaml, line" in text


@pytest.mark.parametrize(
    ("eligible", "message"),
    [
        ("tag_loyalty = 'loyal'", "eligible names 'tag_loyalty', which 12_tag_customers writes"),
        ("no_such_rule", "no rule 'no_such_rule' in params/audiences"),
        ("rule_one", "audiences in a circle: rule -> rule_two -> rule_one -> rule_two"),
    ],
)
def test_rules_are_checked_before_a_run(fresh_workspace, eligible, message):
    circle = {"rule_one": "audience: rule_two\n", "rule_two": "audience: rule_one\n"}
    rules = {name: f"all:\n  - {{audience: {other.split(': ')[1].strip()}}}\n" for name, other in circle.items()}
    text = faults_of(fresh_workspace, {"actions": ["coupon"], "budget": 5}, coupon=coupon(eligible), **rules)
    assert message.split(":")[0] in text


def test_columns_of_earlier_stages_may_decide(fresh_workspace):
    rule = "churn_probability > 0.5 and life_cycle_stage = 'active' and expected_value > 10"
    assert faults_of(fresh_workspace, {"actions": ["coupon"], "budget": 5}, coupon=coupon(rule)) == ""


def test_no_hold_out_needs_a_reason():
    with pytest.raises(ValueError, match="say why in no_hold_out_because"):
        PlanActions(hold_out_share=0.0)
    assert PlanActions(hold_out_share=0.0, no_hold_out_because="a pilot of 12").hold_out_share == 0.0


def test_actions_and_the_rules_they_name_are_part_of_the_key(fresh_workspace):
    workspace = Workspace(fresh_workspace)

    def key():
        profile = load_profile(workspace, "tiny")
        return stage_inputs(STAGE, workspace=workspace, profile=profile, summaries={})

    before = key()
    assert before["frozen_plans"] == {} and "params/actions/repeat_offer.yaml" in before["action_files"]
    path = fresh_workspace / "params/audiences/win_back_silent.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert key() != before
