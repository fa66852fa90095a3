"""Plan a test on the customers of the last run: compute its size, draw its customers, write the assignment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.experiments.designs import CONTROL_NAMES
from workbench.analysis.experiments.guards import LEAST_UNITS
from workbench.analysis.experiments.outcomes import DEFAULT, computable, measure_outcomes, window_days
from workbench.analysis.experiments.planned_tests import (
    Past,
    TestPlan,
    draw_customers,
    measure_past,
    past_effects,
    plan_test,
    split_past,
)
from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.files import digest_json
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.lines import known_lines
from workbench.run.artifacts.assignments import assignment_path, write_assignment
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.plans import frozen_people
from workbench.run.services.consent import MARKETING

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.run.services.audiences import AudienceService

__all__ = ["DrawnTest", "Request", "TestPlanner"]

_STAGE = "10_measure_experiments"
_OPENED, _OPENED_DAYS = "opened", 90  # the outcome opened has no window of its own
_RECENT_DAYS = 90  # window for the rate of new customers
_WAIT_SECONDS = 60
_SHARE_SUM = 1e-6
_STRATA = ["life_cycle_stage", "quarter"]


@dataclass(frozen=True)
class Request:
    """The request for a test.

    Attributes
    ----------
    arms : tuple of str
        The control is the arm named as in ``designs.CONTROL_NAMES``, else the first.
    outcome : str
        ``orders_<n>d``, ``spend_<n>d``, ``bought_<n>d``, ``returned_<n>d`` or ``opened``.
    shares : tuple of float
        In the order of the arms; empty: equal.
    effect : str
        The smallest effect worth detecting: a number, or a share of the current mean such as ``5%``; empty: not given.
    customers : int or None
        Number of participants.
    rule : str
        An audience; empty: everybody.
    seed : int
    name : str
        Empty: made from the date and the request.
    power : float
    """

    arms: tuple[str, ...]
    outcome: str
    shares: tuple[float, ...] = ()
    effect: str = ""
    customers: int | None = None
    rule: str = ""
    seed: int = 0
    name: str = ""
    power: float = 0.8


@dataclass(frozen=True)
class DrawnTest:
    """A test that was planned.

    Attributes
    ----------
    name, control, outcome : str
    days : int
        Length of the outcome window; 0 if it has none (``opened``).
    as_of, until : datetime.date
        The day of the assignment, and the day on which the outcome window ends.
    shares : dict of str to float
        Arm to planned share, the control first.
    counts : dict of str to int
        Customers by arm.
    left_out : dict of str to int
        Members of the rule who take no part, by reason: refused, minor, never_contact, in_a_plan.
    at_hand : int
        Members who may take part.
    past : Past
    plan : TestPlan
    new_per_day : float
        New eligible customers per day, over the last 90 days.
    arms_before : dict of str to float
        Arm to p-value of its difference from the control in the past outcome.
    false_alarms : float
        Share of random splits of past data that a test would report as an effect.
    unreliable : bool
        Whether ``false_alarms`` is higher than chance allows.
    path : Path or None
        The assignment file; None where nothing was written.
    """

    name: str
    control: str
    outcome: str
    days: int
    as_of: dt.date
    until: dt.date
    shares: dict[str, float]
    counts: dict[str, int]
    left_out: dict[str, int]
    at_hand: int
    past: Past
    plan: TestPlan
    new_per_day: float
    arms_before: dict[str, float]
    false_alarms: float
    unreliable: bool
    path: Path | None

    @property
    def days_to_enrol(self) -> float | None:
        """Days until there are enough customers for the effect; None if there never will be."""
        missing = max(0, (self.plan.needed or 0) - self.at_hand)
        if not missing:
            return 0.0
        return missing / self.new_per_day if self.new_per_day else None


class TestPlanner:
    """Plans tests on the customers of one profile.

    Parameters
    ----------
    audiences : AudienceService
        The customers, their rules and consents.
    """

    __test__ = False  # not a test class for pytest, despite its name

    def __init__(self, audiences: AudienceService):
        self.audiences, self.as_of = audiences, audiences.as_of
        self.workspace, self.profile, self.store = audiences.workspace, audiences.profile, audiences.store

    def plan(self, request: Request, *, write: bool = True) -> DrawnTest:
        """Plan a test and write its assignment.

        Raises
        ------
        ProfileError
            Arms, shares, outcome, effect, number, rule or name are wrong; all faults together.
        DataError
            The consents cannot be read, nobody is eligible, an arm is too small for an effect, the outcome does not
            vary, or a customer would change the arm.
        """
        self._check(request)
        shares = _shares(request)
        control = next(iter(shares))
        eligible, left_out = self._eligible(request)
        before = self._past(request.outcome, eligible)
        past = measure_past(before["value"].to_numpy(), before["earlier"].to_numpy())
        if not past.deviation:
            found = f"{request.outcome} is the same for all {past.customers:,} customers of the past"
            raise DataError(Fault("--outcome", found, "An outcome that varies", "Choose another outcome or rule"))
        alpha = self.profile.sections[_STAGE].alpha
        if (request.customers or 0) > len(eligible):
            found = f"{request.customers:,} customers asked for, {len(eligible):,} may take part"
            raise DataError(Fault("--customers", found, "", "Ask for fewer, or widen the rule"))
        plan = plan_test(
            past, shares, at_hand=len(eligible), effect=_effect(request, past), customers=request.customers,
            least=LEAST_UNITS, alpha=alpha, power=request.power,
        )  # fmt: skip
        _check_sizes(plan, shares)
        name = request.name or self._name(request)
        strata, seed = self._strata(eligible, before), f"{name} {request.seed}"
        drawn = draw_customers(strata, plan.customers, shares, seed=seed, strata=_STRATA)
        arms = drawn.set_index("customer_id")["arm"]
        false_alarms, unreliable = split_past(before["value"].to_numpy(), shares, seed=request.seed, alpha=alpha)
        until = self.as_of + dt.timedelta(days=window_days(request.outcome) or 1)
        about = {
            "outcome": request.outcome, "control": control, "shares": shares, "rule": request.rule,
            "seed": request.seed, "as_of": self.as_of.isoformat(), "until": until.isoformat(), "effect": plan.effect,
            "formula": plan.formula, "needed": plan.needed, "detectable": plan.detectable,
        }  # fmt: skip
        return DrawnTest(
            name=name, control=control, outcome=request.outcome, days=window_days(request.outcome), as_of=self.as_of,
            until=until, shares=shares, counts={arm: int((arms == arm).sum()) for arm in shares}, left_out=left_out,
            at_hand=len(eligible), past=past, plan=plan, new_per_day=self._new_per_day(eligible),
            arms_before=past_effects(before["value"], arms, shares, alpha=alpha), false_alarms=false_alarms,
            unreliable=unreliable, path=self._write(name, drawn, about) if write else None,
        )  # fmt: skip

    def _check(self, request: Request) -> None:
        """Refuse a request with invalid values."""
        faults, tables = [*_arm_faults(request), *_size_faults(request)], self._lines_and_campaigns
        if not computable(request.outcome, tables):
            possible = [name for name in (*DEFAULT, "bought_90d", "returned_90d", _OPENED) if computable(name, tables)]
            expected = (
                "orders_<n>d, spend_<n>d, bought_<n>d, returned_<n>d or opened, and the table it is computed from"
            )
            remedy = did_you_mean(request.outcome, possible) if possible else "This profile has no orders or campaigns"
            faults.append(Fault("--outcome", f"unknown outcome '{request.outcome}'", expected, remedy))
        try:
            if request.name:
                assignment_path(self.workspace, self.profile.name, request.name)
        except ProfileError as error:
            faults += [Fault("--name", fault.found, fault.expected) for fault in error.faults]
        try:
            if request.rule:
                self._members(request.rule)
        except ProfileError as error:
            faults += error.faults
        if faults:
            raise ProfileError(faults)

    def _members(self, rule: str) -> set[str]:
        """Return the customers of an audience, whether or not they may be contacted."""
        rows = self.audiences.members(self.audiences.rule(rule)).select("customer_id")
        return set(to_pandas(rows)["customer_id"])

    @cached_property
    def _lines_and_campaigns(self) -> dict[str, ibis.Table]:
        present = self.store.present()
        return {name: self.store.read(name) for name in ("transactions", "campaigns") if name in present}

    def _eligible(self, request: Request) -> tuple[list[str], dict[str, int]]:
        """Return the eligible customers, and the number of excluded members of the rule by reason."""
        base = set(to_pandas(self.store.read("features").select("customer_id"))["customer_id"])
        members = sorted(base & self._members(request.rule) if request.rule else base)
        rows = ibis.memtable({"customer_id": members}, schema={"customer_id": "string"})
        verdicts = to_pandas(self.audiences.consent.verdicts(rows, MARKETING)).set_index("customer_id")
        refused = verdicts.loc[~verdicts["permitted"].astype(bool), "reason"]
        frozen = frozen_people(self.workspace, self.profile.name, self.as_of)
        busy = set(frozen.loc[[day > self.as_of for day in frozen["valid_until"]], "customer_id"])
        left_out = {str(reason): int(count) for reason, count in refused.value_counts().sort_index().items()}
        free = [customer for customer in members if customer not in refused.index]
        eligible = [customer for customer in free if customer not in busy]
        left_out |= {"in_a_plan": len(free) - len(eligible)} if len(free) > len(eligible) else {}
        if not eligible:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items()) or "The rule fits nobody"
            remedy = "See the clauses of the rule: workbench audience RULE"
            raise DataError(Fault("--rule" if request.rule else "", "nobody may take part", reasons, remedy))
        return eligible, left_out

    def _past(self, outcome: str, customers: Sequence[str]) -> pd.DataFrame:
        """Measure the outcome in the window that ends today, and in the previous window.

        Returns
        -------
        DataFrame
            By customer_id: value, earlier. Only customers who bought before the window, if there are any.
        """
        start = self.as_of - dt.timedelta(days=window_days(outcome) or _OPENED_DAYS)
        earlier_customers = self._bought_before(start)
        measurable = [customer for customer in customers if customer in earlier_customers] or list(customers)
        assigned = {"experiment": "past", "customer_id": measurable, "assigned_at": pd.Timestamp(start)}
        tables = {**self._lines_and_campaigns, "experiments": ibis.memtable(pd.DataFrame(assigned))}
        frame = pd.DataFrame(index=pd.Index(measurable, name="customer_id"))
        for column, before in (("value", False), ("earlier", True)):
            measured = measure_outcomes([outcome], tables, as_of=self.as_of, before=before).droplevel("experiment")
            values = measured[outcome] if outcome in measured.columns else pd.Series(dtype="float64")
            frame[column] = values.reindex(frame.index).fillna(0.0).astype("float64")
        return frame

    def _bought_before(self, day: dt.date) -> set[str]:
        lines = self._lines_and_campaigns.get("transactions")
        if lines is None:
            return set()
        return set(to_pandas(known_lines(lines, as_of=day).select("customer_id").distinct())["customer_id"])

    def _new_per_day(self, eligible: Sequence[str]) -> float:
        """Return the number of eligible customers per day who became customers in the last 90 days."""
        recent = self._bought_before(self.as_of) - self._bought_before(self.as_of - dt.timedelta(days=_RECENT_DAYS))
        return sum(customer in recent for customer in eligible) / _RECENT_DAYS

    def _strata(self, customers: Sequence[str], before: pd.DataFrame) -> pd.DataFrame:
        """Return customer_id, life_cycle_stage, and the quarter of the past outcome; blank where unknown."""
        frame = pd.DataFrame({"customer_id": list(customers)})
        ranks = before["value"].rank(method="average", pct=True)
        quarters = (ranks * 4).clip(upper=3.999).astype(int).astype("str")
        stages = pd.Series(dtype="str")
        if "rfm" in self.store.present():
            rows = to_pandas(self.store.read("rfm").select("customer_id", "life_cycle_stage"))
            stages = rows.set_index("customer_id")["life_cycle_stage"]
        strata = {"life_cycle_stage": stages, "quarter": quarters}
        return frame.assign(**{name: frame["customer_id"].map(values).astype("str") for name, values in strata.items()})

    def _name(self, request: Request) -> str:
        decisive = [request.arms, request.shares, request.outcome, request.effect, request.customers, request.rule]
        return f"test_{self.as_of.isoformat()}_{digest_json([*decisive, request.seed, request.power])[:8]}"

    def _write(self, name: str, drawn: pd.DataFrame, about: Mapping[str, Any]) -> Path:
        rows = drawn.merge(self._records(drawn["customer_id"]), on="customer_id")
        rows = rows.assign(share=rows["arm"].map(about["shares"]))
        midnight = dt.datetime(self.as_of.year, self.as_of.month, self.as_of.day)
        with hold_workspace(self.workspace, "workbench experiment plan", wait_seconds=_WAIT_SECONDS):
            return write_assignment(self.workspace, self.profile.name, name, rows, midnight, about=about)

    def _records(self, customers: pd.Series) -> pd.DataFrame:
        """Return customer_id, source, source_id: the first record of each customer, by source and id."""
        if "identities" not in self.store.present():
            return pd.DataFrame({"customer_id": customers, "source": "", "source_id": customers})
        ids = to_pandas(self.store.read("identities").select("customer_id", "source", "source_id"))
        return ids.sort_values(["customer_id", "source", "source_id"]).drop_duplicates("customer_id")


def _shares(request: Request) -> dict[str, float]:
    """Return the shares of the arms, the control first (an arm with a control name, else the first arm)."""
    shares = dict(zip(request.arms, request.shares or [1 / len(request.arms)] * len(request.arms), strict=True))
    control = next((arm for arm in request.arms if arm.lower() in CONTROL_NAMES), request.arms[0])
    return {control: shares.pop(control), **shares}


def _effect(request: Request, past: Past) -> float | None:
    """Return the requested effect in absolute units."""
    if not request.effect:
        return None
    text = request.effect.strip()
    effect = float(text.rstrip("%")) / 100 * past.mean if text.endswith("%") else float(text)
    if past.binary and not 0 < past.mean + effect < 1:
        found = f"an effect of {effect:g} on a share of {past.mean:.1%}"
        raise ProfileError(Fault("--effect", found, "A share between 0 and 1 with the effect added"))
    return effect


def _arm_faults(request: Request) -> list[Fault]:
    faults, stated = [], ", ".join(request.arms)
    if len(request.arms) < 2 or len(set(request.arms)) < len(request.arms) or not all(request.arms):  # noqa: PLR2004
        expected = "At least two different arms, such as --arms control,coupon"
        faults.append(Fault("--arms", f"arms '{stated}'", expected))
    named = [arm for arm in request.arms if arm.lower() in CONTROL_NAMES]
    if len(named) > 1:
        faults.append(Fault("--arms", f"two controls: {', '.join(named)}", "One control", "Rename one of them"))
    if not request.shares:
        return faults
    if len(request.shares) != len(request.arms):
        found = f"{len(request.shares)} shares for {len(request.arms)} arms"
        faults.append(Fault("--shares", found, "One share per arm, in the same order"))
    elif min(request.shares) <= 0 or abs(sum(request.shares) - 1) > _SHARE_SUM:
        found = f"shares {', '.join(f'{share:g}' for share in request.shares)}"
        faults.append(Fault("--shares", found, "Each above 0, adding up to 1"))
    return faults


def _size_faults(request: Request) -> list[Fault]:
    faults = []
    if request.effect and request.customers is not None:
        faults.append(Fault("--effect", "an effect and a number of customers", "One of them decides the size"))
    if request.effect:
        try:
            is_zero = float(request.effect.strip().rstrip("%")) == 0
        except ValueError:
            is_zero = True
        if is_zero:
            expected = "A number other than 0 in the unit of the outcome, or a share of its mean such as 5%"
            faults.append(Fault("--effect", f"effect '{request.effect}'", expected))
    if request.customers is not None and request.customers < 1:
        faults.append(Fault("--customers", f"{request.customers} customers", "At least 1"))
    if not 0.5 <= request.power < 1:  # noqa: PLR2004  (below 0.5 a test is worse than tossing a coin)
        faults.append(Fault("--power", f"power {request.power:g}", "From 0.5 to below 1; the usual one is 0.8"))
    return faults


def _check_sizes(plan: TestPlan, shares: Mapping[str, float]) -> None:
    """Refuse a test with an arm that is too small to show any effect."""
    smallest = min(shares, key=lambda arm: shares[arm])
    size = round(plan.customers * shares[smallest])
    if size < LEAST_UNITS:
        found = f"arm {smallest} would have {size} of {plan.customers:,} customers"
        expected = f"At least {LEAST_UNITS} in every arm: fewer show no effect"
        raise DataError(Fault("", found, expected, "Take more customers, fewer arms or other shares"))
