"""Findings on the plan of actions, its tables, metrics and reasons. Serves 11_plan_actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.actions.gains import NOT_SHOWN
from workbench.report.findings.finding import Finding
from workbench.report.text import say

if TYPE_CHECKING:
    import datetime as dt

    from workbench.analysis.actions.plan import Plan

__all__ = [
    "ACTION_FORMATS",
    "COMPARED_FORMATS",
    "FUNNEL_FORMATS",
    "GROUP_FORMATS",
    "PRICE_FORMATS",
    "UNPLANNED",
    "action_rows",
    "candidates",
    "charted_actions",
    "find_plan",
    "limit_plan",
    "measure_plan",
    "table_actions",
    "table_compared",
    "table_funnel",
    "table_groups",
    "table_prices",
]

ACTION_FORMATS = {
    "action_name": "text", "gain_state": "label", "eligible": "int", "planned": "int", "held_out": "int",
    "cost": "money", "expected_gain": "money", "gain_least": "money", "gain_most": "money",
}  # fmt: skip
COMPARED_FORMATS = {
    "choice_by": "label", "planned": "int", "cost": "money", "expected_gain": "money", "gain_least": "money",
    "gain_most": "money",
}  # fmt: skip
FUNNEL_FORMATS = {
    "action_name": "text", "customers": "int", "meets_rule": "int", "may_be_contacted": "int", "not_lately": "int",
    "in_no_plan": "int",
}  # fmt: skip
GROUP_FORMATS = {
    "grouped_by": "label", "group_level": "label", "n": "int", "eligible": "int", "planned": "int",
    "share": "pct", "low": "pct", "high": "pct",
}  # fmt: skip
PRICE_FORMATS = {"limit_name": "text", "limit_price": "num", "limit_bound": "num", "limit_used": "num"}
_FEWEST_HELD_OUT = 30  # a smaller control group shows almost nothing
_ALIKE = 0.02  # relative difference of two gains that is ignored
UNPLANNED = ("gone", "not_valid", "immature", "opposite", "association", "unknown")
_BUDGET = "budget"
_BOUNDS = {"gain_low": "gain_least", "gain_high": "gain_most"}  # shown with all digits, since they are sums


def find_plan(plan: Plan, prices: pd.DataFrame, compared: pd.DataFrame, groups: pd.DataFrame) -> list[Finding]:
    """Report the plan, the value of more budget, assumptions, a plan by risk alone, and what is not planned.

    Parameters
    ----------
    plan : Plan
    prices : DataFrame
        Result of ``plan.price_table``.
    compared : DataFrame
        Result of ``comparison.compare_plans``.
    groups : DataFrame
        Result of ``comparison.share_planned``.
    """
    totals = plan.totals
    if not totals["planned"]:
        findings = [Finding("plan_nothing", {"budget": plan.terms.budget, "reason": _why_nothing(plan)}, 0.8)]
        return [*findings, *_not_planned(plan)]
    values = {_BOUNDS.get(name, name): total for name, total in totals.items()}
    values |= {"held_out": _held_out(plan), "budget": plan.terms.budget}
    gains_nothing = totals["expected_gain"] == 0
    only_assumed = not gains_nothing and totals["gain_low"] == 0 and _assumed(plan) == totals["expected_gain"]
    is_above_0 = totals["gain_low"] > 0  # the whole interval is
    by_interval = "plan_answer" if is_above_0 else "plan_answer_open"
    key = "plan_services" if gains_nothing else "plan_assumed_only" if only_assumed else by_interval
    findings = [Finding(key, values, 0.9), *_prices(plan, prices)]
    return [*findings, *_compared(plan, compared), *_not_planned(plan), *_groups(groups), *_held(plan)]


def limit_plan(plan: Plan, *, no_hold_out_because: str = "") -> list[Finding]:
    """Report the limits of the plan."""
    limits = [Finding("plan_limit_earlier")] if _has(plan, "experiment") else []
    limits += [Finding("plan_limit_assumed")] if _has(plan, "assumption") else []
    if not plan.terms.hold_out_share:
        limits.append(Finding("plan_limit_no_hold_out", {"why": no_hold_out_because}))
    return limits or [Finding("plan_limit_no_gain")]


def measure_plan(plan: Plan) -> dict[str, Any]:
    """Return the metrics: customers, planned, held_out, cost, gains, bound_gap, without_basis."""
    without = [gain.basis == "none" for gain in plan.offer.gains.values()]
    chosen = plan.chosen[plan.treated]
    return {
        "plan": plan.plan,
        "customers": len(plan.chosen),
        **plan.totals,
        "held_out": _held_out(plan),
        "assumed_gain": _assumed(plan),
        "bound_gap": float(plan.choice.gap),
        "without_basis": int(np.array(without, dtype=bool)[chosen].sum()),
        "solved_by": plan.choice.method,
    }


def action_rows(plan: Plan, as_of: dt.date, *, language: str, currency: str) -> pd.DataFrame:
    """Return the table ``actions``: the rows of the plan with plan id, reasons in words and end day.

    Parameters
    ----------
    plan : Plan
    as_of : datetime.date
    language, currency : str
    """
    rows = plan.rows
    reasons = {name: _reason(plan, name, language, currency) for name in rows["action"].unique()}
    neutral = {name: getattr(action.neutral_alternative, language, None) for name, action in plan.offer.actions.items()}
    until = pd.Timestamp(as_of) + pd.to_timedelta(rows.pop("valid_days"), unit="D")
    rows.insert(0, "plan", plan.plan)
    return rows.assign(
        reason=rows["action"].map(reasons).astype("object"),
        neutral_alternative=rows["action"].map(neutral).astype("object"),
        valid_until=until.dt.date,
    )


def candidates(plan: Plan) -> pd.DataFrame:
    """Return one row per action with equal columns, for tracking."""
    frame = plan.by_action
    numbers = ["eligible", "planned", "held_out", "cost", "expected_gain", "gain_low", "gain_high"]
    return frame[["action", *numbers]].astype(dict.fromkeys(numbers, "float64"))


def table_actions(plan: Plan) -> pd.DataFrame:
    """Return one row per action: name, state of its gain, customers and money."""
    frame = _named(plan, plan.by_action)
    silent = (frame["basis"] == "none") | (frame["planned"] == 0)
    blank = {name: frame[name].astype("float64").mask(silent) for name in ("expected_gain", "gain_low", "gain_high")}
    return frame.assign(**blank, gain_state="gain_" + frame["state"]).rename(columns=_BOUNDS)


def table_funnel(plan: Plan) -> pd.DataFrame:
    """Return the customers left after each condition, by action."""
    return _named(plan, plan.offer.candidates.funnel)


def table_prices(plan: Plan, prices: pd.DataFrame) -> pd.DataFrame:
    """Return the constraints in words, with their shadow prices."""
    named = {name: f"limit_{name}" for name in ("price", "bound", "used")}
    return prices.rename(columns=named).assign(limit_name=[_limit_name(plan, name) for name in prices["constraint"]])


def table_groups(groups: pd.DataFrame) -> pd.DataFrame:
    """Return the planned customers by group."""
    return groups.rename(columns={"group": "grouped_by", "level": "group_level"})


def table_compared(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the plan and its alternatives, one row each."""
    names = {"plan": "plan_itself"}
    return compared.assign(choice_by=compared["strategy"].replace(names)).rename(columns=_BOUNDS)


