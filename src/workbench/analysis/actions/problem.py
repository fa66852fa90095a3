"""The choice of at most one action per customer under budget and capacities, and a solution of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["NOTHING", "Choice", "Classes", "Limit", "Problem", "best_of", "classes_of", "penalties", "row_codes"]

NOTHING = -1  # no action
_PRIME = np.uint64(1_099_511_628_211)


@dataclass(frozen=True)
class Limit:
    """A linear limit: what each contact of an action uses of it, and how much there is.

    Attributes
    ----------
    name : str
        ``budget``, ``explore``, ``capacity.<action>`` or ``channel.<channel>``.
    uses : ndarray of float
        By action, 0 or more.
    bound : float
    """

    name: str
    uses: np.ndarray
    bound: float


@dataclass(frozen=True)
class Problem:
    """Customers, what each action is worth to each of them after its cost, and the limits.

    Attributes
    ----------
    values : ndarray of float, actions x customers
        Expected gain less cost, money; ``-inf`` where the customer may not get the action.
    limits : tuple of Limit
    lots : ndarray of float
        By customer, uniform on [0, 1): decides among customers who are equal in everything.
    """

    values: np.ndarray
    limits: tuple[Limit, ...]
    lots: np.ndarray

    @property
    def n(self) -> int:
        """Number of customers."""
        return self.values.shape[1]

    def used(self, chosen: np.ndarray) -> np.ndarray:
        """Return how much of every limit a choice uses."""
        counts = np.bincount(chosen[chosen >= 0], minlength=len(self.values))
        return np.array([limit.uses @ counts for limit in self.limits])

    def worth(self, chosen: np.ndarray) -> float:
        """Return the total gain less cost of a choice."""
        treated = np.flatnonzero(chosen >= 0)
        return float(self.values[chosen[treated], treated].sum())


@dataclass(frozen=True)
class Classes:
    """Customers with equal values of every action, taken together.

    Attributes
    ----------
    member : ndarray of int
        Class by customer.
    counts : ndarray of int
        Customers by class.
    values : ndarray of float, actions x classes
    """

    member: np.ndarray
    counts: np.ndarray
    values: np.ndarray


def classes_of(values: np.ndarray) -> Classes:
    """Take equal customers together: those with equal values of every action."""
    codes = row_codes(values)
    _, first, member, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    if len(first) == len(codes):
        return Classes(np.arange(len(codes)), np.ones(len(codes), dtype=np.int64), values)
    return Classes(member.astype(np.int64), counts, values[:, first])


def penalties(limits: Sequence[Limit], prices: np.ndarray, actions: int) -> np.ndarray:
    """Return by action what a contact uses of the limits, at their prices."""
    return prices @ np.array([limit.uses for limit in limits]) if limits else np.zeros(actions)


def best_of(values: np.ndarray, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by customer, or class, the best value less the penalty of its action, 0 for none, and the action."""
    best = np.zeros(values.shape[1])
    chosen = np.full(values.shape[1], NOTHING, dtype=np.int16)
    reduced = np.empty(values.shape[1])
    for at, row in enumerate(values):
        np.subtract(row, penalty[at], out=reduced)
        chosen[reduced > best] = at
        np.maximum(best, reduced, out=best)
    return best, chosen


@dataclass(frozen=True)
class Choice:
    """A solution.

    Attributes
    ----------
    chosen : ndarray of int
        By customer the action, or ``NOTHING``.
    prices : ndarray of float
        By limit: what one more unit of it would add to the total gain less cost.
    bound : float
        No choice is worth more.
    method : str
        ``milp`` or ``lagrangian``.
    worth : float
    """

    chosen: np.ndarray
    prices: np.ndarray
    bound: float
    method: str
    worth: float = field(default=0.0)

    @property
    def gap(self) -> float:
        """How far the choice may be from the best one, as a share of the bound."""
        return max(0.0, (self.bound - self.worth) / self.bound) if self.bound > 0 else 0.0


def row_codes(values: np.ndarray) -> np.ndarray:
    """Return a code by customer, equal for customers with equal values of every action."""
    codes = np.full(values.shape[1], 14_695_981_039_346_656_037, dtype=np.uint64)
    for row in values:
        bits = (row + 0.0).view(np.uint64)
        mixed = bits ^ (bits >> np.uint64(29))
        codes = (codes ^ mixed) * _PRIME
        codes ^= codes >> np.uint64(32)
    return codes
