"""What did an experiment change, and for whom? Guards, effects, groups, rankings and policies of one experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.experiments.covariates import (
    customer_attributes,
    dated_columns,
    earlier_values,
    numeric_columns,
    read_covariates,
)
from workbench.analysis.experiments.guards import (
    LEAST_UNITS,
    Guard,
    guard_attrition,
    guard_balance,
    guard_contamination,
    guard_early,
    guard_outliers,
    guard_renamed,
    guard_reversal,
    guard_shares,
    guard_size,
    guard_two_arms,
)
from workbench.analysis.experiments.outcomes import Outcome, choose_outcomes, measure_outcomes
from workbench.analysis.experiments.statistics.adjustment import Adjusted, adjust
from workbench.analysis.experiments.statistics.effects import Effect, compare
from workbench.analysis.experiments.statistics.multiple_tests import correct
from workbench.analysis.experiments.statistics.samples import (
    Sample,
    arm_slices,
    cluster_sample,
    linearised,
    samples_by_arm,
)
from workbench.analysis.experiments.statistics.sequential import always_valid, mixture_scale
from workbench.analysis.experiments.targeting.heterogeneity import choose_groups, compare_groups
from workbench.analysis.experiments.targeting.policies import try_policies
from workbench.analysis.experiments.targeting.uplift import Ranking, rank_by_uplift

if TYPE_CHECKING:
    from workbench.analysis.experiments.designs import Experiment
    from workbench.analysis.features_at_cutoff import FeaturesAtCutoff

__all__ = ["EFFECT_COLUMNS", "ExperimentStudy", "Settings", "own_campaigns", "study_experiment"]

EFFECT_COLUMNS = (
    "experiment", "arm", "control", "outcome", "primary", "group", "level", "n_treated", "n_control", "effect", "low",
    "high", "p_value", "p_adjusted", "q_value", "adjusted_effect", "adjusted_low", "adjusted_high", "method", "verdict",
)  # fmt: skip
LEAST_RANKED = 400  # customers for models of uplift
TENTHS = 10


@dataclass(frozen=True)
class Settings:
    """How experiments are measured.

    Attributes
    ----------
    outcomes, primary, covariates, groups : tuple of str or None
        As in the profile; None: the defaults.
    alpha : float
    looks : int
        How often the results are looked at; above 1 the always-valid interval stands beside the fixed one.
    n_bootstraps, seed : int
    """

    outcomes: tuple[str, ...] | None = None
    primary: tuple[str, ...] | None = None
    covariates: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    alpha: float = 0.05
    looks: int = 1
    n_bootstraps: int = 200
    seed: int = 0


@dataclass(frozen=True)
class ExperimentStudy:
    """The results of an experiment.

    Attributes
    ----------
    experiment : Experiment
    verdict : str
        ``shown``, ``opposite`` or ``not_shown`` (of the primary outcomes), ``not_valid`` or ``immature``.
    effects : DataFrame
        ``EFFECT_COLUMNS`` and relative, relative_low, relative_high, detectable, variance_saved, always_low,
        always_high, looks, winsorised, mean_treated, mean_control; one row per arm and outcome (group and level empty),
        then one per arm, outcome, group and level. Numbers of an effect are missing where none may be shown.
    guards : list of Guard
    groups : DataFrame
        Rows of ``heterogeneity.compare_groups`` with arm and outcome.
    rankings : dict of (arm, outcome) to list of Ranking
        Of the primary outcomes.
    uplift : DataFrame
        customer_id, experiment, arm, outcome, uplift, low, high; only where groups differ.
    policies : DataFrame
        experiment, outcome, policy, share, value, low, high, estimator; only where groups differ.
    """

    experiment: Experiment
    verdict: str
    effects: pd.DataFrame
    guards: list[Guard]
    groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    rankings: dict[tuple[str, str], list[Ranking]] = field(default_factory=dict)
    uplift: pd.DataFrame = field(default_factory=pd.DataFrame)
    policies: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def fatal(self) -> list[Guard]:
        """The guards that forbid an effect."""
        return [guard for guard in self.guards if guard.is_fatal]


@dataclass(frozen=True)
class _Data:
    """Everything of one experiment, one row per assigned customer in the same order."""

    experiment: Experiment
    outcomes: list[Outcome]
    primary: frozenset[str]
    values: pd.DataFrame
    covariates: pd.DataFrame
    attributes: pd.DataFrame
    groups: pd.DataFrame
    contacted: pd.Series | None

    @property
    def codes(self) -> np.ndarray:
        return self.experiment.assigned["code"].to_numpy()

    @property
    def clusters(self) -> np.ndarray | None:
        return self.experiment.clusters

    @cached_property
    def slices(self) -> tuple[np.ndarray, np.ndarray]:
        """The customers in order of their arms, and where each arm begins."""
        return arm_slices(self.codes, len(self.experiment.arms))

    def units(self, arm: int) -> int:
        """Return the units assigned to an arm and the control."""
        assigned = self.experiment.assigned
        return int(assigned.loc[assigned["code"].isin((0, arm)), "unit"].nunique())


def study_experiment(
    experiment: Experiment,
    tables: Mapping[str, ibis.Table],
    settings: Settings,
    *,
    as_of: date,
    features_at: FeaturesAtCutoff | None = None,
) -> ExperimentStudy:
    """Measure one experiment.

    Parameters
    ----------
    experiment : Experiment
        From ``designs.read_experiments``.
    tables : mapping
        Canonical tables: experiments; transactions, campaigns, customers where present.
    settings : Settings
    as_of : date
        Outcomes whose window is not over by this day are immature.
    features_at : FeaturesAtCutoff, optional
        For covariates that are features.

    Returns
    -------
    ExperimentStudy
    """
    data = _gather(experiment, tables, settings, as_of, features_at)
    guards = _guards_of_design(data)
    rows: list[dict[str, Any]] = []
    for outcome in data.outcomes:
        values = data.values[outcome.name].to_numpy(float)
        mature = outcome.is_mature(experiment.last_on, as_of)
        if mature:
            guards += guard_attrition(values, experiment, outcome.name)
        rows += _effect_rows(data, outcome, values, settings, guards, mature=mature)
    effects = correct(pd.DataFrame(rows))
    is_invalid = any(guard.is_fatal for guard in guards)
    effects = effects.assign(verdict=[_verdict(row, settings.alpha, invalid=is_invalid) for row in rows_of(effects)])
    effects = _hidden(effects)
    overall = _overall(effects, invalid=is_invalid)
    if is_invalid:
        return ExperimentStudy(experiment, overall, effects, guards)
    groups, reversals = _groups(data, effects, settings)
    rankings = _rankings(data, effects, settings)
    uplift, policies = _use_of_rankings(data, groups, rankings, settings)
    effects = pd.concat([effects, _group_rows(groups, effects, settings.alpha)], ignore_index=True)
    return ExperimentStudy(experiment, overall, effects, guards + reversals, groups, rankings, uplift, policies)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dictionaries."""
    return frame.to_dict("records")


