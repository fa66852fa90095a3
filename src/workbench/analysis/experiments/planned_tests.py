"""The plan of a test: how many customers for which effect, what covariates save, who goes into which arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
from scipy import stats

from workbench.analysis.experiments.planning import (
    assign,
    detectable_mean,
    detectable_rate,
    draw,
    sample_size_mean,
    sample_size_rate,
)
from workbench.analysis.experiments.statistics.adjustment import adjust
from workbench.analysis.experiments.statistics.effects import compare
from workbench.analysis.experiments.statistics.samples import samples_by_arm

__all__ = ["Past", "TestPlan", "draw_customers", "measure_past", "past_effects", "plan_test", "split_past"]

REPEATS = 400  # splits of the past
MOST_SPLIT = 50_000  # customers in each of them
_CHANCE = 0.001  # that a sound outcome is called unreliable


@dataclass(frozen=True)
class Past:
    """What an outcome was in the window before, with no test.

    Attributes
    ----------
    customers : int
        Who were customers at the start of that window.
    mean, deviation : float
        Of the outcome, per customer.
    binary : bool
        Every value is 0 or 1.
    variance_saved : float in [0, 1]
        Share of the variance that the same outcome in the window before that one explains (CUPED).
    """

    customers: int
    mean: float
    deviation: float
    binary: bool
    variance_saved: float


@dataclass(frozen=True)
class TestPlan:
    """The sizes of a test.

    Attributes
    ----------
    formula : str
        ``pooled`` (rates: Evan Miller's calculator) or ``normal`` (means).
    alpha, power : float
        Two-sided level of each comparison with the control: alpha divided by the number of treated arms (Bonferroni).
    effect : float or None
        The absolute effect that was asked for.
    needed, needed_adjusted : int or None
        Customers in all arms together to show it, without and with the covariate.
    customers : int
        Customers in all arms together that the test gets.
    detectable, detectable_adjusted : float
        Smallest absolute effect that a test of this size shows with this power, in the treated arm that shows least.
    """

    __test__ = False  # no test of ours, though its name begins like one

    formula: str
    alpha: float
    power: float
    effect: float | None
    needed: int | None
    needed_adjusted: int | None
    customers: int
    detectable: float
    detectable_adjusted: float


def measure_past(values: np.ndarray, earlier: np.ndarray) -> Past:
    """Describe an outcome of the past.

    Parameters
    ----------
    values : ndarray of float, one element per customer
        The outcome in the last window.
    earlier : ndarray of float
        The same outcome in the window before it.
    """
    saved = adjust(values, earlier[:, None], np.zeros(len(values), dtype=int)).variance_saved if len(values) else 0.0
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Past(len(values), float(values.mean()) if len(values) else 0.0, deviation, binary, saved)


def plan_test(
    past: Past,
    shares: Mapping[str, float],
    *,
    at_hand: int,
    effect: float | None = None,
    customers: int | None = None,
    least: int = 2,
    alpha: float = 0.05,
    power: float = 0.8,
) -> TestPlan:
    """Size a test.

    Parameters
    ----------
    past : Past
        With a deviation above 0.
    shares : mapping of arm to share
        The control first.
    at_hand : int
        Customers who may be assigned today.
    effect : float, optional
        Absolute effect to be seen. It decides how many are assigned, as far as there are so many.
    customers : int, optional
        How many are assigned; without it and without an effect, everybody at hand.
    least : int
        Customers that the smallest arm gets at least, where an effect decides the number.
    alpha, power : float
    """
    control, *treated = shares
    level = alpha / len(treated)
    needed = needed_adjusted = None
    if effect is not None:
        pairs = [(shares[arm], shares[control]) for arm in treated]
        needed = max(_needed(past, effect, pair, alpha=level, power=power) for pair in pairs)
        needed_adjusted = ceil(needed * (1 - past.variance_saved))
    enough = max(needed, ceil(least / min(shares.values()))) if needed else at_hand
    assigned = min(customers or enough, at_hand)
    sizes = [(max(1, round(assigned * shares[arm])), max(1, round(assigned * shares[control]))) for arm in treated]
    visible = max(_detectable(past, size, alpha=level, power=power) for size in sizes)
    return TestPlan(
        "pooled" if past.binary else "normal", level, power, effect, needed, needed_adjusted, assigned, visible,
        visible * float(np.sqrt(1 - past.variance_saved)),
    )  # fmt: skip


def _needed(past: Past, effect: float, shares: tuple[float, float], *, alpha: float, power: float) -> int:
    """Return the customers of all arms that one treated arm and the control, with these shares, need for an effect."""
    ratio = shares[1] / shares[0]
    if past.binary:
        size = sample_size_rate(past.mean, effect, alpha=alpha, power=power, ratio=ratio)
    else:
        size = sample_size_mean(past.deviation, effect, alpha=alpha, power=power, ratio=ratio)
    return ceil(size / shares[0])


def _detectable(past: Past, sizes: tuple[int, int], *, alpha: float, power: float) -> float:
    if past.binary:
        return detectable_rate(past.mean, *sizes, alpha=alpha, power=power)
    return detectable_mean(past.deviation, *sizes, alpha=alpha, power=power)


def draw_customers(
    customers: pd.DataFrame, count: int, shares: Mapping[str, float], *, seed: str, strata: Sequence[str]
) -> pd.DataFrame:
    """Draw the customers of a test, evenly over the strata, and assign them to its arms.

    Parameters
    ----------
    customers : DataFrame
        customer_id and the columns of the strata.
    count : int
        How many are drawn; the others are outside the test.
    shares : mapping of arm to share
    seed : str
        The same seed gives the same customers and arms.
    strata : sequence of str

    Returns
    -------
    DataFrame
        customer_id, arm, by customer_id; exactly ``count`` rows.
    """
    frame = customers[["customer_id", *strata]].copy()
    frame["draw"] = [draw(f"{seed} sample", customer) for customer in frame["customer_id"]]
    ordered = frame.sort_values([*strata, "draw", "customer_id"], na_position="first", ignore_index=True)
    at = np.floor(np.arange(len(ordered) + 1) * count / max(len(ordered), 1) + draw(seed, "first") * (1 - 1e-9))
    return assign(ordered[np.diff(at) > 0], shares, seed=seed, strata=strata)


def past_effects(
    values: pd.Series, arms: pd.Series, shares: Mapping[str, float], *, alpha: float = 0.05
) -> dict[str, float]:
    """Compare the arms of an assignment in an outcome of the past, which it cannot have changed: the A/A check.

    Parameters
    ----------
    values, arms : Series
        By customer; customers without a past value are left out.
    shares : mapping of arm to share
        The control first.

    Returns
    -------
    dict of str to float
        Arm to p-value.
    """
    joined = pd.concat({"value": values, "arm": arms}, axis=1, join="inner").dropna()
    names = list(shares)
    codes = joined["arm"].map({arm: at for at, arm in enumerate(names)}).to_numpy()
    samples = samples_by_arm(joined["value"].to_numpy(float), codes, len(names))
    return {arm: compare(samples[at], samples[0], alpha=alpha).p_value for at, arm in enumerate(names) if at}


def split_past(
    values: np.ndarray, shares: Mapping[str, float], *, seed: int, alpha: float = 0.05, repeats: int = REPEATS
) -> tuple[float, bool]:
    """Split the past at random many times: how often a difference is called an effect.

    Parameters
    ----------
    values : ndarray of float
        An outcome of the past.
    shares : mapping of arm to share
        The control first.
    seed : int
    alpha : float
    repeats : int

    Returns
    -------
    (float, bool)
        Share of the splits with any p-value, by the number of treated arms, at or below alpha; and whether that is more
        than chance allows: the outcome is then too skewed for a test of this size.
    """
    draws, arms = np.random.default_rng(seed), len(shares)
    kept = values if len(values) <= MOST_SPLIT else draws.choice(values, MOST_SPLIT, replace=False)
    codes = np.minimum(
        np.searchsorted(np.cumsum(list(shares.values())), (np.arange(len(kept)) + 0.5) / max(len(kept), 1)), arms - 1
    )
    alarms = 0
    for _ in range(repeats):
        samples = samples_by_arm(kept, draws.permutation(codes), arms)
        p_values = [compare(samples[at], samples[0]).p_value for at in range(1, arms)]
        alarms += bool(np.nanmin([*p_values, 1.0]) <= alpha / (arms - 1))
    return alarms / repeats, alarms > stats.binom.ppf(1 - _CHANCE, repeats, alpha)
