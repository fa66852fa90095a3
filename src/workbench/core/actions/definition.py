"""One action: its channel, cost, capacity, eligible customers, expected gain and message content.

An action is one file of ``params/actions``; the stem of the file is its name.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from workbench.core.errors import did_you_mean
from workbench.core.params.consent import PURPOSES
from workbench.core.section import Section, Words

__all__ = ["BASES", "Action", "Content", "Gain", "Occasion"]

BASES = ("experiment", "assumption", "none")
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Gain(Section):
    """The gain of an action per customer: measured by an experiment, or assumed.

    Attributes
    ----------
    experiment, outcome : str
        The experiment that measured the gain, and its outcome; empty if the gain is assumed.
    arm : str
        The treated arm; empty: the only arm other than the control.
    worth : float or None
        Money per unit of the outcome: the margin per unit of spend, or the value of one more order.
    assumed : float or None
        Money per customer, without an experiment.
    """

    experiment: str = ""
    outcome: str = ""
    arm: str = ""
    worth: float | None = Field(None, gt=0)
    assumed: float | None = Field(None, ge=0)

    @property
    def basis(self) -> str:
        """One of ``BASES``."""
        return "assumption" if self.assumed is not None else "experiment"

    @model_validator(mode="after")
    def _one_source(self) -> Gain:
        measured = [name for name in ("experiment", "outcome", "worth") if getattr(self, name)]
        if self.assumed is not None and (measured or self.arm):
            raise ValueError("a gain is measured (experiment, outcome, worth) or assumed, not both")
        if self.assumed is None and len(measured) < 3:
            missing = [name for name in ("experiment", "outcome", "worth") if name not in measured]
            raise ValueError(f"a measured gain has no {', '.join(missing)}; or state assumed: money per customer")
        if any(value is not None and not math.isfinite(value) for value in (self.worth, self.assumed)):
            raise ValueError("a gain is a finite amount of money")
        return self


class Content(Section):
    """A variant of the message: the first one whose condition is true and whose placeholders have values is used.

    Attributes
    ----------
    when : str
        Condition on columns of the customer; empty: all customers.
    text : Words
        Text with placeholders for tags, such as ``{first_category}``.
    """

    when: str = ""
    text: Words

    @property
    def fits_everybody(self) -> bool:
        """Whether the variant has neither a condition nor a placeholder."""
        return not self.when and "{" not in f"{self.text.en}{self.text.zh}"


class Occasion(Section):
    """When a service action is due: exactly one of three occasions.

    Attributes
    ----------
    case : str or None
        ``open``: the customer has a service case that was opened and not closed before the as-of date.
    birthday : bool
        The birthday is within the next ``days_before`` days, including the as-of date.
    days_before : int
    after_order_days : int or None
        The last order is at least this many days old, and less than this plus ``valid_days`` of the action.
    """

    case: Literal["open"] | None = None
    birthday: bool = False
    days_before: int = Field(14, ge=1, le=365)
    after_order_days: int | None = Field(None, ge=1)

    @property
    def kind(self) -> str:
        """``case``, ``birthday`` or ``after_order``."""
        if self.case:
            return "case"
        return "birthday" if self.birthday else "after_order"

    @model_validator(mode="after")
    def _one_occasion(self) -> Occasion:
        stated = [bool(self.case), self.birthday, self.after_order_days is not None]
        if sum(stated) != 1:
            raise ValueError("expected one of: case: open, birthday: true, after_order_days: N")
        if "days_before" in self.model_fields_set and not self.birthday:
            raise ValueError("days_before belongs to birthday: true")
        return self


class Action(Section):
    """One action of the catalogue.

    Attributes
    ----------
    name : str
        The stem of its file.
    label : Words
    kind : str
        ``offer``, planned by its gain, or ``service``, which without a gain is planned for every eligible customer.
    channel : str
        How the customer is contacted: sms, email, phone, app, wechat, store ...
    cost : float
        Money per contact.
    capacity : int or None
        Largest number of contacts per plan.
    eligible : str or dict
        Eligible customers: an expression, the name of a rule in ``params/audiences``, or a clause of such a rule, on
        columns of earlier stages; empty: all customers.
    purpose : str
        Purpose to which the customer must have consented.
    cooldown_days : int
        Fewest days since the last contact on this channel.
    gain : Gain or None
    valid_days : int
        Days from the as-of date for which the planned action is valid.
    neutral_alternative : Words or None
        The non-personalised offer, for customers who do not want personalised ones.
    content : list of Content
    occasion : Occasion or None
    """

    name: str
    label: Words
    kind: Literal["offer", "service"] = "offer"
    channel: str
    cost: float = Field(ge=0)
    capacity: int | None = Field(None, ge=0)
    eligible: str | dict[str, Any] = ""
    purpose: str = "marketing"
    cooldown_days: int = Field(0, ge=0, le=3650)
    gain: Gain | None = None
    valid_days: int = Field(30, ge=1, le=3650)
    neutral_alternative: Words | None = None
    content: list[Content] = []
    occasion: Occasion | None = None

    @property
    def basis(self) -> str:
        """The basis of the gain, one of ``BASES``."""
        return self.gain.basis if self.gain else "none"

    @property
    def due(self) -> bool:
        """Whether it is planned for every eligible customer: a service without a gain."""
        return self.kind == "service" and self.gain is None

    @field_validator("channel")
    @classmethod
    def _a_word(cls, channel: str) -> str:
        if not _CHANNEL.fullmatch(channel):
            raise ValueError("expected a word of lower-case letters, digits and _: sms, email, phone, app, store ...")
        return channel

    @field_validator("cost")
    @classmethod
    def _finite(cls, cost: float) -> float:
        if not math.isfinite(cost):
            raise ValueError("expected a finite amount of money")
        return cost

    @field_validator("purpose")
    @classmethod
    def _a_purpose(cls, purpose: str) -> str:
        if purpose.partition("_")[0] not in PURPOSES:
            raise ValueError(f"not a consent purpose. {did_you_mean(purpose, PURPOSES)}")
        return purpose

    @model_validator(mode="after")
    def _reachable(self) -> Action:
        if self.occasion is not None and self.kind != "service":
            raise ValueError("an occasion belongs to kind: service")
        unreachable = [number for number, variant in enumerate(self.content[:-1], start=1) if variant.fits_everybody]
        if unreachable:
            raise ValueError(f"content {unreachable[0]} applies to everybody, so that later variants are never used")
        return self
