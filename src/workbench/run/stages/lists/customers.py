"""The inputs of customer lists: predictions, values, campaigns, segments, permissions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.audiences.lists import answers_by_customer, outcome_of_campaigns
from workbench.core.store.tables import to_pandas
from workbench.run.artifacts.plans import HOLD_OUT, TREAT, frozen_people
from workbench.run.definitions.action_names import action_names
from workbench.run.services.consent import MARKETING, ConsentService
from workbench.run.stages.segments import placed

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["Customers", "read_customers"]

_PLANNED = ("customer_id", "action", "expected_gain", "basis")


@dataclass(frozen=True)
class Customers:
    """The inputs of customer lists: one row per customer in every frame, empty if a stage did not run.

    Attributes
    ----------
    leaving, answering : DataFrame
        customer_id, probability of leaving (``leaving``) or of answering a campaign (``answering``).
    values : DataFrame
        customer_id, expected_value.
    life_cycle : DataFrame
        customer_id, life_cycle_stage.
    verdicts : DataFrame
        customer_id, permitted, reason: contact permission by the latest consent.
    answers : DataFrame
        customer_id, sent, answered.
    facts : DataFrame
        customer_id, recency_days, gap_days_median.
    sources : DataFrame
        customer_id, source_id.
    segments : dict of str to str
        Segment by customer.
    names : dict of str to dict of str
        Names of segments by language.
    consent_recorded : bool
    planned : DataFrame
        customer_id, action, expected_gain, basis: the planned actions; empty without a plan.
    held_out : frozenset of str
        Control customers of this plan or of an exported plan that still runs; on no list, so effects are measurable.
    actions : dict of str to dict of str
        Names of actions by language.
    """

    leaving: pd.DataFrame
    answering: pd.DataFrame
    values: pd.DataFrame
    life_cycle: pd.DataFrame
    verdicts: pd.DataFrame
    answers: pd.DataFrame
    facts: pd.DataFrame
    sources: pd.DataFrame
    segments: dict[str, str]
    names: dict[str, dict[str, str]]
    consent_recorded: bool
    planned: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_PLANNED)))
    held_out: frozenset[str] = frozenset()
    actions: dict[str, dict[str, str]] = field(default_factory=dict)

    def permitted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the customers who may be named."""
        allowed = self.verdicts.loc[self.verdicts["permitted"], "customer_id"]
        return frame[frame["customer_id"].isin(allowed)].reset_index(drop=True)

    def contactable(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the customers who may be named and are not held out."""
        permitted = self.permitted(frame)
        return permitted[~permitted["customer_id"].isin(self.held_out)].reset_index(drop=True)


def read_customers(stage: StageRun) -> Customers:
    """Read the inputs of customer lists, with the current consents and never-contact files."""
    segments, names = placed(stage)
    features = stage.read("features", lazy=True)
    consent = ConsentService(stage.workspace, stage.profile, stage.store, stage.as_of)
    facts = [name for name in ("recency_days", "gap_days_median") if name in features.columns]
    return Customers(
        leaving=_column(stage, "churn", "churn_probability", "probability"),
        answering=_column(stage, "answers", "answer_probability", "probability"),
        values=_column(stage, "value", "expected_value"),
        life_cycle=_column(stage, "rfm", "life_cycle_stage"),
        verdicts=to_pandas(consent.verdicts(features.select("customer_id"), MARKETING)),
        answers=_answers(stage),
        facts=to_pandas(features.select("customer_id", *facts)),
        sources=_source_ids(stage),
        segments=segments,
        names=names,
        consent_recorded=consent.recorded,
        planned=_planned(stage),
        held_out=_held_out(stage),
        actions=action_names(stage.workspace, stage.profile),
    )


def _column(stage: StageRun, table: str, column: str, name: str = "") -> pd.DataFrame:
    rows = stage.read(table, lazy=True, missing="none")
    if rows is None or column not in rows.columns:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), name or column: pd.Series(dtype="float64")})
    return to_pandas(rows.select("customer_id", **{name or column: rows[column]}).order_by("customer_id"))


def _planned(stage: StageRun) -> pd.DataFrame:
    rows = stage.read("actions", lazy=True, missing="none")
    if rows is None:
        return pd.DataFrame(columns=list(_PLANNED))
    treated = to_pandas(rows.filter(rows.arm == TREAT).select(*_PLANNED))
    return treated.astype({"expected_gain": "float64"}).reset_index(drop=True)


def _held_out(stage: StageRun) -> frozenset[str]:
    rows = stage.read("actions", lazy=True, missing="none")
    ids = [] if rows is None else rows.filter(rows.arm == HOLD_OUT).customer_id.to_pyarrow().to_pylist()
    frozen = frozen_people(stage.workspace, stage.profile.name, stage.as_of)
    running = pd.to_datetime(frozen["valid_until"]) > pd.Timestamp(stage.as_of)
    return frozenset([*ids, *frozen.loc[running & (frozen["arm"] == HOLD_OUT), "customer_id"].dropna()])


def _answers(stage: StageRun) -> pd.DataFrame:
    campaigns = stage.tables(["campaigns"]).get("campaigns")
    needed = {"customer_id", "campaign_id", "sent_at"}
    outcome = outcome_of_campaigns(campaigns) if campaigns is not None else None
    if campaigns is None or outcome is None or not needed <= set(campaigns.columns):
        return pd.DataFrame(columns=["customer_id", "sent", "answered"])
    return answers_by_customer(campaigns, outcome, stage.as_of)


def _source_ids(stage: StageRun) -> pd.DataFrame:
    """Return the first source id of each customer; the customer_id if identities are not resolved."""
    identities = stage.read("identities", lazy=True, missing="none")
    if identities is None:
        return pd.DataFrame(columns=["customer_id", "source_id"])
    ids = to_pandas(identities.select("customer_id", "source", "source_id"))
    ordered = ids.sort_values(["customer_id", "source", "source_id"])
    return ordered.drop_duplicates("customer_id")[["customer_id", "source_id"]]
