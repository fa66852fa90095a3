"""Claim: predicted risk and value of the made-up jeweller come near what can be known of the true ones.

    python benchmarks/bench_truth.py WORKSPACE [--profile jewellery]

Needs a finished run of the profile and the truth beside its raw files. Three rankings stand beside each other: what the
run predicted; the same features taught the true numbers themselves, out of fold, which is about the most that they can
tell; and the truth, which also knows who has left for good. Each is held against the truth and against what the
following year brought. Exit code 1 when a prediction keeps less than the stated share of what the features can tell.
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
    """Return what is true of each customer: that of the person most of its records belong to."""
    records = pd.read_parquet(raw / "truth" / "records.parquet")
    found = pd.read_parquet(processed / "identities.parquet")[["source", "source_id", "customer_id"]]
    joined = found.merge(records, on=["source", "source_id"])
    votes = joined.groupby(["customer_id", "person_id"]).size().rename("votes").reset_index()
    votes = votes.sort_values(["customer_id", "votes", "person_id"], ascending=[True, False, True])
    owner = votes.drop_duplicates("customer_id")[["customer_id", "person_id"]]
    return owner.merge(pd.read_parquet(raw / "truth" / "people.parquet"), on="person_id")


def ceiling(features: pd.DataFrame, target: np.ndarray, *, log: bool = False) -> np.ndarray:
    """Predict the true numbers from the features, each customer by a model that has not seen it."""
    columns = choose_columns(features)
    known = tidy(features, columns)
    codes = {name: known[name].astype("category").cat.codes.astype(float) for name in columns.categorical}
    asked = np.log1p(target) if log else target
    learner = HistGradientBoostingRegressor(max_leaf_nodes=15, learning_rate=0.05, max_iter=200, random_state=0)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    with pinned():
        return cross_val_predict(learner, known.assign(**codes), asked, cv=folds)


def margin_of(workspace: Path, profile: str) -> float:
    """Return the margin by which the run multiplied spend; 1 where it knew no cost."""
    metrics = stage_summary(Workspace(workspace), profile, "09_value_customers").get("metrics", {})
    return metrics.get("margin") or 1.0


def rank(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation."""
    return float(spearmanr(one, other).statistic)


def told(name: str, scores: np.ndarray, truth: np.ndarray, happened: np.ndarray, measure: str) -> str:
    """Return a row: correlation with the truth, and how well it ranks what happened."""
    real = auc(happened, scores) if measure == "AUC" else rank(scores, happened)
    return f"  {name:<42} {rank(scores, truth):>8.3f} {real:>10.3f}"


def judge(kind: str, rows: dict[str, np.ndarray], truth: np.ndarray, happened: np.ndarray, measure: str) -> float:
    """Print the rankings of one question; return the share of the ceiling that the prediction keeps."""
    print(f"{kind}, {len(truth):,} customers")
    print(f"  {'':<42} {'Spearman':>8} {measure + ' of':>10}")
    print(f"  {'':<42} {'to truth':>8} {'the year':>10}")
    for name, scores in rows.items():
        print(told(name, scores, truth, happened, measure))
    kept = rank(rows["predicted"], truth) / rank(rows["these features, taught the truth"], truth)
    print(f"  predicted keeps {kept:.0%} of what the features can tell\n")
    return kept


def main() -> int:
    """Hold risk and value against the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--profile", default="jewellery")
    asked = parser.parse_args()
    processed = asked.workspace / "data/processed" / asked.profile
    truth = true_customers(asked.workspace / "data/raw" / asked.profile, processed)
    features = pd.read_parquet(processed / "features.parquet")

    churn = pd.read_parquet(processed / "churn.parquet").merge(truth, on="customer_id")
    known = features.set_index("customer_id").loc[churn["customer_id"]].reset_index()
    stays = churn["buy_probability_365d"].to_numpy()
    risk = {
        "recency alone": known["recency_days"].to_numpy(float),
        "predicted": churn["churn_probability"].to_numpy(float),
        "these features, taught the truth": -ceiling(known, stays),
        "the truth itself": -stays,
    }
    kept = [judge("risk", risk, -stays, (churn["orders_365d"] == 0).to_numpy(int), "AUC")]

    value = pd.read_parquet(processed / "value.parquet").merge(truth, on="customer_id")
    known = features.set_index("customer_id").loc[value["customer_id"]].reset_index()
    worth = value["expected_value_365d"].to_numpy(float)
    orders = value["expected_orders_365d"].to_numpy(float)
    spent = {
        "spend so far": known["monetary_total"].to_numpy(float),
        "predicted": value["expected_value"].to_numpy(float),
        "these features, taught the truth": ceiling(known, worth, log=True),
        "the truth itself": worth,
    }
    kept.append(judge("value", spent, worth, value["value_365d"].to_numpy(float), "Spearman"))
    bought = {
        "orders so far": known["frequency_orders"].to_numpy(float),
        "predicted": value["expected_orders"].to_numpy(float),
        "these features, taught the truth": ceiling(known, orders),
        "the truth itself": orders,
    }
    kept.append(judge("orders", bought, orders, value["orders_365d"].to_numpy(float), "Spearman"))
    margin = margin_of(asked.workspace, asked.profile)  # expected value is what remains after the cost of goods
    print(f"expected value in total {value['expected_value'].sum() / margin:,.0f}, true {worth.sum():,.0f}, "
          f"then {value['value_365d'].sum():,.0f}; orders {value['expected_orders'].sum():,.0f}, true "
          f"{orders.sum():,.0f}, then {value['orders_365d'].sum():,}")  # fmt: skip
    print(f"risk: mean predicted {churn['churn_probability'].mean():.3f}, true {1 - stays.mean():.3f}, "
          f"then {(churn['orders_365d'] == 0).mean():.3f}")  # fmt: skip
    return int(min(kept) < LEAST_KEPT)


if __name__ == "__main__":
    sys.exit(main())
