"""What the features say of the base. Serves 03_build_features."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.core.schema import UNDATED
from workbench.report.findings.finding import Finding

__all__ = ["find_features", "limit_features", "table_coverage"]


def table_coverage(features: pd.DataFrame) -> pd.DataFrame:
    """Count for how many customers each feature is known.

    Parameters
    ----------
    features : DataFrame, one row per customer

    Returns
    -------
    DataFrame, one row per feature
        feature, customers, known (counts), share (known of customers, 0..1; null without customers).
    """
    known = features.drop(columns="customer_id").notna().sum()
    table = pd.DataFrame({"feature": known.index, "customers": len(features), "known": known.to_numpy()})
    return table.assign(share=table["known"] / len(features) if len(features) else float("nan"))


def find_features(features: pd.DataFrame, coverage: pd.DataFrame, *, as_of: Any) -> list[Finding]:
    """Say how many customers and features there are, and how the customers buy."""
    n = len(features)
    size = {"customers": n, "features": len(coverage)}
    dated = Finding("features_answer", size | {"as_of": as_of}, 0.4)
    found = [dated if as_of != UNDATED else Finding("features_answer_undated", size, 0.4)]
    found += _one_order(features) + _rhythm(features)
    if len(coverage) and n:
        least = coverage.loc[coverage["share"].idxmin()]
        if least["share"] < 1:
            found.append(
                Finding("features_missing", {"feature": least["feature"], "share": 1 - least["share"], "n": n}, 0.1)
            )
    return found


def limit_features(features: pd.DataFrame, *, as_of: Any) -> list[Finding]:
    """Say what the features do not know."""
    dated = Finding("features_limit_as_of", {"as_of": as_of})
    found = [dated if as_of != UNDATED else Finding("features_limit_undated")]
    if "frequency_orders" in features:
        without = int((features["frequency_orders"].fillna(0) == 0).sum())
        if without:
            found.append(Finding("features_limit_no_orders", {"customers": without, "n": len(features)}))
    if "returns_total" in features and (returned := float(features["returns_total"].abs().sum())) > 0:
        found.append(Finding("features_limit_returns", {"returns": returned}))
    return found


def _one_order(features: pd.DataFrame) -> list[Finding]:
    if "frequency_orders" not in features:
        return []
    orders = features["frequency_orders"].fillna(0)
    n, once = int((orders > 0).sum()), int((orders == 1).sum())
    if not n:
        return []
    low, high = wilson(once, n)
    return [Finding("features_one_order", {"share": once / n, "low": float(low), "high": float(high), "n": n}, 0.4)]


def _rhythm(features: pd.DataFrame) -> list[Finding]:
    gaps = features["gap_days_median"].dropna() if "gap_days_median" in features else pd.Series(dtype=float)
    if gaps.empty:
        return []
    return [Finding("features_rhythm", {"median_days": float(gaps.median()), "n": len(gaps)}, 0.5)]
