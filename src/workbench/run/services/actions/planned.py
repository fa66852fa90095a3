"""The plan to export: the one of the last run, or one that was frozen before; and how it is frozen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd

from workbench.core.actions.catalogue import action_paths, read_actions
from workbench.core.actions.definition import Action
from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean, listed
from workbench.core.store.tables import to_pandas
from workbench.run.artifacts.assignments import write_assignment
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.plans import HOLD_OUT, TREAT, FrozenPlan, freeze, frozen_people, frozen_plans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["Planned", "find_plan", "freeze_plan", "starts_at"]

STAGE = "11_plan_actions"
_TABLE, _HOLD_OUT_SHARE, _DIGITS = "actions", 0.1, 10
_RECORDS = ["customer_id", "source", "source_id"]


@dataclass(frozen=True)
class Planned:
    """A plan, frozen or not yet.

    Attributes
    ----------
    plan : str
    as_of : datetime.date
        The day on which it starts.
    actions : DataFrame
        The table ``actions``: one row per customer, both arms.
    records : DataFrame
        customer_id, source ("" where identities are not resolved), source_id: the ids of its people.
    definitions : dict of str to Action
        As params/actions has them today; of an action that is gone, as they were when the plan was frozen.
    frozen : FrozenPlan or None
    """

    plan: str
    as_of: dt.date
    actions: pd.DataFrame
    records: pd.DataFrame
    definitions: Mapping[str, Action] = field(default_factory=dict)
    frozen: FrozenPlan | None = None

    @property
    def treated(self) -> pd.DataFrame:
        """The rows of those who get their action; held-out customers are on no list."""
        return self.actions[self.actions["arm"] == TREAT]

    @property
    def held_out(self) -> pd.DataFrame:
        """The rows of those who are only compared with."""
        return self.actions[self.actions["arm"] == HOLD_OUT]


def find_plan(workspace: Workspace, profile: Profile, store: Store, name: str | None) -> Planned:
    """Find a plan by its id; without one, that of the last run.

    Raises
    ------
    ProfileError
        No plan has this id.
    DataError
        Nothing is planned yet.
    """
    frozen = {plan.plan: plan for plan in frozen_plans(workspace, profile.name)}
    current = _current(store)
    ids = [*frozen, *(name for name in current["plan"].unique() if name not in frozen)]
    if name is not None and name not in ids:
        raise ProfileError(Fault("--plan", f"no plan '{name}'", "", did_you_mean(name, ids) if ids else _run(profile)))
    if name is None and current.empty:
        expected = f"Plans that were exported: {listed(list(frozen))}; name one with --plan" if frozen else ""
        raise DataError(Fault(f"profile {profile.name}", "the last run planned no action", expected, _run(profile)))
    wanted = name or str(current["plan"].iloc[0])
    if wanted in frozen:
        return _thawed(workspace, frozen[wanted])
    as_of = dt.date.fromisoformat(str(stage_summary(workspace, profile.name, STAGE).get("as_of") or _day_of(wanted)))
    rows = current[current["plan"] == wanted].reset_index(drop=True)
    names = sorted(rows["action"].unique())
    return Planned(wanted, as_of, rows, _records(store, rows), _definitions(workspace, names))


def freeze_plan(workspace: Workspace, profile: Profile, planned: Planned) -> FrozenPlan:
    """Write the assignment of every action that has a hold-out, then freeze the plan by one rename.

    Killed before the rename there is no frozen plan, and the next run or export removes the assignments; after it the
    plan is whole.

    Raises
    ------
    DataError
        One of its people is in another frozen plan that is still valid.
    """
    _check_free(workspace, profile, planned)
    begins = starts_at(profile, planned.as_of)
    share = _hold_out_share(workspace, profile)
    firsts = planned.records.sort_values(_RECORDS).drop_duplicates("customer_id")
    assigned = planned.actions[["customer_id", "action", "arm"]].merge(firsts, on="customer_id")
    assigned["share"] = assigned["arm"].map({TREAT: round(1 - share, _DIGITS), HOLD_OUT: share})
    experiments = []
    for action, rows in assigned.groupby("action", sort=True):
        if set(rows["arm"]) == {TREAT, HOLD_OUT}:  # one arm alone shows no effect
            experiments.append(f"{planned.plan}_{action}")
            arms = rows[["source", "source_id", "arm", "share"]]
            about = _measured_by(planned.definitions.get(action))
            write_assignment(workspace, profile.name, experiments[-1], arms, begins, about=about)
    return freeze(
        workspace, profile.name, planned.actions, planned.records, _facts(profile, planned, begins, experiments)
    )


def _measured_by(action: Action | None) -> dict[str, str]:
    """Return how 10 measures an action that comes back: its control, and the outcome that its gain names."""
    outcome = action.gain.outcome if action is not None and action.gain is not None else ""
    return {"control": HOLD_OUT} | ({"outcome": outcome} if outcome else {})


def starts_at(profile: Profile, as_of: dt.date) -> dt.datetime:
    """Return the start of a day in the shop's zone; without a declared zone the time has none."""
    zones = (source.formats.time_zone for source in profile.sources.values())
    zone = next((name for name in zones if name), None)
    return dt.datetime.combine(as_of, dt.time.min, tzinfo=ZoneInfo(zone) if zone else None)


