"""Findings on recommendations, and their reasons in words. Serves 07_mine_affinities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.recommendations.lists import EVIDENCE
from workbench.analysis.recommendations.trial import BASELINES, TRIAL_COLUMNS
from workbench.report.findings.finding import Finding
from workbench.report.reasons import write_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from workbench.analysis.recommendations.study import Recommendations

__all__ = [
    "TRIAL", "candidates", "find_recommendations", "limit_recommendations", "measure_recommendations",
    "recommendation_rows", "table_neutral", "table_trial", "trial_rows",
]  # fmt: skip

TRIAL = {  # column formats of `table_trial`
    "list": "label", "method": "label", "cut_off": "date", "customers": "int", "recall_at_10": "pct", "low": "pct",
    "high": "pct", "ndcg": "num", "hit_rate": "pct", "coverage": "pct", "long_tail": "pct", "chosen": "text",
}  # fmt: skip
ROW_COLUMNS = (
    "customer_id", "list", "rank", "product_id", "category", "score", "method", "reason", "evidence", "as_of",
)  # fmt: skip
_MOST_TEXTS = 1_000_000  # cached reasons for later parts
_LISTS = {"again": "again", "new": "new_items"}
_KEYS = {"again": ("recommend_again", "recommend_again_own"), "new": ("recommend_new", "recommend_new_popular")}


def find_recommendations(advice: Recommendations) -> list[Finding]:
    """Report the recall of the lists after the cut-off, and the number of customers with lists."""
    facts = advice.facts
    if facts["lacking"]:
        return [Finding("recommend_lacking", {"column": facts["lacking"]}, 0.25)]
    findings = [_judged(advice, name) for name in _LISTS if f"{name}.recall_at_10" in advice.trial.metrics]
    findings = findings or [Finding("recommend_untested", {}, 0.1)]
    values = {"customers": facts["recommended_customers"], "buyers": facts["buyers"]}
    findings.append(Finding("recommend_customers", values, 0.2))
    if facts["refused"]:
        findings.append(Finding("recommend_refused", {"refused": facts["refused"]}, 0.1))
    return findings


def limit_recommendations(advice: Recommendations) -> list[Finding]:
    """Report the limits of the lists."""
    return [] if advice.facts["lacking"] else [Finding("recommend_limit")]


def measure_recommendations(advice: Recommendations) -> dict[str, Any]:
    """Return the metrics: recall of both lists with interval and baseline, the methods, recommended_customers."""
    names = ("buyers", "recommended_customers", "refused", "ineligible")
    return {**advice.trial.metrics, **{name: advice.facts[name] for name in names}}


def trial_rows(advice: Recommendations) -> pd.DataFrame:
    """Return the rows of the table ``recommender_trial``."""
    return advice.trial.table[list(TRIAL_COLUMNS)]


def table_trial(advice: Recommendations) -> pd.DataFrame:
    """Return the trial with labels for lists and methods, by list, cut-off and recall."""
    table = advice.trial.table
    table = table.sort_values(["list", "cut_off", "recall_at_10"], ascending=[True, True, False], kind="stable")
    return table.assign(
        list=table["list"].map(_LISTS),
        method="by_" + table["method"].astype("str"),
        chosen=table["chosen"].astype(bool),
    ).reset_index(drop=True)


def candidates(advice: Recommendations) -> pd.DataFrame:
    """Return one row per method at the later cut-off, with the same measures for all.

    Returns
    -------
    DataFrame
        candidate (the method) and ``<list>.<measure>`` for both lists; 0 for a method without a list of new items.
    """
    table = advice.trial.table
    table = table[table["cut_off"] == table["cut_off"].max()] if len(table) else table
    methods = list(dict.fromkeys(table["method"]))
    parts = []
    for name in _LISTS:
        measured = table[table["list"] == name].set_index("method").drop(columns=["list", "cut_off"])
        measured = measured.astype({"chosen": "float64"})
        absent = measured.reindex(methods).index.difference(measured.index)
        filled = pd.concat([measured, pd.DataFrame(0.0, index=absent, columns=measured.columns)])
        parts.append(filled.reindex(methods).add_prefix(f"{name}."))
    return pd.concat(parts, axis=1).rename_axis("candidate").reset_index()


def recommendation_rows(
    advice: Recommendations, names: Mapping[str, str], as_of: date, language: str
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the table ``recommendations`` in parts, with the reason in words and its evidence as JSON.

    Parameters
    ----------
    advice : Recommendations
    names : mapping of str to str
        Product names by item.
    as_of : date
    language : {"en", "zh"}
    """
    texts_of: dict[str, str] = {}  # cached reasons by list and evidence
    for lists in advice.frames():
        number = lists.groupby(["list", *EVIDENCE], dropna=False, sort=False).ngroup()
        distinct = lists[~number.duplicated()]
        values = [_evidence(row) for row in distinct[["list", *EVIDENCE]].itertuples(index=False)]
        evidence = [json.dumps(figures, ensure_ascii=False) for figures in values]
        keys = [name + text for name, text in zip(distinct["list"], evidence, strict=True)]
        if len(texts_of) > _MOST_TEXTS:
            texts_of.clear()
        for key, name, figures in zip(keys, distinct["list"], values, strict=True):
            if key not in texts_of:
                texts_of[key] = write_reason(name, figures, _name_of(figures, names), language)
        part = pd.DataFrame({"evidence": evidence, "reason": [texts_of[key] for key in keys]})
        places = number.to_numpy()
        level = {"product_id": None, "category": None} | {advice.level: lists["item"]}
        texts = {column: part[column].to_numpy()[places] for column in part}
        yield lists.assign(**level, **texts, as_of=as_of)[list(ROW_COLUMNS)]


def table_neutral(advice: Recommendations, names: Mapping[str, str], *, least: int) -> pd.DataFrame:
    """Return the neutral list: rank, offered_item, base; the share is missing if fewer than ``least`` bought it."""
    table = advice.neutral
    small = table["base"].astype(float) * advice.facts["buyers"] < least
    offers = [names.get(item, item) for item in table["item"]]
    return table.assign(offered_item=offers, base=table["base"].astype(float).mask(small)).reset_index(drop=True)


def _judged(advice: Recommendations, name: str) -> Finding:
    metrics, trial = advice.trial.metrics, advice.trial
    method = metrics[f"{name}.method"]
    better, baseline = _KEYS[name]
    values = {
        "method": f"by_{method}", "recall": metrics[f"{name}.recall_at_10"], "low": metrics[f"{name}.recall_low"],
        "high": metrics[f"{name}.recall_high"], "baseline": metrics[f"{name}.baseline_recall_at_10"],
        "cut_off": str(trial.table["cut_off"].max()), "n": metrics[f"{name}.customers"],
    }  # fmt: skip
    return Finding(baseline if method == BASELINES[name] else better, values, 0.3)


def _evidence(row: Any) -> dict[str, Any]:
    """Return the figures behind a recommendation."""
    if row.list == "again":
        every = None if pd.isna(row.every_days) else int(row.every_days)
        return {"bought": int(row.bought), "every_days": every, "last_days": int(row.last_days)}
    values: dict[str, Any] = {"base": round(float(row.base), 4)}
    if not pd.isna(row.because):
        values |= {"because": row.because, "buyers": int(row.buyers), "share": round(float(row.share), 4)}
    return values


def _name_of(evidence: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    item = evidence.get("because")
    return None if item is None else names.get(item, item)