def _gather(
    experiment: Experiment,
    tables: Mapping[str, ibis.Table],
    settings: Settings,
    as_of: date,
    features_at: FeaturesAtCutoff | None,
) -> _Data:
    assigned = experiment.assigned
    dated = dated_columns(assigned)
    declared = [name for name in (*numeric_columns(assigned), *dated) if name not in settings.covariates]
    outcomes = choose_outcomes(settings.outcomes, declared, tables)
    names = list(dict.fromkeys(part for outcome in outcomes for part in outcome.parts))
    computed = [name for name in names if name not in declared]
    measured = measure_outcomes(computed, tables, as_of=as_of)
    of_part = pd.DataFrame(index=assigned.index)
    for name in names:
        if name in dated:
            of_part[name] = dated[name].notna().astype("float64")
        elif name in declared:
            of_part[name] = pd.to_numeric(assigned[name], errors="coerce").astype("float64")
        else:
            of_experiment = measured[name].xs(experiment.name, level="experiment") if len(measured) else None
            mapped = assigned["customer_id"].map(of_experiment) if of_experiment is not None else np.nan
            of_part[name] = pd.Series(mapped, index=assigned.index).fillna(0.0)
    values = pd.DataFrame({outcome.name: _values_of(outcome, of_part, assigned["code"]) for outcome in outcomes})
    attributes = customer_attributes(experiment, tables.get("customers"))
    twins = earlier_values(experiment, _with_twins(computed, tables), tables, as_of=as_of)
    named = read_covariates(
        experiment, settings.covariates, attributes=attributes, features_at=features_at, tables=tables
    )
    covariates = pd.concat([twins, named], axis=1)
    groups = choose_groups(pd.concat([attributes, covariates], axis=1), settings.groups)
    primary = frozenset(settings.primary or [outcome.name for outcome in outcomes[:1]])
    contacted = _contacted(experiment, tables)
    return _Data(experiment, outcomes, primary, values, covariates, attributes, groups, contacted)