def charted_actions(plan: Plan) -> pd.DataFrame:
    """Return the actions that are planned for their gain, the largest first, with bounds low and high."""
    frame = _named(plan, plan.by_action)
    frame = frame[(frame["planned"] > 0) & (frame["basis"] != "none")]
    frame = frame.rename(columns={"gain_low": "low", "gain_high": "high"})
    assumed = frame["basis"] == "assumption"
    frame = frame.assign(low=frame["low"].mask(assumed), high=frame["high"].mask(assumed))
    return frame.sort_values("expected_gain", ascending=False, ignore_index=True)


def _named(plan: Plan, frame: pd.DataFrame) -> pd.DataFrame:
    names = {name: action.label.model_dump() for name, action in plan.offer.actions.items()}
    return frame.assign(action_name=[names[name] for name in frame["action"]])


def _limit_name(plan: Plan, constraint: str) -> dict[str, str]:
    kind, _, name = constraint.partition(".")
    action = plan.offer.actions.get(name)
    words = {"name": action.label.model_dump() if action is not None and kind == "capacity" else name}
    return {language: say(f"plan_limit_{kind}", language, words) for language in ("en", "zh")}


def _held_out(plan: Plan) -> int:
    return int((plan.held_out & (plan.chosen >= 0)).sum())


def _assumed(plan: Plan) -> float:
    return _gain_of(plan, "basis", "assumption")


def _gain_of(plan: Plan, column: str, value: str) -> float:
    """Add up the expected gain of the actions with a basis or state."""
    frame = plan.by_action
    return float(frame.loc[frame[column] == value, "expected_gain"].sum())


def _has(plan: Plan, basis: str) -> bool:
    return any(
        gain.basis == basis and bool((plan.chosen[plan.treated] == at).any())
        for at, gain in enumerate(plan.offer.gains.values())
    )


def _why_nothing(plan: Plan) -> str:
    if not plan.terms.budget and (plan.offer.costs > 0).all():
        return "plan_because_no_budget"
    if not plan.offer.candidates.allowed.any():
        return "plan_because_nobody"
    return "plan_because_no_gain"


def _prices(plan: Plan, prices: pd.DataFrame) -> list[Finding]:
    """Report the gain of one more unit of budget, or unspent budget; then the capacity with the highest price."""
    rows = prices.set_index("constraint")
    money = rows.loc[_BUDGET]
    findings = []
    if money["price"] > 0:
        findings.append(Finding("plan_price", {"one": 1, "price": float(money["price"])}, 0.6))
    else:
        values = {"left": float(money["bound"] - money["used"]), "budget": plan.terms.budget}
        key = "plan_budget_left_to_learn" if rows["price"].get("explore", 0.0) > 0 else "plan_budget_left"
        findings.append(Finding(key, values, 0.55))
    others = rows[(rows["price"] > 0) & rows.index.str.contains(".", regex=False)]
    if len(others):
        dearest = others["price"].idxmax()
        place = {"limit": _limit_name(plan, dearest), "price": float(others.loc[dearest, "price"])}
        findings.append(Finding("plan_price_place", place, 0.4))
    return findings


