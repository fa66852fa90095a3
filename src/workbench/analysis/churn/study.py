"""The churn study of 08_predict_churn: labels, features at their cut-offs, models, and scores for each customer.

Purchases give dated labels. A label table with dates is split by them; one without dates is split at random, and the
report says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.churn.given_labels import LEAST_MOMENTS, keep_together, part_by_date, read_labels
from workbench.analysis.churn.labels import (
    LEAST_DAYS,
    PERIODS,
    TRAIN_CUT_OFFS,
    Horizon,
    Labels,
    active_customers,
    choose_horizon,
    label_purchases,
    plan_cut_offs,
)
from workbench.analysis.churn.models.alarms import find_future, find_late_columns, split_answered
from workbench.analysis.churn.models.results import ChurnResult
from workbench.analysis.churn.models.search import fit_dated, fit_undated
from workbench.analysis.churn.scoring import CHURN_COLUMNS, score_frame
from workbench.analysis.features_at_cutoff import FeaturesAtCutoff, dated_only
from workbench.analysis.purchases import count_gaps, has_purchases, purchase_days

__all__ = ["ChurnStudy", "answer_alarms", "score_customers", "study_churn"]


@dataclass(frozen=True)
class ChurnStudy:
    """A churn study: labels, periods and result.

    Attributes
    ----------
    kind : str
        ``purchases`` (dated by the orders), ``dated_labels`` or ``undated_labels``.
    verdict : str
        ``model``, ``too_few_positives`` or ``too_short``.
    result : ChurnResult
        Empty when the history is too short.
    reason : str
        Why the history is too short: ``no_purchases``, ``no_repeats`` (no customer bought on two days) or
        ``too_short``; else empty.
    span : dict of int
        For ``too_short``: days from the first purchase to the end of the data, and needed_days.
    horizon : Horizon or None
        None with a label table.
    cut_offs : dict of str to date
        train (the latest training cut-off), calibrate, test; empty for a random split.
    train_cut_offs : tuple of date
        All training cut-offs, in time order; empty for a random split.
    train_cut_offs_asked : int
        Requested number of training cut-offs.
    counts : dict
        Customers eligible, inactive and too new at each cut-off (training cut-offs together); ``immature``: customers
        active at the end of the data, whose outcome is not known yet, so that they are in no period; for a label table,
        labels left out by reason.
    active_within_days : int or None
    undated : tuple of str
        Columns of ``customers`` left out because they have no date.
    tested : pandas.DataFrame
        customer_id, label and the features of the tested customers at the test's cut-off.
    left : frozenset of str
        Customers whose latest label is 1: they have already left and are excluded from lists.
    """

    kind: str
    verdict: str
    result: ChurnResult
    reason: str = ""
    span: dict[str, int] = field(default_factory=dict)
    horizon: Horizon | None = None
    cut_offs: dict[str, date] = field(default_factory=dict)
    train_cut_offs: tuple[date, ...] = ()
    train_cut_offs_asked: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    active_within_days: int | None = None
    undated: tuple[str, ...] = ()
    tested: pd.DataFrame = field(default_factory=pd.DataFrame)
    left: frozenset[str] = frozenset()


def study_churn(
    tables: Mapping[str, ibis.Table],
    features: pd.DataFrame,
    *,
    as_of: date,
    features_at: FeaturesAtCutoff | None = None,
    horizon_days: int | None = None,
    active_within_days: int | None = None,
    leak_auc: float = 0.98,
    min_positives: int = 30,
    n_bootstraps: int = 500,
    seed: int = 0,
    partial_below: float = 0.0,
    train_cut_offs: int = TRAIN_CUT_OFFS,
    stable_attributes: Sequence[str] = (),
    households: pd.DataFrame | None = None,
) -> ChurnStudy:
    """Run the churn study on the label table if there is one, else on purchases.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables, with ``labels`` or ``transactions``.
    features : DataFrame, one row per customer
        Features as of ``as_of``; used with undated labels.
    as_of : date
        Data at or after it is not used.
    features_at : FeaturesAtCutoff, optional
        Builds features at a cut-off with the same definitions as today's.
    horizon_days, active_within_days, leak_auc, min_positives, n_bootstraps, seed
        The parameters of 08_predict_churn.
    partial_below : float
        As for ``labels.label_purchases``.
    train_cut_offs : int
        Number of training cut-offs; fewer if the history is short.
    stable_attributes : sequence of str
        Columns of ``customers`` whose values were the same at every cut-off. With dated labels all other columns
        without a date are left out: today's values may reflect events after a cut-off, such as a later promotion.
    households : DataFrame, optional
        customer_id, household_id: a household is never split across folds or across periods of a label table, and
        ``auc_apart`` measures the model on households outside its training.

    Returns
    -------
    ChurnStudy
    """
    settings: dict[str, Any] = {
        "leak_auc": leak_auc,
        "min_positives": min_positives,
        "n_bootstraps": n_bootstraps,
        "seed": seed,
        "households": households,
    }
    features_at = features_at or FeaturesAtCutoff()
    if "labels" in tables:
        return _study_labels(
            tables,
            features,
            as_of=as_of,
            features_at=features_at,
            train_cut_offs=train_cut_offs,
            stable_attributes=stable_attributes,
            settings=settings,
        )
    first, last = _first_and_last(tables["transactions"], as_of)
    gaps = count_gaps(tables["transactions"], as_of=as_of) if first else pd.DataFrame()
    reason, span = _obstacle(first, last, gaps, horizon_days)
    if reason or first is None:
        no_result = ChurnResult("too_short", "time", {}, {"leak_alarms": 0})
        return ChurnStudy("purchases", "too_short", no_result, reason, span)
    horizon = choose_horizon(gaps, span_days=span["days"], given_days=horizon_days)
    cut_offs = plan_cut_offs(first, as_of, horizon.days, last=last, train_cut_offs=train_cut_offs)
    active_days = active_within_days or 2 * horizon.days
    labels = [
        (role, label_purchases(
            tables["transactions"], cut_off, horizon.days, as_of=as_of, active_within_days=active_days,
            partial_below=partial_below,
        ))
        for role, cut_off in cut_offs.origins
    ]  # fmt: skip
    late_columns = find_late_columns(tables, as_of=as_of, cut_off=cut_offs.test)
    dated_tables, undated = dated_only(tables, set(late_columns["feature"]), stable_attributes)
    periods, late = _periods(dated_tables, labels, features_at, undated)
    late = pd.concat([late_columns, late], ignore_index=True)
    result = _alarmed(fit_dated(periods, horizon_days=horizon.days, **settings), late)
    counts = _counted(labels) | {"immature": len(active_customers(tables["transactions"], cut_offs.ends, active_days))}
    return ChurnStudy(
        "purchases",
        result.verdict,
        result,
        horizon=horizon,
        cut_offs=cut_offs.periods,
        train_cut_offs=cut_offs.trains,
        train_cut_offs_asked=train_cut_offs,
        counts=counts,
        active_within_days=active_days,
        undated=undated,
        tested=periods["test"],
    )


def _periods(
    tables: Mapping[str, ibis.Table],
    labels: Sequence[tuple[str, Labels]],
    features_at: FeaturesAtCutoff,
    undated: Sequence[str],
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Join labels and features at every cut-off, training cut-offs stacked; list the features that leak the future."""
    parts: dict[str, list[pd.DataFrame]] = {}
    late = []
    for role, period in labels:
        frame = _joined(period.frame, features_at.at(tables, period.cut_off, undated=undated))
        late.append(find_future(frame, period.cut_off))
        parts.setdefault(role, []).append(frame.assign(cut_off=pd.Timestamp(period.cut_off)))
    periods = {role: pd.concat(frames, ignore_index=True) for role, frames in parts.items()}
    return periods, pd.concat(late, ignore_index=True).drop_duplicates("feature")


