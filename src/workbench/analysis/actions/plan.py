"""The plan of a run: who is held out, who gets which action, what it costs and is expected to bring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.actions.gains import ActionGain, individual_gains
from workbench.analysis.actions.hold_out import assign_alike, lots_of
from workbench.analysis.actions.problem import NOTHING, Choice, Limit, Problem
from workbench.analysis.actions.solve import choose_actions

if TYPE_CHECKING:
    from workbench.analysis.actions.candidates import Candidates
    from workbench.core.actions.definition import Action

__all__ = ["ARMS", "Offer", "Plan", "Terms", "make_plan", "plan_id", "price_table", "total_of"]

ARMS = ("treat", "hold_out")
BUDGET, EXPLORE, CAPACITY, CHANNEL = "budget", "explore", "capacity", "channel"
TOTALS = ("planned", "cost", "expected_gain", "gain_low", "gain_high")
_CENTS = 4


@dataclass(frozen=True)
class Terms:
    """The terms of a plan.

    Attributes
    ----------
    budget : float
        Money for all contacts.
    explore_share : float
        The most of the budget for gains that nothing has shown.
    hold_out_share : float
    channel_capacities : mapping of str to int
    seed : int
    """

    budget: float
    explore_share: float = 0.2
    hold_out_share: float = 0.1
    channel_capacities: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Offer:
    """What the actions bring to the customers.

    Attributes
    ----------
    actions : mapping of str to Action
    gains : mapping of str to ActionGain
    candidates : Candidates
    means, lows, highs : ndarray of float, actions x customers, or actions x 1
        Gain in money, by customer where an experiment showed that customers differ.
    """

    actions: Mapping[str, Action]
    gains: Mapping[str, ActionGain]
    candidates: Candidates
    means: tuple[np.ndarray, ...]
    lows: tuple[np.ndarray, ...]
    highs: tuple[np.ndarray, ...]

    @classmethod
    def of(
        cls,
        actions: Mapping[str, Action],
        gains: Mapping[str, ActionGain],
        candidates: Candidates,
        uplift: pd.DataFrame,
    ) -> Offer:
        """Gather the gains of every action, by customer where the table ``uplift`` has them."""
        bounds: tuple[list, list, list] = ([], [], [])
        for name, action in actions.items():
            gain = gains[name]
            worth = action.gain.worth if action.gain is not None and action.gain.worth else 0.0
            own = individual_gains(candidates.customers, gain, worth, uplift)
            numbers = own or tuple(np.array([number]) for number in (gain.mean, gain.low, gain.high))
            for into, array in zip(bounds, numbers, strict=True):
                into.append(array)
        return cls(actions, gains, candidates, *(tuple(part) for part in bounds))

    @property
    def costs(self) -> np.ndarray:
        """Cost of a contact by action."""
        return np.array([action.cost for action in self.actions.values()])

    @property
    def explores(self) -> np.ndarray:
        """By action: planned only within the share of the budget that is there to learn."""
        return np.array([gain.explores for gain in self.gains.values()], dtype=bool)

    def values(self, *, proven_only: bool = False) -> np.ndarray:
        """Return gain less cost, actions x customers; ``-inf`` where an action may not be chosen."""
        values = np.full(self.candidates.allowed.shape, -np.inf)
        for at, (gain, action) in enumerate(zip(self.gains.values(), self.actions.values(), strict=True)):
            if gain.planned and not (proven_only and gain.explores):
                np.copyto(values[at], self.means[at] - action.cost, where=self.candidates.allowed[at])
        return values


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes
    ----------
    plan : str
        Its id.
    offer : Offer
    terms : Terms
    chosen : ndarray of int
        By customer the action that the customer gets, or would have got, or ``NOTHING``.
    held_out : ndarray of bool
        By customer: kept out by lot, before anything was chosen.
    choice : Choice
        Of the customers who are not held out and for whom nothing was due.
    limits : tuple of Limit
        What was left for the choice after the services that are due.
    without : dict
        The totals of the plan without gains that nothing has shown.
    """

    plan: str
    offer: Offer
    terms: Terms
    chosen: np.ndarray
    held_out: np.ndarray
    choice: Choice
    limits: tuple[Limit, ...]
    without: Mapping[str, float]

    @property
    def treated(self) -> np.ndarray:
        """By customer: gets an action."""
        return (self.chosen >= 0) & ~self.held_out

    @property
    def totals(self) -> dict[str, float]:
        """Planned, cost, expected_gain, gain_low, gain_high of those who get an action."""
        return total_of(self.offer, np.where(self.treated, self.chosen, NOTHING))

    @property
    def rows(self) -> pd.DataFrame:
        """One row per customer with an action, in either arm, sorted by customer_id.

        customer_id, action, channel, expected_gain, gain_low, gain_high, cost (0 if held out), basis, arm, valid_days.
        """
        inside = np.flatnonzero(self.chosen >= 0)
        actions = list(self.offer.actions.values())
        at = self.chosen[inside]
        measured = np.array([not np.isnan(gain.low) for gain in self.offer.gains.values()], dtype=bool)
        numbers = {}
        for name, arrays in zip(("expected_gain", "gain_low", "gain_high"), self._bounds, strict=True):
            of_row = np.array([], dtype=float) if not len(inside) else _picked(arrays, at, inside)
            numbers[name] = np.round(np.where(measured[at] | (name == "expected_gain"), of_row, np.nan), _CENTS)
        held = self.held_out[inside]
        bases = np.array([gain.basis for gain in self.offer.gains.values()], dtype=object)
        numbers["expected_gain"] = np.where(bases[at] == "none", np.nan, numbers["expected_gain"])
        return pd.DataFrame(
            {
                "customer_id": self.offer.candidates.customers[inside],
                "action": np.array([action.name for action in actions], dtype=object)[at],
                "channel": np.array([action.channel for action in actions], dtype=object)[at],
                **numbers,
                "cost": np.where(held, 0.0, self.offer.costs[at]),
                "basis": bases[at],
                "arm": np.where(held, ARMS[1], ARMS[0]),
                "valid_days": np.array([action.valid_days for action in actions])[at],
            }
        )

    @property
    def _bounds(self) -> tuple[tuple[np.ndarray, ...], ...]:
        return self.offer.means, self.offer.lows, self.offer.highs

    @property
    def by_action(self) -> pd.DataFrame:
        """One row per action: action, channel, state, basis, eligible, planned, held_out, cost and gains."""
        rows = []
        for at, (name, action) in enumerate(self.offer.actions.items()):
            gain = self.offer.gains[name]
            mine = np.where(self.treated & (self.chosen == at), at, NOTHING)
            totals = total_of(self.offer, mine)
            held = int((self.held_out & (self.chosen == at)).sum())
            eligible = int(self.offer.candidates.allowed[at].sum())
            rows.append(
                {"action": name, "channel": action.channel, "state": gain.state, "basis": gain.basis,
                 "eligible": eligible, "held_out": held, "mean": gain.mean, **totals}
            )  # fmt: skip
        return pd.DataFrame(rows)


