"""Campaigns that had no control: what went together with them, never called an effect. For 10_measure_experiments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.experiments.association import associate
from workbench.analysis.experiments.outcomes import Outcome, choose_outcomes, measure_outcomes
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import known_lines

__all__ = ["ASSOCIATION_COLUMNS", "associate_campaigns", "effect_rows"]

ASSOCIATION_COLUMNS = (
    "campaign", "outcome", "sent_on", "n_with", "n_without", "crude", "difference", "low", "high", "e_value",
    "effective", "immature",
)  # fmt: skip
LEAST_CUSTOMERS = 30  # with and without the campaign
WINDOWS_DAYS = (90, 365)  # of the covariates, before the sending
_NEEDED = {"campaign_id", "customer_id", "sent_at"}
_LINES_NEEDED = {"customer_id", "ordered_at", "amount"}


def associate_campaigns(
    tables: Mapping[str, ibis.Table],
    names: Sequence[str] | None,
    *,
    as_of: date,
    leave_out: Collection[str] = (),
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Compare the customers who were sent a campaign with those who were not, as of the first day of sending.

    Parameters
    ----------
    tables : mapping
        Canonical tables: ``campaigns`` and ``transactions``.
    names : sequence of str or None
        Outcomes, as for experiments; only those computed from orders count here.
    as_of : date
    leave_out : collection of str
        Campaigns that belong to an experiment.
    alpha : float

    Returns
    -------
    DataFrame
        One row per campaign and outcome, in order of sending: ``ASSOCIATION_COLUMNS``. The base is everybody who had
        bought before the sending. ``immature``: the window is not over, and the numbers are missing; they are also
        missing with fewer than 30 customers on either side. Empty without usable campaigns and orders.
    """
    campaigns, lines = tables.get("campaigns"), tables.get("transactions")
    empty = pd.DataFrame(columns=list(ASSOCIATION_COLUMNS))
    if (
        campaigns is None
        or lines is None
        or not (set(campaigns.columns) >= _NEEDED and set(lines.columns) >= _LINES_NEEDED)
    ):
        return empty
    outcomes = [outcome for outcome in choose_outcomes(_of_orders(names), (), tables) if not outcome.declared]
    starts = _starts(campaigns, as_of, leave_out)
    base = _base(starts, known_lines(lines, as_of=as_of))
    own = {**tables, "experiments": base}
    participants = to_pandas(base.order_by("experiment", "customer_id"))
    if participants.empty:
        return empty
    keys = pd.MultiIndex.from_frame(participants[["experiment", "customer_id"]])
    values = measure_outcomes([outcome.name for outcome in outcomes], own, as_of=as_of).reindex(keys).fillna(0.0)
    earlier = [f"{kind}_{days}d" for kind in ("orders", "spend") for days in WINDOWS_DAYS]
    before = measure_outcomes(earlier, own, as_of=as_of, before=True).reindex(keys).fillna(0.0)
    contacted = keys.isin(pd.MultiIndex.from_frame(_contacted(campaigns)))
    frame = participants.assign(contacted=contacted).reset_index(drop=True)
    parts = [
        _rows(
            rows, outcomes, values.iloc[rows.index], before.iloc[rows.index].to_numpy(float), as_of=as_of, alpha=alpha
        )
        for _, rows in frame.groupby("experiment", sort=False)
    ]
    table = pd.DataFrame([row for part in parts for row in part], columns=list(ASSOCIATION_COLUMNS))
    return table.sort_values(["sent_on", "campaign", "outcome"], ignore_index=True)


def _of_orders(names: Sequence[str] | None) -> list[str] | None:
    kept = [
        name for name in names or () if name.split("_")[0] in {"orders", "spend", "returned"} and name.endswith("d")
    ]
    return kept or None


def _starts(campaigns: ibis.Table, as_of: date, leave_out: Collection[str]) -> ibis.Table:
    """Return experiment (the campaign) and assigned_at, its first day of sending."""
    rows = campaigns.filter(campaigns.campaign_id.notnull(), campaigns.sent_at < at_midnight(as_of))
    kept = rows.filter(~rows.campaign_id.isin(sorted(leave_out))) if leave_out else rows
    return kept.group_by(experiment=kept.campaign_id).aggregate(assigned_at=kept.sent_at.min())


def _base(starts: ibis.Table, lines: ibis.Table) -> ibis.Table:
    """Return experiment, customer_id, assigned_at: everybody who had bought before the sending."""
    buyers = lines.group_by("customer_id").aggregate(first_at=lines.ordered_at.min())
    pairs = starts.cross_join(buyers)
    return pairs.filter(pairs.first_at.date() < pairs.assigned_at.date()).select(
        "experiment", "customer_id", "assigned_at"
    )


def _contacted(campaigns: ibis.Table) -> pd.DataFrame:
    rows = campaigns.filter(campaigns.campaign_id.notnull(), campaigns.customer_id.notnull())
    return to_pandas(rows.select(experiment="campaign_id", customer_id="customer_id").distinct())


def _rows(
    rows: pd.DataFrame,
    outcomes: Sequence[Outcome],
    values: pd.DataFrame,
    before: np.ndarray,
    *,
    as_of: date,
    alpha: float,
) -> list[dict[str, Any]]:
    """Compare the customers of one campaign."""
    sent_on = pd.Timestamp(rows["assigned_at"].iloc[0]).date()
    contacted = rows["contacted"].to_numpy(bool)
    both = min(contacted.sum(), (~contacted).sum())
    made: list[dict[str, Any]] = []
    for outcome in outcomes:
        row: dict[str, Any] = {
            "campaign": str(rows["experiment"].iloc[0]), "outcome": outcome.name, "sent_on": sent_on,
            "n_with": int(contacted.sum()), "n_without": int((~contacted).sum()),
            "immature": not outcome.is_mature(sent_on, as_of),
        }  # fmt: skip
        if not row["immature"] and both >= LEAST_CUSTOMERS:
            measured = associate(values[outcome.name].to_numpy(float), contacted, before, alpha=alpha)
            row |= {key: value for key, value in asdict(measured).items() if key in ASSOCIATION_COLUMNS}
        made.append(row)
    return made


def effect_rows(associations: pd.DataFrame) -> pd.DataFrame:
    """Return associations as rows of the table ``effects``: without an effect, the weighted difference as adjusted."""
    return pd.DataFrame(
        {
            "experiment": associations["campaign"],
            "arm": "contacted",
            "control": "not_contacted",
            "outcome": associations["outcome"],
            "primary": False,
            "n_treated": associations["n_with"],
            "n_control": associations["n_without"],
            "adjusted_effect": associations["difference"],
            "adjusted_low": associations["low"],
            "adjusted_high": associations["high"],
            "method": "overlap",
            "verdict": np.where(associations["immature"].astype(bool), "immature", "association"),
        }
    )
