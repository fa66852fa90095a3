"""Results derived from a churn study: contact list, profit, reasons, effects and groups; empty without a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.churn.decision import PRECISION, Decision, decide, precision_by_share, profit_curve
from workbench.analysis.churn.groups import GROUPINGS, judge_groups
from workbench.analysis.churn.models.reasons import REASON_COLUMNS, explain_customers, partial_effects
from workbench.analysis.segments.definition import UNKNOWN, SegmentDefinition, assign

if TYPE_CHECKING:
    from workbench.analysis.churn.answers import AnswerStudy
    from workbench.analysis.churn.study import ChurnStudy

__all__ = [
    "decide_today",
    "explain_today",
    "group_results",
    "leading_effects",
    "precision_of_tests",
    "profit_of_test",
    "segments_lack",
]

MOST_EFFECTS = 3
ORDER_BANDS = (1, 2, 3, 5, 10, float("inf"))  # orders
BAND_NAMES = ["1", "2", "3–4", "5–9", "10 +"]
LIST_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)  # list sizes, as shares of customers, for which precision is shown
PROFIT = ("share_contacted", "contacted", "profit", "low", "high", "random", "best")


def decide_today(
    study: ChurnStudy, scored: pd.DataFrame, *, decision_share: float, decision_size: int | None
) -> Decision | None:
    """Return today's contact list, from ``decision.decide``.

    None without a model, and while a leak alarm is open: then the scores must not be used.
    """
    if study.result.model is None or scored.empty or len(study.result.alarms):
        return None
    decision = decide(scored, study.result.predictions, decision_share=decision_share, decision_size=decision_size)
    return replace(decision, gone=len(study.left), dated=study.kind != "undated_labels")


def profit_of_test(
    study: ChurnStudy, *, contact_cost: float, gain_per_leaver: float, n_bootstraps: int, seed: int
) -> pd.DataFrame:
    """Return ``decision.profit_curve`` of the tested customers; empty without a model."""
    if study.result.model is None:
        return pd.DataFrame(columns=list(PROFIT))
    amounts = {"contact_cost": contact_cost, "gain_per_leaver": gain_per_leaver}
    return profit_curve(study.result.predictions, **amounts, n_bootstraps=n_bootstraps, seed=seed)


def precision_of_tests(
    study: ChurnStudy, answers: AnswerStudy, profit: pd.DataFrame, decision: Decision | None, *, least: int = 0
) -> pd.DataFrame:
    """Return ``decision.precision_by_share`` of the churn model and of the model of answers.

    Parameters
    ----------
    study : ChurnStudy
    answers : AnswerStudy
    profit : pandas.DataFrame
        From ``profit_of_test``; the share with the highest profit is added to ``LIST_SHARES``.
    decision : Decision or None
        Today's contact list; its share is added too.
    least : int
        Shares with fewer tested customers are left out.

    Returns
    -------
    pandas.DataFrame
        basis (``leaving``, ``answers``) and the columns of ``precision_by_share``; empty without a model.
    """
    usual = [*LIST_SHARES, *([decision.size / decision.scored] if decision and decision.scored else [])]
    tests = {
        "leaving": (study.result.predictions, profit.loc[profit["best"].astype(bool), "share_contacted"].tolist()),
        "answers": (answers.predictions, [answers.metrics.get("answers.profit_share") or 0.0]),
    }
    parts = [
        precision_by_share(predictions, {share for share in (*usual, *best) if 0 < share <= 1}).assign(basis=basis)
        for basis, (predictions, best) in tests.items()
        if len(predictions)
    ]
    columns = ["basis", *PRECISION]
    rows = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return rows[rows["tested"] >= least].reset_index(drop=True)


def explain_today(
    study: ChurnStudy,
    scored: pd.DataFrame,
    features: pd.DataFrame,
    *,
    explained_customers: int,
    n_reasons: int,
    seed: int,
) -> pd.DataFrame:
    """Return ``reasons.explain_customers`` of the customers at highest risk today, compared with all customers scored
    today.

    Parameters
    ----------
    study : ChurnStudy
    scored : pandas.DataFrame
        The table ``churn``.
    features : pandas.DataFrame
        Features as of today.
    explained_customers : int
        Number of customers to explain, the highest risk first, ties by id.
    n_reasons, seed : int
    """
    if study.result.model is None or scored.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in REASON_COLUMNS})
    highest_risk = decide(scored, study.result.predictions, decision_size=explained_customers).customers["customer_id"]
    scored_features = features[features["customer_id"].isin(scored["customer_id"])].sort_values(
        "customer_id", ignore_index=True
    )
    listed_features = scored_features[scored_features["customer_id"].isin(highest_risk)].reset_index(drop=True)
    return explain_customers(study.result.model, listed_features, scored_features, max_reasons=n_reasons, seed=seed)


def leading_effects(study: ChurnStudy) -> pd.DataFrame:
    """Return ``reasons.partial_effects`` on the test of at most three features whose importance exceeds chance."""
    if study.result.model is None:
        return pd.DataFrame(columns=["feature", "value", "probability", "n"])
    important = study.result.importance
    names = important.loc[important["low"] > 0, "feature"].head(MOST_EFFECTS).tolist()
    return partial_effects(study.result.model, study.tested, names)


def group_results(
    study: ChurnStudy,
    segments: pd.DataFrame,
    features: pd.DataFrame,
    *,
    definition: SegmentDefinition | None = None,
    least: int = 0,
) -> pd.DataFrame:
    """Return ``groups.judge_groups`` of the tested customers.

    Parameters
    ----------
    study : ChurnStudy
    segments : pandas.DataFrame
        customer_id, segment as of today; may be empty. Used only with undated labels, since today's segment reflects
        behaviour after the cut-off of the test.
    features : pandas.DataFrame
        Features as of today, for gender, age and place, even if the model must not use these.
    definition : SegmentDefinition, optional
        Definition of the segments. With dated labels it is applied to the features at the cut-off of the test. The
        later date of the definition does not affect comparisons within a group.
    least : int
        Fewest customers of a group in the result.
    """
    if study.result.model is None:
        return judge_groups(pd.DataFrame(columns=["customer_id", "label", "churn_probability"]), pd.DataFrame())
    groups = study.result.predictions[["customer_id"]]
    tables = (_past_segments(study, definition), _past_orders(study)) if study.cut_offs else (segments,)
    for table in (*tables, features.drop(columns="segment", errors="ignore")):
        columns = [name for name in GROUPINGS if name in table.columns and name not in groups.columns]
        if columns:
            groups = groups.merge(table[["customer_id", *columns]], on="customer_id", how="left")
    return judge_groups(study.result.predictions, groups, least=least)


def segments_lack(study: ChurnStudy, definition: SegmentDefinition | None) -> tuple[str, ...]:
    """List the columns of the segment definition that were not available at the cut-off of the test."""
    if definition is None or not study.cut_offs or study.result.model is None:
        return ()
    return tuple(sorted(set(definition.columns) - set(study.tested.columns)))


def _past_segments(study: ChurnStudy, definition: SegmentDefinition | None) -> pd.DataFrame:
    """Return the segment of each tested customer at the cut-off; missing for customers who cannot be assigned."""
    if definition is None or segments_lack(study, definition):
        return pd.DataFrame()
    assigned = assign(definition, study.tested)
    return assigned.assign(segment=assigned["segment"].where(assigned["segment"] != UNKNOWN.key))


def _past_orders(study: ChurnStudy) -> pd.DataFrame:
    """Return the number of orders of each tested customer before the cut-off, in bands."""
    tested = study.tested
    if "frequency_orders" not in tested.columns:
        return pd.DataFrame()
    bands = pd.cut(tested["frequency_orders"].astype("float64"), list(ORDER_BANDS), right=False, labels=BAND_NAMES)
    return tested[["customer_id"]].assign(orders_before=bands.astype("object"))