def _counted(labels: Sequence[tuple[str, Labels]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for role, period in labels:
        for key, value in period.counts.items():
            counts[f"{role}.{key}"] = counts.get(f"{role}.{key}", 0) + value
    return counts


def answer_alarms(study: ChurnStudy, allow: Sequence[str]) -> ChurnStudy:
    """Close the leak alarms that an analyst has reviewed: scores may then be used, and the report names the alarms.

    Parameters
    ----------
    study : ChurnStudy
    allow : sequence of str
        Features, or kinds of alarms if an alarm names no feature.
    """
    still_open, answered = split_answered(study.result.alarms, allow)
    if answered.empty:
        return study
    metrics = study.result.metrics | {"leak_alarms": len(still_open), "leak_alarms_answered": len(answered)}
    return replace(study, result=replace(study.result, alarms=still_open, answered=answered, metrics=metrics))


def score_customers(
    study: ChurnStudy, features: pd.DataFrame, tables: Mapping[str, ibis.Table], *, as_of: date
) -> pd.DataFrame:
    """Score the customers for whom a prediction is meaningful: the table ``churn``.

    Parameters
    ----------
    study : ChurnStudy
    features : DataFrame, one row per customer
        As of ``as_of``.
    tables : mapping of str to ibis.Table
    as_of : date

    Returns
    -------
    DataFrame, one row per scored customer, sorted
        customer_id, churn_probability, purchase_probability (null where the label is not a missing purchase),
        cut_off, model_version. Inactive customers and customers labelled as having left are not included; empty without
        a model. A customer whose undated label was used for training gets the mean probability over the folds from
        which the customer was held out.
    """
    if study.result.model is None:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in CHURN_COLUMNS})
    scored = features[~features["customer_id"].isin(study.left)]
    if study.kind == "purchases" and study.active_within_days is not None:
        active = active_customers(tables["transactions"], as_of, study.active_within_days)
        scored = features[features["customer_id"].isin(active["customer_id"])]
    scored = scored.sort_values("customer_id", ignore_index=True)
    when = None if study.kind == "undated_labels" else as_of
    frame = score_frame(study.result.model, scored, kind=study.kind, as_of=when, version=study.result.model_version)
    if study.kind == "undated_labels":
        out_of_fold = study.result.predictions.set_index("customer_id")["churn_probability"].round(6)
        frame["churn_probability"] = frame["customer_id"].map(out_of_fold).fillna(frame["churn_probability"])
    return frame


