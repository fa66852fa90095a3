"""Who was assigned to which arm: experiments, their control, their declared shares, faults of the assignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault

__all__ = ["CONTROL_NAMES", "Experiment", "read_experiments", "single_arms"]

CONTROL_NAMES = ("control", "hold_out", "none", "对照", "对照组", "空白", "空白组")
_SHARE_SUM = 1e-6


@dataclass(frozen=True)
class Experiment:
    """A randomised experiment.

    Attributes
    ----------
    name : str
    control : str
    arms : tuple of str
        The control first, the others by name.
    shares : dict of str to float
        Declared share of each arm; they add up to 1.
    assigned : DataFrame
        One row per customer in exactly one arm, by customer_id: customer_id, arm, code (position in ``arms``),
        assigned_on (date), unit (customer, household or store), and the declared columns.
    two_arms : int
        Customers who were in more than one arm and are left out.
    spans : DataFrame
        One row per arm: arm, first_on, last_on (dates of assignment).
    """

    name: str
    control: str
    arms: tuple[str, ...]
    shares: dict[str, float]
    assigned: pd.DataFrame
    two_arms: int = 0
    spans: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms other than the control."""
        return self.arms[1:]

    @cached_property
    def clusters(self) -> np.ndarray | None:
        """The household or store of each customer, where those were assigned; None where customers were."""
        units = self.assigned["unit"].to_numpy()
        return None if (units == self.assigned["customer_id"].to_numpy()).all() else units

    @property
    def last_on(self) -> date:
        """The last day of assignment."""
        return self.assigned["assigned_on"].max()


def read_experiments(
    assignments: pd.DataFrame,
    *,
    control: str | Mapping[str, str] | None = None,
    shares: Mapping[str, float] | Mapping[str, Mapping[str, float]] | None = None,
    units: Mapping[str, str] | None = None,
    planned: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Experiment]:
    """Read the experiments out of their assignments.

    Parameters
    ----------
    assignments : DataFrame, one row per experiment and customer
        experiment, customer_id, arm, assigned_at; share of the arm (optional); any declared columns.
    control : str or mapping of experiment to str, optional
        Name of the control arm; without it, or where a test of ours has no such arm, the control that was planned, else
        the one arm named as in ``CONTROL_NAMES``.
    shares : mapping, optional
        Arm to share, or experiment to such a mapping; without it, or where it has other arms, the column ``share``,
        else equal shares.
    units : mapping of customer_id to household or store, optional
        The unit of assignment; without it every customer is a unit.
    planned : mapping of experiment to what was planned, optional
        ``control``, the arm.

    Returns
    -------
    list of Experiment
        By day of assignment, then name.

    Raises
    ------
    DataError
        An experiment without a control arm, with one arm, or with shares that do not fit; all faults together.
    """
    faults: list[Fault] = []
    experiments = []
    for name, rows in assignments.assign(arm=assignments["arm"].astype(str).str.strip()).groupby(
        "experiment", sort=True
    ):
        arms = sorted(rows["arm"].unique())
        stated = (planned or {}).get(str(name), {}).get("control")
        chosen = _control(str(name), arms, control, stated, faults)
        if chosen is None:
            continue
        ordered = (chosen, *(arm for arm in arms if arm != chosen))
        declared = _shares(str(name), ordered, rows, shares, faults)
        assigned, two_arms = _assigned(rows, ordered, units)
        spans = assigned.groupby("arm", as_index=False)["assigned_on"].agg(first_on="min", last_on="max")
        experiments.append(Experiment(str(name), chosen, ordered, declared, assigned, two_arms, spans))
    if faults:
        raise DataError(faults)
    return sorted(experiments, key=lambda experiment: (experiment.last_on, experiment.name))


