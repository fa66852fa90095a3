"""What can make an experiment worthless: each guard is one question with a number, a level and an answer.

Guards that test for chance use a level of one in a thousand, so that a sound experiment seldom fires any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.analysis.experiments.statistics.effects import Effect, compare
from workbench.analysis.experiments.statistics.multiple_tests import holm
from workbench.analysis.experiments.statistics.samples import Sample, cluster_sample, samples_by_arm

if TYPE_CHECKING:
    from workbench.analysis.experiments.designs import Experiment

__all__ = [
    "GUARDS",
    "INVALIDATING",
    "LEVEL",
    "Guard",
    "guard_attrition",
    "guard_balance",
    "guard_contamination",
    "guard_early",
    "guard_outliers",
    "guard_renamed",
    "guard_reversal",
    "guard_shares",
    "guard_size",
    "guard_two_arms",
]

LEVEL = 0.001
LEAST_UNITS = 30  # customers of an arm for an effect
MOST_TWO_ARMS = 0.01  # share of customers in more than one arm
MOST_CONTACTED = 0.01  # share of the control that got the campaign
MOST_EARLY = 0.01  # share of the outcomes that lie before the assignment
WINSORISED = 0.99  # quantile at which large values are cut
GUARDS = (
    "shares", "two_arms", "renamed", "balance", "early_outcome", "contamination", "size", "attrition", "outliers",
    "reversal",
)  # fmt: skip
INVALIDATING = frozenset({"shares", "two_arms", "contamination", "attrition", "early_outcome"})


@dataclass(frozen=True)
class Guard:
    """The answer of a guard.

    Attributes
    ----------
    name : str
        As in ``GUARDS``.
    fired : bool
    value, bound : float
        What was measured, and the value from which the guard fires.
    arm, outcome : str
        Empty where the guard concerns all.
    facts : dict
        Numbers of the sentence.
    """

    name: str
    fired: bool
    value: float
    bound: float
    arm: str = ""
    outcome: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_fatal(self) -> bool:
        """Whether no effect may be shown."""
        return self.fired and self.name in INVALIDATING


def guard_shares(experiment: Experiment) -> Guard:
    """Compare the units of each arm with the declared shares (sample ratio mismatch).

    Notes
    -----
    Chi-squared test of fit over units. Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch in Online Controlled
    Experiments".
    """
    units = experiment.assigned.drop_duplicates("unit")
    counts = np.bincount(units["code"], minlength=len(experiment.arms))
    expected = np.array([experiment.shares[arm] for arm in experiment.arms]) * counts.sum()
    p_value = float(stats.chisquare(counts, expected).pvalue) if counts.sum() else 1.0
    facts = {"counts": dict(zip(experiment.arms, counts.tolist(), strict=True))}
    return Guard("shares", p_value < LEVEL, p_value, LEVEL, facts=facts)


def guard_two_arms(experiment: Experiment) -> Guard:
    """Find customers in more than one arm; they are left out, and more than one in a hundred is too many.

    Where households or stores were assigned, customers of one that is in several arms count too.
    """
    customers = len(experiment.assigned) + experiment.two_arms
    torn = experiment.two_arms
    if experiment.clusters is not None:
        arms = experiment.assigned.groupby("unit")["code"].transform("nunique")
        torn += int((arms > 1).sum())
    share = torn / customers if customers else 0.0
    return Guard("two_arms", share > MOST_TWO_ARMS, share, MOST_TWO_ARMS, facts={"customers": torn})


def guard_renamed(experiment: Experiment) -> list[Guard]:
    """Find arms that begin only after another has ended: one arm under two names, or a change midway."""
    spans = experiment.spans.set_index("arm")
    guards = []
    for arm in experiment.arms:
        others = spans[spans.index != arm]
        before = [name for name, row in others.iterrows() if row["last_on"] < spans.at[arm, "first_on"]]
        if before:
            facts = {"before": before[0], "begins": str(spans.at[arm, "first_on"])}
            guards.append(Guard("renamed", True, float(len(before)), 1.0, arm, facts=facts))
    return guards or [Guard("renamed", False, 0.0, 1.0)]


def guard_balance(experiment: Experiment, covariates: pd.DataFrame) -> list[Guard]:
    """Compare the arms in what was known before the assignment.

    Parameters
    ----------
    experiment : Experiment
    covariates : DataFrame
        One row per assigned customer, numeric columns.

    Returns
    -------
    list of Guard
        One per arm: the smallest p-value over the covariates, by Holm; fired below ``LEVEL``.
    """
    codes, clusters, guards = experiment.assigned["code"].to_numpy(), experiment.clusters, []
    for at, arm in enumerate(experiment.treated, start=1):
        p_values = [
            _compared(covariates[name].to_numpy(float), codes, at, clusters).p_value for name in covariates.columns
        ]
        adjusted = holm(p_values)
        if len(adjusted) and not np.isnan(adjusted).all():
            worst = int(np.nanargmin(adjusted))
            facts = {"covariate": covariates.columns[worst]}
            value = float(adjusted[worst])
            guards.append(Guard("balance", value < LEVEL, value, LEVEL, arm, facts=facts))
    return guards


def guard_size(samples: Sequence[Sample], experiment: Experiment, outcome: str) -> list[Guard]:
    """Find arms too small for an effect: fewer than 30 units."""
    guards = []
    for at, arm in enumerate(experiment.treated, start=1):
        pair = (samples[at], samples[0])
        fewest = min(sample.n for sample in pair)
        fired = fewest < LEAST_UNITS
        guards.append(Guard("size", fired, float(fewest), LEAST_UNITS, arm, outcome))
    return guards


def guard_attrition(values: np.ndarray, experiment: Experiment, outcome: str) -> list[Guard]:
    """Compare the arms in the share of customers without the outcome."""
    codes = experiment.assigned["code"].to_numpy()
    missing = np.isnan(values).astype(float)
    guards = []
    for at, arm in enumerate(experiment.treated, start=1):
        effect = _compared(missing, codes, at, experiment.clusters)
        facts = {"missing": effect.mean_treated, "missing_control": effect.mean_control}
        guards.append(Guard("attrition", effect.p_value < LEVEL, effect.p_value, LEVEL, arm, outcome, facts))
    return guards


def guard_contamination(experiment: Experiment, contacted: pd.Series) -> Guard:
    """Find customers of the control who got the campaign of the others.

    Parameters
    ----------
    experiment : Experiment
    contacted : Series of bool
        In the order of ``experiment.assigned``: got a campaign of the experiment.
    """
    control = contacted.to_numpy(bool)[experiment.assigned["code"].to_numpy() == 0]
    share = float(control.mean()) if len(control) else 0.0
    facts = {"customers": int(control.sum()), "n": len(control)}
    return Guard("contamination", share > MOST_CONTACTED, share, MOST_CONTACTED, facts=facts)


def guard_early(days: pd.Series, experiment: Experiment, outcome: str) -> Guard:
    """Find outcomes that happened before the assignment; more than one in a hundred is too many.

    Parameters
    ----------
    days : Series of datetime
        In the order of ``experiment.assigned``; missing where the outcome did not happen.
    experiment : Experiment
    outcome : str
    """
    happened = days.notna()
    early = days[happened] < pd.to_datetime(experiment.assigned.loc[happened, "assigned_on"])
    share = float(early.mean()) if len(early) else 0.0
    return Guard("early_outcome", share > MOST_EARLY, share, MOST_EARLY, outcome=outcome)


def guard_outliers(
    values: np.ndarray, experiment: Experiment, outcome: str, *, alpha: float
) -> tuple[list[Guard], np.ndarray]:
    """Find effects that a few large values carry: the raw one is significant, the winsorised one is not or is opposite.

    Returns
    -------
    (list of Guard, ndarray)
        One per arm; the winsorised values: cut at the 99 % quantile of all arms.
    """
    codes = experiment.assigned["code"].to_numpy()
    present = values[~np.isnan(values)]
    bound = float(np.quantile(present, WINSORISED)) if len(present) else np.nan
    cut = np.minimum(values, bound) if len(present) and not np.isin(present, (0.0, 1.0)).all() else values
    guards = []
    for at, arm in enumerate(experiment.treated, start=1):
        raw, winsorised = (_compared(part, codes, at, experiment.clusters) for part in (values, cut))
        carried = raw.p_value <= alpha and (
            winsorised.p_value > alpha or np.sign(winsorised.effect) != np.sign(raw.effect)
        )
        facts = {"effect": raw.effect, "winsorised": winsorised.effect, "bound": bound}
        guards.append(Guard("outliers", bool(carried), winsorised.p_value, alpha, arm, outcome, facts))
    return guards, cut


def guard_reversal(
    values: np.ndarray, groups: np.ndarray, experiment: Experiment, outcome: str, group: str
) -> list[Guard]:
    """Find effects whose sign turns when groups are compared one by one (Simpson): both significant, opposite.

    Parameters
    ----------
    values : ndarray of float
    groups : ndarray
        The group of each customer.
    experiment : Experiment
    outcome, group : str
    """
    codes, clusters, guards = experiment.assigned["code"].to_numpy(), experiment.clusters, []
    _, levels = np.unique(groups.astype(str), return_inverse=True)
    for at, arm in enumerate(experiment.treated, start=1):
        overall = _compared(values, codes, at, clusters)
        parts = [levels == level for level in range(levels.max() + 1)]
        within = [
            _compared(values[part], codes[part], at, None if clusters is None else clusters[part]) for part in parts
        ]
        sizes = np.array([effect.n_treated + effect.n_control for effect in within], dtype=float)
        usable = np.array([not np.isnan(effect.error) for effect in within]) & (sizes > 0)
        if not usable.any():
            continue
        weights = np.where(usable, sizes, 0) / sizes[usable].sum()
        stratified = float(np.nansum(weights * np.array([effect.effect for effect in within])))
        error = float(np.sqrt(np.nansum((weights * np.array([effect.error for effect in within])) ** 2)))
        p_value = float(2 * stats.norm.sf(abs(stratified) / error)) if error else 1.0
        turned = overall.p_value < LEVEL and p_value < LEVEL and np.sign(stratified) != np.sign(overall.effect)
        facts = {"effect": overall.effect, "stratified": stratified, "group": group}
        guards.append(Guard("reversal", bool(turned), p_value, LEVEL, arm, outcome, facts))
    return guards


def _compared(values: np.ndarray, codes: np.ndarray, at: int, clusters: np.ndarray | None = None) -> Effect:
    """Compare an arm with the control; the error is by cluster where customers were assigned in clusters."""
    if clusters is not None:
        pair = [cluster_sample(values[codes == code], clusters[codes == code]) for code in (at, 0)]
        return compare(pair[0], pair[1], ratio=True)
    samples = (
        samples_by_arm(values, codes, int(codes.max(initial=0)) + 1) if len(values) else [Sample(0, np.nan, np.nan)]
    )
    empty = Sample(0, float("nan"), float("nan"))
    treated = samples[at] if at < len(samples) else empty
    return compare(treated, samples[0])
