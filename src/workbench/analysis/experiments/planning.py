"""Planning a test: how many customers, how long, which effect can be seen, who goes where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["assign", "detectable_mean", "detectable_rate", "draw", "sample_size_mean", "sample_size_rate"]

FORMULAS = ("pooled", "unpooled")


def sample_size_rate(
    base: float, effect: float, *, alpha: float = 0.05, power: float = 0.8, formula: str = "pooled", ratio: float = 1.0
) -> int:
    """Return the customers of the treated arm for a difference in rates.

    Parameters
    ----------
    base : float in (0, 1)
        Rate of the control.
    effect : float
        Absolute difference to be seen.
    alpha, power : float
        Two-sided level, and the chance to see the effect.
    formula : {"pooled", "unpooled"}
        ``pooled``: both terms use the variance of the control, as Evan Miller's calculator does; ``unpooled``: each arm
        has its own variance (Fleiss, Levin, Paik 2003, "Statistical Methods for Rates and Proportions", equation 4.14
        without continuity correction).
    ratio : float
        Customers of the control per customer of the treated arm.

    Returns
    -------
    int

    Examples
    --------
    >>> sample_size_rate(0.2, 0.05), sample_size_rate(0.2, 0.05, formula="unpooled")
    (1030, 1091)
    """
    other = base + effect
    z_alpha, z_beta = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(power)
    if formula == "pooled":
        spread = z_alpha * np.sqrt(base * (1 - base) * (1 + 1 / ratio)) + z_beta * np.sqrt(
            other * (1 - other) + base * (1 - base) / ratio
        )
        return round(float((spread / effect) ** 2))
    variance = other * (1 - other) + base * (1 - base) / ratio
    return round(float((z_alpha + z_beta) ** 2 * variance / effect**2))


def sample_size_mean(
    deviation: float,
    effect: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    variance_saved: float = 0.0,
) -> int:
    """Return the customers of the treated arm for a difference in means, by the normal formula.

    Parameters
    ----------
    deviation : float
        Standard deviation of the outcome.
    effect : float
    alpha, power, ratio
        As for ``sample_size_rate``.
    variance_saved : float in [0, 1)
        Share of the variance that covariates explain.
    """
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    variance = deviation**2 * (1 - variance_saved) * (1 + 1 / ratio)
    return round(float(z**2 * variance / effect**2))


def detectable_rate(base: float, treated: int, control: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest absolute difference in rates that arms of these sizes show."""
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float(z * np.sqrt(base * (1 - base) * (1 / treated + 1 / control)))


def detectable_mean(deviation: float, treated: int, control: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest difference in means that arms of these sizes show."""
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float(z * deviation * np.sqrt(1 / treated + 1 / control))


def assign(
    customers: pd.DataFrame, shares: Mapping[str, float], *, seed: str, strata: Sequence[str] = ()
) -> pd.DataFrame:
    """Assign customers to arms at random, evenly within strata.

    Parameters
    ----------
    customers : DataFrame
        customer_id and the columns of the strata; missing values are a stratum.
    shares : mapping of arm to share
        Adding up to 1.
    seed : str
        The same seed gives the same arms; the order of the rows does not matter.
    strata : sequence of str

    Returns
    -------
    DataFrame
        customer_id, arm, by customer_id. Within a stratum the arms have their shares up to one customer each.
    """
    frame = customers[["customer_id", *strata]].copy()
    frame["draw"] = [draw(seed, customer) for customer in frame["customer_id"]]
    keys = [frame[name].astype("string").fillna("") for name in strata] or [pd.Series("", index=frame.index)]
    frame["stratum"] = keys[0].str.cat(keys[1:], sep="\x1f") if len(keys) > 1 else keys[0]
    frame = frame.sort_values(["stratum", "draw", "customer_id"], ignore_index=True)
    arms, bounds = list(shares), np.cumsum(list(shares.values()))
    within = frame.groupby("stratum").cumcount().to_numpy()
    size = frame.groupby("stratum")["draw"].transform("size").to_numpy()
    start = frame["stratum"].map({name: draw(seed, f"stratum {name}") for name in frame["stratum"].unique()}).to_numpy()
    position = ((within + start) / size) % 1.0
    chosen = np.minimum(np.searchsorted(bounds, position, side="right"), len(arms) - 1)
    result = pd.DataFrame({"customer_id": frame["customer_id"], "arm": [arms[at] for at in chosen]})
    return result.sort_values("customer_id", ignore_index=True)


def draw(seed: str, text: str) -> float:
    """Return a number in [0, 1) that depends on seed and text alone."""
    digest = hashlib.sha256(f"{seed}\x1f{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
