"""Who is held out, by a seeded hash; and which action each of them would have got, by the plan's prices."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from workbench.analysis.actions.problem import NOTHING, Choice, Problem, best_of, penalties, row_codes

__all__ = ["assign_alike", "lots_of"]

_PLACES = 64


def lots_of(customers: np.ndarray, *keys: object) -> np.ndarray:
    """Draw a number on [0, 1) for every customer, the same for the same customer and keys.

    Parameters
    ----------
    customers : ndarray of str
    *keys
        The plan, the seed, and what is drawn for.

    Returns
    -------
    ndarray of float
    """
    key = hashlib.sha256(repr(keys).encode()).hexdigest()[:16]
    hashed = pd.util.hash_array(np.asarray(customers, dtype=object), hash_key=key, categorize=False)
    return hashed.astype(np.float64) / 2.0**_PLACES


def assign_alike(problem: Problem, choice: Choice, values: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Say which action customers who were held out would have got.

    Parameters
    ----------
    problem, choice : Problem, Choice
        Of the customers planned for.
    values : ndarray of float, actions x customers
        Of those held out.
    lots : ndarray of float
        By customer held out.

    Returns
    -------
    ndarray of int
        By customer the action, or ``NOTHING``.

    Notes
    -----
    The action whose value less the prices of what it uses is largest and above 0. Where several customers planned for
    are equal to the one held out in every value, so that prices leave open who of them gets an action, the one held
    out gets each by lot with the share that they got.
    """
    _, chosen = best_of(values, penalties(problem.limits, choice.prices, len(problem.values)))
    codes, member, counts = np.unique(row_codes(problem.values), return_inverse=True, return_counts=True)
    if not len(codes):
        return np.full(len(lots), NOTHING, dtype=np.int16)
    own = row_codes(values)
    place = np.minimum(np.searchsorted(codes, own), len(codes) - 1)
    several = (codes[place] == own) & (counts[place] > 1)
    until = np.zeros(len(codes))
    drawn = np.full(len(lots), NOTHING, dtype=np.int16)
    for action in range(len(problem.values)):
        begins = until
        until = until + np.bincount(member[choice.chosen == action], minlength=len(codes)) / counts
        drawn[(lots >= begins[place]) & (lots < until[place])] = action
    return np.where(several, drawn, chosen).astype(np.int16)
