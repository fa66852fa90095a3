"""The best choice, proven by integer programming over classes of equal customers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from workbench.analysis.actions.problem import NOTHING, Choice, Classes, Limit, Problem, best_of, penalties

__all__ = ["MOST_VARIABLES", "deal", "dual_bound", "solve_classes", "solve_exactly"]

MOST_VARIABLES = 4_000  # classes x actions that integer programming takes
_NODES = 100  # of the search; a number of seconds would make results differ between machines
_RELATIVE = 1e-5  # tolerated gap of the integer program
_ROUND = 1e-7  # of a limit, for sums of floating numbers


def solve_exactly(problem: Problem, classes: Classes) -> Choice:
    """Choose the best action for every customer by integer programming; prices are those of the linear relaxation.

    Parameters
    ----------
    problem : Problem
        Of few classes: at most ``MOST_VARIABLES`` classes x actions.
    classes : Classes
        As ``classes_of`` returns them.

    Returns
    -------
    Choice
        Its bound is the smaller of the two that the integer program and the prices prove.
    """
    taken, prices, proven = solve_classes(classes, problem.limits)
    chosen = deal(classes, taken, problem.lots)
    bound = min(proven, dual_bound(classes, problem.limits, prices))
    worth = problem.worth(chosen)
    return Choice(chosen, prices, max(bound, worth), "milp", worth)


def dual_bound(classes: Classes, limits: Sequence[Limit], prices: np.ndarray) -> float:
    """Return an upper bound of what any choice is worth: the dual value at prices of 0 or more."""
    best, _ = best_of(classes.values, penalties(limits, prices, len(classes.values)))
    return float(best @ classes.counts + prices @ np.array([limit.bound for limit in limits]))


def solve_classes(
    classes: Classes, limits: Sequence[Limit], *, tolerance: float = _RELATIVE
) -> tuple[np.ndarray, np.ndarray, float]:
    """Say how many customers of every class get which action, within a tolerated gap, as a share of their worth.

    Returns
    -------
    (ndarray of int, actions x classes; ndarray of float; float)
        Customers by action and class; the price of every limit; the bound that was proven.
    """
    actions, groups = np.nonzero(np.isfinite(classes.values) & (classes.values > 0))
    taken = np.zeros(classes.values.shape, dtype=np.int64)
    prices = np.zeros(len(limits))
    if not len(actions):
        return taken, prices, 0.0
    gains = classes.values[actions, groups]
    rows, bounds = _constraints(actions, groups, classes, limits)
    relaxed = linprog(-gains, A_ub=rows, b_ub=bounds, bounds=(0, None), method="highs")
    if len(limits):
        prices = np.maximum(0.0, -relaxed.ineqlin.marginals[: len(limits)])
    most = np.minimum(classes.counts[groups], _most(actions, limits))
    solved = milp(
        -gains,
        constraints=LinearConstraint(rows, ub=bounds),
        integrality=np.ones(len(gains)),
        bounds=Bounds(0, most),
        options={"node_limit": _NODES, "mip_rel_gap": tolerance},
    )
    amounts = solved.x if solved.x is not None else np.floor(relaxed.x + _ROUND)
    taken[actions, groups] = np.round(amounts).astype(np.int64)
    proven = -float(solved.mip_dual_bound) if solved.x is not None else -float(relaxed.fun)
    return taken, prices, proven


def _constraints(
    actions: np.ndarray, groups: np.ndarray, classes: Classes, limits: Sequence[Limit]
) -> tuple[csr_array, np.ndarray]:
    """Return the limits, then one row per class: its customers get one action at most."""
    every = np.arange(len(actions))
    one_each = csr_array((np.ones(len(actions)), (groups, every)), shape=(len(classes.counts), len(actions)))
    if not limits:
        return one_each, classes.counts.astype(float)
    uses = csr_array(np.array([limit.uses[actions] for limit in limits]))
    bounds = np.array([limit.bound for limit in limits])
    return csr_array(vstack([uses, one_each])), np.concatenate([bounds, classes.counts])


def _most(actions: np.ndarray, limits: Sequence[Limit]) -> np.ndarray:
    """Return by variable the most that each limit alone allows."""
    most = np.full(len(actions), np.inf)
    for limit in limits:
        uses = limit.uses[actions]
        with np.errstate(divide="ignore", invalid="ignore"):
            alone = np.where(uses > 0, np.floor(limit.bound / uses + _ROUND), np.inf)
        most = np.minimum(most, alone)
    return most


def deal(classes: Classes, taken: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Draw by lot who of every class gets which action.

    Parameters
    ----------
    classes : Classes
    taken : ndarray of int, actions x classes
    lots : ndarray of float
        By customer.

    Returns
    -------
    ndarray of int
        By customer the action, or ``NOTHING``.
    """
    order = np.lexsort((lots, classes.member))
    starts = np.concatenate([[0], np.cumsum(classes.counts)[:-1]])
    place = np.empty(len(lots), dtype=np.int64)
    place[order] = np.arange(len(lots)) - np.repeat(starts, classes.counts)
    chosen = np.full(len(lots), NOTHING, dtype=np.int16)
    until = np.zeros(len(classes.counts), dtype=np.int64)
    for action, amounts in enumerate(taken):
        begins, until = until, until + amounts
        chosen[(place >= begins[classes.member]) & (place < until[classes.member])] = action
    return chosen