def _first_and_last(transactions: ibis.Table, as_of: date) -> tuple[date | None, date | None]:
    """Return the days of the first and the last purchase before the date; None without purchases."""
    if not has_purchases(transactions):
        return None, None
    days = purchase_days(transactions, as_of=as_of)
    span = days.agg(first=days.purchased_on.min(), last=days.purchased_on.max()).to_pandas().iloc[0]
    if pd.isna(span["first"]):
        return None, None
    return pd.Timestamp(span["first"]).date(), pd.Timestamp(span["last"]).date()


def _obstacle(
    first: date | None, last: date | None, gaps: pd.DataFrame, horizon_days: int | None
) -> tuple[str, dict[str, int]]:
    """Return why no model can be fitted, or "", with the days available and needed."""
    if first is None or last is None:
        return "no_purchases", {}
    span = {"days": (last - first).days + 1, "needed_days": PERIODS * (horizon_days or LEAST_DAYS)}
    if span["days"] < span["needed_days"]:
        return "too_short", span
    return ("no_repeats" if gaps.empty and horizon_days is None else ""), span


def _study_labels(
    tables: Mapping[str, ibis.Table],
    features: pd.DataFrame,
    *,
    as_of: date,
    features_at: FeaturesAtCutoff,
    train_cut_offs: int,
    stable_attributes: Sequence[str],
    settings: Mapping[str, Any],
) -> ChurnStudy:
    labels, left_out = read_labels(tables["labels"], as_of)
    left = frozenset(labels.loc[labels["label"] == 1, "customer_id"])
    if labels["observed_at"].isna().any() or labels["observed_at"].nunique() < LEAST_MOMENTS:
        joined = _joined(labels[["customer_id", "label"]], features)
        left_out |= {"labels.without_features": len(labels) - len(joined)}
        result = fit_undated(joined, **settings)
        return ChurnStudy("undated_labels", result.verdict, result, counts=left_out, tested=joined, left=left)
    dated, earlier = part_by_date(labels, train_cut_offs)
    dated, n_later = keep_together(dated, settings["households"])
    left_out |= {"labels.before_first_cut_off": earlier, "labels.household_later": n_later}
    late_columns = find_late_columns(tables, as_of=as_of, cut_off=dated[-1][1].cut_off)
    joined, undated = dated_only(tables, set(late_columns["feature"]), stable_attributes)
    periods, late = _periods(joined, dated, features_at, undated)
    late = pd.concat([late_columns, late], ignore_index=True)
    left_out |= {
        "labels.without_features": sum(len(period.frame) for _, period in dated) - sum(map(len, periods.values()))
    }
    result = _alarmed(fit_dated(periods, **settings), late)
    trains = tuple(period.cut_off for role, period in dated if role == "train")
    return ChurnStudy(
        "dated_labels",
        result.verdict,
        result,
        cut_offs={role: period.cut_off for role, period in dated},
        train_cut_offs=trains,
        train_cut_offs_asked=train_cut_offs,
        counts=left_out,
        undated=undated,
        tested=periods["test"],
        left=left,
    )


def _alarmed(result: ChurnResult, late: pd.DataFrame) -> ChurnResult:
    """Add the alarms about features with information from after the cut-off."""
    if late.empty or result.model is None:
        return result
    alarms = pd.concat([table for table in (result.alarms, late) if len(table)], ignore_index=True)
    return replace(result, alarms=alarms, metrics=result.metrics | {"leak_alarms": len(alarms)})


def _joined(labels: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    return labels.merge(features, on="customer_id", how="inner", validate="one_to_one")
