"""Who gets recommendations of their own: consent for the purpose, a rule over earlier stages, checks before a run."""

import datetime as dt
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest

from workbench.core.params.profile import load_profile
from workbench.core.stages import STAGES
from workbench.core.workspace import Workspace
from workbench.run.keys.checks import stage_faults
from workbench.run.keys.inputs import stage_inputs
from workbench.run.stages.recommending import permitted_customers, ruled_customers

AS_OF = dt.date(2025, 1, 1)
ORDERS = pd.DataFrame({"customer_id": ["a", "b", "c", None], "product_id": ["p1", "p2", "p1", "p2"]})
PROFILE = """profile: shop
sources:
  orders: {path: data/raw/o.csv, table: transactions, columns: {order_id: o, customer_id: c, product_id: p}}
07_mine_affinities: {eligible: {customers: "RULE"}}
"""


def a_run(consents=None, root=None, **settings):
    frames = {"transactions": ORDERS} | ({"consents": pd.DataFrame(consents)} if consents is not None else {})
    frames["features"] = pd.DataFrame({"customer_id": ["a", "b", "c"], "orders_90d": [0, 2, 5]})
    tables = {name: ibis.memtable(frame) for name, frame in frames.items()}
    values = {"consent.words": {}, "consent.default": {}, "consent.minors_under": 18, **settings}
    return SimpleNamespace(
        tables=lambda names: {name: tables[name] for name in names if name in tables}, setting=values.__getitem__,
        as_of=AS_OF, workspace=Workspace(root) if root else None,
    )  # fmt: skip


def consent(**granted):
    return {"customer_id": [*granted], "purpose": ["recommendation"] * len(granted), "granted": [*granted.values()]}


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "params/audiences").mkdir(parents=True)
    (tmp_path / "params/audiences/regulars.yaml").write_text("where: orders_90d >= 2\n", encoding="utf-8")
    return tmp_path


def faults_of(root, rule):
    (root / "params/shop.yaml").write_text(PROFILE.replace("RULE", rule), encoding="utf-8")
    place = Workspace(root)
    return [str(fault) for fault in stage_faults(STAGES["07_mine_affinities"], place, load_profile(place, "shop"))]


def test_without_consents_nobody_has_refused():
    assert permitted_customers(a_run()) == {"a", "b", "c"}


def test_a_refusal_and_a_customer_never_asked_get_no_list_of_their_own():
    assert permitted_customers(a_run(consent(a=True, b=False))) == {"a"}


def test_consents_that_never_mention_the_purpose_leave_the_neutral_list():
    other = {"customer_id": ["a", "b"], "purpose": ["marketing", "profiling"], "granted": [True, True]}
    assert permitted_customers(a_run(other)) == set()
    granted = a_run(other, **{"consent.default": {"recommendation": "granted"}})
    assert permitted_customers(granted) == {"a", "b", "c"}


def test_the_rule_is_an_expression_or_the_name_of_an_audience(workspace):
    run = a_run(root=workspace)
    assert ruled_customers(run, {}) is None
    assert ruled_customers(run, {"customers": "orders_90d > 2"}) == {"c"}
    assert ruled_customers(run, {"customers": "regulars"}) == {"b", "c"}


def test_a_rule_over_a_later_stage_is_refused_before_the_run(workspace):
    (message,) = faults_of(workspace, "churn_probability > 0.5")
    assert message.startswith("params/shop.yaml, line 4: 07_mine_affinities: eligible.customers names")
    assert "'churn_probability', which 08_predict_churn writes. A column of features, rfm or segments." in message
    assert "no rule 'regular' in params/audiences" in faults_of(workspace, "regular")[0]
    assert faults_of(workspace, "regulars") == []
    assert faults_of(workspace, "rfm_type = 'important_value' and orders_90d > 1") == []


def test_a_changed_audience_changes_the_inputs_of_the_stage(workspace):
    faults_of(workspace, "regulars")
    place = Workspace(workspace)
    options = {"workspace": place, "profile": load_profile(place, "shop"), "summaries": {}}
    before = stage_inputs(STAGES["07_mine_affinities"], **options)
    (workspace / "params/audiences/regulars.yaml").write_text("where: orders_90d >= 3\n", encoding="utf-8")
    assert stage_inputs(STAGES["07_mine_affinities"], **options) != before
