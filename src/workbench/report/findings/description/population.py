"""Findings on all customers. Serves 04_describe_customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.description.retention import new_customer_cohorts
from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.intake.features.registry import registered
from workbench.report.findings.finding import Finding
from workbench.report.value_names import value_key

if TYPE_CHECKING:
    from workbench.analysis.description.concentration import Pareto

__all__ = ["find_base", "find_differences", "find_movement", "limit_description"]

_HALF = 0.5
_LATER_MONTHS = (6, 3, 1)  # retention is reported for the first observed of these ages, in months
_SPEND = "monetary_total"
_MOST_VARIABLES = 3  # number of categories whose largest group is reported


def find_base(variables: pd.DataFrame, concentration: Pareto | None, repeat: dict[str, float] | None) -> list[Finding]:
    """Report the number of customers, their spend, and their largest groups.

    Parameters
    ----------
    variables : DataFrame
        `workbench.analysis.description.variables.describe_variables`.
    concentration : Pareto or None
        None without purchases.
    repeat : dict or None
        `workbench.analysis.description.population.repeat_rate`.

    Returns
    -------
    list of Finding
    """
    findings = [Finding("description_answer", _size(variables), 0.3)]
    if concentration is not None and concentration.customers > 1:  # one customer has no interval
        half = concentration.marks.set_index("spend_share").loc[_HALF]
        values = {"share_customers": half["customers_share"], "share_spend": _HALF, "low": half["low"]}
        findings.append(
            Finding("spend_concentration", values | {"high": half["high"], "n": concentration.customers}, 0.9)
        )
        gini = {"gini": concentration.gini, "low": concentration.gini_low, "high": concentration.gini_high}
        findings.append(Finding("spend_gini", gini | {"n": concentration.customers}, 0.2))
    if repeat is not None and repeat["customers"]:
        values = {name: repeat[name] for name in ("share", "low", "high")} | {"n": repeat["customers"]}
        findings.append(Finding("repeat_rate", values, 0.7))
    return findings + _typical(variables) + _largest_groups(variables)


def find_movement(months: pd.DataFrame, cohorts: pd.DataFrame) -> list[Finding]:
    """Report new, retained and lost customers of the last complete month, and retention.

    Parameters
    ----------
    months : DataFrame
        `workbench.analysis.description.retention.monthly_states`.
    cohorts : DataFrame
        `workbench.analysis.description.retention.cohort_retention`.

    Returns
    -------
    list of Finding
    """
    findings = []
    whole = months[months["complete"].astype(bool)] if len(months) else months
    if len(whole) > 1:
        last = whole.iloc[-1]
        moves = {name: last[name] for name in ("month", "new", "retained", "recalled", "lost")}
        findings.append(Finding("months_last", moves | {"month": _day(last["month"])}, 0.3))
        before = int(last["retained"]) + int(last["lost"])
        if before:
            low, high = wilson(int(last["retained"]), before)
            values = {"share": int(last["retained"]) / before, "low": float(low), "high": float(high), "n": before}
            findings.append(Finding("months_retained", values | {"month": _day(last["month"])}, 0.45))
    return findings + _cohorts(cohorts)


def find_differences(differences: pd.DataFrame, strongest: pd.DataFrame, *, least: int = SMALL_CELL) -> list[Finding]:
    """Report the group that differs most from all customers, if any.

    Parameters
    ----------
    differences, strongest : DataFrame
        `workbench.analysis.description.differences`: all comparisons, and the largest significant ones.
    least : int
        Smallest cell that is shown.

    Returns
    -------
    list of Finding
    """
    if differences.empty:
        return []
    suppressed = int(differences["suppressed"].sum())
    small = [Finding("description_suppressed", {"cells": suppressed, "least": least}, 0.05)] if suppressed else []
    if strongest.empty:
        return [Finding("difference_none", {"tested": int(differences["p_value"].notna().sum())}, 0.3), *small]
    row = strongest.iloc[0]
    about = {"variable": row["group_by"], "group": value_key(row["group_by"], row["group"]), "n": row["n"]}
    if row["kind"] == "numeric":
        values = {
            "feature": row["variable"],
            "effect": row["effect"],
            "low": row["effect_low"],
            "high": row["effect_high"],
        }
        return [Finding("difference_largest", about | values, 0.5), *small]
    values = {name: row[name] for name in ("share", "base_share", "tgi")}
    values |= {"feature": row["variable"], "value": value_key(row["variable"], row["value"])}
    values |= {"low": row["tgi_low"], "high": row["tgi_high"]}
    return [Finding("difference_tgi", about | values, 0.5), *small]


def limit_description(differences: pd.DataFrame, months: pd.DataFrame) -> list[Finding]:
    """Report the limits of the description."""
    findings = [Finding("description_limit_association")]
    tested = int(differences["p_value"].notna().sum()) if len(differences) else 0
    if tested:
        findings.append(Finding("description_limit_tests", {"tested": tested}))
    if len(months):
        findings.append(Finding("description_limit_start", {"month": _day(months.iloc[0]["month"])}))
    partial = months[~months["complete"].astype(bool)] if len(months) else months
    if len(partial):
        findings.append(Finding("description_limit_months", {"month": _day(partial.iloc[-1]["month"])}))
    return findings


def _size(variables: pd.DataFrame) -> dict[str, Any]:
    counts = variables.groupby("variable", sort=False)[["n", "missing"]].agg({"n": "sum", "missing": "max"})
    customers = int((counts["n"] + counts["missing"]).max()) if len(counts) else 0
    return {"customers": customers, "variables": len(counts)}


def _typical(variables: pd.DataFrame) -> list[Finding]:
    numeric = variables[(variables["part"] == "numeric") & variables["p50"].notna()].set_index("variable")
    findings = []
    if _SPEND in numeric.index:
        row = numeric.loc[_SPEND]
        findings.append(Finding("spend_typical", {"median": row["p50"], "mean": row["mean"], "n": row["n"]}, 0.35))
    if "frequency_orders" in numeric.index:
        row = numeric.loc["frequency_orders"]
        findings.append(Finding("orders_typical", {"median": row["p50"], "p90": row["p90"], "n": row["n"]}, 0.15))
    return findings


def _largest_groups(variables: pd.DataFrame) -> list[Finding]:
    """Report the largest group of up to three categories and the share known; declared attributes come first."""
    listed = variables[variables["part"] == "value"]
    names = list(dict.fromkeys(listed["variable"]))
    computed = {feature.name for feature in registered(names)}
    findings = []
    for variable in sorted(names, key=lambda name: name in computed)[:_MOST_VARIABLES]:
        row = listed[listed["variable"] == variable].iloc[0]
        n, missing = round(row["n"] / row["share"]), int(row["missing"])
        values = {"variable": variable, "value": value_key(variable, row["value"]), "share": row["share"], "n": n}
        findings.append(
            Finding("variable_largest", values | {"low": row["share_low"], "high": row["share_high"]}, 0.25)
        )
        if missing:
            values_known = {"variable": variable, "share": n / (n + missing), "n": n + missing}
            findings.append(Finding("variable_known", values_known, 0.15))
    return findings


def _cohorts(cohorts: pd.DataFrame) -> list[Finding]:
    """Report retention of new customers, without the left-censored first month."""
    if cohorts.empty:
        return []
    cohorts = new_customer_cohorts(cohorts)
    for months in _LATER_MONTHS:
        old_enough = cohorts[(cohorts["months_since"] == months) & cohorts["customers"].notna()]
        n = int(old_enough["n"].sum())
        if n:
            bought = int(old_enough["customers"].sum())
            low, high = wilson(bought, n)
            values = {"months": months, "share": bought / n, "low": float(low), "high": float(high), "n": n}
            return [Finding("cohort_retention", values, 0.4)]
    return [Finding("cohort_none", {"months": _LATER_MONTHS[-1]}, 0.2)]


def _day(value: Any) -> str:
    return pd.Timestamp(value).date().isoformat()
