"""Profiles with almost no data: every stage ends and reports that there is not enough data."""

import json

import pytest

from workbench.core.workspace import find_workspace
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

PROFILE = """profile: small
sources:
  orders:
    path: data/raw/small.csv
    table: transactions
    columns: {order_id: order, customer_id: customer, ordered_at: day, amount: amount}
"""
ONE = ["o1,c1,2024-01-02,10"]
ALIKE = [f"o{n},c{n},2024-01-02,10" for n in range(120)]


@pytest.mark.slow
@pytest.mark.parametrize(("lines", "customers"), [(ONE, 1), (ALIKE, 120)], ids=["one_customer", "all_alike"])
def test_a_profile_with_almost_no_data_gives_verdicts_not_tracebacks(fresh_workspace, lines, customers):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    (raw / "small.csv").write_text("\n".join(["order,customer,day,amount", *lines]) + "\n", encoding="utf-8")
    (fresh_workspace / "params/small.yaml").write_text(PROFILE, encoding="utf-8")
    result = run_flow(find_workspace(fresh_workspace), "small", FlowOptions())
    assert result.error is None, result.error
    stages = json.loads((result.folder / "summary.json").read_text(encoding="utf-8"))["stages"]
    # orders alone: no data on people, no products, no campaigns; no actions named
    for name in ("02_resolve_identity", "07_mine_affinities", "10_measure_experiments", "11_plan_actions"):
        assert stages.pop(name)["status"] == "skipped"
    assert {stage["status"] for stage in stages.values()} == {"done"}
    assert stages["03_build_features"]["metrics"]["customers"] == customers
    assert stages["06_segment_customers"]["metrics"]["verdict"] == "too_little_data"
    assert stages["06_segment_customers"]["metrics"]["segments"] == 1
    assert stages["08_predict_churn"]["metrics"]["verdict"] in {"too_short", "too_few_positives", "no_repeats"}
    assert stages["08_predict_churn"]["tables"]["churn"]["rows"] == 0