def single_arms(assignments: pd.DataFrame) -> dict[str, str]:
    """Return the experiments of which one arm alone has customers, though it was to have a part of them: name to arm.

    A small plan may draw nobody to hold out; there is nothing to compare, and nothing wrong with the data.
    """
    if "share" not in assignments.columns:
        return {}
    by_name = assignments.groupby("experiment").agg(
        arms=("arm", "nunique"), arm=("arm", "first"), share=("share", "max")
    )
    alone = by_name[(by_name["arms"] == 1) & (by_name["share"].astype("float64") < 1)]
    return {str(name): str(arm) for name, arm in alone["arm"].items()}


def _control(
    name: str,
    arms: Sequence[str],
    control: str | Mapping[str, str] | None,
    planned: str | None,
    faults: list[Fault],
) -> str | None:
    where = f"experiment '{name}'"
    declared = control.get(name) if isinstance(control, Mapping) else control
    if declared is not None and declared in arms and len(arms) > 1:
        return declared
    if planned in arms and len(arms) > 1:
        return planned
    named = [arm for arm in arms if arm.lower() in CONTROL_NAMES]
    if declared is None and len(named) == 1 and len(arms) > 1:
        return named[0]
    names = ", ".join(f"'{arm}'" for arm in arms)
    expected = f"an arm named '{declared}'" if declared is not None else f"one arm named {', '.join(CONTROL_NAMES)}"
    faults.append(
        Fault(
            where,
            f"no control arm among {names}" if len(arms) > 1 else f"only one arm, {names}",
            f"{expected}, and at least one other",
            "Name it: 10_measure_experiments.control: {" + name + ": ARM}",
        )
    )
    return None


def _shares(
    name: str,
    arms: Sequence[str],
    rows: pd.DataFrame,
    shares: Mapping[str, float] | Mapping[str, Mapping[str, float]] | None,
    faults: list[Fault],
) -> dict[str, float]:
    declared: Mapping[str, Any] = shares or {}
    of_experiment = declared.get(name, {} if _is_by_experiment(declared) else declared)
    has_own = "share" in rows.columns and rows["share"].notna().any()
    if of_experiment and (set(of_experiment) == set(arms) or not has_own):
        planned = {str(arm): float(share) for arm, share in of_experiment.items()}
    elif has_own:
        planned = rows.groupby("arm")["share"].max().astype(float).to_dict()
    else:
        return dict.fromkeys(arms, 1 / len(arms))
    if set(planned) != set(arms) or abs(sum(planned.values()) - 1) > _SHARE_SUM or min(planned.values()) <= 0:
        stated = ", ".join(f"{arm}: {share:g}" for arm, share in sorted(planned.items()))
        faults.append(
            Fault(
                f"experiment '{name}'",
                f"shares {stated}",
                f"a share above 0 of each arm ({', '.join(arms)}), adding up to 1",
                "Correct 10_measure_experiments.shares or the column share",
            )
        )
        return dict.fromkeys(arms, 1 / len(arms))
    return {arm: planned[arm] for arm in arms}


def _is_by_experiment(shares: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) for value in shares.values())


def _assigned(rows: pd.DataFrame, arms: Sequence[str], units: Mapping[str, str] | None) -> tuple[pd.DataFrame, int]:
    """Return one row per customer in one arm, at the first assignment, and the number of the others."""
    rows = rows.assign(assigned_on=pd.to_datetime(rows["assigned_at"]).dt.date)
    in_arms = rows.groupby("customer_id")["arm"].nunique()
    torn = set(in_arms.index[in_arms > 1])
    kept = rows[~rows["customer_id"].isin(torn)].sort_values(["customer_id", "assigned_on"], kind="stable")
    kept = kept.drop_duplicates("customer_id").drop(columns=["experiment", "assigned_at"])
    positions = {arm: at for at, arm in enumerate(arms)}
    unit = kept["customer_id"].map(units) if units is not None else kept["customer_id"]
    kept = kept.assign(code=kept["arm"].map(positions), unit=unit.fillna(kept["customer_id"]))
    return kept.reset_index(drop=True), len(torn)
