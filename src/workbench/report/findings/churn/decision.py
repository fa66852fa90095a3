"""Findings on using the churn scores: whom to contact, profit, groups served worse. Serves 08_predict_churn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.churn.decision import Decision

__all__ = ["find_decision", "find_evidence", "measure_profit"]


def find_decision(
    decision: Decision | None, profit: pd.DataFrame, *, horizon_days: int | None, cost: float, gain: float
) -> list[Finding]:
    """Report whom to contact, the expected leavers among them, the uncertainty, and the profit.

    Nobody is recommended if the tested precision is not above that of a random sample at 95 %.

    Parameters
    ----------
    decision : Decision or None
        None without a model: no findings.
    profit : DataFrame
        Result of ``decision.profit_curve``.
    horizon_days : int or None
        None with given labels.
    cost, gain : float
        The stated cost of a contact and gain per leaver contacted.
    """
    if decision is None or decision.size == 0:
        return []
    values: dict[str, Any] = {
        "size": decision.size,
        "about": round(decision.size * decision.precision),
        "expected": round(decision.expected),
        "low": round(decision.size * decision.precision_low),
        "high": round(decision.size * decision.precision_high),
        "lot": round(decision.size * decision.random),
        "precision": decision.precision,
        "tested": decision.tested,
        "random": decision.random,
        "precision_low": decision.precision_low,
        "precision_high": decision.precision_high,
        "horizon_days": horizon_days,
    }
    if decision.precision_low <= decision.random:
        return [Finding("churn_decision_random", values, 0.9)]
    key = "churn_decision" if horizon_days else "churn_decision_labels" if decision.dated else "churn_decision_undated"
    findings = [Finding(key, values, 0.9)]
    if decision.gone:
        findings.append(Finding("churn_decision_gone", {"gone": decision.gone}, 0.35))
    best = profit[profit["best"]]
    if len(best):
        row = best.iloc[0]
        profits = {name: row[name] for name in ("contacted", "share_contacted", "profit", "low", "high", "random")}
        key = "churn_profit" if row["profit"] > 0 else "churn_profit_none"
        findings.append(Finding(key, profits | {"cost": cost, "gain": gain}, 0.4))
    return findings


def find_evidence(groups: pd.DataFrame, categories: pd.DataFrame, declared: pd.DataFrame) -> list[Finding]:
    """Report groups served worse, the best predicted category, and what customers said.

    Parameters
    ----------
    groups, categories, declared : DataFrame
        Results of ``groups.judge_groups``, ``propensity.predict_categories`` and ``declared.declared_reasons``.
    """
    findings = []
    off = groups[groups["verdict"] != "fits"]
    if len(groups) and off.empty:
        findings.append(Finding("churn_groups_fit", {"groups": len(groups), "n": int(groups["n"].min())}, 0.35))
    for row in (
        off.assign(gap=(off["predicted"] - off["observed"]).astype("float64").abs())
        .nlargest(2, "gap")
        .to_dict("records")
    ):
        under = row["verdict"] == "understated"
        findings.append(Finding("churn_group_understated" if under else "churn_group_overstated", row, 0.5))
    if len(categories) > 1:  # with a single category there is no best one
        best = categories.sort_values(["auc", "category"], ascending=[False, True]).iloc[0].to_dict()
        findings.append(Finding("churn_categories", best | {"categories": len(categories)}, 0.3))
    if len(declared) and not declared.iloc[0]["low"] <= declared.iloc[0]["others_share"] <= declared.iloc[0]["high"]:
        findings.append(Finding("churn_declared", declared.iloc[0].to_dict(), 0.3))
    return findings


def measure_profit(profit: pd.DataFrame) -> dict[str, float]:
    """Return the profit optimum of the test as metrics: ``profit_share`` (of customers contacted) and ``profit``."""
    best = profit[profit["best"]] if len(profit) else profit
    if best.empty:
        return {}
    row = best.iloc[0]
    return {"profit_share": float(row["share_contacted"]), "profit": float(row["profit"])}