def plan_id(profile: str, as_of: str, offer: Offer, terms: Terms) -> str:
    """Return ``<profile>_<as_of>_<8 hex>``, by the digest of everything that decides the plan."""
    digest = hashlib.sha256()
    definitions = {name: action.model_dump(mode="json") for name, action in offer.actions.items()}
    stated = [definitions, terms.budget, terms.explore_share, terms.hold_out_share, dict(terms.channel_capacities)]
    digest.update(json.dumps([*stated, terms.seed], sort_keys=True, ensure_ascii=False).encode())
    digest.update("\0".join(offer.candidates.customers).encode())
    digest.update(np.packbits(offer.candidates.allowed).tobytes())
    for arrays in (offer.means, offer.lows, offer.highs):
        for array in arrays:
            digest.update(np.round(array, _CENTS).tobytes())
    return f"{profile}_{as_of}_{digest.hexdigest()[:8]}"


def make_plan(plan: str, offer: Offer, terms: Terms) -> Plan:
    """Plan actions.

    Parameters
    ----------
    plan : str
        The id of the plan; with the seed it decides who is held out.
    offer : Offer
    terms : Terms

    Returns
    -------
    Plan

    Notes
    -----
    Services without a gain are due: they come first, for everybody they are for as far as money and capacities reach,
    and nobody is held out from them. Of the others a lot marks those held out before anything is chosen; money and
    capacities are planned for the rest, and the prices of that plan say what those held out would have got.
    """
    customers = offer.candidates.customers
    lots = {what: lots_of(customers, plan, terms.seed, what) for what in ("hold_out", "choice", "alike")}
    chosen = _due(offer, terms, lots["choice"])
    values = offer.values()
    open_ones = chosen == NOTHING
    held_out = open_ones & np.isfinite(values).any(axis=0) & (lots["hold_out"] < terms.hold_out_share)
    rest, held = np.flatnonzero(open_ones & ~held_out), np.flatnonzero(held_out)
    limits = _limits_after(offer, terms, chosen)
    problem = Problem(values[:, rest], limits, lots["choice"][rest])
    choice = choose_actions(problem)
    chosen[rest] = choice.chosen
    chosen[held] = assign_alike(problem, choice, values[:, held], lots["alike"][held])
    without = chosen.copy()
    without[held] = NOTHING
    if offer.explores.any():
        proven = Problem(offer.values(proven_only=True)[:, rest], limits, problem.lots)
        without[rest] = choose_actions(proven).chosen
    return Plan(plan, offer, terms, chosen, held_out, choice, limits, total_of(offer, without))


