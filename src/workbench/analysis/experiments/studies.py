"""All experiments and campaigns of a profile. Serves 10_measure_experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.experiments.campaigns import associate_campaigns, effect_rows
from workbench.analysis.experiments.designs import Experiment, read_experiments, single_arms
from workbench.analysis.experiments.outcomes import computable
from workbench.analysis.experiments.study import (
    EFFECT_COLUMNS,
    ExperimentStudy,
    Settings,
    own_campaigns,
    study_experiment,
)
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    import ibis

    from workbench.analysis.features_at_cutoff import FeaturesAtCutoff

__all__ = ["POLICY_COLUMNS", "UPLIFT_COLUMNS", "Measured", "measure_experiments"]

UPLIFT_COLUMNS = ("customer_id", "experiment", "arm", "outcome", "uplift", "low", "high")
POLICY_COLUMNS = ("experiment", "outcome", "policy", "share", "value", "low", "high", "estimator")


@dataclass(frozen=True)
class Measured:
    """The results of all experiments and of campaigns without a control.

    Attributes
    ----------
    studies : list of ExperimentStudy
        In order of assignment.
    associations : DataFrame
        From ``campaigns.associate_campaigns``.
    alone : dict of str to str
        Experiments with one arm so far, which compare nothing, and that arm.
    """

    studies: list[ExperimentStudy]
    associations: pd.DataFrame
    alone: dict[str, str] = field(default_factory=dict)

    @property
    def effects(self) -> pd.DataFrame:
        """The table ``effects``: by experiment, outcome, arm, group and level; campaigns last."""
        parts = [study.effects for study in self.studies] + [effect_rows(self.associations)]
        return _stacked(parts, EFFECT_COLUMNS)

    @property
    def uplift(self) -> pd.DataFrame:
        """The table ``uplift``: customers of experiments whose groups differ."""
        return _stacked([study.uplift for study in self.studies], UPLIFT_COLUMNS)

    @property
    def policies(self) -> pd.DataFrame:
        """The table ``targeting_policies``."""
        return _stacked([study.policies for study in self.studies], POLICY_COLUMNS)


def measure_experiments(
    tables: Mapping[str, ibis.Table],
    *,
    as_of: date,
    control: str | Mapping[str, str] | None = None,
    shares: Mapping[str, Any] | None = None,
    outcomes: Sequence[str] = (),
    primary: Sequence[str] = (),
    covariates: Sequence[str] = (),
    groups: Sequence[str] = (),
    unit: str = "customer",
    alpha: float = 0.05,
    looks: int = 1,
    n_bootstraps: int = 200,
    seed: int = 0,
    features_at: FeaturesAtCutoff | None = None,
    households: pd.DataFrame | None = None,
    planned: Mapping[str, Mapping[str, Any]] | None = None,
) -> Measured:
    """Measure every experiment, and compare customers with and without each campaign that had no control.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables: ``experiments`` or ``campaigns``; ``transactions``, ``customers`` where present.
    as_of : date
    control, shares, outcomes, primary, covariates, groups, unit, alpha, looks, n_bootstraps, seed
        As in the profile.
    features_at : FeaturesAtCutoff, optional
        For covariates that are features.
    households : DataFrame, optional
        customer_id, household_id.
    planned : mapping of experiment to what was planned, optional
        ``outcome`` and ``control`` of our own tests: the outcome comes first, and is the only one where the profile
        declares none.

    Returns
    -------
    Measured

    Raises
    ------
    DataError, ProfileError
        An experiment without a control arm, shares that do not fit, unknown outcomes or covariates, a unit without its
        column.
    """
    settings = Settings(
        tuple(outcomes) or None, tuple(primary) or None, tuple(covariates), tuple(groups) or None, alpha, looks,
        n_bootstraps, seed,
    )  # fmt: skip
    experiments: list[Experiment] = []
    alone: dict[str, str] = {}
    if "experiments" in tables:
        rows = tables["experiments"]
        rows = rows.filter(rows.customer_id.notnull()).to_pandas()
        units = _units(unit, rows, households)
        alone = single_arms(rows)
        compared = rows[~rows["experiment"].astype("str").isin(set(alone))]
        experiments = read_experiments(compared, control=control, shares=shares, units=units, planned=planned)
    studies = [
        study_experiment(
            experiment, tables, _own_settings(settings, (planned or {}).get(experiment.name, {}), tables), as_of=as_of,
            features_at=features_at,
        )
        for experiment in experiments
    ]  # fmt: skip
    own = {campaign for experiment in experiments for campaign in own_campaigns(experiment, tables)}
    computed = [name for name in outcomes if computable(name, tables)]  # a campaign has no declared columns
    associations = associate_campaigns(tables, computed or None, as_of=as_of, leave_out=own, alpha=alpha)
    return Measured(studies, associations, alone)


def _own_settings(settings: Settings, planned: Mapping[str, Any], tables: Mapping[str, ibis.Table]) -> Settings:
    """Return the settings of a test of ours: its planned outcome, then declared ones that can be computed."""
    outcome = planned.get("outcome")
    if not outcome:
        return settings
    others = [name for name in settings.outcomes or () if name != outcome and computable(name, tables)]
    primary = tuple(name for name in settings.primary or () if name in (outcome, *others))
    return replace(settings, outcomes=(outcome, *others), primary=primary or None)


def _units(unit: str, rows: pd.DataFrame, households: pd.DataFrame | None) -> Mapping[str, str] | None:
    """Return the unit of assignment of each customer; None where it is the customer."""
    if unit == "customer":
        return None
    if unit == "household" and households is not None and len(households):
        return households.drop_duplicates("customer_id").set_index("customer_id")["household_id"].astype(str).to_dict()
    column = f"{unit}_id"
    if column in rows.columns:
        return rows.drop_duplicates("customer_id").set_index("customer_id")[column].dropna().astype(str).to_dict()
    raise DataError(
        Fault(
            "10_measure_experiments.unit",
            f"unit: {unit}, and experiments have no column {column}",
            "The unit of assignment of each customer",
            f"Map {column} among the attributes of the experiments, or set unit: customer",
        )
    )


def _stacked(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    return pd.concat([part.reindex(columns=list(columns)) for part in filled], ignore_index=True)
