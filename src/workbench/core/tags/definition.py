"""One tag: its meaning, owner, time to live and computation.

A tag is categorical and computed in one of three ways: by ordered conditions, of which the first true one applies
(``values`` with ``when``, the last ``otherwise``); by copying the level of a column (``copies``); or by bands between
quantiles of the customers (``quantiles``). So every customer has exactly one value.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import model_validator

from workbench.core.section import Section, Words
from workbench.core.tags.items import ITEMS

__all__ = ["KINDS", "STATUSES", "Quantiles", "Tag", "TagValue", "Words"]

Kind = Literal[
    "fact", "statistic", "first_last", "preference", "rule", "rfm", "life_cycle", "predicted", "look_alike", "survey",
    "imported",
]  # fmt: skip
Status = Literal["draft", "published", "deprecated", "retired"]
KINDS, STATUSES = get_args(Kind), get_args(Status)
LEAST_CUTS = 1
_THRESHOLD = re.compile(r"\{(\w+)\}")


class TagValue(Words):
    """One value of a tag: its name and its condition.

    Attributes
    ----------
    when : str
        A condition on columns and on other tags (``tag_<id>``); empty if the value is copied or cut by quantiles.
    otherwise : bool
        Whether this is the value of customers for whom no condition is true.
    same_as : list of str
        Values of the source that are mapped to this value, if a column is copied.
    """

    when: str = ""
    otherwise: bool = False
    same_as: list[str] = []


class Quantiles(Section):
    """Bands between quantiles of the customers with a known value.

    Attributes
    ----------
    of : str
        A numeric column.
    cuts : list of float
        Increasing shares of the customers, 0 to 1; equal values are in the same band.
    """

    of: str
    cuts: list[float]

    @model_validator(mode="after")
    def _rising(self) -> Quantiles:
        cuts = self.cuts
        if len(cuts) < LEAST_CUTS or sorted(set(cuts)) != cuts or not all(0 < cut < 1 for cut in cuts):
            raise ValueError(f"cuts are {cuts}; expected rising shares between 0 and 1")
        return self


class Tag(Section):
    """One tag of the registry.

    Attributes
    ----------
    id : str
        Column in ``portraits``; other tags refer to it as ``tag_<id>``.
    item : str
        The portrait item that the tag describes: a key of ``ITEMS``.
    name, business, technical : Words
        Name, definition in business terms, and computation.
    kind : str
        One of ``KINDS``.
    owner, cadence : str
        Who is responsible for the tag; how often it is computed.
    ttl_days : int or None
        Days for which a value is valid after the as-of date; None if it does not expire.
    on_null : str
        What to do if the value becomes unknown: ``drop`` it, or ``keep_last`` until it expires.
    sensitivity : str
        ``normal`` or ``sensitive``.
    purpose, consent : str
        What the tag may be used for; and the purpose a customer must have granted, empty if none is required.
    needs : list of str
        Columns that must be known for a customer, ``a|b``: one of the two; default: all columns used.
    support : dict of str to float
        Column to its smallest value for the tag to be assigned.
    window_days : int or None
        Days of data that the tag uses; it is not computed if the data covers less.
    version : int
    status : str
        One of ``STATUSES``; only published and deprecated tags are computed.
    values : dict of str to TagValue
        In order; empty if ``copies`` uses the levels of the source.
    copies : str
        A column whose level becomes the value.
    quantiles : Quantiles or None
    evidence : list of str
        Columns whose figures are stored with the value; default: those from which it is computed.
    thresholds : dict of str to float
        Numbers to which conditions refer as ``{threshold}``; packs and profiles may override them.
    """

    id: str
    item: str
    name: Words
    business: Words
    technical: Words
    kind: Kind
    owner: str
    cadence: Literal["every run", "daily", "weekly", "monthly", "by hand"]
    ttl_days: int | None
    on_null: Literal["drop", "keep_last"]
    sensitivity: Literal["normal", "sensitive"] = "normal"
    purpose: str
    consent: str = ""
    needs: list[str] = []
    support: dict[str, float] = {}
    window_days: int | None = None
    version: int
    status: Status
    values: dict[str, TagValue] = {}
    copies: str = ""
    quantiles: Quantiles | None = None
    evidence: list[str] = []
    thresholds: dict[str, float] = {}

    @property
    def group(self) -> str:
        """The group of the portrait item."""
        return ITEMS[self.item].group

    @property
    def sensitive(self) -> bool:
        """Whether the tag or its portrait item is sensitive."""
        return self.sensitivity == "sensitive" or ITEMS[self.item].sensitive

    @property
    def computed(self) -> bool:
        """Whether runs compute the tag."""
        return self.status in ("published", "deprecated")

    def condition(self, value: str) -> str:
        """Return the condition of a value with its thresholds filled in."""
        return _THRESHOLD.sub(lambda match: f"{self.thresholds[match[1]]:.10g}", self.values[value].when)

    def conditions(self) -> dict[str, str]:
        """Return the conditions by value, in order, without ``otherwise``."""
        return {name: self.condition(name) for name, value in self.values.items() if value.when}

    @property
    def fallback(self) -> str | None:
        """The value of customers for whom no condition is true."""
        return next((name for name, value in self.values.items() if value.otherwise), None)

    @model_validator(mode="after")
    def _can_be_computed(self) -> Tag:
        problems = [*self._form_faults(), *self._coverage_faults(), *self._threshold_faults()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _form_faults(self) -> list[str]:
        ways = [bool(self.copies), self.quantiles is not None, any(value.when for value in self.values.values())]
        problems = []
        if sum(ways) != 1:
            problems.append("expected one of: values with 'when', copies, quantiles")
        if self.quantiles is not None and len(self.values) != len(self.quantiles.cuts) + 1:
            problems.append(f"{len(self.values)} values for {len(self.quantiles.cuts) + 1} bands between the cuts")
        if not self.owner.strip():
            problems.append("no owner")
        if self.ttl_days is not None and self.ttl_days < 1:
            problems.append(f"ttl_days is {self.ttl_days}; at least 1, or null")
        if ITEMS.get(self.item) and ITEMS[self.item].sensitive and not self.consent:
            problems.append(f"item {self.item} is sensitive and no consent is named")
        return problems

    def _coverage_faults(self) -> list[str]:
        """Check that every customer gets a value: the last one is ``otherwise``."""
        fallbacks = [name for name, value in self.values.items() if value.otherwise]
        if self.quantiles is not None:
            return ["values of quantiles have no 'when' and no 'otherwise'"] if fallbacks else []
        if self.copies:
            covers_all = not self.values or len(fallbacks) == 1
            return [] if covers_all else ["values do not cover the column: one of them needs 'otherwise: true'"]
        problems = []
        if fallbacks != list(self.values)[-1:]:
            problems.append("values do not cover all customers: the last, and only the last, needs 'otherwise: true'")
        unconditional = [name for name, value in self.values.items() if not value.when and not value.otherwise]
        if unconditional:
            problems.append(f"no condition for {', '.join(unconditional)}")
        conditions = [value.when for value in self.values.values() if value.when]
        if len(set(conditions)) < len(conditions):
            problems.append("two values have the same condition: the second can never hold")
        return problems

    def _threshold_faults(self) -> list[str]:
        used = {name for value in self.values.values() for name in _THRESHOLD.findall(value.when)}
        missing, unused = sorted(used - set(self.thresholds)), sorted(set(self.thresholds) - used)
        problems = [f"threshold {{{name}}} has no number" for name in missing]
        return problems + [f"threshold {name} is used by no condition" for name in unused]
