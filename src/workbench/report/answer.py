"""The answer to the goal of a profile: its lists, what answered before, who is left out, the test that would settle it.

14_write_report makes it, records it in its summary under ``answer`` and hands it to the page. It holds no customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = [
    "CONTACT_LIST", "KEEP_LIST", "PLAN", "Evidence", "GoalAnswer", "LeftOut", "ListFile", "NoList", "PlannedAction",
    "TestProposal",
]  # fmt: skip

CONTACT_LIST, KEEP_LIST = "contact_list", "keep_list"
PLAN = "plan"  # basis of a list: the plan of actions


@dataclass(frozen=True)
class PlannedAction:
    """An action of the plan and how many customers of the list get it.

    Attributes
    ----------
    name : mapping of str to str
        By language.
    n : int
    """

    name: Mapping[str, str]
    n: int


@dataclass(frozen=True)
class ListFile:
    """A list of customers that was written.

    Attributes
    ----------
    name : str
        ``contact_list`` or ``keep_list``.
    file, workbook : str
        CSV and xlsx, relative to the run's folder in reports.
    n : int
        Customers on it.
    candidates : int
        Customers it was chosen from, after consent.
    basis : str
        How it is ranked: ``plan`` (11), ``answers`` (likely answer x expected value) or ``leaving`` (chance of leaving
        x expected value).
    size_by : str
        ``plan``, ``decision_size``, ``profit`` (the profit optimum) or ``decision_share``.
    expected_value : float or None
        Sum of the expected value of its customers; None without a model of value.
    expected_events : float or None
        Sum of their probabilities: likely answers, or likely leavers.
    at_stake, at_stake_all : float or None
        Sum of probability x expected value of the list, and of all candidates.
    sent, answered : int or None
        Of its customers, how many were sent a campaign before, and how many of those answered; None without campaigns
        or below the least number shown.
    precision, low, high, random : float or None
        Of as large a share of the tested customers, taken by the probability alone: how many left, or answered, with
        the 95 % interval (Wilson), and of a random draw. None where the test has no share close to that of the list.
    tested : int
        Customers in that share of the test.
    profit_share : float or None
        Share of the candidates at the profit optimum, where the list is smaller, since that many are no better chosen
        than by a random draw; None otherwise.
    planned, cost, held_out : number or None
        Of a plan: customers who get an action, money, customers kept out by lot; None for other lists.
    actions : tuple of PlannedAction
        Of a plan: its actions, the most frequent first; without those whose number would tell of few customers.
    """

    name: str
    file: str
    workbook: str
    n: int
    candidates: int
    basis: str
    size_by: str
    expected_value: float | None = None
    expected_events: float | None = None
    at_stake: float | None = None
    at_stake_all: float | None = None
    sent: int | None = None
    answered: int | None = None
    precision: float | None = None
    low: float | None = None
    high: float | None = None
    random: float | None = None
    tested: int = 0
    profit_share: float | None = None
    planned: int | None = None
    cost: float | None = None
    held_out: int | None = None
    actions: tuple[PlannedAction, ...] = ()

    def __post_init__(self) -> None:
        """Take actions also as plain values, as they stand in summary.json."""
        actions = (part if isinstance(part, PlannedAction) else PlannedAction(**part) for part in self.actions)
        object.__setattr__(self, "actions", tuple(actions))


@dataclass(frozen=True)
class NoList:
    """A list that was not written.

    Attributes
    ----------
    name : str
    because : str
        ``no_model`` (nothing was predicted), ``no_gain`` (the ranking does not beat a random draw), ``same`` (it would
        be the contact list), ``no_profit`` (no size pays at the stated cost and gain), ``nobody`` (all left out),
        ``not_asked`` (a goal of another kind).
    """

    name: str
    because: str


@dataclass(frozen=True)
class Evidence:
    """How many of a group answered the campaigns they were sent.

    Attributes
    ----------
    grouping : str
        ``value_tier`` (low, middle, high: thirds by expected value today) or ``risk_tenth`` ("1" most spend at
        risk ... "10" least).
    group : str
    n : int
        Customers of the group who were sent a campaign; None where they are fewer than the least number shown, or would
        give away such a group by subtraction from all.
    answered : int or None
        Of these, who answered at least one; None, as the share, where n is.
    share, low, high : float or None
        Share who answered with its 95 % interval (Wilson).
    """

    grouping: str
    group: str
    n: int | None
    answered: int | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LeftOut:
    """Customers on no list.

    Attributes
    ----------
    reason : str
        ``refused``, ``never_contact``, ``minor`` or ``lost`` (left already, so on no list of leavers).
    n : int or None
        None where it is below the least number shown.
    expected_value : float or None
        Mean per customer.
    """

    reason: str
    n: int | None
    expected_value: float | None = None


@dataclass(frozen=True)
class TestProposal:
    """The test that would show whether contacting a list changes anything.

    Attributes
    ----------
    name : str
        The list.
    share : float
        Held out at random.
    treated, held_out : int
    base_rate : float or None
        Expected share of the outcome among those held out.
    detectable : float or None
        Smallest difference of shares that is detected with 80 % power at alpha 0.05, two-sided; None if the list is
        too small for any.
    """

    __test__ = False  # for pytest

    name: str
    share: float
    treated: int
    held_out: int
    base_rate: float | None = None
    detectable: float | None = None


@dataclass(frozen=True)
class GoalAnswer:
    """What the run answers to its goal.

    Attributes
    ----------
    kind : str
        ``goal.kind``.
    stages : tuple of str
        ``goal.stages``.
    lists : tuple of ListFile
        In the order in which they are named; the answer to the goal first.
    not_made : tuple of NoList
    evidence : tuple of Evidence
    leave_out : tuple of LeftOut
    unproven : tuple of str
        ``answer_is_no_gain`` (who answers may have bought anyway), ``leaving_is_no_gain`` (nobody tested whether a
        contact keeps them), ``no_consents`` (no consent is recorded: nobody counts as having refused),
        ``selected_before`` (who was sent campaigns was not drawn at random), ``groups_of_today`` (tiers and tenths are
        those of today, after the answers).
    tests : tuple of TestProposal
        One for each list.
    consent_recorded : bool
    members : mapping of str to str
        Segment -> CSV of its members, relative to the run's folder.
    page : str
        The page of the lists, relative to the run's folder; empty without one.
    """

    kind: str = "describe"
    stages: tuple[str, ...] = ()
    lists: tuple[ListFile, ...] = ()
    not_made: tuple[NoList, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    leave_out: tuple[LeftOut, ...] = ()
    unproven: tuple[str, ...] = ()
    tests: tuple[TestProposal, ...] = ()
    consent_recorded: bool = False
    members: Mapping[str, str] = field(default_factory=dict)
    page: str = ""

    @property
    def listed(self) -> int:
        """Customers on its lists, counted once for each list."""
        return sum(entry.n for entry in self.lists)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for summary.json: the fields by name, tuples as lists.

        Examples
        --------
        >>> GoalAnswer(kind="watch", not_made=(NoList("keep_list", "no_model"),)).to_json()["not_made"]
        [{'name': 'keep_list', 'because': 'no_model'}]
        """
        return {
            name: [asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in value]
            if isinstance(value, tuple)
            else dict(value)
            if isinstance(value, Mapping)
            else value
            for name, value in ((item.name, getattr(self, item.name)) for item in fields(self))
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GoalAnswer:
        """Return the answer that ``to_json`` wrote."""
        parts: dict[str, Any] = {
            "lists": ListFile, "not_made": NoList, "evidence": Evidence, "leave_out": LeftOut, "tests": TestProposal,
        }  # fmt: skip
        values: dict[str, Any] = {
            name: tuple(parts[name](**part) if name in parts else part for part in value)
            if isinstance(value, list)
            else value
            for name, value in content.items()
        }
        return cls(**values)
