"""Claim: predicted risk and value of the generated jeweller come near what the features can tell of the true ones.

    python benchmarks/bench_truth.py WORKSPACE [--profile jewellery]

Needs a finished run of the profile and the true values next to its raw files. Three rankings are compared: the run's
prediction; a model of the same features trained on the true numbers, out of fold, which is about the best they allow;
and the true values, which also know who has left for good. Each is compared with the true values and with what the
following year brought. Exit code 1 when a prediction reaches less than the stated share of what the features allow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict

from workbench.analysis.churn.models.evaluation import auc
from workbench.analysis.churn.models.fitting import pinned
from workbench.analysis.model_columns import choose_columns, tidy
from workbench.core.workspace import Workspace
from workbench.run.artifacts.context import stage_summary

LEAST_KEPT = 0.8  # share of the ceiling's Spearman correlation with the truth
FOLDS = 5


def true_customers(raw: Path, processed: Path) -> pd.DataFrame:
    """Return the true values of each customer: those of the person most of its records belong to."""
    records = pd.read_parquet(raw / "truth" / "records.parquet")
    identities = pd.read_parquet(processed / "identities.parquet")[["source", "source_id", "customer_id"]]
    joined = identities.merge(records, on=["source", "source_id"])
    votes = joined.groupby(["customer_id", "person_id"]).size().rename("votes").reset_index()
    votes = votes.sort_values(["customer_id", "votes", "person_id"], ascending=[True, False, True])
    owner = votes.drop_duplicates("customer_id")[["customer_id", "person_id"]]
    return owner.merge(pd.read_parquet(raw / "truth" / "people.parquet"), on="person_id")


def ceiling(features: pd.DataFrame, target: np.ndarray, *, log: bool = False) -> np.ndarray:
    """Predict the true numbers from the features, each customer by a model not trained on it."""
    columns = choose_columns(features)
    inputs = tidy(features, columns)
    codes = {name: inputs[name].astype("category").cat.codes.astype(float) for name in columns.categorical}
    goal = np.log1p(target) if log else target
    learner = HistGradientBoostingRegressor(max_leaf_nodes=15, learning_rate=0.05, max_iter=200, random_state=0)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    with pinned():
        return cross_val_predict(learner, inputs.assign(**codes), goal, cv=folds)


def margin_of(workspace: Path, profile: str) -> float:
    """Return the margin by which the run multiplied spend; 1 where costs were unknown."""
    metrics = stage_summary(Workspace(workspace), profile, "09_value_customers").get("metrics", {})
    return metrics.get("margin") or 1.0


def rank(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation."""
    return float(spearmanr(first, second).statistic)


def table_row(name: str, scores: np.ndarray, truth: np.ndarray, happened: np.ndarray, measure: str) -> str:
    """Return a row: correlation with the truth, and how well it ranks what happened."""
    real = auc(happened, scores) if measure == "AUC" else rank(scores, happened)
    return f"  {name:<42} {rank(scores, truth):>8.3f} {real:>10.3f}"


def judge(kind: str, rows: dict[str, np.ndarray], truth: np.ndarray, happened: np.ndarray, measure: str) -> float:
    """Print the rankings of one question; return the share of the ceiling that the prediction keeps."""
    print(f"{kind}, {len(truth):,} customers")
    print(f"  {'':<42} {'Spearman':>8} {measure + ' of':>10}")
    print(f"  {'':<42} {'to truth':>8} {'the year':>10}")
    for name, scores in rows.items():
        print(table_row(name, scores, truth, happened, measure))
    share = rank(rows["predicted"], truth) / rank(rows["these features, trained on the truth"], truth)
    print(f"  the prediction reaches {share:.0%} of what the features allow\n")
    return share


def main() -> int:
    """Compare predicted risk and value with the true ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--profile", default="jewellery")
    options = parser.parse_args()
    processed = options.workspace / "data/processed" / options.profile
    truth = true_customers(options.workspace / "data/raw" / options.profile, processed)
    features = pd.read_parquet(processed / "features.parquet")

    churn = pd.read_parquet(processed / "churn.parquet").merge(truth, on="customer_id")
    customers = features.set_index("customer_id").loc[churn["customer_id"]].reset_index()
    stays = churn["buy_probability_365d"].to_numpy()
    risk = {
        "recency alone": customers["recency_days"].to_numpy(float),
        "predicted": churn["churn_probability"].to_numpy(float),
        "these features, trained on the truth": -ceiling(customers, stays),
        "the truth itself": -stays,
    }
    shares = [judge("risk", risk, -stays, (churn["orders_365d"] == 0).to_numpy(int), "AUC")]

    value = pd.read_parquet(processed / "value.parquet").merge(truth, on="customer_id")
    customers = features.set_index("customer_id").loc[value["customer_id"]].reset_index()
    worth = value["expected_value_365d"].to_numpy(float)
    orders = value["expected_orders_365d"].to_numpy(float)
    spent = {
        "spend so far": customers["monetary_total"].to_numpy(float),
        "predicted": value["expected_value"].to_numpy(float),
        "these features, trained on the truth": ceiling(customers, worth, log=True),
        "the truth itself": worth,
    }
    shares.append(judge("value", spent, worth, value["value_365d"].to_numpy(float), "Spearman"))
    bought = {
        "orders so far": customers["frequency_orders"].to_numpy(float),
        "predicted": value["expected_orders"].to_numpy(float),
        "these features, trained on the truth": ceiling(customers, orders),
        "the truth itself": orders,
    }
    shares.append(judge("orders", bought, orders, value["orders_365d"].to_numpy(float), "Spearman"))
    margin = margin_of(options.workspace, options.profile)  # expected value is what remains after the cost of goods
    print(f"expected value in total {value['expected_value'].sum() / margin:,.0f}, true {worth.sum():,.0f}, "
          f"then {value['value_365d'].sum():,.0f}; orders {value['expected_orders'].sum():,.0f}, true "
          f"{orders.sum():,.0f}, then {value['orders_365d'].sum():,}")  # fmt: skip
    print(f"risk: mean predicted {churn['churn_probability'].mean():.3f}, true {1 - stays.mean():.3f}, "
          f"then {(churn['orders_365d'] == 0).mean():.3f}")  # fmt: skip
    return int(min(shares) < LEAST_KEPT)


if __name__ == "__main__":
    sys.exit(main())
