"""Findings on RFM types and the life cycle. Serves 05_score_rfm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.analysis.rfm.tables import LATE_TIMES
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.rfm.life_cycle import Bounds
    from workbench.analysis.rfm.scores import RfmScores

__all__ = ["find_rfm", "limit_rfm"]

_SCORES = {"recency_days": "r_score", "frequency_orders": "f_score", "monetary_total": "m_score"}


def find_rfm(
    scores: RfmScores,
    types: pd.DataFrame,
    statuses: pd.DataFrame,
    stages: pd.DataFrame,
    bounds: Bounds,
    *,
    late: Mapping[str, float],
) -> list[Finding]:
    """Report the main types, activity, the largest life-cycle stage and the limits in use.

    Parameters
    ----------
    scores : RfmScores
    types, statuses, stages : DataFrame
        `workbench.analysis.rfm.tables.table_groups` by rfm_type, activity_status and life_cycle_stage.
    bounds : Bounds
        The recency limits in use.
    late : mapping
        `workbench.analysis.rfm.tables.late_high_spenders`.

    Returns
    -------
    list of Finding
    """
    scored = int(scores.scores["r_score"].notna().sum())
    findings = [*_types(types, scored), *_late(late), *_status(statuses, bounds, scored), *_stage(stages, scored)]
    findings.append(_bounds(bounds))
    return findings + _notes(scores)


def limit_rfm(scores: RfmScores, bounds: Bounds) -> list[Finding]:
    """Report the limits of the scores."""
    scored = int(scores.scores["r_score"].notna().sum())
    return [
        Finding("rfm_limit_relative", {"n": scored}),
        Finding("rfm_limit_bounds", {"active_days": bounds.days[0]}),
    ]


def _types(types: pd.DataFrame, scored: int) -> list[Finding]:
    by_key = types.set_index("rfm_type")
    shown_types = by_key[by_key["share"].notna()]
    if shown_types.empty or scored == 0:
        return []
    largest = shown_types["share"].idxmax()
    values = {"type": largest, **_share(shown_types.loc[largest], scored)}
    findings = [Finding("rfm_type_largest_bare" if pd.isna(values["value_share"]) else "rfm_type_largest", values, 0.4)]
    champions = shown_types.loc["important_value"]
    if champions["customers"] > 0 and pd.notna(champions["value_share"]):
        findings.append(Finding("rfm_champions", _share(champions, scored), 0.75))
    return findings


def _late(late: Mapping[str, float]) -> list[Finding]:
    """Report the customers with high spend who are late compared with their usual gap."""
    if not late:
        return []
    low, high = wilson(late["customers"], late["n"])
    values = {**late, "share": late["customers"] / late["n"], "low": float(low), "high": float(high)}
    return [Finding("rfm_at_stake", values | {"times": LATE_TIMES}, 0.6)]


def _status(statuses: pd.DataFrame, bounds: Bounds, scored: int) -> list[Finding]:
    by_status = statuses.set_index("activity_status")
    if "active" not in by_status.index or pd.isna(by_status.loc["active", "share"]):
        return []
    return [Finding("rfm_active", {"days": bounds.days[0], **_share(by_status.loc["active"], scored)}, 0.55)]


def _stage(stages: pd.DataFrame, scored: int) -> list[Finding]:
    shown_stages = stages[stages["share"].notna()]
    if shown_stages.empty or scored == 0:
        return []
    row = shown_stages.loc[shown_stages["share"].idxmax()]
    everybody = int(stages["customers"].sum())  # including customers who never bought: they have a stage but no score
    return [Finding("rfm_stage_largest", {"stage": row["life_cycle_stage"], **_share(row, everybody)}, 0.3)]


def _bounds(bounds: Bounds) -> Finding:
    names = ("active_days", "dormant_days", "pre_churn_days")
    days = dict(zip(names, bounds.days, strict=True))
    if bounds.source == "derived":
        return Finding("rfm_bounds_derived", days | {"n": bounds.gaps}, 0.1)
    return Finding("rfm_bounds", days, 0.1)


def _notes(scores: RfmScores) -> list[Finding]:
    findings = []
    for note in scores.notes:
        if note["note"] == "fewer_scores":
            values = {"score": _SCORES[note["measure"]], "groups": note["given"], "bins": note["asked"]}
            findings.append(Finding("rfm_fewer_scores", values, 0.2))
        elif note["note"] == "no_purchase":
            n = len(scores.scores)
            values = {"customers": note["customers"], "n": n, "share": note["customers"] / n}
            findings.append(Finding("rfm_no_purchase", values, 0.2))
    return findings


def _share(row: Mapping[str, Any], n: int) -> dict[str, Any]:
    return {
        "share": row["share"],
        "low": row["share_low"],
        "high": row["share_high"],
        "value_share": row["value_share"],
        "n": n,
    }