def _values_of(outcome: Outcome, parts: pd.DataFrame, codes: pd.Series) -> pd.Series:
    """Return one value per customer: of a ratio the linearised one, whose mean by arm is the ratio."""
    if not outcome.is_ratio:
        return parts[outcome.name]
    above, below = (parts[name].to_numpy(float) for name in outcome.parts)
    return pd.Series(linearised(above, below, codes.to_numpy()), index=parts.index)


def _with_twins(computed: Sequence[str], tables: Mapping[str, ibis.Table]) -> list[str]:
    """Return the outcomes to measure before the assignment too: computed ones, else orders and spend of 90 days."""
    of_orders = [name for name in computed if name != "opened"]
    lines = tables.get("transactions")
    can_measure = lines is not None and {"customer_id", "ordered_at", "amount"} <= set(lines.columns)
    return of_orders or (["orders_365d", "spend_365d"] if can_measure else [])


def own_campaigns(experiment: Experiment, tables: Mapping[str, ibis.Table]) -> set[str]:
    """Return the campaigns of an experiment: sent to at least half of the treated within a week of the assignment."""
    sent = _sent_within_a_week(experiment, tables)
    treated = (experiment.assigned["code"] > 0).sum()
    reached = sent[sent["code"] > 0].groupby("campaign_id")["customer_id"].nunique()
    return set(reached.index[reached >= treated / 2])


def _contacted(experiment: Experiment, tables: Mapping[str, ibis.Table]) -> pd.Series | None:
    """Return who got a campaign of the experiment; None where it has none."""
    own = own_campaigns(experiment, tables)
    sent = _sent_within_a_week(experiment, tables)
    reached = sent.loc[sent["campaign_id"].isin(own), "customer_id"]
    return experiment.assigned["customer_id"].isin(reached) if own else None


