"""Less noise by what was known before the assignment: regression adjustment (CUPED)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Adjusted", "adjust"]


@dataclass(frozen=True)
class Adjusted:
    """An outcome without the part that the covariates explain.

    Attributes
    ----------
    values : ndarray of float
        In the order of the rows; missing where the outcome is.
    variance_saved : float in [0, 1]
        Share of the variance within arms that the covariates explain.
    """

    values: np.ndarray
    variance_saved: float


def adjust(values: np.ndarray, covariates: np.ndarray, codes: np.ndarray) -> Adjusted:
    """Subtract from an outcome what covariates from before the assignment explain.

    Parameters
    ----------
    values : ndarray of float, one element per customer
        Missing values stay missing.
    covariates : ndarray of float, (customers, covariates)
        Known before the assignment. Missing values are filled with the mean of all arms; covariates that are constant,
        or a combination of others, change nothing.
    codes : ndarray of int
        The arm of each customer.

    Returns
    -------
    Adjusted

    Notes
    -----
    Deng, Xu, Kohavi, Walker (2013), "Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data". The slopes are those within arms, so the effect stays unbiased up to order 1/n.
    """
    present = ~np.isnan(values)
    if not present.any() or not covariates.shape[1]:
        return Adjusted(values, 0.0)
    filled = _filled(covariates)[present]
    y, arm = values[present], codes[present]
    within = _centred(filled, arm)
    scale = within.std(axis=0)
    usable = scale > 1e-12 * np.maximum(1.0, np.abs(filled).max(axis=0))
    if not usable.any():
        return Adjusted(values, 0.0)
    residual = _centred(y[:, None], arm)[:, 0]
    slopes, *_ = np.linalg.lstsq(within[:, usable] / scale[usable], residual, rcond=1e-10)
    shift = (filled[:, usable] - filled[:, usable].mean(axis=0)) / scale[usable] @ slopes
    adjusted = np.full(len(values), np.nan)
    adjusted[present] = y - shift
    before = float(residual @ residual)
    after = residual - within[:, usable] / scale[usable] @ slopes
    saved = 1 - float(after @ after) / before if before else 0.0
    return Adjusted(adjusted, float(np.clip(saved, 0, 1)))


def _filled(covariates: np.ndarray) -> np.ndarray:
    counts = (~np.isnan(covariates)).sum(axis=0)
    means = np.where(counts > 0, np.nansum(covariates, axis=0) / np.maximum(counts, 1), 0.0)
    return np.where(np.isnan(covariates), means, covariates)


def _centred(columns: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Subtract the mean of each arm."""
    counts = np.maximum(np.bincount(codes), 1)
    means = np.column_stack([np.bincount(codes, weights=column) / counts for column in columns.T])
    return columns - means[codes]
