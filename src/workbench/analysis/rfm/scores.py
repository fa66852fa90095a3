"""How recent, frequent and valuable is each customer? Scores and the eight named types of notebook 05."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.rfm.life_cycle import BOUNDS_DAYS, activity_status, life_cycle_stage
from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.stages import TABLES

__all__ = [
    "CUTS",
    "MEASURES",
    "NO_PURCHASE",
    "RFM_TYPES",
    "TIE_RULES",
    "RfmScores",
    "build_rfm",
    "name_types",
    "score_rfm",
    "type_cuts",
]

BINS = 5
MEASURES = {"r_score": "recency_days", "f_score": "frequency_orders", "m_score": "monetary_total"}
LOWER_IS_BETTER = {"recency_days"}
# which rank among equal values all of them get
TIE_RULES = {"lowest": "min", "middle": "average", "highest": "max"}
CUTS = ("median", "mean", "mean_score", "score")

RFM_TYPES = {
    "important_value": {"en": "Champions", "zh": "重要价值客户"},
    "important_development": {"en": "High value, build frequency", "zh": "重要发展客户"},
    "important_retention": {"en": "Loyal, slipping", "zh": "重要保持客户"},
    "important_winback": {"en": "Big spenders, nearly lost", "zh": "重要挽留客户"},
    "general_value": {"en": "Frequent, low spend", "zh": "一般价值客户"},
    "general_development": {"en": "Recent, low spend", "zh": "一般发展客户"},
    "general_retention": {"en": "Low spend, slipping", "zh": "一般保持客户"},
    "general_winback": {"en": "Hibernating", "zh": "一般挽留客户"},
}
NO_PURCHASE = {"no_purchase": {"en": "no purchase", "zh": "未购买"}}
# (recency high, frequency high, money high) -> type; every combination has one
TYPE_OF = {
    (True, True, True): "important_value",
    (True, False, True): "important_development",
    (False, True, True): "important_retention",
    (False, False, True): "important_winback",
    (True, True, False): "general_value",
    (True, False, False): "general_development",
    (False, True, False): "general_retention",
    (False, False, False): "general_winback",
}


@dataclass(frozen=True)
class RfmScores:
    """Scores, and how they came about.

    Attributes
    ----------
    scores : DataFrame, one row per customer, sorted by customer_id
        customer_id, recency_days, frequency_orders, monetary_total, r_score, f_score, m_score (5 = best).
    cuts : DataFrame, one row per measure and score that anybody has
        measure, score, lowest and highest (value of the measure), customers, share (of those who bought).
    notes : tuple of dict
        What a reader must know: ``fewer_scores`` (measure, asked, given), ``no_purchase`` (customers),
        ``not_positive`` (customers whose money is 0 or below: score 1).
    """

    scores: pd.DataFrame
    cuts: pd.DataFrame
    notes: tuple[dict, ...]


def score_rfm(features: pd.DataFrame, *, bins: int = BINS, tie_rule: str = "lowest") -> RfmScores:
    """Score recency, frequency and money of each customer from 1 (worst) to 5 (best) by rank.

    Customers are ranked from worst to best and the ranks cut into ``bins`` equal parts. Equal values always get
    equal scores: by the tie rule all of them take the lowest, the middle or the highest of their ranks. With the
    lowest, a score of 5 says that at least four in five of those who bought do worse. Where many are equal, fewer
    scores are given; they keep their place and are not renumbered, and a note says so.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id, recency_days (days, fewer is better), frequency_orders, monetary_total (net of returns).
        Customers with null recency or no order get null scores. Money of 0 or below scores 1.
    bins : int >= 2
        Scores to give.
    tie_rule : str
        A key of `TIE_RULES`: lowest, middle, highest.

    Returns
    -------
    RfmScores

    Raises
    ------
    DataError
        When a column is missing, a customer stands twice, or a customer who bought has a negative recency, or a
        recency or money that is missing or infinite.
    ProfileError
        When ``bins`` or ``tie_rule`` is out of range.
    """
    _check_choices(bins, tie_rule)
    _check_features(features)
    scores = features[["customer_id", *MEASURES.values()]].sort_values("customer_id", ignore_index=True)
    scores["frequency_orders"] = scores["frequency_orders"].fillna(0).astype("Int64")
    scores[["recency_days", "monetary_total"]] = scores[["recency_days", "monetary_total"]].astype("float64")
    bought = _bought(scores)
    for score, measure in MEASURES.items():
        ranked = _rank_scores(scores.loc[bought, measure], measure, bins, TIE_RULES[tie_rule])
        scores[score] = ranked.reindex(scores.index).astype("Int64")
    no_money = bought & (scores["monetary_total"] <= 0)
    scores["m_score"] = scores["m_score"].mask(no_money, 1)
    cuts = pd.concat([_table_cuts(scores[bought], score) for score in MEASURES], ignore_index=True)
    return RfmScores(scores, cuts, _notes(cuts, bins, int((~bought).sum()), int(no_money.sum())))


def type_cuts(scores: pd.DataFrame, *, cut: str | Mapping[str, float] = "median", bins: int = BINS) -> dict[str, float]:
    """Return the value that parts high from low in each measure: high is strictly better than the cut.

    Parameters
    ----------
    scores : DataFrame
        `RfmScores.scores`.
    cut : str or mapping
        ``median`` or ``mean`` of the measure, ``mean_score`` (mean of the scores), ``score`` (the middle score:
        3 of 5), or a mapping of the three measures to values of your own.
    bins : int
        Scores given, for ``score``.

    Returns
    -------
    dict
        By measure (recency_days, ...) or, for mean_score and score, by score (r_score, ...). NaN without customers.

    Raises
    ------
    ProfileError
        When the cut is unknown or a mapping does not name exactly the three measures.
    """
    if isinstance(cut, Mapping):
        if set(cut) != set(MEASURES.values()):
            raise ProfileError(
                Fault("cut", f"{sorted(cut)}", f"Exactly these: {sorted(MEASURES.values())}", "Give each a value")
            )
        return {measure: float(cut[measure]) for measure in MEASURES.values()}
    if cut not in CUTS:
        raise ProfileError(Fault("cut", f"'{cut}' is not known", "", did_you_mean(cut, CUTS)))
    known = scores[_bought(scores)]
    if cut == "score":
        return dict.fromkeys(MEASURES, (1 + bins) / 2)
    names = MEASURES if cut == "mean_score" else MEASURES.values()
    values = {name: known[name].astype("float64").sort_values() for name in names}
    return {name: float(each.median() if cut == "median" else each.mean()) for name, each in values.items()}


def name_types(scores: pd.DataFrame, *, cut: str | Mapping[str, float] = "median", bins: int = BINS) -> pd.Series:
    """Name the type of each customer from high and low recency, frequency and money.

    Exhaustive and exclusive: each of the eight combinations has one name, and those who never bought one more.
    Money of 0 or below is never high.

    Parameters
    ----------
    scores : DataFrame, one row per customer
        `RfmScores.scores`.
    cut, bins
        As for `type_cuts`.

    Returns
    -------
    Series of str, same index
        A key of `RFM_TYPES`, or no_purchase; never null.

    Notes
    -----
    The eight names are those of Chinese CRM practice (重要价值客户 ... 一般挽留客户). Mean cuts are driven by the
    few largest customers; the median is the default for that reason.
    """
    bought = _bought(scores)
    high = {}
    for name, value in type_cuts(scores, cut=cut, bins=bins).items():
        known = scores[name].astype("float64")
        measure = MEASURES.get(name, name)
        high[measure] = known < value if name in LOWER_IS_BETTER else known > value
    high["monetary_total"] &= scores["monetary_total"] > 0
    keys = zip(*(high[measure].fillna(False) for measure in MEASURES.values()), strict=True)
    named = pd.Series([TYPE_OF[tuple(bool(each) for each in key)] for key in keys], index=scores.index, dtype="str")
    return named.where(bought, "no_purchase").rename("rfm_type")


def build_rfm(
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    cut: str | Mapping[str, float] = "median",
    bins: int = BINS,
    bounds: Sequence[int] = BOUNDS_DAYS,
) -> pd.DataFrame:
    """Put scores, type, activity status and life-cycle stage together: the table ``rfm``.

    Parameters
    ----------
    features : DataFrame, one row per customer
        As for `score_rfm`, with tenure_days and, where known, last_gap_days.
    scores : DataFrame
        `RfmScores.scores` of the same customers.
    cut, bins
        As for `type_cuts`.
    bounds : three ints, days, increasing
        As for `activity_status`.

    Returns
    -------
    DataFrame, one row per customer, sorted by customer_id
        Exactly the columns of ``rfm`` in `workbench.core.schema`.

    Raises
    ------
    DataError
        When the customers of the two frames differ.
    """
    ordered = features.sort_values("customer_id", ignore_index=True)
    if ordered["customer_id"].tolist() != scores["customer_id"].tolist():
        raise DataError(
            Fault(
                "build_rfm",
                f"{len(ordered)} customers in features, {len(scores)} in scores, not the same ones",
                "The scores of these features",
                "Give both of one run",
            )
        )
    rfm = scores.assign(
        rfm_type=name_types(scores, cut=cut, bins=bins),
        activity_status=activity_status(scores["recency_days"].where(_bought(scores)), bounds=bounds),
        life_cycle_stage=life_cycle_stage(ordered, bounds=bounds),
    )
    return rfm[[column.name for column in TABLES["rfm"].columns]]


def _bought(frame: pd.DataFrame) -> pd.Series:
    return frame["recency_days"].notna() & (frame["frequency_orders"].fillna(0) > 0)


def _rank_scores(values: pd.Series, measure: str, bins: int, method: str) -> pd.Series:
    """Cut ranks into equal parts; ranks are doubled so that half ranks stay whole numbers."""
    goodness = -values if measure in LOWER_IS_BETTER else values
    rank = (goodness.astype("float64").rank(method=method) * 2).astype("int64")
    return ((rank - 2) * bins // max(2 * len(values), 1) + 1).clip(upper=bins)


def _table_cuts(bought: pd.DataFrame, score: str) -> pd.DataFrame:
    measure = MEASURES[score]
    grouped = bought.groupby(bought[score].astype("int64"))[measure]
    table = grouped.agg(lowest="min", highest="max", customers="size").astype("float64").reset_index(names="score")
    table["customers"] = table["customers"].astype("int64")
    return table.assign(measure=measure, share=table["customers"] / max(len(bought), 1))[
        ["measure", "score", "lowest", "highest", "customers", "share"]
    ]


def _notes(cuts: pd.DataFrame, bins: int, no_purchase: int, no_money: int) -> tuple[dict, ...]:
    given = {measure: int((cuts["measure"] == measure).sum()) for measure in MEASURES.values()}
    notes = [
        {"note": "fewer_scores", "measure": measure, "asked": bins, "given": count}
        for measure, count in given.items()
        if count < bins
    ]
    notes += [{"note": "no_purchase", "customers": no_purchase}] if no_purchase else []
    notes += [{"note": "not_positive", "customers": no_money}] if no_money else []
    return tuple(notes)


def _check_choices(bins: int, tie_rule: str) -> None:
    faults = []
    if bins < 2:  # noqa: PLR2004  fewer than two scores part nobody
        faults.append(Fault("bins", f"{bins}", "A whole number of 2 or more", "5 is usual"))
    if tie_rule not in TIE_RULES:
        faults.append(Fault("tie_rule", f"'{tie_rule}' is not known", "", did_you_mean(tie_rule, TIE_RULES)))
    if faults:
        raise ProfileError(faults)


def _check_features(features: pd.DataFrame) -> None:
    """Refuse features that cannot be scored, all errors together."""
    remedy = "The table is written by 03_build_features; run it again"
    missing = [name for name in ("customer_id", *MEASURES.values()) if name not in features]
    if missing:
        raise DataError([Fault("features", f"column '{name}' not found", "", remedy) for name in missing])
    bought = features[_bought(features)]
    twice = features["customer_id"][features["customer_id"].duplicated()]
    early = bought[bought["recency_days"] < 0]
    money = bought[~np.isfinite(bought["monetary_total"].astype("float64").to_numpy(na_value=np.nan))]
    endless = bought[np.isinf(bought["recency_days"].astype("float64").to_numpy(na_value=np.nan))]
    found = {
        "customer_id stands more than once": (twice, "One row per customer"),
        "recency_days is negative": (early["customer_id"], "Only rows before the as-of date"),
        "recency_days is infinite": (endless["customer_id"], "Whole days"),
        "monetary_total is missing or infinite": (money["customer_id"], "An amount for each customer who bought"),
    }
    faults = [
        Fault("features", f"{what} for {len(ids)} customers, first '{min(ids)}'", expected, remedy)
        for what, (ids, expected) in found.items()
        if len(ids)
    ]
    if faults:
        raise DataError(faults)
