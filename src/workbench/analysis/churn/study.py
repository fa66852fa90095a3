"""Learn who leaves from the labels this base has, and say what that means for each customer.

Ties labels, features at their cut-offs and models together for 08_predict_churn. Purchases give dated labels; a label
table with dates is split by them; one without is split at random, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.churn.alarms import find_future
from workbench.analysis.churn.fitting import ChurnModel
from workbench.analysis.churn.labels import (
    LEAST_DAYS,
    PERIODS,
    Horizon,
    active_customers,
    choose_horizon,
    label_purchases,
    plan_cut_offs,
)
from workbench.analysis.churn.models import ChurnResult, fit_dated, fit_undated
from workbench.analysis.purchases import count_gaps, has_purchases, purchase_days
from workbench.intake.features import build_features

__all__ = ["ChurnStudy", "score_customers", "score_frame", "study_churn"]

_SPLITS = (0.4, 0.6, 0.8)  # of the span of dated labels: train, calibrate and test begin there
CHURN_COLUMNS = ("customer_id", "churn_probability", "purchase_probability", "cut_off", "model_version")


@dataclass(frozen=True)
class ChurnStudy:
    """What was asked, of whom, over which periods, and what came out.

    Attributes
    ----------
    kind : str
        ``purchases`` (dated by the orders), ``dated_labels`` or ``undated_labels``.
    verdict : str
        ``model``, ``too_few_positives`` or ``too_short``.
    result : ChurnResult
        Empty when the history is too short.
    reason : str
        Why the history is too short: ``no_purchases``, ``no_repeats`` (nobody bought on two days) or ``too_short``;
        else empty.
    span : dict of int
        For ``too_short``: days from the first purchase to the end of the data, and needed_days.
    horizon : Horizon or None
        None with a label table.
    cut_offs : dict of str to date
        train, calibrate, test; empty for a random split.
    counts : dict
        Customers eligible, inactive and too new at each cut-off.
    active_within_days : int or None
    tested : pandas.DataFrame
        customer_id, label and the features of the tested customers, as they stood at the test's cut-off.
    """

    kind: str
    verdict: str
    result: ChurnResult
    reason: str = ""
    span: dict[str, int] = field(default_factory=dict)
    horizon: Horizon | None = None
    cut_offs: dict[str, date] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    active_within_days: int | None = None
    tested: pd.DataFrame = field(default_factory=pd.DataFrame)


def study_churn(
    tables: Mapping[str, ibis.Table],
    features: pd.DataFrame,
    *,
    as_of: date,
    windows_days: Sequence[int] = (30, 90, 365),
    horizon_days: int | None = None,
    active_within_days: int | None = None,
    leak_auc: float = 0.98,
    min_positives: int = 30,
    n_bootstraps: int = 500,
    seed: int = 0,
    partial_below: float = 0.0,
    households: pd.DataFrame | None = None,
) -> ChurnStudy:
    """Learn who leaves, from the labels where there are some, else from the orders.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; ``labels`` or ``transactions`` is among them.
    features : DataFrame, one row per customer
        As of ``as_of``; used where labels carry no date.
    as_of : date
        Nothing at or after it is known.
    windows_days, horizon_days, active_within_days, leak_auc, min_positives, n_bootstraps, seed
        The parameters of 03_build_features and 08_predict_churn.
    partial_below : float
        As for ``labels.label_purchases``.
    households : DataFrame, optional
        customer_id, household_id: no fold of a random split parts a household.

    Returns
    -------
    ChurnStudy
    """
    settings = {"leak_auc": leak_auc, "min_positives": min_positives, "n_bootstraps": n_bootstraps, "seed": seed}
    if "labels" in tables:
        settings |= {"households": households}
        return _study_labels(tables, features, as_of=as_of, windows_days=windows_days, settings=settings)
    first, last = _first_and_last(tables["transactions"], as_of)
    gaps = count_gaps(tables["transactions"], as_of=as_of) if first else pd.DataFrame()
    reason, span = _obstacle(first, last, gaps, horizon_days)
    if reason:
        nothing = ChurnResult("too_short", "time", {}, {"leak_alarms": 0})
        return ChurnStudy("purchases", "too_short", nothing, reason, span)
    horizon = choose_horizon(gaps, span_days=span["days"], given_days=horizon_days)
    cut_offs = plan_cut_offs(first, as_of, horizon.days, last=last)
    within = active_within_days or 2 * horizon.days
    asked = {"as_of": as_of, "active_within_days": within, "partial_below": partial_below}
    labels = {
        name: label_purchases(tables["transactions"], cut_off, horizon.days, **asked)
        for name, cut_off in cut_offs.periods.items()
    }
    periods = {
        name: _joined(each.frame, _features_at(tables, each.cut_off, windows_days)) for name, each in labels.items()
    }
    result = _alarmed(fit_dated(periods, horizon_days=horizon.days, **settings), periods, cut_offs.periods)
    counts = {f"{name}.{key}": value for name, each in labels.items() for key, value in each.counts.items()}
    asked = {"horizon": horizon, "cut_offs": cut_offs.periods, "active_within_days": within}
    return ChurnStudy("purchases", result.verdict, result, counts=counts, tested=periods["test"], **asked)


def score_customers(
    study: ChurnStudy, features: pd.DataFrame, tables: Mapping[str, ibis.Table], *, as_of: date
) -> pd.DataFrame:
    """Give each customer of whom a prediction means something a probability: the table ``churn``.

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
        cut_off, model_version. Customers already inactive are not in it; empty without a model. A customer whose
        undated label was learned from has the probability of the folds it was held out of.
    """
    if study.result.model is None:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in CHURN_COLUMNS})
    asked = features
    if study.kind == "purchases":
        active = active_customers(tables["transactions"], as_of, study.active_within_days)
        asked = features[features["customer_id"].isin(active["customer_id"])]
    asked = asked.sort_values("customer_id", ignore_index=True)
    when = None if study.kind == "undated_labels" else as_of
    frame = score_frame(study.result.model, asked, kind=study.kind, as_of=when, version=study.result.model_version)
    if study.kind == "undated_labels":
        held_out = study.result.predictions.set_index("customer_id")["churn_probability"].round(6)
        frame["churn_probability"] = frame["customer_id"].map(held_out).fillna(frame["churn_probability"])
    return frame


def score_frame(
    model: ChurnModel, features: pd.DataFrame, *, kind: str, as_of: date | None, version: str
) -> pd.DataFrame:
    """Give every row a probability.

    Parameters
    ----------
    model : ChurnModel
    features : DataFrame, one row per customer
    kind : str
        Of the study that trained the model.
    as_of : date or None
        None where nothing is dated.
    version : str

    Returns
    -------
    DataFrame
        As ``score_customers`` gives it, in the order of the rows.
    """
    frame = features[["customer_id"]].assign(churn_probability=model.predict(features).round(6))
    buys = 1 - frame["churn_probability"] if kind == "purchases" else float("nan")
    cut_off = pd.NaT if as_of is None or kind == "undated_labels" else pd.Timestamp(as_of)
    return frame.assign(purchase_probability=buys, cut_off=cut_off, model_version=version)[list(CHURN_COLUMNS)]


def _first_and_last(transactions: ibis.Table, as_of: date) -> tuple[date | None, date | None]:
    """Return the days of the first and the last purchase before the date; None where there is none."""
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
    """Say what keeps a model from being fitted, if anything, and the days there are and that are needed."""
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
    windows_days: Sequence[int],
    settings: Mapping[str, Any],
) -> ChurnStudy:
    labels, unlabelled = _read_labels(tables["labels"], as_of)
    if labels["observed_at"].isna().any() or labels["observed_at"].nunique() < len(_SPLITS) + 1:
        known = _joined(labels[["customer_id", "label"]], features)
        result = fit_undated(known, **settings)
        return ChurnStudy("undated_labels", result.verdict, result, counts=unlabelled, tested=known)
    starts = _starts(labels["observed_at"])
    periods = {}
    for at, (name, start) in enumerate(starts.items()):
        ends = [*starts.values(), labels["observed_at"].max() + pd.Timedelta(days=1)][at + 1]
        inside = (labels["observed_at"] >= start) & (labels["observed_at"] < ends)
        known = _features_at(tables, start.date(), windows_days)
        periods[name] = _joined(labels.loc[inside, ["customer_id", "label"]], known)
    settings = {name: value for name, value in settings.items() if name != "households"}
    result = _alarmed(fit_dated(periods, **settings), periods, {name: at.date() for name, at in starts.items()})
    dates = {name: start.date() for name, start in starts.items()}
    tested = periods["test"]
    return ChurnStudy("dated_labels", result.verdict, result, cut_offs=dates, counts=unlabelled, tested=tested)


def _alarmed(result: ChurnResult, periods: Mapping[str, pd.DataFrame], cut_offs: Mapping[str, date]) -> ChurnResult:
    """Add the alarms that only the cut-offs can raise: features that know what came after."""
    late = pd.concat([find_future(periods[name], cut_off) for name, cut_off in cut_offs.items()])
    late = late.drop_duplicates("feature")
    if late.empty or result.model is None:
        return result
    alarms = pd.concat([each for each in (result.alarms, late) if len(each)], ignore_index=True)
    return replace(result, alarms=alarms, metrics=result.metrics | {"leak_alarms": len(alarms)})


def _read_labels(labels: ibis.Table, as_of: date) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the latest label of each customer observed before the date, as 0 and 1; count those left out."""
    if "observed_at" not in labels.columns:
        labels = labels.mutate(observed_at=ibis.null("timestamp"))
    late = labels.filter(labels.observed_at >= ibis.literal(as_of).cast("timestamp")).count().to_pyarrow().as_py()
    known = labels.filter(labels.observed_at.isnull() | (labels.observed_at < ibis.literal(as_of).cast("timestamp")))
    known = known.filter(known.customer_id.notnull() & known.label.notnull())
    frame = known.select("customer_id", "observed_at", label=known.label.cast("int64")).to_pandas()
    frame = frame.sort_values(["customer_id", "observed_at", "label"]).drop_duplicates("customer_id", keep="last")
    return frame.reset_index(drop=True), {"labels.after_as_of": int(late)}


def _starts(observed: pd.Series) -> dict[str, pd.Timestamp]:
    first, last = observed.min(), observed.max()
    names = ("train", "calibrate", "test")
    return {name: (first + part * (last - first)).normalize() for name, part in zip(names, _SPLITS, strict=True)}


def _features_at(tables: Mapping[str, ibis.Table], cut_off: date, windows_days: Sequence[int]) -> pd.DataFrame:
    """Build the features as they stood at a cut-off; the label table is no source of features."""
    from workbench.core.store import to_pandas  # noqa: PLC0415

    known = {name: table for name, table in tables.items() if name != "labels"}
    return to_pandas(build_features(known, as_of=cut_off, windows_days=windows_days))


def _joined(labels: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    return labels.merge(features, on="customer_id", how="inner", validate="one_to_one")