def _compared(plan: Plan, compared: pd.DataFrame) -> list[Finding]:
    rows = compared.set_index("strategy").to_dict("index")
    findings, own = [], rows["plan"]["expected_gain"]
    if not own or not _has(plan, "experiment"):
        return []  # nothing to compare if all gains are assumed
    if "plan_without_assumed" in rows:
        without = rows["plan_without_assumed"]
        unproven = _gain_of(plan, "state", NOT_SHOWN)
        values = {"share": (_assumed(plan) + unproven) / own, "assumed": _assumed(plan), "unproven": unproven}
        values |= {"gain": without["expected_gain"], "cost": without["cost"], "most": plan.terms.explore_share}
        findings.append(Finding("plan_assumed", values, 0.65))
    if "by_risk" in rows:
        risk = rows["by_risk"]["expected_gain"]
        values = {"gain": risk, "cost": rows["by_risk"]["cost"], "own": own}
        key = "plan_by_risk_alike" if abs(risk - own) <= _ALIKE * own else "plan_by_risk"
        findings.append(Finding(key, values, 0.5))
    return findings


def _not_planned(plan: Plan) -> list[Finding]:
    """Name each action that is not planned, with the reason."""
    findings = []
    funnel = plan.offer.candidates.funnel.set_index("action")
    for name, action in plan.offer.actions.items():
        gain, row = plan.offer.gains[name], funnel.loc[name]
        values = {"action": action.label.model_dump(), "experiment": gain.experiment, "outcome": gain.outcome}
        if gain.state in UNPLANNED:
            findings.append(Finding(f"plan_not_{gain.state}", values, 0.45))
        elif name in plan.offer.candidates.unknown:
            findings.append(Finding("plan_no_occasion", values, 0.3))
        elif not row["in_no_plan"]:
            step = next(step for step in row.index[1:] if not row[step])
            findings.append(Finding(f"plan_nobody_{step}", values, 0.45))
        elif gain.state != "due" and gain.mean <= float(action.cost) and not (plan.chosen == _at(plan, name)).any():
            numbers = {"gain": gain.mean, "cost": float(action.cost)}
            findings.append(Finding("plan_not_worth_it", values | numbers, 0.4))
    return findings


def _at(plan: Plan, name: str) -> int:
    return list(plan.offer.actions).index(name)


def _groups(groups: pd.DataFrame) -> list[Finding]:
    """Report the group with the largest difference in planned shares, if any."""
    shown = groups.dropna(subset=["share", "level"])
    widest: tuple[float, dict[str, Any]] | None = None
    for name, rows in shown.groupby("group", sort=True):
        most, least = rows.loc[rows["share"].idxmax()], rows.loc[rows["share"].idxmin()]
        if most["low"] <= least["high"]:
            continue
        values = {"group": name, "most": most["level"], "least": least["level"]}
        values |= {"most_share": most["share"], "least_share": least["share"]}
        values |= {"most_n": int(most["eligible"]), "least_n": int(least["eligible"])}
        if widest is None or most["share"] - least["share"] > widest[0]:
            widest = (most["share"] - least["share"], values)
    if widest is not None:
        return [Finding("plan_groups_differ", widest[1], 0.5)]
    return [Finding("plan_groups_alike", {"groups": shown["group"].nunique()}, 0.2)] if len(shown) else []


def _held(plan: Plan) -> list[Finding]:
    """Warn of actions whose control group is too small to measure their effect."""
    frame = plan.by_action
    small = frame[(frame["planned"] > 0) & (frame["state"] != "due") & (frame["held_out"] < _FEWEST_HELD_OUT)]
    if small.empty or not plan.terms.hold_out_share:
        return []
    values = {"actions": len(small), "least": _FEWEST_HELD_OUT}
    return [Finding("plan_small_hold_out", values, 0.35)]


def _reason(plan: Plan, name: str, language: str, currency: str) -> str:
    """Write why a customer gets an action: its expected gain and the basis of the estimate."""
    gain, at = plan.offer.gains[name], _at(plan, name)
    values = {
        "gain": gain.mean, "low": gain.low, "high": gain.high, "n": gain.n, "experiment": gain.source,
    }  # fmt: skip
    key = "experiment" if gain.basis == "experiment" else gain.state
    if gain.basis == "experiment" and len(plan.offer.means[at]) > 1:
        key = "uplift"
    elif gain.basis == "experiment" and gain.explores:
        key = "not_shown"
    occasion = plan.offer.actions[name].occasion
    if key == "due" and occasion is not None:
        key = f"due_{occasion.kind}"
    return say(f"plan_reason_{key}", language, values, currency)
