"""All experiments and campaigns of a profile. Serves 10_measure_experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.experiments.campaigns import associate_campaigns, effect_rows
from workbench.analysis.experiments.designs import Experiment, read_experiments
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
    """

    studies: list[ExperimentStudy]
    associations: pd.DataFrame

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
    if "experiments" in tables:
        rows = tables["experiments"]
        rows = rows.filter(rows.customer_id.notnull()).to_pandas()
        units = _units(unit, rows, households)
        experiments = read_experiments(rows, control=control, shares=shares, units=units)
    studies = [
        study_experiment(experiment, tables, settings, as_of=as_of, features_at=features_at)
        for experiment in experiments
    ]
    own = {campaign for experiment in experiments for campaign in own_campaigns(experiment, tables)}
    associations = associate_campaigns(tables, outcomes or None, as_of=as_of, leave_out=own, alpha=alpha)
    return Measured(studies, associations)


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
