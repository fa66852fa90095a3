"""Findings on the drivers of an outcome and on the funnel. Serves 04_describe_customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.report.findings.finding import Finding
from workbench.report.text import say

if TYPE_CHECKING:
    from workbench.analysis.diagnosis.outcome import Outcome
    from workbench.analysis.diagnosis.study import Diagnosis

__all__ = ["find_drivers", "find_funnel", "limit_drivers"]

EFFECTS = {"share": "driver_effect_share", "money": "driver_effect_money", "amount": "driver_effect_amount"}
TREES = {"share": "driver_tree_share", "money": "driver_tree_money", "amount": "driver_tree_amount"}
DOUBTFUL = ("shrinks", "reverses")
MOST_NAMED = 8
WORTH = 0.01  # share of variance explained below which a tree is not reported


def find_drivers(why: Diagnosis) -> list[Finding]:
    """Report traits associated with the outcome, the decision tree, and probable confounding.

    Parameters
    ----------
    why : Diagnosis
    """
    outcome, effects, tree = why.outcome, why.effects, why.tree
    if outcome is None:
        return []
    about = {"outcome": outcome.name, "n": len(outcome.values)}
    differing = effects[effects["differs"].astype(bool)] if len(effects) else effects
    if differing.empty:
        return [Finding("driver_none", about | {"tested": int(effects["p_value"].notna().sum())}, 0.2)]
    firm = differing[~differing["verdict"].isin(DOUBTFUL)]
    findings = [Finding(EFFECTS[_unit(outcome)], about | _effect(firm.iloc[0]), 0.4)] if len(firm) else []
    findings += [Finding("driver_confounded", about | _doubt(row), 0.3) for row in _doubtful(differing)]
    if tree is not None and len(tree.leaves) > 1 and tree.explained > WORTH:
        low, high = tree.leaves.iloc[0], tree.leaves.iloc[-1]
        ends = {"low_outcome": low["outcome"], "high_outcome": high["outcome"], "low_n": low["n"], "high_n": high["n"]}
        more = {"explained": tree.explained, "leaves": len(tree.leaves), "judged": tree.n_judged}
        findings.append(Finding(TREES[_unit(outcome)], about | ends | more, 0.35))
    else:
        findings.append(Finding("driver_no_tree", about, 0.1))
    return findings


def find_funnel(funnel: pd.DataFrame) -> list[Finding]:
    """Report the share of browsing customers who reach the last step in the longest window."""
    if funnel.empty:
        return []
    widest = funnel[funnel["window_days"] == funnel["window_days"].max()]
    last = widest.iloc[-1]
    if pd.isna(last["share"]):
        return []
    values = {name: last[name] for name in ("share", "low", "high")}
    values |= {"step": last["step"], "days": last["window_days"], "n": last["entered"]}
    return [Finding("funnel_conversion", values, 0.45)]


def limit_drivers(why: Diagnosis) -> list[Finding]:
    """Report the limits of the diagnosis."""
    outcome = why.outcome
    if outcome is None or why.effects.empty:
        return []
    values = {"outcome": outcome.name, "controls": list(outcome.controls)}
    findings = [Finding("driver_limit_cause" if outcome.controls else "driver_limit_unchecked", values)]
    if outcome.left_out:
        left = {
            "outcome": outcome.name,
            "count": len(outcome.left_out),
            "variables": list(outcome.left_out)[:MOST_NAMED],
        }
        findings.append(Finding("driver_left_out", left))
    return findings


def _unit(outcome: Outcome) -> str:
    return "share" if outcome.kind == "share" else "money" if outcome.money else "amount"


def _effect(row: pd.Series) -> dict[str, Any]:
    names = ("difference", "low", "high", "adjusted", "control")
    return {name: row[name] for name in names} | {"trait": _trait(row), "with": row["n"], "without": row["n_rest"]}


def _doubt(row: pd.Series) -> dict[str, Any]:
    return {"trait": _trait(row), "control": row["control"], "kept": max(float(row["kept"]), 0.0)}


def _doubtful(differing: pd.DataFrame) -> list[pd.Series]:
    """Return the largest effect that probably reflects something else."""
    return [row for _, row in differing[differing["verdict"].isin(DOUBTFUL)].head(1).iterrows()]


def _trait(row: pd.Series) -> dict[str, str]:
    """Return the name of a trait by language."""
    key = "trait_upper_half" if row["value"] == "upper_half" else "trait_value"
    values = {"variable": row["variable"], "value": row["value"]}
    return {language: say(key, language, values) for language in ("en", "zh")}
