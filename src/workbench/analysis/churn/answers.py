"""Who is likely to answer the next campaign? A dated, calibrated model of answers. For 08_predict_churn.

An answer is a redemption or, if the data has no redemptions, an opening. It does not measure a gain: customers who
answer might have bought without the campaign, and its recipients were not drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.audiences.lists import outcome_of_campaigns
from workbench.analysis.churn.decision import profit_curve
from workbench.analysis.churn.models.evaluation import auc
from workbench.analysis.churn.models.search import fit_dated
from workbench.analysis.features_at_cutoff import FeaturesAtCutoff, dated_only
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight

__all__ = ["ANSWER_DAYS", "AnswerStudy", "plan_periods", "study_answers"]

ANSWER_DAYS = 60  # an answer counts within this many days after the campaign was sent
ROLES = ("train", "train", "calibrate", "test")  # role of each period, in time order
COLUMNS = ("customer_id", "answer_probability", "cut_off", "model_version")
_NEEDED = {"customer_id", "campaign_id", "sent_at"}
_METRICS = ("auc", "auc_low", "auc_high", "brier", "calibration_slope", "positives", "customers", "base_rate", "chosen")
_DIGITS = 6


@dataclass(frozen=True)
class AnswerStudy:
    """A study of the answers to campaigns.

    Attributes
    ----------
    verdict : str
        ``model``, ``too_few_positives``, ``too_short`` (fewer than four send dates whose answer period is over) or
        ``no_campaigns`` (no campaigns, or no column that shows who answered).
    scored : DataFrame
        customer_id, answer_probability, cut_off, model_version of today's customers, sorted; empty without a model and
        while a leak alarm is open.
    metrics : dict
        ``answers.verdict``; with a model ``answers.auc``, ``auc_low``, ``auc_high``, ``brier``, ``calibration_slope``,
        ``positives``, ``customers``, ``base_rate``, ``chosen``, ``baseline_auc`` (of whether the last campaign was
        answered), ``leak_alarms``, ``profit_share`` and ``profit`` (at the stated cost and gain), each with that
        prefix.
    importance, predictions, calibration : DataFrame
        As in ``ChurnResult``, for the tested customers; empty without a model.
    """

    verdict: str
    scored: pd.DataFrame
    metrics: dict[str, Any]
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)


def study_answers(
    tables: Mapping[str, ibis.Table],
    features: pd.DataFrame,
    *,
    as_of: date,
    features_at: FeaturesAtCutoff | None = None,
    amounts: Mapping[str, float],
    min_positives: int = 30,
    n_bootstraps: int = 500,
    seed: int = 0,
) -> AnswerStudy:
    """Fit a model of answers on the earlier campaigns and test it on the later ones.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; ``campaigns`` with customer_id, campaign_id, sent_at and redeemed_at or opened_at.
    features : DataFrame, one row per customer
        As of ``as_of``.
    as_of : date
    features_at : FeaturesAtCutoff, optional
        Builds features at the start of each period.
    amounts : mapping
        ``contact_cost``, and ``gain_per_leaver`` as the gain from an answered contact; assumptions of the profile.
    min_positives, n_bootstraps, seed
        As for the churn study.

    Returns
    -------
    AnswerStudy
    """
    campaigns = tables.get("campaigns")
    usable = campaigns is not None and set(campaigns.columns) >= _NEEDED
    outcome = outcome_of_campaigns(campaigns) if campaigns is not None and usable else None
    if campaigns is None or outcome is None:
        return _without_model("no_campaigns")
    sendings = _after_first_purchase(_sendings(campaigns, outcome, as_of), tables)
    starts = plan_periods(sendings["sent_on"].tolist())
    if not starts:
        return _without_model("too_short")
    builder, (dated, undated) = features_at or FeaturesAtCutoff(), dated_only(tables)
    parts: dict[str, list[pd.DataFrame]] = {}
    for role, start, end in zip(ROLES, starts, [*starts[1:], date.max], strict=True):
        labels = _labels(sendings, start, end)
        frame = labels.merge(_numbers(builder.at(dated, start, undated=undated)), on="customer_id", how="inner")
        parts.setdefault(role, []).append(frame.assign(cut_off=pd.Timestamp(start)))
    periods = {role: pd.concat(frames, ignore_index=True) for role, frames in parts.items()}
    for role in ("calibrate", "test"):
        periods[role] = periods[role].drop(columns="cut_off")
    fit: dict[str, Any] = {"min_positives": min_positives, "n_bootstraps": n_bootstraps, "seed": seed}
    result = fit_dated(periods, **fit)
    if result.model is None:
        return _without_model(result.verdict)
    last = _answered_last(sendings, starts[-1])
    tested = result.predictions
    baseline = auc(tested["label"].to_numpy(int), tested["customer_id"].map(last).fillna(0).to_numpy(float))
    profit = profit_curve(tested, **amounts, n_bootstraps=1, seed=seed)
    best = profit[profit["best"]].iloc[0]
    metrics = {name: result.metrics.get(name) for name in _METRICS} | {
        "verdict": "model", "baseline_auc": round(float(baseline), _DIGITS), "leak_alarms": len(result.alarms),
        "profit_share": float(best["share_contacted"]), "profit": float(best["profit"]),
    }  # fmt: skip
    scored = features.sort_values("customer_id", ignore_index=True) if not len(result.alarms) else features.head(0)
    frame = scored[["customer_id"]].assign(
        answer_probability=result.model.predict(scored).round(_DIGITS),
        cut_off=pd.Timestamp(as_of),
        model_version=result.model_version,
    )
    prefixed = {f"answers.{name}": value for name, value in metrics.items()}
    return AnswerStudy("model", frame[list(COLUMNS)], prefixed, result.importance, tested, result.calibration)


def plan_periods(days: Sequence[date]) -> list[date]:
    """Return the start dates of four periods with about equally many campaign contacts; each is a send date.

    Parameters
    ----------
    days : sequence of date
        The send date of every campaign contact.

    Returns
    -------
    list of date
        Empty with fewer than four distinct dates.

    Examples
    --------
    >>> plan_periods([date(2024, month, 1) for month in (1, 2, 3, 4, 5, 6, 7, 8)])[-1]
    datetime.date(2024, 7, 1)
    """
    ordered = sorted(days)
    starts: list[date] = []
    for quarter in range(len(ROLES)):
        later = [day for day in ordered[quarter * len(ordered) // len(ROLES) :] if not starts or day > starts[-1]]
        if not later:
            return []
        starts.append(later[0])
    return starts


def _without_model(verdict: str) -> AnswerStudy:
    empty = pd.DataFrame({name: pd.Series(dtype="object") for name in COLUMNS})
    return AnswerStudy(verdict, empty, {"answers.verdict": verdict})


def _sendings(campaigns: ibis.Table, outcome: str, as_of: date) -> pd.DataFrame:
    """Return one row per customer and campaign whose answer is complete: customer_id, sent_on, answered_on, label."""
    rows = campaigns.filter(campaigns.customer_id.notnull(), campaigns.sent_at.notnull())
    pairs = rows.group_by("customer_id", "campaign_id").aggregate(sent=rows.sent_at.min(), answered=rows[outcome].min())
    complete = pairs.filter(pairs.sent < at_midnight(as_of - timedelta(days=ANSWER_DAYS)))
    with_label = complete.select(
        "customer_id", sent_on=complete.sent.date(), answered_on=complete.answered.date()
    ).order_by("customer_id", "sent_on", "answered_on")  # fmt: skip
    frame = to_pandas(with_label)
    sent, answered = pd.to_datetime(frame["sent_on"]), pd.to_datetime(frame["answered_on"])
    days = (answered - sent).dt.days
    return frame.assign(
        sent_on=sent.dt.date, answered_on=answered, label=((days >= 0) & (days <= ANSWER_DAYS)).astype(int)
    )


def _after_first_purchase(sendings: pd.DataFrame, tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """Leave out campaigns sent before the first order: there are no features for them."""
    orders = tables.get("transactions")
    first = orders.ordered_at.min().to_pandas() if orders is not None and "ordered_at" in orders.columns else None
    return sendings if first is None or pd.isna(first) else sendings[sendings["sent_on"] > pd.Timestamp(first).date()]


def _numbers(features: pd.DataFrame) -> pd.DataFrame:
    """Convert columns without any value to numbers, so that stacking periods does not turn numbers into text."""
    empty = [name for name in features.columns if features[name].dtype == "object" and features[name].isna().all()]
    return features.astype(dict.fromkeys(empty, "float64"))


def _labels(sendings: pd.DataFrame, start: date, end: date) -> pd.DataFrame:
    """Return customer_id and label (1: answered a campaign sent in the period)."""
    part = sendings[(sendings["sent_on"] >= start) & (sendings["sent_on"] < end)]
    return part.groupby("customer_id", as_index=False)["label"].max()


def _answered_last(sendings: pd.DataFrame, before: date) -> pd.Series:
    """Return 1 for each customer whose last campaign before a date was answered before that date, else 0."""
    part = sendings[sendings["sent_on"] < before].drop_duplicates("customer_id", keep="last")
    in_time = (part["label"] == 1) & (part["answered_on"] < pd.Timestamp(before))
    return pd.Series(in_time.astype(int).to_numpy(), index=part["customer_id"])
