"""Choose actions: exactly where the problem is small, by prices at scale, in pieces beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workbench.analysis.actions.exact import MOST_VARIABLES, solve_exactly
from workbench.analysis.actions.problem import NOTHING, Choice, Problem, best_of, classes_of, penalties
from workbench.analysis.actions.relaxed import solve_relaxed

__all__ = ["PIECE", "choose_actions"]

PIECE = 2_000_000  # customers solved at once


def choose_actions(problem: Problem, *, piece: int = PIECE) -> Choice:
    """Choose at most one action for every customer, so that total gain less cost is largest within the limits.

    Parameters
    ----------
    problem : Problem
    piece : int
        Beyond so many customers, random parts of them are solved one by one, each with its part of every limit.

    Returns
    -------
    Choice
        Proven optimal by integer programming where classes of equal customers x actions are few; else Lagrangian, with
        the gap to the dual bound.
    """
    if problem.n > piece:
        return _in_pieces(problem, -(-problem.n // piece))
    if not problem.n or not np.isfinite(problem.values).any():
        return Choice(np.full(problem.n, NOTHING, np.int16), np.zeros(len(problem.limits)), 0.0, "milp")
    classes = classes_of(problem.values)
    small = classes.values.size <= MOST_VARIABLES
    return solve_exactly(problem, classes) if small else solve_relaxed(problem, classes)


def _in_pieces(problem: Problem, pieces: int) -> Choice:
    """Solve random parts one by one; what one leaves unused is there for the next. The bound is that of the whole."""
    order = np.argsort(problem.lots, kind="stable")
    chosen = np.full(problem.n, NOTHING, dtype=np.int16)
    prices, left = [], np.array([limit.bound for limit in problem.limits])
    for at, rows in enumerate(np.array_split(order, pieces)):
        part = left / (pieces - at)
        whole = [limit.uses.max(initial=0.0) == 1.0 and float(limit.bound).is_integer() for limit in problem.limits]
        limits = tuple(
            replace(limit, bound=float(np.floor(amount)) if counts else float(amount))
            for limit, amount, counts in zip(problem.limits, part, whole, strict=True)
        )
        solved = choose_actions(Problem(problem.values[:, rows], limits, problem.lots[rows]), piece=problem.n)
        chosen[rows] = solved.chosen
        prices.append(solved.prices)
        left = left - problem.used(solved.chosen)
    return _judged(problem, chosen, np.mean(prices, axis=0))


def _judged(problem: Problem, chosen: np.ndarray, prices: np.ndarray) -> Choice:
    """Return a choice with the dual bound of the whole problem at prices."""
    best, _ = best_of(problem.values, penalties(problem.limits, prices, len(problem.values)))
    bound = float(best.sum() + prices @ np.array([limit.bound for limit in problem.limits]))
    worth = problem.worth(chosen)
    return Choice(chosen, prices, max(bound, worth), "lagrangian", worth)
