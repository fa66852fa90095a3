"""For whom does it work? Interactions of the effect with few declared groups.

Under no heterogeneity a claim is made in at most about alpha of all experiments: one Wald test per group, corrected
over the groups of an arm and outcome. Rankings by a model never decide it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from workbench.analysis.experiments.statistics.effects import Effect, compare
from workbench.analysis.experiments.statistics.samples import Sample, cluster_sample, samples_by_arm
from workbench.analysis.intervals import benjamini_hochberg

__all__ = ["MOST_GROUPS", "choose_groups", "compare_groups"]

MOST_GROUPS = 10
MOST_LEVELS = 8
QUARTERS = 4
LEAST_UNITS = 30  # of either arm in a level
_EMPTY = Sample(0, float("nan"), float("nan"))


def choose_groups(attributes: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Choose the groups whose effects are compared.

    Parameters
    ----------
    attributes : DataFrame
        One row per customer, known before the assignment: columns of text, flags or numbers.
    names : sequence of str, optional
        The groups to compare, in this order; without it every usable column, ten at most.

    Returns
    -------
    DataFrame
        The same rows; one column of text per group: columns of 2 to 8 levels as they are, numeric ones with more in
        quarters (``q1`` the lowest). Missing values form no level.
    """
    chosen: dict[str, pd.Series] = {}
    for name in names if names is not None else attributes.columns:
        if len(chosen) == MOST_GROUPS:
            break
        levels = _levels(attributes[name])
        if levels is not None:
            chosen[name] = levels
    return pd.DataFrame(chosen, index=attributes.index)


def compare_groups(
    values: np.ndarray,
    codes: np.ndarray,
    arm: int,
    groups: pd.DataFrame,
    *,
    alpha: float = 0.05,
    clusters: np.ndarray | None = None,
) -> pd.DataFrame:
    """Measure the effect in each level of each group and test whether the levels differ.

    Parameters
    ----------
    values : ndarray of float, one element per customer
    codes : ndarray of int
        The arm of each customer; 0 is the control.
    arm : int
    groups : DataFrame
        From ``choose_groups``, in the same order.
    alpha : float
    clusters : ndarray, optional
        The unit of assignment of each customer, where it is not the customer.

    Returns
    -------
    DataFrame
        One row per group and level with at least 30 units in both arms: group, level, n_treated, n_control, effect,
        low, high, p_value (of the effect in this level), interaction_p (Wald's test that all levels have one effect),
        q_value (of that, Benjamini and Hochberg over the groups), differs (q_value <= alpha). Empty without groups.
    """
    rows: list[dict] = []
    tests: dict[str, float] = {}
    for name in groups.columns:
        effects = {}
        for level in sorted(groups[name].dropna().unique()):
            inside = (groups[name] == level).to_numpy()
            effect = _effect(values[inside], codes[inside], arm, alpha, None if clusters is None else clusters[inside])
            if min(effect.n_treated, effect.n_control) >= LEAST_UNITS and effect.error > 0:
                effects[level] = effect
        if len(effects) > 1:
            tests[name] = _wald(list(effects.values()))
            rows += [{"group": name, "level": level} | _numbers(effect) for level, effect in effects.items()]
    columns = ["group", "level", "n_treated", "n_control", "effect", "low", "high", "p_value"]
    frame = pd.DataFrame(rows, columns=columns)
    if not tests:
        return frame.assign(interaction_p=np.nan, q_value=np.nan, differs=False)
    q_values = dict(zip(tests, benjamini_hochberg(list(tests.values())), strict=True))
    frame = frame.assign(interaction_p=frame["group"].map(tests), q_value=frame["group"].map(q_values))
    return frame.assign(differs=frame["q_value"] <= alpha)


def _levels(column: pd.Series) -> pd.Series | None:
    present = column.dropna()
    count = present.nunique()
    if 2 <= count <= MOST_LEVELS:  # noqa: PLR2004
        return column.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value), na_action="ignore")
    if count <= MOST_LEVELS or not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    ranks = present.rank(method="average", pct=True)
    quarter = np.minimum((ranks * QUARTERS).apply(np.ceil).astype(int), QUARTERS)
    return ("q" + quarter.astype(str)).reindex(column.index) if quarter.nunique() > 1 else None


def _effect(values: np.ndarray, codes: np.ndarray, arm: int, alpha: float, clusters: np.ndarray | None) -> Effect:
    if clusters is not None:
        pair = [cluster_sample(values[codes == at], clusters[codes == at]) for at in (arm, 0)]
        return compare(pair[0], pair[1], alpha=alpha, ratio=True)
    samples = samples_by_arm(values, codes, arm + 1)
    return compare(samples[arm] if len(samples) > arm else _EMPTY, samples[0], alpha=alpha)


def _numbers(effect: Effect) -> dict[str, float]:
    names = ("n_treated", "n_control", "effect", "low", "high", "p_value")
    return {name: getattr(effect, name) for name in names}


def _wald(effects: Sequence[Effect]) -> float:
    """Test that all effects are equal: the weighted sum of squares around their weighted mean is chi-squared."""
    estimates = np.array([effect.effect for effect in effects])
    weights = np.array([effect.error for effect in effects]) ** -2.0
    mean = (weights * estimates).sum() / weights.sum()
    statistic = float((weights * (estimates - mean) ** 2).sum())
    return float(stats.chi2.sf(statistic, len(effects) - 1))