def _sent_within_a_week(experiment: Experiment, tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """Return campaign_id, customer_id and code of the campaigns sent within a week of the assignment."""
    campaigns = tables.get("campaigns")
    if campaigns is None or not {"campaign_id", "customer_id", "sent_at"} <= set(campaigns.columns):
        return pd.DataFrame(columns=["campaign_id", "customer_id", "code"])
    assigned = experiment.assigned[["customer_id", "code", "assigned_on"]]
    rows = campaigns.filter(campaigns.customer_id.notnull(), campaigns.sent_at.notnull())
    sent = rows.select("campaign_id", "customer_id", sent_on=rows.sent_at.date()).to_pandas()
    sent = sent.merge(assigned, on="customer_id")
    days = (pd.to_datetime(sent["sent_on"]) - pd.to_datetime(sent["assigned_on"])).dt.days
    return sent.loc[(days >= 0) & (days < 7), ["campaign_id", "customer_id", "code"]]  # noqa: PLR2004  days of a week


def _guards_of_design(data: _Data) -> list[Guard]:
    guards = [guard_shares(data.experiment), guard_two_arms(data.experiment), *guard_renamed(data.experiment)]
    numbers = pd.concat([data.covariates, data.attributes.select_dtypes("number")], axis=1)
    if len(numbers.columns):
        guards += guard_balance(data.experiment, numbers)
    if data.contacted is not None:
        guards.append(guard_contamination(data.experiment, data.contacted))
    dated = dated_columns(data.experiment.assigned)
    names = [outcome.name for outcome in data.outcomes if outcome.name in dated]
    return guards + [guard_early(dated[name], data.experiment, name) for name in names]


def _effect_rows(
    data: _Data, outcome: Outcome, values: np.ndarray, settings: Settings, guards: list[Guard], *, mature: bool
) -> list[dict[str, Any]]:
    """Measure one outcome in all arms; its guards are added to ``guards``."""
    experiment, codes = data.experiment, data.codes
    samples = _samples(data, values)
    adjusted = adjust(values, data.covariates.to_numpy(float), codes) if mature else Adjusted(values, 0.0)
    adjusted_samples = _samples(data, adjusted.values)
    winsorised: list[Sample] = samples
    if mature:
        of_outliers, cut = guard_outliers(values, experiment, outcome.name, alpha=settings.alpha)
        guards += [*guard_size(samples, experiment, outcome.name), *of_outliers]
        winsorised = _samples(data, cut)
    rows = []
    for at, arm in enumerate(experiment.treated, start=1):
        pair: dict[str, Any] = {
            "alpha": settings.alpha, "ratio": data.clusters is not None or outcome.is_ratio,
        }  # fmt: skip
        effect = compare(samples[at], samples[0], **pair)
        row = {
            "experiment": experiment.name, "arm": arm, "control": experiment.control, "outcome": outcome.name,
            "primary": outcome.name in data.primary, "group": None, "level": None, "mature": mature,
            "variance_saved": adjusted.variance_saved,
            "winsorised": compare(winsorised[at], winsorised[0], **pair).effect,
        }  # fmt: skip
        cleaned = compare(adjusted_samples[at], adjusted_samples[0], **pair)
        rows.append(row | _effect_numbers(effect, cleaned, settings, assigned=data.units(at)))
    return rows


def _samples(data: _Data, values: np.ndarray) -> list[Sample]:
    clusters, codes, arms = data.clusters, data.codes, len(data.experiment.arms)
    if clusters is None:
        return samples_by_arm(values, codes, arms, slices=data.slices)
    return [cluster_sample(values[codes == at], clusters[codes == at]) for at in range(arms)]


def _effect_numbers(effect: Effect, adjusted: Effect, settings: Settings, *, assigned: int) -> dict[str, Any]:
    """Return the numbers of one effect.

    The always-valid interval is made for the error that the comparison has once every assigned unit has its outcome: it
    does not depend on the look, as its guarantee requires. Where units are still added between looks, its error over
    all looks stays below alpha until there are thirty times as many.
    """
    names = (
        "n_treated", "n_control", "mean_treated", "mean_control", "effect", "low", "high", "p_value", "relative",
        "relative_low", "relative_high", "detectable", "method",
    )  # fmt: skip
    row = {name: getattr(effect, name) for name in names}
    row |= {"adjusted_effect": adjusted.effect, "adjusted_low": adjusted.low, "adjusted_high": adjusted.high}
    always = (np.nan, np.nan)
    if settings.looks > 1 and effect.error > 0:
        seen = min(1.0, (effect.n_treated + effect.n_control) / max(assigned, 1))
        scale = mixture_scale(effect.error * float(np.sqrt(seen)), alpha=settings.alpha)
        always = always_valid(effect.effect, effect.error, scale=scale, alpha=settings.alpha)
    return row | {"always_low": always[0], "always_high": always[1], "looks": settings.looks}


def _verdict(row: Mapping[str, Any], alpha: float, *, invalid: bool) -> str:
    if invalid:
        return "not_valid"
    if not row["mature"]:
        return "immature"
    p_value = row["p_adjusted"] if row["primary"] else row["q_value"]
    if min(row["n_treated"], row["n_control"]) < LEAST_UNITS or np.isnan(p_value) or p_value > alpha:
        return "not_shown"
    if not np.isnan(row["always_low"]) and row["always_low"] <= 0 <= row["always_high"]:
        return "not_shown"
    return "shown" if row["effect"] > 0 else "opposite"


_NUMBERS = (
    "effect", "low", "high", "p_value", "p_adjusted", "q_value", "adjusted_effect", "adjusted_low", "adjusted_high",
    "relative", "relative_low", "relative_high", "always_low", "always_high", "winsorised", "mean_treated",
    "mean_control", "variance_saved", "detectable",
)  # fmt: skip


def _hidden(effects: pd.DataFrame) -> pd.DataFrame:
    """Take the numbers away where no effect may be shown: not valid, immature, or too few units."""
    too_few = effects[["n_treated", "n_control"]].min(axis=1) < LEAST_UNITS
    hidden = effects["verdict"].isin(["not_valid", "immature"]) | too_few
    return effects.assign(
        **{name: effects[name].astype("float64").mask(hidden) for name in _NUMBERS},
        method=effects["method"].mask(hidden, ""),
    )


def _overall(effects: pd.DataFrame, *, invalid: bool) -> str:
    if invalid:
        return "not_valid"
    verdicts = set(effects.loc[effects["primary"], "verdict"])
    return next((verdict for verdict in ("opposite", "shown", "immature") if verdict in verdicts), "not_shown")


def _groups(data: _Data, effects: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, list[Guard]]:
    """Compare the effects of the groups for every arm and outcome that is mature."""
    parts, reversals = [], []
    codes = {arm: at for at, arm in enumerate(data.experiment.arms)}
    plain = [outcome.name for outcome in data.outcomes if not outcome.is_ratio]  # a ratio is measured over all alone
    for row in rows_of(effects[~effects["verdict"].isin(["immature", "not_valid"]) & effects["outcome"].isin(plain)]):
        values = data.values[row["outcome"]].to_numpy(float)
        at = codes[row["arm"]]
        levels_of_arm = compare_groups(
            values, data.codes, at, data.groups, alpha=settings.alpha, clusters=data.clusters
        )
        parts.append(levels_of_arm.assign(arm=row["arm"], outcome=row["outcome"]))
    for name in plain:
        for group in data.groups.columns:
            levels = data.groups[group].fillna("").to_numpy()
            values = data.values[name].to_numpy(float)
            fired = [guard for guard in guard_reversal(values, levels, data.experiment, name, group) if guard.fired]
            reversals += fired
    columns = ["arm", "outcome", "group", "level", "n_treated", "n_control", "effect", "low", "high", "p_value",
               "interaction_p", "q_value", "differs"]  # fmt: skip
    filled = [part for part in parts if len(part)]
    frame = pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)
    return frame, reversals


