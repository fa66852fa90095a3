"""Inputs of 11 (actions, permitted customers, exported plans), and the plan of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.actions.candidates import Candidates, Contacted, find_candidates
from workbench.analysis.actions.contacts import contacts_before
from workbench.analysis.actions.gains import gains_of
from workbench.analysis.actions.plan import Offer, Plan, Terms, make_plan, plan_id
from workbench.analysis.audiences.attributes import SOURCES, attributes
from workbench.analysis.audiences.consent import permitted
from workbench.analysis.audiences.recommended import RECOMMENDATIONS
from workbench.analysis.audiences.select import Knowledge
from workbench.core.actions.catalogue import read_actions
from workbench.core.params.consent import ConsentParams
from workbench.core.schema import CANONICAL
from workbench.core.store.tables import to_pandas
from workbench.intake.purposes import name_purposes
from workbench.run.artifacts.plans import frozen_people, frozen_plans
from workbench.run.definitions.audience_rules import inline_rule, named_rules
from workbench.run.services.consent import ConsentService

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.core.actions.definition import Action
    from workbench.run.stages.stage import StageRun

__all__ = ["group_columns", "plan_of_run", "risk_of"]

_EARLIER = tuple(name for name in SOURCES if name not in ("portraits", "actions"))  # others come later


def plan_of_run(stage: StageRun, actions: Sequence[str]) -> Plan:
    """Plan the actions of the run.

    Parameters
    ----------
    stage : StageRun
        Stage 11, with its settings.
    actions : sequence of str
        Names of files in params/actions.

    Returns
    -------
    Plan
        Excludes the customers of exported plans that are still valid. If an exported plan of the same day has not
        changed, it is returned unchanged; otherwise its customers are excluded too.
    """
    catalogue, settings = read_actions(stage.workspace, actions), stage.settings
    names = ("explore_share", "hold_out_share", "channel_capacities", "seed")
    terms = Terms(float(settings["budget"] or 0.0), **{name: settings[name] for name in names})
    gains = gains_of(catalogue, stage.read("effects", missing="empty"), _exported(stage))
    uplift = stage.read("uplift", missing="empty")
    frozen = frozen_people(stage.workspace, stage.profile.name, stage.as_of)
    knowledge, allowed = _knowledge(stage), _permitted(stage, catalogue)
    today = [plan.plan for plan in _frozen_today(stage)]
    for exported in range(len(today) + 1):
        contacted = _contacted(stage, catalogue, frozen, today[:exported], knowledge)
        candidates = _candidates(stage, catalogue, allowed, knowledge, contacted)
        offer = Offer.of(catalogue, gains, candidates, uplift)
        name = plan_id(stage.profile.name, stage.as_of.isoformat(), offer, terms)
        if name in today:
            break
    return make_plan(name, offer, terms)


def _exported(stage: StageRun) -> list[str]:
    """Return the ids of all exported plans, the oldest first."""
    plans = frozen_plans(stage.workspace, stage.profile.name)
    return [plan.plan for plan in sorted(plans, key=lambda plan: (plan.as_of, plan.plan))]


def _frozen_today(stage: StageRun) -> list:
    """Return the exported plans that start on the as-of date, in the order in which they were frozen."""
    plans = [plan for plan in frozen_plans(stage.workspace, stage.profile.name) if plan.as_of == stage.as_of]
    return sorted(plans, key=lambda plan: (str(plan.manifest.get("frozen_at", "")), plan.plan))


def _knowledge(stage: StageRun) -> Knowledge:
    tables = stage.tables([*_EARLIER, RECOMMENDATIONS, *CANONICAL])
    words = stage.setting("consent.words")
    return Knowledge(name_purposes(tables, words), stage.as_of, named_rules(stage.workspace))


def _permitted(stage: StageRun, actions: Mapping[str, Action]) -> dict[str, Sequence[str]]:
    """Return purpose to the customers who may be contacted as of the run, without those on a never-contact list."""
    tables = stage.tables(["customers", "consents"])
    params = ConsentParams(**{name: stage.setting(f"consent.{name}") for name in ("words", "default", "minors_under")})
    consents = name_purposes(tables, params.words).get("consents")
    service = ConsentService(stage.workspace, stage.profile, stage.store, stage.as_of)
    never = service.never_contact() if stage.profile.never_contact else set()
    customers = stage.read("features", lazy=True).select("customer_id")
    by_purpose = {}
    for purpose in dict.fromkeys(action.purpose for action in actions.values()):
        verdicts = permitted(
            customers, consents, purpose, stage.as_of, params=params, people=tables.get("customers"),
            never_contact=never,
        )  # fmt: skip
        kept = verdicts.filter(verdicts.permitted).select("customer_id").to_pyarrow()["customer_id"]
        by_purpose[purpose] = kept.to_numpy(zero_copy_only=False)
    return by_purpose


def _contacted(
    stage: StageRun, actions: Mapping[str, Action], frozen: pd.DataFrame, taken: Sequence[str], knowledge: Knowledge
) -> Contacted:
    """Return past contacts and customers of exported plans: plans that began earlier, and today's ``taken`` plans."""
    starts = pd.to_datetime(frozen["starts_at"]).dt.date
    until = pd.to_datetime(frozen["valid_until"]).dt.date
    relevant = frozen[(starts < stage.as_of) | frozen["plan"].isin(list(taken))]
    busy = relevant.loc[until[relevant.index] > stage.as_of, "customer_id"]
    settings = stage.settings
    days = max([settings["contact_days"], *(action.cooldown_days for action in actions.values())])
    contacts = contacts_before(
        knowledge.tables.get("campaigns"), relevant, as_of=stage.as_of, days=days, words=settings["channel_words"]
    )
    most, within = settings["contacts_per_customer"], settings["contact_days"]
    return Contacted(contacts, most, within, frozenset(busy.dropna()))


def _candidates(
    stage: StageRun,
    actions: Mapping[str, Action],
    allowed: Mapping[str, Sequence[str]],
    knowledge: Knowledge,
    contacted: Contacted,
) -> Candidates:
    rules = {name: inline_rule(stage.workspace, action.eligible) for name, action in actions.items() if action.eligible}
    return find_candidates(actions, rules, allowed, knowledge, contacted)


def group_columns(stage: StageRun, groups: Sequence[str]) -> pd.DataFrame:
    """Return customer_id and the declared groups of every customer.

    Raises
    ------
    ProfileError
        A group is not a column of the customers; the nearest name is suggested.
    """
    tables = stage.tables(_EARLIER)
    return to_pandas(attributes(tables, groups))


def risk_of(stage: StageRun) -> pd.Series | None:
    """Return the probability of leaving by customer; None if it was not predicted."""
    churn = stage.read("churn", lazy=True, missing="none")
    if churn is None:
        return None
    rows = to_pandas(churn.select("customer_id", "churn_probability"))
    return rows.set_index("customer_id")["churn_probability"]
