"""A choice for many customers: prices by Lagrangian relaxation, customers at the margin by integer programming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog, minimize

from workbench.analysis.actions.exact import deal, solve_classes
from workbench.analysis.actions.problem import NOTHING, Choice, Classes, Limit, Problem, best_of, penalties

__all__ = ["find_prices", "solve_relaxed"]

_SAMPLE = 50_000  # classes from which first prices come
_CUTS = 60  # of the cutting planes that finish the prices
_CLOSE = 2e-5  # a gap of the prices that is small enough
_TINY = 1e-9
_TOLERANCE = 1e-3  # of the customers at the margin, who are few: next to nothing of the whole
_CORE = 1_500  # classes at the margin x actions that integer programming settles


def solve_relaxed(problem: Problem, classes: Classes) -> Choice:
    """Choose actions at scale: prices first, then the customers for whom the prices leave it open.

    Parameters
    ----------
    problem : Problem
    classes : Classes
        As ``classes_of`` returns them.

    Returns
    -------
    Choice
        Never above a limit; its bound is the dual value at the prices.
    """
    dual = _Dual(classes, problem.limits)
    prices, bound = find_prices(dual)
    penalty = dual.penalty(prices)
    best, of_class = best_of(classes.values, penalty)
    core = _at_the_margin(classes.values, penalty, best)
    of_class[core] = NOTHING
    chosen = _within(problem, of_class[classes.member], penalty)
    left = problem.used(chosen)
    limits = tuple(
        replace(limit, bound=max(0.0, limit.bound - amount)) for limit, amount in zip(problem.limits, left, strict=True)
    )
    place = np.full(len(classes.counts), NOTHING)
    place[core] = np.arange(len(core))
    rest = np.flatnonzero(place[classes.member] >= 0)
    open_ones = Classes(place[classes.member[rest]], classes.counts[core], classes.values[:, core])
    taken, _, _ = solve_classes(open_ones, limits, tolerance=_TOLERANCE)
    chosen[rest] = deal(open_ones, taken, problem.lots[rest])
    worth = problem.worth(chosen)
    return Choice(chosen, prices, max(bound, worth), "lagrangian", worth)


@dataclass(frozen=True)
class _Dual:
    """The dual bound of classes of customers under limits, as a function of prices."""

    classes: Classes
    limits: Sequence[Limit]

    @property
    def bounds(self) -> np.ndarray:
        return np.array([limit.bound for limit in self.limits])

    def penalty(self, prices: np.ndarray) -> np.ndarray:
        return penalties(self.limits, prices, len(self.classes.values))

    def __call__(self, prices: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the bound at prices, and its slope: what is left of every limit."""
        best, chosen = best_of(self.classes.values, self.penalty(prices))
        treated = chosen >= 0
        counts = np.bincount(chosen[treated], weights=self.classes.counts[treated], minlength=len(self.classes.values))
        used = np.array([limit.uses @ counts for limit in self.limits])
        return float(best @ self.classes.counts + prices @ self.bounds), self.bounds - used

    def scales(self) -> np.ndarray:
        """Return by limit a price of usual size: the mean positive value of an action for what it uses."""
        usual = np.array([row[row > 0].mean() if (row > 0).any() else 0.0 for row in self.classes.values])
        scales = []
        for limit in self.limits:
            using = limit.uses > 0
            scales.append(max(float((usual[using] / limit.uses[using]).max(initial=0.0)), _TINY))
        return np.array(scales)

    def sampled(self, size: int) -> _Dual:
        """Return the dual of evenly drawn classes, with their part of every limit."""
        drawn = np.unique(np.linspace(0, len(self.classes.counts) - 1, size).astype(np.int64))
        counts = self.classes.counts[drawn]
        part = counts.sum() / self.classes.counts.sum()
        classes = Classes(drawn, counts, self.classes.values[:, drawn])
        return _Dual(classes, [replace(limit, bound=limit.bound * part) for limit in self.limits])


