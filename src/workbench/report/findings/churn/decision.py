"""Findings on using the churn scores: whom to contact, profit, groups served worse. Serves 08_predict_churn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.report.findings.finding import Finding
from workbench.report.text import say

if TYPE_CHECKING:
    from workbench.analysis.churn.decision import Decision

__all__ = ["contact_rows", "find_decision", "find_evidence"]

_SHOWN = 25  # customers in the report's table
_LANGUAGES = ("en", "zh")


def find_decision(
    decision: Decision | None, profit: pd.DataFrame, *, horizon_days: int | None, cost: float, gain: float
) -> list[Finding]:
    """Report whom to contact, how many of them would leave, the uncertainty, and the profit.

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
        "horizon_days": horizon_days,
    }
    findings = [Finding("churn_decision" if horizon_days else "churn_decision_labels", values, 0.9)]
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
    if len(categories):
        best = categories.sort_values(["auc", "category"], ascending=[False, True]).iloc[0].to_dict()
        findings.append(Finding("churn_categories", best | {"categories": len(categories)}, 0.3))
    if len(declared) and not declared.iloc[0]["low"] <= declared.iloc[0]["others_share"] <= declared.iloc[0]["high"]:
        findings.append(Finding("churn_declared", declared.iloc[0].to_dict(), 0.3))
    return findings


def contact_rows(decision: Decision | None, reasons: pd.DataFrame) -> pd.DataFrame:
    """Return the top of the contact list with reasons in words, for the report.

    Parameters
    ----------
    decision : Decision or None
    reasons : DataFrame
        Result of ``reasons.explain_customers``.

    Returns
    -------
    DataFrame
        customer_id, churn_probability, reasons (by language); at most 25 rows.
    """
    if decision is None:
        return pd.DataFrame(columns=["customer_id", "churn_probability", "reasons"])
    shown = decision.customers.head(_SHOWN)
    reasons_shown = reasons[reasons["customer_id"].isin(shown["customer_id"])]
    reasons_by_customer = {customer: _words(part) for customer, part in reasons_shown.groupby("customer_id")}
    nothing = dict.fromkeys(_LANGUAGES, "–")
    return shown.assign(reasons=[reasons_by_customer.get(customer, nothing) for customer in shown["customer_id"]])


def _words(part: pd.DataFrame) -> Mapping[str, str]:
    rows = part.sort_values("rank").to_dict("records")
    joiner = {"en": "; ", "zh": "；"}
    return {language: joiner[language].join(_reason(row, language) for row in rows) for language in _LANGUAGES}


def _reason(row: Mapping[str, Any], language: str) -> str:
    value = pd.to_numeric(row["value"], errors="coerce") if row["value"] else None
    values = {"feature": row["feature"], "value": row["value"] if value is None or pd.isna(value) else float(value)}
    if not row["value"]:
        key = "churn_reason_missing_raises" if row["direction"] == "raises" else "churn_reason_missing_lowers"
    elif isinstance(values["value"], float):
        key = "churn_reason_raises" if row["direction"] == "raises" else "churn_reason_lowers"
    else:
        key = "churn_reason_word_raises" if row["direction"] == "raises" else "churn_reason_word_lowers"
    return say(key, language, values)
