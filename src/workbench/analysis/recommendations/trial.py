"""The trial of the methods by date: chosen at an earlier cut-off than the one reported. Serves 07_mine_affinities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.recommendations.methods import scorer
from workbench.analysis.recommendations.ranking import rank_again, rank_new

if TYPE_CHECKING:
    from workbench.analysis.recommendations.history import History

__all__ = ["BASELINES", "LISTS", "TRIAL_COLUMNS", "Trial", "measure_ranking", "run_trial"]

LISTS = ("again", "new")
BASELINES = {"again": "own", "new": "popularity"}
TRIAL_COLUMNS = (
    "list", "method", "cut_off", "customers", "recall_at_10", "low", "high", "ndcg", "coverage", "chosen",
)  # fmt: skip
K = 10
LEAST_CUSTOMERS = 30
MOST_CUSTOMERS = 20_000  # judged at one cut-off
LONG_TAIL = 0.2  # the most popular share of items is not the long tail
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Trial:
    """How the methods did.

    Attributes
    ----------
    table : DataFrame
        ``TRIAL_COLUMNS``, and hit_rate and long_tail: one row per list, method and cut-off.
    chosen : dict of str to str
        List to method.
    metrics : dict
        Per list ``<list>.recall_at_10``, ``.recall_low``, ``.recall_high``, ``.baseline_recall_at_10``, ``.method``,
        ``.customers``, at the later cut-off.
    beaten : dict of str to bool
        List to whether the method beats its baseline at the later cut-off.
    """

    table: pd.DataFrame
    chosen: dict[str, str]
    metrics: dict[str, Any] = field(default_factory=dict)
    beaten: dict[str, bool] = field(default_factory=dict)


def run_trial(history: History, *, methods: Sequence[str], hold_out_days: int, n_bootstraps: int, seed: int) -> Trial:
    """Judge the methods by the next basket after a cut-off, the same for everybody.

    Parameters
    ----------
    history : History
    methods : sequence of str
        Simplest first.
    hold_out_days : int
        The reported cut-off lies this long before the end, the one that chooses twice as long.
    n_bootstraps, seed : int

    Returns
    -------
    Trial
        Chosen is the best mean recall at the earlier cut-off, or a simpler method where the 95 % paired bootstrap
        interval of the difference contains 0; the baseline where it is not clearly beaten. With fewer than 30
        customers at a cut-off the baselines are chosen.
    """
    cut_offs = [history.until - 2 * hold_out_days, history.until - hold_out_days]
    judged = [_judge(history, cut, methods, hold_out_days, seed) for cut in cut_offs]
    chosen, rows = dict(BASELINES), []
    metrics: dict[str, Any] = {}
    beaten: dict[str, bool] = {}
    for name in LISTS:
        first, second = (result[name] for result in judged)
        if _enough(first) and _enough(second):
            chosen[name] = _choose(first, name, n_bootstraps, seed)
            metrics |= _metrics(second, name, chosen[name], n_bootstraps, seed)
            beaten[name] = _is_better(second, chosen[name], BASELINES[name], n_bootstraps, seed)
        for cut, result in zip(cut_offs, (first, second), strict=True):
            rows += [
                {"list": name, "cut_off": _EPOCH + dt.timedelta(days=int(cut)), **row}
                for row in _rows(result, chosen[name], n_bootstraps, seed)
            ]
    table = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, "hit_rate", "long_tail"])
    return Trial(table, chosen, metrics, beaten)


def measure_ranking(ranked: np.ndarray, wanted: pd.DataFrame) -> pd.DataFrame:
    """Measure ranked items against those of the next basket.

    Parameters
    ----------
    ranked : ndarray (customers, k)
        Codes, -1 for none.
    wanted : DataFrame
        row (position in ``ranked``), item (code, -1 or below for items not in the history).

    Returns
    -------
    DataFrame
        One row per row of ``ranked`` with wanted items: recall (hits / wanted), ndcg, hit.
    """
    rows, k = ranked.shape
    sizes = np.bincount(wanted["row"], minlength=rows)
    width = int(max(ranked.max(initial=0), wanted["item"].max() if len(wanted) else 0)) + 1
    reachable = wanted[wanted["item"] >= 0]
    keys = np.arange(rows)[:, None] * width + ranked
    hits = (np.isin(keys, reachable["row"] * width + reachable["item"]) & (ranked >= 0)).astype(float)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(sizes, k)]
    frame = pd.DataFrame({
        "row": np.arange(rows), "recall": hits.sum(axis=1) / np.maximum(sizes, 1),
        "ndcg": (hits * discount).sum(axis=1) / ideal, "hit": (hits.sum(axis=1) > 0).astype(float),
    })  # fmt: skip
    return frame[sizes > 0].reset_index(drop=True)


def _judge(history: History, cut: int, methods: Sequence[str], days: int, seed: int) -> dict[str, dict[str, Any]]:
    past = history.before(cut)
    wanted = history.baskets_after(cut, days=days)
    bought = np.unique(past.customer)
    wanted = wanted[wanted["customer"].isin(bought)]
    people = np.unique(wanted["customer"].to_numpy())
    if len(people) > MOST_CUSTOMERS:
        people = np.sort(np.random.default_rng(seed).choice(people, MOST_CUSTOMERS, replace=False))
        wanted = wanted[wanted["customer"].isin(people)]
    codes = pd.Series(np.arange(len(past.items)), index=past.items).reindex(wanted["item"]).fillna(-2).astype("int64")
    wanted = pd.DataFrame({"row": np.searchsorted(people, wanted["customer"]), "item": codes.to_numpy()})
    fresh = wanted[~_is_bought(past, people, wanted)]
    results: dict[str, dict[str, Any]] = {name: {} for name in LISTS}
    for method in methods:
        if not len(people):
            break
        fitted = scorer(method, past, seed=seed)
        ranked, _ = rank_again(past, fitted, people, k=K)
        results["again"][method] = _result(past, ranked, wanted)
        if fitted.new is not None:
            ranked, _ = rank_new(past, fitted, people, k=K)
            results["new"][method] = _result(past, ranked, fresh)
    return results


def _is_bought(past: History, people: np.ndarray, wanted: pd.DataFrame) -> np.ndarray:
    width = len(past.items)
    keys = past.customer * width + past.item  # sorted
    sought = people[wanted["row"]] * width + wanted["item"].to_numpy()
    places = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
    return (keys[places] == sought) & (wanted["item"] >= 0).to_numpy() if len(keys) else np.zeros(len(sought), bool)


def _result(past: History, ranked: np.ndarray, wanted: pd.DataFrame) -> dict[str, Any]:
    measures = measure_ranking(ranked, wanted)
    listed = ranked[measures["row"].to_numpy()]
    listed = listed[listed >= 0]
    tail = len(past.items) * LONG_TAIL
    return {
        "measures": measures, "coverage": len(np.unique(listed)) / max(len(past.items), 1),
        "long_tail": float((listed >= tail).mean()) if len(listed) else np.nan,
    }  # fmt: skip


def _enough(result: dict[str, Any]) -> bool:
    return bool(result) and len(next(iter(result.values()))["measures"]) >= LEAST_CUSTOMERS


def _draws(values: np.ndarray, n_bootstraps: int, seed: int) -> np.ndarray:
    """Return bootstrap means over customers."""
    random, n = np.random.default_rng(seed), len(values)
    means = [values[random.integers(0, n, n)].mean() for _ in range(n_bootstraps)]
    return np.array(means)


def _is_better(result: dict[str, Any], method: str, other: str, n_bootstraps: int, seed: int) -> bool:
    if method == other or other not in result:
        return method != other
    difference = (result[method]["measures"]["recall"] - result[other]["measures"]["recall"]).to_numpy()
    return bool(np.quantile(_draws(difference, n_bootstraps, seed), 0.025) > 0)


def _choose(result: dict[str, Any], name: str, n_bootstraps: int, seed: int) -> str:
    means = {method: float(values["measures"]["recall"].mean()) for method, values in result.items()}
    best = max(means, key=lambda method: means[method])
    simplest = next(
        method for method in means
        if method == best or not _is_better(result, best, method, n_bootstraps, seed)
    )  # fmt: skip
    baseline = BASELINES[name]
    return simplest if _is_better(result, simplest, baseline, n_bootstraps, seed) else baseline


def _metrics(result: dict[str, Any], name: str, method: str, n_bootstraps: int, seed: int) -> dict[str, Any]:
    recall = result[method]["measures"]["recall"].to_numpy() if method in result else np.array([np.nan])
    baseline = result.get(BASELINES[name])
    low, high = np.quantile(_draws(recall, n_bootstraps, seed), [0.025, 0.975])
    values = {
        "recall_at_10": float(recall.mean()), "recall_low": float(low), "recall_high": float(high),
        "baseline_recall_at_10": float(baseline["measures"]["recall"].mean()) if baseline else None,
        "method": method, "customers": len(recall),
    }  # fmt: skip
    return {f"{name}.{key}": value for key, value in values.items()}


def _rows(result: dict[str, Any], chosen: str, n_bootstraps: int, seed: int) -> list[dict[str, Any]]:
    rows = []
    for method, values in result.items():
        measures = values["measures"]
        few = len(measures) < LEAST_CUSTOMERS
        low, high = (np.nan, np.nan) if few else np.quantile(
            _draws(measures["recall"].to_numpy(), n_bootstraps, seed), [0.025, 0.975]
        )  # fmt: skip
        rows.append({
            "method": method,
            "customers": len(measures), "recall_at_10": np.nan if few else measures["recall"].mean(), "low": low,
            "high": high, "ndcg": np.nan if few else measures["ndcg"].mean(), "coverage": values["coverage"],
            "chosen": method == chosen, "hit_rate": np.nan if few else measures["hit"].mean(),
            "long_tail": values["long_tail"],
        })  # fmt: skip
    return rows