def find_prices(dual: _Dual) -> tuple[np.ndarray, float]:
    """Return the prices of the limits that minimise the dual bound, and the bound."""
    prices = np.zeros(len(dual.limits))
    if not dual.limits:
        return prices, dual(prices)[0]
    if len(dual.classes.counts) > 2 * _SAMPLE:
        prices = _descend(dual.sampled(_SAMPLE), prices)
    return _cut(dual, _descend(dual, prices))


def _descend(dual: _Dual, prices: np.ndarray) -> np.ndarray:
    """Minimise the dual bound as if it were smooth; with many customers it nearly is."""
    scales = dual.scales()
    size = max(dual(np.zeros(len(prices)))[0], _TINY)

    def scaled(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = dual(point * scales)
        return value / size, slope * scales / size

    options = {"maxiter": 40, "maxfun": 60, "ftol": 1e-10, "gtol": 1e-9}
    start = np.clip(prices / scales, 0, None)
    optimum = minimize(scaled, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(prices), options=options)
    return np.maximum(optimum.x, 0.0) * scales


def _cut(dual: _Dual, prices: np.ndarray) -> tuple[np.ndarray, float]:
    """Finish the prices by cutting planes within a box around the best ones so far."""
    value, slope = dual(prices)
    best, best_value = prices, value
    cuts = [(prices, value, slope)]
    box = 0.05 * np.maximum(prices, 0.02 * dual.scales())
    for _ in range(_CUTS):
        low, high = np.maximum(best - box, 0.0), best + box
        trial, floor = _lowest(cuts, low, high)
        if best_value - floor <= _CLOSE * abs(best_value):
            if not (((trial <= low + _TINY) & (low > 0)) | (trial >= high - _TINY)).any():
                break
            box = box * 2
        value, slope = dual(trial)
        cuts.append((trial, value, slope))
        if value < best_value:
            best, best_value = trial, value
        else:
            box = box * 0.7
    return best, best_value


def _lowest(
    cuts: list[tuple[np.ndarray, float, np.ndarray]], low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the lowest point of the cutting planes in a box, and its height."""
    size = max(abs(cuts[0][1]), _TINY)
    slopes = np.array([slope for _, _, slope in cuts]) / size
    heights = np.array([value - slope @ point for point, value, slope in cuts]) / size
    rows = np.column_stack([slopes, -np.ones(len(cuts))])
    goal = np.concatenate([np.zeros(len(low)), [1.0]])
    bounds = [*zip(low, high, strict=True), (None, None)]
    solved = linprog(goal, A_ub=rows, b_ub=-heights, bounds=bounds, method="highs")
    return (low, -np.inf) if solved.x is None else (solved.x[:-1], float(solved.x[-1]) * size)


def _at_the_margin(values: np.ndarray, penalty: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return the classes for which two choices are closest, as many as integer programming takes."""
    most = max(1, _CORE // len(values))
    if values.shape[1] <= most:
        return np.arange(values.shape[1])
    second, first = np.full(values.shape[1], -np.inf), np.zeros(values.shape[1])
    for at, row in enumerate(values):
        reduced = row - penalty[at]
        second = np.maximum(second, np.minimum(first, reduced))
        first = np.maximum(first, reduced)
    return np.sort(np.argpartition(best - second, most)[:most])


def _within(problem: Problem, chosen: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Take contacts away where a limit is exceeded, the least valuable at the prices first."""
    for at, limit in enumerate(problem.limits):
        over = problem.used(chosen)[at] - limit.bound
        if over <= _TINY * max(1.0, limit.bound):
            continue
        using = np.flatnonzero((chosen >= 0) & (limit.uses[chosen] > 0))
        actions = chosen[using]
        uses = limit.uses[actions]
        worth = (problem.values[actions, using] - penalty[actions]) / uses
        order = np.lexsort((problem.lots[using], worth))
        gone = np.searchsorted(np.cumsum(uses[order]), over) + 1
        chosen[using[order[:gone]]] = NOTHING
    return chosen
