"""The tests of a profile: list them and show one (``workbench experiment list|show``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.params.profile import load_profile
from workbench.core.store.tables import to_pandas
from workbench.run.artifacts.assignments import assignments_written, planned_tests, read_assignment
from workbench.run.artifacts.context import stage_summary
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["ExperimentService"]

_STAGE = "10_measure_experiments"


class ExperimentService:
    """The tests of one profile: planned ones, exported plans, and those that a source holds.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Raises
    ------
    ProfileError
        No such profile.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.workspace = workspace
        self.profile = load_profile(workspace, profile)
        self.store = store_of(workspace, self.profile)

    def experiments(self) -> pd.DataFrame:
        """List the tests of this profile: planned ones, and those that 10 measured.

        Returns
        -------
        DataFrame
            experiment, assigned_on, customers, arms, outcome, until, verdict; verdict is empty before 10 has run.
        """
        metrics = stage_summary(self.workspace, self.profile.name, _STAGE).get("metrics", {})
        verdicts = {key.removesuffix(".verdict"): value for key, value in metrics.items() if key.endswith(".verdict")}
        stated = planned_tests(self.workspace, self.profile.name)
        rows = [self._listed(name, stated.get(name, {}), verdicts) for name in sorted({*self._known(), *verdicts})]
        return pd.DataFrame(
            rows, columns=["experiment", "assigned_on", "customers", "arms", "outcome", "until", "verdict"]
        )

    def show(self, name: str) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
        """Return the facts, the arms and the effects of one test; effects only if 10 has measured it.

        Raises
        ------
        ProfileError
            There is no such test; the nearest name is suggested.
        """
        listed = self.experiments().set_index("experiment")
        if name not in listed.index:
            raise ProfileError(Fault("", f"no experiment '{name}'", "", did_you_mean(name, listed.index)))
        stated = planned_tests(self.workspace, self.profile.name).get(name, {})
        facts = {**listed.loc[name].to_dict(), **stated}
        rows = self._assigned(name)
        arms = rows.groupby("arm", as_index=False).agg(customers=("customer_id", "nunique"))
        effects = pd.DataFrame(columns=["arm", "outcome", "n_treated", "n_control", "effect", "low", "high", "verdict"])
        if "effects" in self.store.present():
            table = self.store.read("effects")
            test_effects = table.filter(table.experiment == name, table.group.isnull()).select(*effects.columns)
            effects = to_pandas(test_effects.order_by("outcome", "arm"))
        return facts, arms, effects

    def _known(self) -> list[str]:
        names = assignments_written(self.workspace, self.profile.name)
        if "experiments" in self.store.present():
            names += to_pandas(self.store.read("experiments").select("experiment").distinct())["experiment"].tolist()
        return names

    def _listed(self, name: str, stated: Mapping[str, Any], verdicts: Mapping[str, str]) -> dict[str, Any]:
        rows = self._assigned(name)
        days = rows["assigned_on"].dropna()
        return {
            "experiment": name, "assigned_on": str(days.min())[:10] if len(days) else "",
            "customers": rows["customer_id"].nunique(), "arms": ", ".join(sorted(rows["arm"].unique())),
            "outcome": stated.get("outcome", ""), "until": stated.get("until", ""),
            "verdict": verdicts.get(name, ""),
        }  # fmt: skip

    def _assigned(self, name: str) -> pd.DataFrame:
        """Return customer_id, arm, assigned_on of an experiment, as read by 01, otherwise from its assignment file."""
        if name in assignments_written(self.workspace, self.profile.name):
            rows = read_assignment(self.workspace, self.profile.name, name)
            ids = rows["source"] + "\x1f" + rows["source_id"]
            return pd.DataFrame({"customer_id": ids, "arm": rows["arm"], "assigned_on": rows["assigned_at"]})
        table = self.store.read("experiments")
        day = table.assigned_at.cast("string") if "assigned_at" in table.columns else ibis.null("string")
        assigned = table.filter(table.experiment == name).select("customer_id", "arm", assigned_on=day)
        return to_pandas(assigned).dropna(subset=["arm"])
