"""Many outcomes and arms, one level: Holm over the primary outcomes, Benjamini and Hochberg over the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.analysis.intervals import benjamini_hochberg

__all__ = ["correct", "holm"]


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values so that a cut at a level keeps the chance of any false rejection below it.

    Parameters
    ----------
    p_values : array_like of float
        Missing values stay missing and do not count.

    Returns
    -------
    ndarray of float

    Notes
    -----
    S. Holm (1979), Scandinavian Journal of Statistics 6:65.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    present = np.flatnonzero(~np.isnan(p))
    order = present[np.argsort(p[present], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def correct(effects: pd.DataFrame) -> pd.DataFrame:
    """Add p_adjusted and q_value to the effects of one experiment.

    Parameters
    ----------
    effects : DataFrame
        One row per arm and outcome: primary (bool), p_value.

    Returns
    -------
    DataFrame
        With p_adjusted (Holm over all primary rows; missing for others) and q_value (Benjamini and Hochberg over the
        others; missing for primary rows).
    """
    primary = effects["primary"].to_numpy(bool)
    p_values = effects["p_value"].to_numpy(float)
    q_values = np.full(len(effects), np.nan)
    tested = ~primary & ~np.isnan(p_values)
    if tested.any():
        q_values[tested] = benjamini_hochberg(p_values[tested])
    return effects.assign(p_adjusted=holm(np.where(primary, p_values, np.nan)), q_value=q_values)