def _group_rows(groups: pd.DataFrame, effects: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the groups as rows of the effects: their verdict is that of the interaction."""
    if groups.empty:
        return pd.DataFrame(columns=effects.columns)
    of_arm = effects[["arm", "outcome", "experiment", "control", "primary", "method"]].drop_duplicates(
        ["arm", "outcome"]
    )
    rows = groups.merge(of_arm, on=["arm", "outcome"], how="left")
    shown = rows["differs"].astype(bool) & (rows["p_value"] <= alpha)
    verdict = np.where(~shown, "not_shown", np.where(rows["effect"] > 0, "shown", "opposite"))
    return rows.assign(verdict=verdict).reindex(columns=effects.columns)


def _rankings(data: _Data, effects: pd.DataFrame, settings: Settings) -> dict[tuple[str, str], list[Ranking]]:
    """Rank the customers by uplift, for the primary outcomes that are mature and have enough customers."""
    rankings = {}
    inputs = _inputs(data)
    for row in rows_of(effects[effects["primary"] & ~effects["verdict"].isin(["immature", "not_valid"])]):
        rows, values, treated = _of_arm(data, row["arm"], row["outcome"])
        is_ratio = any(outcome.is_ratio for outcome in data.outcomes if outcome.name == row["outcome"])
        if not is_ratio and len(values) >= LEAST_RANKED and len(inputs.columns) and len(np.unique(values)) > 1:
            rankings[row["arm"], row["outcome"]] = rank_by_uplift(
                inputs[rows], values, treated, n_bootstraps=settings.n_bootstraps, seed=settings.seed
            )
    return rankings


def _inputs(data: _Data) -> pd.DataFrame:
    """Return covariates, numeric attributes, and the levels of the groups as numbers."""
    codes = {f"{name}_level": data.groups[name].astype("category").cat.codes for name in data.groups.columns}
    numbers = data.attributes.select_dtypes("number")
    frame = pd.concat([data.covariates, numbers, pd.DataFrame(codes, index=data.covariates.index)], axis=1)
    return frame.astype("float64").loc[:, frame.nunique() > 1]


def _of_arm(data: _Data, arm: str, outcome: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at = data.experiment.arms.index(arm)
    values = data.values[outcome].to_numpy(float)
    rows = np.isin(data.codes, (0, at)) & ~np.isnan(values)
    return rows, values[rows], data.codes[rows] == at


def _use_of_rankings(
    data: _Data, groups: pd.DataFrame, rankings: Mapping[tuple[str, str], list[Ranking]], settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return uplift and policies of the arms and outcomes whose groups differ."""
    uplift, policies = [], []
    for (arm, outcome), ranked in rankings.items():
        of_arm = groups[(groups["arm"] == arm) & (groups["outcome"] == outcome)]
        if not len(of_arm) or not of_arm["differs"].any():
            continue
        rows, values, treated = _of_arm(data, arm, outcome)
        best = max(
            (ranking for ranking in ranked if ranking.name.endswith("learner")), key=lambda ranking: ranking.qini
        )
        ids = data.experiment.assigned.loc[rows, "customer_id"]
        uplift.append(_uplift_rows(ids, best.scores, values, treated, settings.alpha).assign(arm=arm, outcome=outcome))
        share = _share_of(data.experiment, arm)
        scores = {
            ranking.name: ranking.scores
            for ranking in ranked
            if ranking.low > 0 or ranking.name in {"response", "random"}
        }
        policies.append(
            try_policies(scores, values, treated, share=share, alpha=settings.alpha).assign(outcome=outcome)
        )
    named = [
        pd.concat(parts, ignore_index=True).assign(experiment=data.experiment.name) if parts else pd.DataFrame()
        for parts in (uplift, policies)
    ]
    return named[0], named[1]


def _share_of(experiment: Experiment, arm: str) -> float:
    """Return the design's share of an arm among this arm and the control."""
    own, control = experiment.shares[arm], experiment.shares[experiment.control]
    return own / (own + control)


def _uplift_rows(
    ids: pd.Series, scores: np.ndarray, values: np.ndarray, treated: np.ndarray, alpha: float
) -> pd.DataFrame:
    """Give every customer the effect of the tenth by predicted uplift, with its interval."""
    ranks = pd.Series(scores).rank(method="first", ascending=False).to_numpy()
    tenth = np.minimum(((ranks - 1) * TENTHS / len(ranks)).astype(int), TENTHS - 1)
    bounds = np.full((len(scores), 2), np.nan)
    for at in range(TENTHS):
        inside = tenth == at
        pair = samples_by_arm(values[inside], treated[inside].astype(int), 2)
        effect = compare(pair[1], pair[0], alpha=alpha)
        bounds[inside] = (effect.low, effect.high)
    frame = {"customer_id": ids.to_numpy(), "uplift": scores, "low": bounds[:, 0], "high": bounds[:, 1]}
    return pd.DataFrame(frame)
