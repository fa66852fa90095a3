"""A campaign without a control: how outcomes go together with it, adjusted, and how little that proves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

__all__ = ["Association", "associate", "e_value"]


@dataclass(frozen=True)
class Association:
    """A weighted difference between customers with and without a campaign. It is no effect.

    Attributes
    ----------
    n_with, n_without : int
    difference, low, high : float
        Of the means under overlap weights.
    crude : float
        The difference without weights.
    e_value : float
        How strongly an unknown cause would have to go together with both campaign and outcome to explain it (risk
        ratios); 1: nothing needs explaining. Differences of means are turned into a risk ratio of
        exp(0.91 x difference / standard deviation).
    effective : float
        Effective number of customers under the weights.
    """

    n_with: int
    n_without: int
    difference: float
    low: float
    high: float
    crude: float
    e_value: float
    effective: float


def associate(values: np.ndarray, contacted: np.ndarray, covariates: np.ndarray, *, alpha: float = 0.05) -> Association:
    """Compare outcomes of customers with and without a campaign among those who could have been either.

    Parameters
    ----------
    values : ndarray of float
        The outcome, without missing values.
    contacted : ndarray of bool
    covariates : ndarray of float, (customers, covariates)
        Known before the campaign; missing values are filled with the mean.
    alpha : float

    Returns
    -------
    Association

    Notes
    -----
    Overlap weights: Li, Morgan, Zaslavsky (2018), JASA 113:390. Propensities by logistic regression; the interval
    takes them as known and is conservative. E-value: VanderWeele and Ding (2017), Annals of Internal Medicine 167:268.
    """
    arm = contacted.astype(bool)
    n_with, n_without = int(arm.sum()), int((~arm).sum())
    crude = float(values[arm].mean() - values[~arm].mean())
    propensity = _propensities(arm, covariates)
    weights = np.where(arm, 1 - propensity, propensity)
    means, variances = [], []
    for part in (arm, ~arm):
        share = weights[part] / weights[part].sum()
        mean = float((share * values[part]).sum())
        means.append(mean)
        variances.append(float((share**2 * (values[part] - mean) ** 2).sum()))
    difference = means[0] - means[1]
    half = float(stats.norm.ppf(1 - alpha / 2) * np.sqrt(sum(variances)))
    strength = e_value(_risk_ratio(values, means, difference))
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return Association(n_with, n_without, difference, difference - half, difference + half, crude, strength, effective)


def e_value(risk_ratio: float) -> float:
    """Return the E-value of a risk ratio.

    Examples
    --------
    >>> round(e_value(3.9), 2)
    7.26
    """
    ratio = max(risk_ratio, 1 / risk_ratio)
    return ratio + float(np.sqrt(ratio * (ratio - 1)))


def _risk_ratio(values: np.ndarray, means: list[float], difference: float) -> float:
    if np.isin(values, (0.0, 1.0)).all() and min(means) > 0:
        return means[0] / means[1]
    deviation = float(values.std(ddof=1))
    return float(np.exp(0.91 * difference / deviation)) if deviation else 1.0


def _propensities(arm: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    if not covariates.shape[1]:
        return np.full(len(arm), arm.mean())
    means = np.nanmean(np.where(np.isnan(covariates).all(axis=0), 0.0, covariates), axis=0)
    scaled = StandardScaler().fit_transform(np.where(np.isnan(covariates), means, covariates))
    return LogisticRegression(max_iter=2_000).fit(scaled, arm).predict_proba(scaled)[:, 1]
