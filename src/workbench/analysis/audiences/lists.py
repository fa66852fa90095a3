"""Lists of customers for a purpose: who is on them, in which order, how many, and who answered campaigns before.

Serves 14_write_report. A list is ranked by probability x expected value; the caller applies consent beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from scipy.stats import norm

from workbench.analysis.intervals import wilson
from workbench.analysis.privacy.suppression import small_cells
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight

__all__ = [
    "Size",
    "answers_by_customer",
    "answers_by_group",
    "choose_size",
    "close_test",
    "detectable_difference",
    "outcome_of_campaigns",
    "rank_customers",
    "tiers_and_tenths",
]

DIGITS = 6
NO_SKILL = 0.5  # AUC of a random draw
CLOSE = 0.025  # largest difference between the share of a list and that of the test it is compared with
LOST = "lost"  # life-cycle stage of customers who have already left
TIERS = ("low", "middle", "high")  # thirds by expected value


@dataclass(frozen=True)
class Size:
    """How many customers a list holds, and why.

    Attributes
    ----------
    n : int
        0 where there is no list.
    size_by : str
        ``decision_size``, ``profit`` or ``decision_share``; for no list ``no_model``, ``no_gain``, ``no_profit`` or
        ``nobody``.
    """

    n: int
    size_by: str


def rank_customers(
    probability: pd.DataFrame, values: pd.DataFrame, life_cycle: pd.DataFrame, *, leavers: bool
) -> pd.DataFrame:
    """Rank customers by probability x expected value, ties by id.

    Parameters
    ----------
    probability : DataFrame
        customer_id, probability.
    values : DataFrame
        customer_id, expected_value; empty without a value model: then customers are ranked by probability alone.
    life_cycle : DataFrame
        customer_id, life_cycle_stage; may be empty.
    leavers : bool
        Whether the list is of likely leavers: customers who have already left are then excluded.

    Returns
    -------
    DataFrame
        customer_id, probability, value (null where unknown), at_stake.
    """
    ranked = probability[["customer_id", "probability"]].dropna(subset=["probability"])
    if leavers and len(life_cycle):
        gone = life_cycle.loc[life_cycle["life_cycle_stage"] == LOST, "customer_id"]
        ranked = ranked[~ranked["customer_id"].isin(gone)]
    spend_of = values.set_index("customer_id")["expected_value"] if len(values) else pd.Series(dtype="float64")
    value = ranked["customer_id"].map(spend_of).astype("float64")
    at_stake = ranked["probability"] * (value.fillna(0.0) if len(values) else 1.0)
    ranked = ranked.assign(value=value, at_stake=at_stake.round(DIGITS))
    order = np.lexsort((ranked["customer_id"].astype(str), -ranked["probability"], -ranked["at_stake"]))
    return ranked.iloc[order].reset_index(drop=True)


def choose_size(
    candidates: int,
    judged: Mapping[str, Any],
    tests: Sequence[Mapping[str, Any]] = (),
    *,
    decision_size: int | None,
    decision_share: float,
) -> Size:
    """Choose the number of customers of a list.

    Parameters
    ----------
    candidates : int
        Number of customers to choose from.
    judged : mapping
        Test results of the model: ``profit_share`` (share of customers at which profit is largest), ``profit`` (at that
        share), ``auc_low`` (lower limit of the AUC), ``base_rate`` (share with the outcome); empty without a model.
    tests : sequence of mapping
        ``share`` (of the tested customers, those with the highest probability) and ``low`` (lower limit of the share
        of these with the outcome).
    decision_size, decision_share
        Parameters of the profile. The share is used where profit sets no limit, since contacting everybody
        pays best, and where the test does not confirm the size of highest profit.

    Returns
    -------
    Size
        0 customers where the ranking is no better than random: its AUC is not above 0.5 at 95 %, or for every size the
        share with the outcome in the test is not clearly above the base rate.
    """
    auc_low = judged.get("auc_low")
    share, profit = judged.get("profit_share"), judged.get("profit")
    obstacles = {
        "no_model": auc_low is None,
        "nobody": not candidates,
        "no_gain": auc_low is not None and auc_low <= NO_SKILL,
        "no_profit": not decision_size and share is not None and share < 1 and not (profit and profit > 0),
    }
    obstacle = next((name for name, applies in obstacles.items() if applies), "")
    if obstacle:
        return Size(0, obstacle)
    sizes = [_part(candidates, decision_share, "decision_share")]
    if decision_size:
        sizes = [Size(min(decision_size, candidates), "decision_size")]
    elif share is not None and share < 1:
        sizes = [_part(candidates, share, "profit"), *sizes]
    base_rate = judged.get("base_rate")
    effective = (size for size in sizes if not _may_be_random(close_test(tests, size.n / candidates), base_rate))
    return next(effective, Size(0, "no_gain"))


def close_test(tests: Sequence[Mapping[str, Any]], share: float) -> Mapping[str, Any] | None:
    """Return the test whose share is closest to that of a list; None if no test is within ``CLOSE``."""
    close = [test for test in tests if abs(test["share"] - share) <= CLOSE]
    return min(close, key=lambda test: abs(test["share"] - share), default=None)


def _part(candidates: int, share: float, size_by: str) -> Size:
    return Size(min(candidates, max(1, round(candidates * share))), size_by)


def _may_be_random(test: Mapping[str, Any] | None, base_rate: float | None) -> bool:
    return test is not None and base_rate is not None and test["low"] <= base_rate


def outcome_of_campaigns(campaigns: ibis.Table) -> str | None:
    """Return the column that shows who answered: ``redeemed_at``, else ``opened_at``; None if both are empty."""
    for name in ("redeemed_at", "opened_at"):
        if name in campaigns.columns and int(campaigns[name].count().to_pandas()):
            return name
    return None


def answers_by_customer(campaigns: ibis.Table, outcome: str, as_of: Any) -> pd.DataFrame:
    """Count the campaigns that each customer received, and answered, before a date.

    Parameters
    ----------
    campaigns : ibis.Table
        customer_id, campaign_id, sent_at and the outcome.
    outcome : str
        From ``outcome_of_campaigns``.
    as_of : datetime.date

    Returns
    -------
    DataFrame, one row per customer who received a campaign
        customer_id, sent, answered; sorted.
    """
    end = at_midnight(as_of)
    rows = campaigns.filter(campaigns.customer_id.notnull(), campaigns.sent_at < end)
    answered = (rows[outcome].notnull() & (rows[outcome] < end)).fill_null(False)
    pairs = rows.group_by("customer_id", "campaign_id").aggregate(answered=answered.any())
    counts = pairs.group_by("customer_id").aggregate(sent=pairs.count(), answered=pairs.answered.cast("int64").sum())
    return to_pandas(counts.order_by("customer_id"))


def tiers_and_tenths(ranked: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Group customers by third of expected value and by tenth of spend at risk.

    Parameters
    ----------
    ranked : DataFrame
        Result of ``rank_customers`` for likely leavers.
    values : DataFrame
        customer_id, expected_value.

    Returns
    -------
    DataFrame
        grouping, group, customer_id: ``value_tier`` low, middle, high; ``risk_tenth`` "1" (most at risk) to "10".
    """
    frames = []
    if len(values):
        rank = values.sort_values(["expected_value", "customer_id"], ignore_index=True)
        third = np.minimum(np.arange(len(rank)) * 3 // max(len(rank), 1), 2)
        tier = [TIERS[number] for number in third]
        frames.append(pd.DataFrame({"grouping": "value_tier", "group": tier, "customer_id": rank["customer_id"]}))
    if len(ranked):
        tenth = (np.arange(len(ranked)) * 10 // len(ranked) + 1).astype(str)
        frames.append(pd.DataFrame({"grouping": "risk_tenth", "group": tenth, "customer_id": ranked["customer_id"]}))
    return (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["grouping", "group", "customer_id"])
    )


def answers_by_group(groups: pd.DataFrame, answers: pd.DataFrame, *, least: int) -> pd.DataFrame:
    """Count by group the customers who received a campaign, and those of them who answered at least one.

    Parameters
    ----------
    groups : DataFrame
        Result of ``tiers_and_tenths``.
    answers : DataFrame
        Result of ``answers_by_customer``.
    least : int
        Groups of fewer customers are left blank, and one more group if they could be derived from the total.

    Returns
    -------
    DataFrame
        grouping, group, n, answered, share, low, high (95 %, Wilson); value tiers from high to low, tenths in order.
    """
    joined = groups.merge(answers, on="customer_id", how="left")
    rows: list[dict[str, Any]] = []
    for grouping, names in (("value_tier", TIERS[::-1]), ("risk_tenth", tuple(str(tenth) for tenth in range(1, 11)))):
        part = joined[joined["grouping"] == grouping]
        by_group = {name: part[(part["group"] == name) & (part["sent"] > 0)] for name in names if len(part)}
        counts = pd.DataFrame({"n": {name: len(sent) for name, sent in by_group.items()}})
        hidden = small_cells(counts, least=least, rows=False, name=f"answers by {grouping}")["n"]
        for name, sent in by_group.items():
            row: dict[str, Any] = {"grouping": grouping, "group": name, "n": None, "answered": None}
            row |= {"share": None, "low": None, "high": None}
            if len(sent) and not hidden[name]:
                count = int((sent["answered"] > 0).sum())
                low, high = wilson(count, len(sent))
                share = {"share": count / len(sent), "low": float(low), "high": float(high)}
                row |= {"n": len(sent), "answered": count, **{key: round(value, 4) for key, value in share.items()}}
            rows.append(row)
    return pd.DataFrame(rows, columns=["grouping", "group", "n", "answered", "share", "low", "high"], dtype="object")


def detectable_difference(
    treated: int, held_out: int, base_rate: float, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest difference of two shares that a test detects (two-sided, normal approximation).

    Parameters
    ----------
    treated, held_out : int
        Customers in each arm.
    base_rate : float
        Share with the outcome in the held-out arm, 0..1.

    Returns
    -------
    float or None
        None if even the largest possible difference would not be detected, or an arm is empty.

    Examples
    --------
    >>> detectable_difference(900, 100, 0.5)
    0.147657
    """
    if min(treated, held_out) < 1:
        return None
    variance = base_rate * (1 - base_rate) * (1 / treated + 1 / held_out)
    difference = float((norm.ppf(1 - alpha / 2) + norm.ppf(power)) * np.sqrt(variance))
    return round(difference, DIGITS) if 0 < difference <= max(base_rate, 1 - base_rate) else None
