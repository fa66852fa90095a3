"""How recent, frequent and valuable is each customer? Scores and the eight types of 05_score_rfm."""

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
# which of their ranks equal values share
TIE_RULES = {"lowest": "min", "middle": "average", "highest": "max"}
CUTS = ("median", "mean", "mean_score", "score")

RFM_TYPES = {
    "important_value": {"en": "Champions", "zh": "重要价值客户"},
    "important_development": {"en": "High value, build frequency", "zh": "重要发展客户"},
    "important_retention": {"en": "Loyal, less recent", "zh": "重要保持客户"},
    "important_winback": {"en": "High spend, rare, less recent", "zh": "重要挽留客户"},
    "general_value": {"en": "Frequent, low spend", "zh": "一般价值客户"},
    "general_development": {"en": "Recent, low spend", "zh": "一般发展客户"},
    "general_retention": {"en": "Frequent, low spend, less recent", "zh": "一般保持客户"},
    "general_winback": {"en": "Low on all three", "zh": "一般挽留客户"},
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
    """Scores with their cuts and notes.

    Attributes
    ----------
    scores : DataFrame, one row per customer, sorted by customer_id
        customer_id, recency_days, frequency_orders, monetary_total, r_score, f_score, m_score (5 = best).
    cuts : DataFrame, one row per measure and score that occurs
        measure, score, lowest and highest (value of the measure), customers, share (of the buyers).
    notes : tuple of dict
        For the reader: ``fewer_scores`` (measure, asked, given), ``no_purchase`` (customers), ``not_positive``
        (customers whose money is 0 or below: score 1).
    """

    scores: pd.DataFrame
    cuts: pd.DataFrame
    notes: tuple[dict, ...]


def score_rfm(features: pd.DataFrame, *, bins: int = BINS, tie_rule: str = "lowest") -> RfmScores:
    """Score recency, frequency and money of each customer from 1 (worst) to 5 (best) by rank.

    Customers are ranked from worst to best and the ranks cut into ``bins`` equal parts. Equal values get equal scores:
    by the tie rule they share the lowest, middle or highest of their ranks. With the lowest, a score of 5 means that at
    least four in five buyers do worse. With many equal values some scores do not occur; the others are not renumbered,
    and a note reports it.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id, recency_days (days, fewer is better), frequency_orders, monetary_total (net of returns).
        Customers with null recency or no order get null scores. Money of 0 or below scores 1.
    bins : int >= 2
        Number of scores.
    tie_rule : str
        A key of `TIE_RULES`: lowest, middle, highest.

    Returns
    -------
    RfmScores

    Raises
    ------
    DataError
        When a column is missing, a customer repeats, or a buyer has a negative or infinite recency, or missing or
        infinite money.
    ProfileError
        When ``bins`` or ``tie_rule`` is out of range.
    """
    _check_choices(bins, tie_rule)
    _check_features(features)
    scores = features[["customer_id", *MEASURES.values()]].sort_values("customer_id", ignore_index=True)
    scores["frequency_orders"] = scores["frequency_orders"].fillna(0).astype("Int64")
    scores[["recency_days", "monetary_total"]] = scores[["recency_days", "monetary_total"]].astype("float64")
    is_buyer = _is_buyer(scores)
    for score, measure in MEASURES.items():
        ranked = _rank_scores(scores.loc[is_buyer, measure], measure, bins, TIE_RULES[tie_rule])
        scores[score] = ranked.reindex(scores.index).astype("Int64")
    no_money = is_buyer & (scores["monetary_total"] <= 0)
    scores["m_score"] = scores["m_score"].mask(no_money, 1)
    cuts = pd.concat([_table_cuts(scores[is_buyer], score) for score in MEASURES], ignore_index=True)
    return RfmScores(scores, cuts, _notes(cuts, bins, int((~is_buyer).sum()), int(no_money.sum())))


def type_cuts(scores: pd.DataFrame, *, cut: str | Mapping[str, float] = "median", bins: int = BINS) -> dict[str, float]:
    """Return the cut between high and low in each measure: high is strictly better than the cut.

    Parameters
    ----------
    scores : DataFrame
        `RfmScores.scores`.
    cut : str or mapping
        ``median`` or ``mean`` of the measure, ``mean_score`` (mean of the scores), ``score`` (the middle score: 3 of
        5), or a mapping of the three measures to values.
    bins : int
        Number of scores, for ``score``.

    Returns
    -------
    dict
        By measure (recency_days, ...) or, for mean_score and score, by score (r_score, ...). NaN without customers.

    Raises
    ------
    ProfileError
        When the cut is unknown, or the keys of a mapping are not the three measures.
    """
    if isinstance(cut, Mapping):
        if set(cut) != set(MEASURES.values()):
            raise ProfileError(
                Fault("cut", f"{sorted(cut)}", f"Exactly these: {sorted(MEASURES.values())}", "Give each a value")
            )
        return {measure: float(cut[measure]) for measure in MEASURES.values()}
    if cut not in CUTS:
        raise ProfileError(Fault("cut", f"'{cut}' is not known", "", did_you_mean(cut, CUTS)))
    buyers = scores[_is_buyer(scores)]
    if cut == "score":
        return dict.fromkeys(MEASURES, (1 + bins) / 2)
    names = MEASURES if cut == "mean_score" else MEASURES.values()
    values = {name: buyers[name].astype("float64").sort_values() for name in names}
    return {name: float(column.median() if cut == "median" else column.mean()) for name, column in values.items()}


def name_types(scores: pd.DataFrame, *, cut: str | Mapping[str, float] = "median", bins: int = BINS) -> pd.Series:
    """Return the type of each customer from high and low recency, frequency and money.

    Exhaustive and exclusive: each of the eight combinations is a type, and customers without a purchase are another.
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
    The eight names are those of Chinese CRM practice (重要价值客户 ... 一般挽留客户). The median is the default
    because the few largest customers dominate the mean.
    """
    is_buyer = _is_buyer(scores)
    high = {}
    for name, value in type_cuts(scores, cut=cut, bins=bins).items():
        column = scores[name].astype("float64")
        measure = MEASURES.get(name, name)
        high[measure] = column < value if name in LOWER_IS_BETTER else column > value
    high["monetary_total"] &= scores["monetary_total"] > 0
    flags = zip(*(high[measure].fillna(False).astype(bool) for measure in MEASURES.values()), strict=True)
    types = [TYPE_OF[recent, frequent, valuable] for recent, frequent, valuable in flags]
    return pd.Series(types, index=scores.index, dtype="str").where(is_buyer, "no_purchase").rename("rfm_type")


def build_rfm(
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    cut: str | Mapping[str, float] = "median",
    bins: int = BINS,
    bounds: Sequence[int] = BOUNDS_DAYS,
) -> pd.DataFrame:
    """Combine scores, type, activity status and life-cycle stage: the table ``rfm``.

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
        The columns of the table ``rfm`` in `workbench.core.schema`.

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
                "Use both from one run",
            )
        )
    rfm = scores.assign(
        rfm_type=name_types(scores, cut=cut, bins=bins),
        activity_status=activity_status(scores["recency_days"].where(_is_buyer(scores)), bounds=bounds),
        life_cycle_stage=life_cycle_stage(ordered, bounds=bounds),
    )
    return rfm[[column.name for column in TABLES["rfm"].columns]]


def _is_buyer(frame: pd.DataFrame) -> pd.Series:
    return frame["recency_days"].notna() & (frame["frequency_orders"].fillna(0) > 0)


def _rank_scores(values: pd.Series, measure: str, bins: int, method: str) -> pd.Series:
    """Cut ranks into equal parts; ranks are doubled so that half ranks are integers."""
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
    n_scores = {measure: int((cuts["measure"] == measure).sum()) for measure in MEASURES.values()}
    notes = [
        {"note": "fewer_scores", "measure": measure, "asked": bins, "given": count}
        for measure, count in n_scores.items()
        if count < bins
    ]
    notes += [{"note": "no_purchase", "customers": no_purchase}] if no_purchase else []
    notes += [{"note": "not_positive", "customers": no_money}] if no_money else []
    return tuple(notes)


def _check_choices(bins: int, tie_rule: str) -> None:
    faults = []
    if bins < 2:  # noqa: PLR2004  one score separates no customers
        faults.append(Fault("bins", f"{bins}", "A whole number of 2 or more", "5 is usual"))
    if tie_rule not in TIE_RULES:
        faults.append(Fault("tie_rule", f"'{tie_rule}' is not known", "", did_you_mean(tie_rule, TIE_RULES)))
    if faults:
        raise ProfileError(faults)


def _check_features(features: pd.DataFrame) -> None:
    """Check that features can be scored; all faults are reported together."""
    remedy = "The table is written by 03_build_features; run it again"
    missing = [name for name in ("customer_id", *MEASURES.values()) if name not in features]
    if missing:
        raise DataError([Fault("features", f"column '{name}' not found", "", remedy) for name in missing])
    buyers = features[_is_buyer(features)]
    repeated = features["customer_id"][features["customer_id"].duplicated()]
    early = buyers[buyers["recency_days"] < 0]
    money = buyers[~np.isfinite(buyers["monetary_total"].astype("float64").to_numpy(na_value=np.nan))]
    infinite = buyers[np.isinf(buyers["recency_days"].astype("float64").to_numpy(na_value=np.nan))]
    problems = {
        "customer_id repeats": (repeated, "One row per customer"),
        "recency_days is negative": (early["customer_id"], "Only rows before the as-of date"),
        "recency_days is infinite": (infinite["customer_id"], "Whole days"),
        "monetary_total is missing or infinite": (money["customer_id"], "An amount for each customer who bought"),
    }
    faults = [
        Fault("features", f"{problem} for {len(ids)} customers, first '{min(ids)}'", expected, remedy)
        for problem, (ids, expected) in problems.items()
        if len(ids)
    ]
    if faults:
        raise DataError(faults)
