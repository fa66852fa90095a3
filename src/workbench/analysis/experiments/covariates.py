"""What was known of a customer before the assignment: for adjustment, balance, groups and learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.analysis.experiments.outcomes import measure_outcomes
from workbench.analysis.features_at_cutoff import FeaturesAtCutoff, dated_only
from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS

if TYPE_CHECKING:
    from workbench.analysis.experiments.designs import Experiment

__all__ = ["customer_attributes", "dated_columns", "earlier_values", "numeric_columns", "read_covariates"]

MOST_DAYS = 12  # days of assignment at which features are rebuilt
_IDS = frozenset({"customer_id", "source", "source_id", "member_number", "document_id", "referrer_customer_id"})


def numeric_columns(assigned: pd.DataFrame) -> list[str]:
    """Return the declared columns of an assignment whose values that are not blank are all numbers."""
    own = {"customer_id", "arm", "assigned_on", "code", "unit", "share"}
    return [
        name
        for name in assigned.columns
        if name not in own
        and assigned[name].notna().any()
        and pd.to_numeric(assigned[name], errors="coerce").notna().equals(assigned[name].notna())
    ]


def dated_columns(assigned: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the declared columns of an assignment whose values that are not blank are all dates, as dates.

    Such a column is an outcome that happened, on that day, to the customers who have a value.
    """
    own = {"customer_id", "arm", "assigned_on", "code", "unit", "share", *numeric_columns(assigned)}
    columns = {}
    for name in assigned.columns:
        if name not in own and assigned[name].notna().any():
            days = pd.to_datetime(assigned[name], errors="coerce", format="ISO8601")
            if days.notna().equals(assigned[name].notna()):
                columns[name] = days
    return columns


def earlier_values(
    experiment: Experiment, names: Sequence[str], tables: Mapping[str, ibis.Table], *, as_of: date
) -> pd.DataFrame:
    """Measure computed outcomes in the window before the assignment, as ``<outcome>_before``.

    Returns
    -------
    DataFrame
        One row per assigned customer, in order.
    """
    keys = experiment.assigned["customer_id"]
    if not names:
        return pd.DataFrame(index=keys.index)
    rows = measure_outcomes(names, tables, as_of=as_of, before=True)
    of_experiment = rows.xs(experiment.name, level="experiment") if len(rows) else rows.droplevel("experiment")
    frame = of_experiment.reindex(keys).fillna(0.0).add_suffix("_before")
    return frame.set_axis(keys.index, axis="index")


def customer_attributes(experiment: Experiment, customers: ibis.Table | None) -> pd.DataFrame:
    """Return the attributes of assigned customers that have no date, taken as known before the assignment.

    Returns
    -------
    DataFrame
        One row per assigned customer, in order; without ids, contact data and sensitive columns.
    """
    keys = experiment.assigned["customer_id"]
    if customers is None:
        return pd.DataFrame(index=keys.index)
    sensitive = {column.name for column in CANONICAL["customers"].columns if column.sensitive}
    left_out = _IDS | set(CONTACT_COLUMNS) | sensitive
    types = customers.schema()
    names = [name for name in customers.columns if name not in left_out and not types[name].is_temporal()]
    rows = customers.select("customer_id", *names).to_pandas().drop_duplicates("customer_id").set_index("customer_id")
    frame = rows.reindex(keys).set_axis(keys.index, axis="index")
    numbers = [name for name in names if types[name].is_numeric()]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def read_covariates(
    experiment: Experiment,
    names: Sequence[str],
    *,
    attributes: pd.DataFrame,
    features_at: FeaturesAtCutoff | None,
    tables: Mapping[str, ibis.Table],
) -> pd.DataFrame:
    """Return named covariates: declared columns of the assignment, numeric attributes, or features.

    Parameters
    ----------
    experiment : Experiment
    names : sequence of str
    attributes : DataFrame
        From ``customer_attributes``.
    features_at : FeaturesAtCutoff or None
        Builds features as of the days of assignment, twelve at most.
    tables : mapping
        Canonical tables.

    Returns
    -------
    DataFrame
        One row per assigned customer, in order; float columns.

    Raises
    ------
    DataError
        A name that none of them has, or features at more than twelve days.
    """
    assigned = experiment.assigned
    frame = pd.DataFrame(index=assigned.index)
    declared = numeric_columns(assigned)
    of_features = [name for name in names if name not in declared and name not in attributes.columns]
    built = _features(experiment, features_at, tables) if of_features else pd.DataFrame(index=assigned.index)
    faults = []
    for name in names:
        if name in declared:
            frame[name] = pd.to_numeric(assigned[name], errors="coerce").astype("float64")
        elif name in attributes.columns:
            frame[name] = pd.to_numeric(attributes[name], errors="coerce").astype("float64")
        elif name in built.columns and pd.api.types.is_numeric_dtype(built[name]):
            frame[name] = built[name].astype("float64")
        else:
            possible = [*declared, *attributes.columns, *built.columns]
            expected = "a numeric column of the experiment, of customers or of the features"
            where = "10_measure_experiments.covariates"
            faults.append(Fault(where, f"unknown covariate '{name}'", expected, did_you_mean(name, possible)))
    if faults:
        raise DataError(faults)
    return frame


def _features(
    experiment: Experiment, features_at: FeaturesAtCutoff | None, tables: Mapping[str, ibis.Table]
) -> pd.DataFrame:
    assigned = experiment.assigned
    days = sorted(assigned["assigned_on"].unique())
    if len(days) > MOST_DAYS:
        raise DataError(
            Fault(
                f"experiment '{experiment.name}'",
                f"{len(days)} days of assignment",
                f"at most {MOST_DAYS} for features as covariates",
                "Declare the covariates as columns of the experiment",
            )
        )
    builder, (dated, undated) = features_at or FeaturesAtCutoff(), dated_only(tables)
    parts = []
    for day in days:
        rows = assigned.loc[assigned["assigned_on"] == day, ["customer_id"]]
        features = builder.at(dated, day, undated=undated).set_index("customer_id")
        parts.append(features.reindex(rows["customer_id"]).set_axis(rows.index, axis="index"))
    return pd.concat(parts).reindex(assigned.index)
