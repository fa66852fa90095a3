"""Test of the recommendation methods on two cut-offs: the earlier chooses, the later reports (07_mine_affinities)."""

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
MOST_CUSTOMERS = 20_000  # most customers evaluated at one cut-off
LONG_TAIL = 0.2  # the long tail: items outside the top 20 % by popularity
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Trial:
    """Results of the test of the methods.

    Attributes
    ----------
    table : DataFrame
        ``TRIAL_COLUMNS``, and hit_rate and long_tail: one row per list, method and cut-off.
    chosen : dict of str to str
        List name to method.
    metrics : dict
        Per list ``<list>.recall_at_10``, ``.recall_low``, ``.recall_high``, ``.baseline_recall_at_10``, ``.method``,
        ``.customers``, at the later cut-off.
    beats_baseline : dict of str to bool
        List name to whether the method beats its baseline at the later cut-off.
    """

    table: pd.DataFrame
    chosen: dict[str, str]
    metrics: dict[str, Any] = field(default_factory=dict)
    beats_baseline: dict[str, bool] = field(default_factory=dict)


def run_trial(history: History, *, methods: Sequence[str], hold_out_days: int, n_bootstraps: int, seed: int) -> Trial:
    """Evaluate methods on each customer's first basket after a common cut-off.

    Parameters
    ----------
    history : History
    methods : sequence of str
        From the simplest to the most complex.
    hold_out_days : int
        The reported cut-off lies this many days before the end, the cut-off for the choice twice as many.
    n_bootstraps, seed : int

    Returns
    -------
    Trial
        The method with the best mean recall at the earlier cut-off is chosen, or a simpler one if the 95 % paired
        bootstrap interval of their difference contains 0. The baseline is chosen if the method is not clearly better,
        or if a cut-off has fewer than 30 customers.
    """
    cut_offs = [history.until - 2 * hold_out_days, history.until - hold_out_days]
    results = [_evaluate(history, cut, methods, hold_out_days, seed) for cut in cut_offs]
    chosen, rows = dict(BASELINES), []
    metrics: dict[str, Any] = {}
    beats_baseline: dict[str, bool] = {}
    for name in LISTS:
        first, second = (result[name] for result in results)
        if _enough(first) and _enough(second):
            chosen[name] = _choose(first, name, n_bootstraps, seed)
            metrics |= _metrics(second, name, chosen[name], n_bootstraps, seed)
            beats_baseline[name] = _is_better(second, chosen[name], BASELINES[name], n_bootstraps, seed)
        for cut, result in zip(cut_offs, (first, second), strict=True):
            rows += [
                {"list": name, "cut_off": _EPOCH + dt.timedelta(days=int(cut)), **row}
                for row in _rows(result, chosen[name], n_bootstraps, seed)
            ]
    table = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, "hit_rate", "long_tail"])
    return Trial(table, chosen, metrics, beats_baseline)


def measure_ranking(ranked: np.ndarray, basket: pd.DataFrame) -> pd.DataFrame:
    """Compare ranked items with the items of the next basket.

    Parameters
    ----------
    ranked : ndarray (customers, k)
        Codes of items, -1 where the list is shorter.
    basket : DataFrame
        row (position in ``ranked``), item (code; negative for items not in the history).

    Returns
    -------
    DataFrame
        One row per customer with a next basket: recall (hits / items of the basket), ndcg, hit.
    """
    rows, k = ranked.shape
    sizes = np.bincount(basket["row"], minlength=rows)
    width = int(max(ranked.max(initial=0), basket["item"].max() if len(basket) else 0)) + 1
    reachable = basket[basket["item"] >= 0]
    keys = np.arange(rows)[:, None] * width + ranked
    hits = (np.isin(keys, reachable["row"] * width + reachable["item"]) & (ranked >= 0)).astype(float)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(sizes, k)]
    frame = pd.DataFrame({
        "row": np.arange(rows), "recall": hits.sum(axis=1) / np.maximum(sizes, 1),
        "ndcg": (hits * discount).sum(axis=1) / ideal, "hit": (hits.sum(axis=1) > 0).astype(float),
    })  # fmt: skip
    return frame[sizes > 0].reset_index(drop=True)


def _evaluate(history: History, cut: int, methods: Sequence[str], days: int, seed: int) -> dict[str, dict[str, Any]]:
    past = history.before(cut)
    basket = history.baskets_after(cut, days=days)
    bought = np.unique(past.customer)
    basket = basket[basket["customer"].isin(bought)]
    customers = np.unique(basket["customer"].to_numpy())
    if len(customers) > MOST_CUSTOMERS:
        customers = np.sort(np.random.default_rng(seed).choice(customers, MOST_CUSTOMERS, replace=False))
        basket = basket[basket["customer"].isin(customers)]
    codes = pd.Series(np.arange(len(past.items)), index=past.items).reindex(basket["item"]).fillna(-2).astype("int64")
    basket = pd.DataFrame({"row": np.searchsorted(customers, basket["customer"]), "item": codes.to_numpy()})
    new_items = basket[~_is_bought(past, customers, basket)]
    results: dict[str, dict[str, Any]] = {name: {} for name in LISTS}
    for method in methods:
        if not len(customers):
            break
        fitted = scorer(method, past, seed=seed)
        ranked, _ = rank_again(past, fitted, customers, k=K)
        results["again"][method] = _result(past, ranked, basket)
        if fitted.new is not None:
            ranked, _ = rank_new(past, fitted, customers, k=K)
            results["new"][method] = _result(past, ranked, new_items)
    return results


def _is_bought(past: History, customers: np.ndarray, basket: pd.DataFrame) -> np.ndarray:
    width = len(past.items)
    keys = past.customer * width + past.item  # sorted
    basket_keys = customers[basket["row"]] * width + basket["item"].to_numpy()
    positions = np.minimum(np.searchsorted(keys, basket_keys), max(len(keys) - 1, 0))
    return (
        (keys[positions] == basket_keys) & (basket["item"] >= 0).to_numpy()
        if len(keys)
        else np.zeros(len(basket_keys), bool)
    )


def _result(past: History, ranked: np.ndarray, basket: pd.DataFrame) -> dict[str, Any]:
    measures = measure_ranking(ranked, basket)
    ranked_items = ranked[measures["row"].to_numpy()]
    ranked_items = ranked_items[ranked_items >= 0]
    tail = len(past.items) * LONG_TAIL
    return {
        "measures": measures, "coverage": len(np.unique(ranked_items)) / max(len(past.items), 1),
        "long_tail": float((ranked_items >= tail).mean()) if len(ranked_items) else np.nan,
    }  # fmt: skip


def _enough(result: dict[str, Any]) -> bool:
    return bool(result) and len(next(iter(result.values()))["measures"]) >= LEAST_CUSTOMERS


def _draws(values: np.ndarray, n_bootstraps: int, seed: int) -> np.ndarray:
    """Return the means over customers of bootstrap resamples."""
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
