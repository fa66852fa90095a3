"""Who will buy from which category in the next period? Purchase propensity by category, for 08_predict_churn.

Each of the largest categories has a model made by the same procedure as for churn: trained at one cut-off, calibrated
at the next, tested at the latest. The inputs are the customer's purchases of the category before the cut-off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.analysis.churn.models.evaluation import auc, auc_standard_error, brier, logit
from workbench.analysis.churn.models.fitting import pinned, platt_line
from workbench.analysis.purchases import has_purchases, purchase_days
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.lines import is_sale, known_lines

if TYPE_CHECKING:
    from workbench.analysis.churn.study import ChurnStudy

__all__ = ["PROPENSITY_COLUMNS", "predict_categories", "predict_for"]

RESULT_COLUMNS = ("category", "n", "buyers", "share", "auc", "auc_low", "auc_high", "brier", "baseline_auc")
PROPENSITY_COLUMNS = ("customer_id", "category", "purchase_probability", "cut_off")
INPUTS = ("category_recency_days", "category_days", "category_share", "recency_days", "purchase_days")
LEAST = 30  # fewest buyers, and fewest non-buyers, of a category in every period
NEVER = 10_000  # days since the last purchase of the category for customers who never bought it
DIGITS = 6


def predict_categories(
    tables: Mapping[str, ibis.Table],
    cut_offs: Mapping[str, date],
    *,
    as_of: date,
    horizon_days: int,
    active_within_days: int,
    n_categories: int = 6,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict how likely each active customer is to buy from each of the largest categories within the horizon.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions with product_id, and products with product_id and category.
    cut_offs : mapping of str to date
        train, calibrate, test.
    as_of : date
        Start of the horizon of today's probabilities.
    horizon_days, active_within_days : int
    n_categories : int
        Number of categories, by buyers before the training cut-off; 0: none.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Today's probabilities: customer_id, category, purchase_probability, cut_off. Test results per category:
        category, n, buyers, share, auc, auc_low, auc_high (standard error of Hanley & McNeil), brier, baseline_auc
        (of days since the last purchase of the category). Both are empty without the required tables and columns.
    """
    if not n_categories or not cut_offs or not _has_categories(tables):
        return _no_scores(), pd.DataFrame(columns=list(RESULT_COLUMNS))
    purchases = _category_days(tables, as_of)
    chosen = _largest(purchases, cut_offs["train"], n_categories)
    purchases = purchases.filter(purchases.category.isin(chosen)).distinct().cache()
    days = purchase_days(tables["transactions"], as_of=as_of).cache()
    periods = {
        name: _period(purchases, days, when, horizon_days=horizon_days, active_within_days=active_within_days)
        for name, when in {**cut_offs, "today": as_of}.items()
    }
    scored, rows = [], []
    for category in chosen:
        parts = {name: _inputs(*period, category) for name, period in periods.items()}
        fitted = _fit_category(category, parts)
        if fitted is not None:
            probabilities, row = fitted
            frame = pd.DataFrame({"customer_id": parts["today"].index, "category": category})
            scored.append(frame.assign(purchase_probability=probabilities.round(DIGITS), cut_off=pd.Timestamp(as_of)))
            rows.append(row)
    scores = pd.concat(scored, ignore_index=True) if scored else _no_scores()
    return scores.sort_values(["customer_id", "category"], ignore_index=True), pd.DataFrame(
        rows, columns=list(RESULT_COLUMNS)
    )