def _facts(profile: Profile, planned: Planned, begins: dt.datetime, experiments: list[str]) -> dict[str, Any]:
    counts = planned.actions.groupby(["action", "arm"]).size()
    people: dict[str, dict[str, int]] = {}
    for (action, arm), count in counts.items():
        people.setdefault(str(action), {})[str(arm)] = int(count)
    return {
        "plan": planned.plan,
        "profile": profile.name,
        "as_of": planned.as_of.isoformat(),
        "starts_at": begins.isoformat(),
        "valid_until": str(planned.actions["valid_until"].max())[:10],
        "actions": {
            name: action.model_dump(mode="json", exclude_unset=True) for name, action in planned.definitions.items()
        },
        "people": people,
        "experiments": experiments,
        "frozen_at": dt.datetime.now(dt.UTC).isoformat("T", "seconds"),
        "exported_at": None,
    }


def _check_free(workspace: Workspace, profile: Profile, planned: Planned) -> None:
    others = frozen_people(workspace, profile.name, planned.as_of)
    others = others[(others["plan"] != planned.plan) & (others["valid_until"] > planned.as_of)]
    shared = others[others["customer_id"].isin(planned.actions["customer_id"])]
    if len(shared):
        plan, until = shared["plan"].iloc[0], shared["valid_until"].max()
        found = f"{shared['customer_id'].nunique():,} of its customers are in {plan}, which is valid until {until}"
        remedy = (
            f"Run: workbench run {profile.name} --from {STAGE}, with an as_of after that plan's, which leaves them out"
        )
        raise DataError(Fault(f"plan {planned.plan}", found, "Each customer in one plan at a time", remedy))


def _current(store: Store) -> pd.DataFrame:
    """Return the table of the last run; empty where nothing is planned."""
    if not store.path(_TABLE).is_file():
        return pd.DataFrame({"plan": pd.Series(dtype="str")})
    rows = to_pandas(store.read(_TABLE))
    return rows.assign(valid_until=pd.to_datetime(rows["valid_until"]).dt.date)


def _thawed(workspace: Workspace, frozen: FrozenPlan) -> Planned:
    names = list(frozen.manifest["actions"])
    kept = {name: Action.model_validate(content) for name, content in frozen.manifest["actions"].items()}
    today = read_actions(workspace, [name for name in names if name in action_paths(workspace)])
    definitions = {name: today.get(name, kept[name]) for name in names}
    return Planned(frozen.plan, frozen.as_of, frozen.actions(), frozen.records(), definitions, frozen)


def _records(store: Store, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the ids of a plan's people in the sources; their own where identities are not resolved."""
    ids = rows[["customer_id"]].drop_duplicates()
    if "identities" not in store.present():
        return ids.assign(source="", source_id=ids["customer_id"])[_RECORDS]
    known = to_pandas(store.read("identities").select(*_RECORDS))
    merged = ids.merge(known, on="customer_id", how="left").astype({"source": "str", "source_id": "str"})
    return merged[merged["source_id"].notna()].drop_duplicates()[_RECORDS]


def _definitions(workspace: Workspace, names: list[str]) -> dict[str, Action]:
    return read_actions(workspace, names)


def _hold_out_share(workspace: Workspace, profile: Profile) -> float:
    """Return the share that the plan was made with."""
    settings = stage_summary(workspace, profile.name, STAGE).get("settings", {})
    return float(settings.get("hold_out_share", _HOLD_OUT_SHARE))


def _day_of(plan: str) -> str:
    return plan.rsplit("_", 2)[1]


def _run(profile: Profile) -> str:
    return f"Name actions in {STAGE}.actions, then: workbench run {profile.name}"
