"""Every shipped profile is valid, and those on public files give the published figures."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core.params.profile import load_profile, profile_names
from workbench.core.workspace import find_workspace

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", profile_names(find_workspace(ROOT)))
def test_every_profile_is_valid(name):
    assert load_profile(find_workspace(ROOT), name).name == name


def run(root, *arguments):
    command = [sys.executable, "-m", "workbench.run.commands.cli", "run", *arguments, "--workspace", str(root)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    profile = arguments[0]
    return json.loads((root / f"reports/{profile}/latest/summary.json").read_text(encoding="utf-8"))["stages"]


@pytest.mark.slow
def test_online_retail_gives_the_published_counts(fresh_workspace, public_data):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    shutil.copyfile(public_data / "online_retail/online_retail.csv.gz", raw / "online_retail.csv.gz")
    quality = run(fresh_workspace, "online_retail", "--to", "03_build_features")["01_check_quality"]
    figures = {
        "orders.physical_records": 541_909,
        "orders.accepted": 541_909,
        "transactions.rows": 541_909,
        "transactions.duplicates": 5_268,
        "transactions.no_customer": 135_080,
        "transactions.customers": 4_372,
        "transactions.orders": 25_900,
        "transactions.cancellations_rows": 9_288,
        "transactions.bad_debt_rows": 3,
        "transactions.first_ordered_at": "2010-12-01 08:26",
        "transactions.last_ordered_at": "2011-12-09 12:50",
        "transactions.standard_rows": 397_884,
        "transactions.standard_customers": 4_338,
    }
    assert {name: quality["metrics"][name] for name in figures} == figures
    assert quality["metrics"]["transactions.amount_total"] == pytest.approx(9_747_747.934, abs=0.0005)
    assert quality["metrics"]["transactions.standard_amount"] == pytest.approx(8_911_407.904, abs=0.0005)
    rows = quality["tables"]["transactions"]["rows"]
    dropped = sum(value for name, value in quality["metrics"].items() if name.startswith("transactions.rule."))
    assert rows == 541_909 - dropped


@pytest.mark.slow
def test_customers_with_only_a_label_give_a_report(fresh_workspace, public_data):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    name = "WA_Fn-UseC_-Telco-Customer-Churn.csv"
    header, *lines = (public_data / "telco_churn" / name).read_text(encoding="utf-8").splitlines()
    (raw / name).write_text("\n".join([header, *lines[::8]]) + "\n", encoding="utf-8")
    fewer = ("04_describe_customers.n_bootstraps=100", "06_segment_customers.n_bootstraps=10",
             "06_segment_customers.n_splits=5", "06_segment_customers.k_max=4", "08_predict_churn.n_bootstraps=100",
             "08_predict_churn.explained_customers=30",
             "06_segment_customers.methods=[kmeans]")  # fmt: skip
    stages = run(fresh_workspace, "telco", *(word for value in fewer for word in ("--set", value)))
    skipped = {name: stage["skipped_because"]["en"] for name, stage in stages.items() if stage["status"] == "skipped"}
    assert "no table experiments or campaigns" in skipped.pop("10_measure_experiments")
    assert "11_plan_actions.actions names none" in skipped.pop("11_plan_actions")
    assert list(skipped) == ["05_score_rfm", "07_mine_affinities", "09_value_customers"]
    assert all("no table transactions" in reason for reason in skipped.values())
    churn = stages["08_predict_churn"]["metrics"]
    assert churn["split"] == "random"
    assert churn["auc_low"] < churn["auc"] < churn["auc_high"]
    assert churn["auc"] > churn["baseline_auc"]
    report = (fresh_workspace / "reports/telco/latest/report.html").read_text(encoding="utf-8")
    words = re.sub(r"<(style|script|svg)\b.*?</\1>|<[^>]+>", " ", report, flags=re.DOTALL)
    assert "9999" not in words  # the placeholder for no date


@pytest.mark.slow
def test_baskets_without_customers_give_a_report(fresh_workspace):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    lines = [f"b{n // 3},2024-0{1 + n % 6}-1{n % 9},p{n % 7},{1 + n % 4}.50" for n in range(600)]
    (raw / "baskets.csv").write_text("\n".join(["basket,day,product,amount", *lines]) + "\n", encoding="utf-8")
    (fresh_workspace / "params/baskets.yaml").write_text(
        "profile: baskets\n"
        "sources:\n"
        "  tills:\n"
        "    path: data/raw/baskets.csv\n"
        "    table: transactions\n"
        "    columns: {order_id: basket, ordered_at: day, product_id: product, amount: amount}\n",
        encoding="utf-8",
    )
    stages = run(fresh_workspace, "baskets")
    assert {stage["status"] for stage in stages.values()} <= {"done", "skipped"}
    assert stages["01_check_quality"]["metrics"]["transactions.rows"] == 600
    assert stages["14_write_report"]["status"] == "done"


@pytest.mark.slow
def test_cdnow_reproduces_the_published_models_of_value_through_its_profile(fresh_workspace, public_data):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    shutil.copyfile(public_data / "cdnow/CDNOW_sample.txt", raw / "CDNOW_sample.txt")
    run(fresh_workspace, "cdnow", "--to", "03_build_features")
    stage = run(fresh_workspace, "cdnow", "--only", "09_value_customers")["09_value_customers"]
    published = {
        "bgnbd": ({"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, 0.005, -9582.43),
        "pareto": ({"r": 0.5533, "alpha": 10.578, "s": 0.6062, "beta": 11.667}, 0.01, -9594.98),
        "gamma_gamma": ({"p": 6.250, "q": 3.744, "v": 15.444}, 0.01, -4055.92),
    }
    metrics = stage["metrics"]
    for model, (parameters, tolerance, likelihood) in published.items():
        estimates = {name: metrics[f"{model}.{name}"] for name in parameters}
        assert estimates == pytest.approx(parameters, rel=tolerance), model
        assert metrics[f"{model}.log_likelihood"] == pytest.approx(likelihood, abs=0.05), model
        assert metrics[f"{model}.converged"] is True
    assert metrics["gamma_gamma.n"] == 946
    assert (metrics["bgnbd.holdout_mae"], metrics["pareto.holdout_mae"]) == pytest.approx((0.7855, 0.7545), abs=0.003)
    assert metrics["naive_mae"] == pytest.approx(1.024, abs=0.003)
    assert metrics["bgnbd.holdout_correlation"] == pytest.approx(0.626, abs=0.002)
    assert metrics["pareto.holdout_correlation"] == pytest.approx(0.630, abs=0.002)
    assert metrics["holdout_mae"] < metrics["naive_mae"]
    assert {name: table["rows"] for name, table in stage["tables"].items()} == {"next_purchase": 2357, "value": 2357}