def predict_for(
    study: ChurnStudy, tables: Mapping[str, ibis.Table], *, as_of: date, n_categories: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``predict_categories`` at the cut-offs of a study; both are empty if the study used supplied labels."""
    if study.kind != "purchases" or study.horizon is None or study.active_within_days is None:
        return predict_categories(tables, {}, as_of=as_of, horizon_days=1, active_within_days=1)
    return predict_categories(
        tables, study.cut_offs, as_of=as_of, horizon_days=study.horizon.days,
        active_within_days=study.active_within_days, n_categories=n_categories,
    )  # fmt: skip


def _fit_category(category: str, parts: Mapping[str, pd.DataFrame]) -> tuple[np.ndarray, dict[str, object]] | None:
    buyers = [int(parts[name]["label"].sum()) for name in ("train", "calibrate", "test")]
    others = [len(parts[name]) - count for name, count in zip(("train", "calibrate", "test"), buyers, strict=True)]
    if min(*buyers, *others) < LEAST:
        return None
    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    matrix = {name: np.log1p(part[list(INPUTS)].to_numpy(float)) for name, part in parts.items()}
    with pinned():
        learner.fit(matrix["train"], parts["train"]["label"])
        raw = {name: _probabilities(learner, inputs) for name, inputs in matrix.items()}
    slope, intercept = platt_line(raw["calibrate"], parts["calibrate"]["label"].to_numpy())
    probability = {name: expit(intercept + slope * logit(raw[name])) for name in ("test", "today")}
    labels = parts["test"]["label"].to_numpy()
    category_auc = auc(labels, probability["test"])
    error = auc_standard_error(category_auc, buyers[2], others[2])
    row = {
        "category": category,
        "n": len(labels),
        "buyers": buyers[2],
        "share": float(labels.mean()),
        "auc": category_auc,
    }
    row |= {"auc_low": category_auc - 1.96 * error, "auc_high": min(1.0, category_auc + 1.96 * error)}
    row |= {"brier": brier(labels, probability["test"])}
    row |= {"baseline_auc": auc(labels, -parts["test"]["category_recency_days"].to_numpy(float))}
    rounded = {key: round(value, DIGITS) if isinstance(value, float) else value for key, value in row.items()}
    return probability["today"], rounded


def _probabilities(learner: Pipeline, inputs: np.ndarray) -> np.ndarray:
    """Return the probability of each row; empty without active customers, as long after the last order."""
    return learner.predict_proba(inputs)[:, 1] if len(inputs) else np.zeros(0)


def _no_scores() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="object") for name in PROPENSITY_COLUMNS})


def _has_categories(tables: Mapping[str, ibis.Table]) -> bool:
    return (
        {"transactions", "products"} <= set(tables)
        and has_purchases(tables["transactions"])
        and "product_id" in tables["transactions"].columns
        and {"product_id", "category"} <= set(tables["products"].columns)
    )


def _category_days(tables: Mapping[str, ibis.Table], as_of: date) -> ibis.Table:
    """Return customer_id, category and day of every sale line before the date."""
    lines = known_lines(tables["transactions"], as_of=as_of)
    sales = lines.filter(is_sale(lines).fill_null(False)).select("customer_id", "product_id", "ordered_at")
    products = tables["products"]
    categories = products.filter(products.category.notnull()).select("product_id", "category")
    joined = sales.join(categories, "product_id")
    return joined.select("customer_id", "category", day=joined.ordered_at.date())


def _largest(purchases: ibis.Table, before: date, count: int) -> list[str]:
    earlier = purchases.filter(purchases.day < ibis.literal(before))
    buyers = earlier.group_by("category").aggregate(buyers=earlier.customer_id.nunique())
    return to_pandas(buyers.order_by(ibis.desc("buyers"), "category").limit(count))["category"].tolist()


def _period(
    purchases: ibis.Table, days: ibis.Table, when: date, *, horizon_days: int, active_within_days: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the customers active at a cut-off, and their purchases of the categories, one row per pair."""
    cut, ends = ibis.literal(when), ibis.literal(when + timedelta(days=horizon_days))
    earlier = days.filter(days.purchased_on < cut)
    customers = earlier.group_by("customer_id").aggregate(
        last=earlier.purchased_on.max(), purchase_days=earlier.count()
    )
    customers = customers.filter(customers["last"] >= ibis.literal(when - timedelta(days=active_within_days)))
    customers = customers.select(
        "customer_id", "purchase_days", recency_days=cut.delta(customers["last"], unit="day")
    ).order_by("customer_id")  # fmt: skip
    is_before, is_after = purchases.day < cut, (purchases.day >= cut) & (purchases.day < ends)
    pairs = purchases.group_by("customer_id", "category").aggregate(
        last=purchases.day.max(where=is_before), category_days=is_before.sum(), label=is_after.any().cast("int64")
    )
    pairs = pairs.select(
        "customer_id", "category", "category_days", "label", category_recency_days=cut.delta(pairs["last"], unit="day")
    ).order_by("customer_id", "category")
    return to_pandas(customers).set_index("customer_id"), to_pandas(pairs)


def _inputs(customers: pd.DataFrame, pairs: pd.DataFrame, category: str) -> pd.DataFrame:
    """Join each active customer's purchases of a category; without purchases, 0 days and recency ``NEVER``."""
    category_pairs = pairs[pairs["category"] == category].set_index("customer_id").drop(columns="category")
    joined = customers.join(category_pairs)
    joined["category_recency_days"] = joined["category_recency_days"].fillna(NEVER)
    joined[["category_days", "label"]] = joined[["category_days", "label"]].fillna(0)
    return joined.assign(
        category_share=joined["category_days"] / joined["purchase_days"].clip(lower=1),
        label=joined["label"].astype(int),
    )
