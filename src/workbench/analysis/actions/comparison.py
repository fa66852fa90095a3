"""What else could have been done with the same money, and whether groups of customers are served alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.actions.plan import TOTALS, total_of
from workbench.analysis.actions.problem import NOTHING, penalties
from workbench.analysis.intervals import wilson
from workbench.analysis.privacy.suppression import small_cells

if TYPE_CHECKING:
    from workbench.analysis.actions.plan import Plan

__all__ = ["compare_plans", "share_planned", "target_by_risk"]


def target_by_risk(plan: Plan, risk: pd.Series) -> np.ndarray:
    """Give the same actions, within the same limits, to those most likely to leave.

    Parameters
    ----------
    plan : Plan
    risk : Series
        Chance of leaving by customer_id; customers without one come last.

    Returns
    -------
    ndarray of int
        By customer the action, or ``NOTHING``. Each gets the action that is worth most at the prices of the plan among
        those that pay for the customer; in the order of their risk, as far as every limit reaches. Who is held out or
        has a service due stays so.
    """
    customers = plan.offer.candidates.customers
    chosen = np.where(plan.treated, plan.chosen, NOTHING).astype(np.int16)
    due = np.array([action.due for action in plan.offer.actions.values()], dtype=bool)
    keep = (chosen >= 0) & due[chosen]
    chosen[~keep] = NOTHING
    values = plan.offer.values()
    paying = np.where(values > 0, values, -np.inf)
    best = (paying - penalties(plan.limits, plan.choice.prices, len(values))[:, None]).argmax(axis=0)
    open_ones = np.flatnonzero(~keep & ~plan.held_out & np.isfinite(paying).any(axis=0))
    chance = pd.Series(customers[open_ones]).map(risk).astype("float64").fillna(-1.0).to_numpy()
    ordered = open_ones[np.lexsort((np.arange(len(open_ones)), -chance))]
    actions = best[ordered]
    inside = np.ones(len(ordered), dtype=bool)
    for limit in plan.limits[1:] + plan.limits[:1]:  # money last: what is not possible costs nothing
        uses = np.where(inside, limit.uses[actions], 0.0)
        inside &= (limit.uses[actions] == 0) | (np.cumsum(uses) <= limit.bound + 1e-9)
    chosen[ordered[inside]] = actions[inside]
    return chosen


def compare_plans(plan: Plan, risk: pd.Series | None) -> pd.DataFrame:
    """Compare the plan with what gains that nothing has shown, and with targeting by risk alone.

    Parameters
    ----------
    plan : Plan
    risk : Series or None
        Chance of leaving by customer_id; None where nothing predicts it.

    Returns
    -------
    DataFrame
        strategy (plan, plan_without_assumed, by_risk), planned, cost, expected_gain, gain_low, gain_high. The row
        without assumed gains is there where some are planned.
    """
    rows: list[Mapping[str, object]] = [{"strategy": "plan", **plan.totals}]
    if plan.offer.explores[plan.chosen[plan.treated]].any():
        rows.append({"strategy": "plan_without_assumed", **plan.without})
    if risk is not None and len(risk):
        rows.append({"strategy": "by_risk", **total_of(plan.offer, target_by_risk(plan, risk))})
    return pd.DataFrame(rows, columns=["strategy", *TOTALS])


def share_planned(plan: Plan, groups: pd.DataFrame, *, least: int) -> pd.DataFrame:
    """Return the share of customers who get an action, by group.

    Parameters
    ----------
    plan : Plan
    groups : DataFrame
        customer_id and one column per declared group.
    least : int
        Groups of fewer customers have no numbers, nor has a further group where they could be computed.

    Returns
    -------
    DataFrame
        group, level, n (customers), eligible (who may get any action), planned (of those eligible and not held out),
        share (of those), low, high (95 %, Wilson).
    """
    ids = plan.offer.candidates.customers
    eligible = plan.offer.candidates.allowed.any(axis=0) & ~plan.held_out
    frame = groups.set_index("customer_id").reindex(ids)
    rows = []
    for name in frame.columns:
        level = frame[name].astype("string").fillna("").to_numpy(dtype=object)
        counted = pd.DataFrame({"level": level, "n": 1, "eligible": eligible, "planned": plan.treated})
        sums = counted.groupby("level").sum().sort_index()
        hidden = small_cells(sums[["n"]], least=least, rows=False, name=f"plan by {name}")["n"].to_numpy()
        for (value, row), is_small in zip(sums.iterrows(), hidden, strict=True):
            shown = row["eligible"] > 0 and not is_small
            low, high = wilson(int(row["planned"]), int(row["eligible"])) if shown else (np.nan, np.nan)
            share = row["planned"] / row["eligible"] if shown else np.nan
            counts = [None if is_small else int(row[key]) for key in ("n", "eligible", "planned")]
            rows.append((name, value or None, *counts, share, float(low), float(high)))
    columns = ["group", "level", "n", "eligible", "planned", "share", "low", "high"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({name: "Int64" for name in ("n", "eligible", "planned")})