def _due(offer: Offer, terms: Terms, lots: np.ndarray) -> np.ndarray:
    """Give the services that are due, in the order of the catalogue, by lot where they do not reach everybody."""
    chosen = np.full(len(offer.candidates.customers), NOTHING, dtype=np.int16)
    money, left = terms.budget, dict(terms.channel_capacities)
    for at, action in enumerate(offer.actions.values()):
        if not action.due:
            continue
        waiting = np.flatnonzero(offer.candidates.allowed[at] & (chosen == NOTHING))
        most = [len(waiting), left.get(action.channel, len(waiting))]
        most += [action.capacity] if action.capacity is not None else []
        most += [int((money + 1e-9) // action.cost)] if action.cost else []
        served = waiting[np.argsort(lots[waiting], kind="stable")][: min(most)]
        chosen[served] = at
        money -= action.cost * len(served)
        if action.channel in left:
            left[action.channel] -= len(served)
    return chosen


def _limits_after(offer: Offer, terms: Terms, chosen: np.ndarray) -> tuple[Limit, ...]:
    """Return what the services that are due leave of every limit."""
    names, actions = list(offer.actions), list(offer.actions.values())
    limits = [Limit(BUDGET, offer.costs, terms.budget)]
    if offer.explores.any():
        limits.append(Limit(EXPLORE, np.where(offer.explores, offer.costs, 0.0), terms.explore_share * terms.budget))
    for at, action in enumerate(actions):
        if action.capacity is not None:
            limits.append(Limit(f"{CAPACITY}.{names[at]}", np.arange(len(actions)) == at, float(action.capacity)))
    for channel, most in terms.channel_capacities.items():
        on_it = np.array([action.channel == channel for action in actions])
        if on_it.any():
            limits.append(Limit(f"{CHANNEL}.{channel}", on_it, float(most)))
    counts = np.bincount(chosen[chosen >= 0], minlength=len(actions))
    return tuple(
        Limit(limit.name, limit.uses.astype(float), max(0.0, limit.bound - float(limit.uses @ counts)))
        for limit in limits
    )


def total_of(offer: Offer, chosen: np.ndarray) -> dict[str, float]:
    """Add up what a choice costs and is expected to bring.

    Parameters
    ----------
    offer : Offer
    chosen : ndarray of int
        By customer the action, or ``NOTHING``.

    Returns
    -------
    dict
        planned, cost, expected_gain, gain_low, gain_high. Errors within one experiment are shared, so they add up
        over its customers; only different experiments count as independent. An assumed gain counts nothing at the
        low end and itself at the high end.
    """
    inside = np.flatnonzero(chosen >= 0)
    total = {"planned": len(inside), "cost": 0.0, "expected_gain": 0.0, "gain_low": 0.0, "gain_high": 0.0}
    halves: dict[str, list[float]] = {}
    for at, gain in enumerate(offer.gains.values()):
        mine = inside[chosen[inside] == at]
        total["cost"] += len(mine) * float(offer.costs[at])
        if not len(mine) or gain.basis == "none":
            continue
        mean, low, high = (_sum(arrays[at], mine) for arrays in (offer.means, offer.lows, offer.highs))
        total["expected_gain"] += mean
        if gain.basis == "assumption":
            total["gain_high"] += mean
            continue
        total["gain_low"] += mean
        total["gain_high"] += mean
        below, above = halves.setdefault(gain.experiment, [0.0, 0.0])
        halves[gain.experiment] = [below + mean - low, above + high - mean]
    below, above = (float(np.sqrt(sum(pair[side] ** 2 for pair in halves.values()))) for side in (0, 1))
    total["gain_low"] -= below
    total["gain_high"] += above
    return {name: round(value, _CENTS) if name != "planned" else value for name, value in total.items()}


def _sum(numbers: np.ndarray, rows: np.ndarray) -> float:
    return float(numbers[0]) * len(rows) if len(numbers) == 1 else float(numbers[rows].sum())


def _picked(arrays: tuple[np.ndarray, ...], actions: np.ndarray, customers: np.ndarray) -> np.ndarray:
    numbers = np.empty(len(actions))
    for at, array in enumerate(arrays):
        mine = actions == at
        numbers[mine] = array[0] if len(array) == 1 else array[customers[mine]]
    return numbers


def price_table(plan: Plan) -> pd.DataFrame:
    """Return what one more unit of every limit would bring.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    DataFrame
        constraint, price, bound, used, sorted as the limits are: ``budget``: gain of one more unit of money, its own
        cost not taken off; all others: gain of one more contact, or of one more unit of money for gains that nothing
        has shown, after what it costs. 0 where the limit is not reached.
    """
    counts = np.bincount(plan.chosen[plan.treated], minlength=len(plan.offer.actions))
    due = [action.due for action in plan.offer.actions.values()]
    before = np.where(due, counts, 0)
    rows: list[dict[str, Any]] = []
    for limit, price in zip(plan.limits, plan.choice.prices, strict=True):
        shown = float(price) + (1.0 if limit.name == BUDGET and price > 0 else 0.0)
        bound, used = limit.bound + float(limit.uses @ before), float(limit.uses @ counts)
        if plan.terms.budget and limit.name == BUDGET:
            bound = plan.terms.budget
        rows.append({"constraint": limit.name, "price": round(shown, 6), "bound": bound, "used": round(used, _CENTS)})
    return pd.DataFrame(rows, columns=["constraint", "price", "bound", "used"])
