"""The model of value as data: parameters and terms in plain JSON, with a digest; nothing of it is executed when read.

What `09_value_customers` writes and what scoring writes come out of the same definition: `ValueDefinition.value`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.value.learned import HISTORY, Learned, known_of
from workbench.analysis.value.models.fitting import Fit
from workbench.analysis.value.worth import WEEKS_A_YEAR, Spend, Terms, value_customers
from workbench.core.errors import DataError, Fault

__all__ = ["VALUE_COLUMNS", "LearnedValue", "ValueDefinition"]

VALUE_COLUMNS = ("customer_id", "expected_orders", "expected_value", "value_low", "value_high", "p_alive")
_DIGITS = 9  # of the money and counts written
_KIND = "customer_value"


@dataclass(frozen=True)
class LearnedValue:
    """The learner in the place of orders times spend.

    Attributes
    ----------
    name : str
        learned or two_part.
    model : Learned
    weeks : float
        Of the period whose spend it predicts.
    edges, low, high : tuple of float
        Bounds between groups of like prediction in the test period, and the quantiles of what these groups spent.
    """

    name: str
    model: Learned
    weeks: float
    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def value(self, known: pd.DataFrame, terms: Terms) -> pd.DataFrame:
        """Return expected_value, value_low, value_high; the bounds never exclude what is expected."""
        predicted = self.model.predict(known)
        place = np.searchsorted(np.array(self.edges), predicted, side="right")
        middle = (1 + terms.discount_rate) ** -(terms.weeks / 2 / WEEKS_A_YEAR)
        factor = terms.weeks / self.weeks * middle * terms.margin
        low, high = np.minimum(np.array(self.low)[place], predicted), np.maximum(np.array(self.high)[place], predicted)
        named = {"expected_value": predicted, "value_low": low, "value_high": high}
        return pd.DataFrame({name: each * factor for name, each in named.items()})


@dataclass(frozen=True)
class ValueDefinition:
    """Everything that is needed to value customers of whom the purchases are known.

    Attributes
    ----------
    profile : str
    as_of : str
        ISO date up to which it was fitted.
    order_model : str
        bgnbd or pareto.
    orders : Fit
    spend : Spend
    terms : Terms
    currency : str
        Of the values; empty where the data names none.
    learned : LearnedValue or None
        Used for the value where it forecast spend better than orders times spend.
    evidence : mapping
        What the test period said.
    """

    profile: str
    as_of: str
    order_model: str
    orders: Fit
    spend: Spend
    terms: Terms
    currency: str = ""
    learned: LearnedValue | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """What gives the value: the model of orders, or the learner."""
        return self.learned.name if self.learned else self.order_model

    @property
    def features(self) -> list[str]:
        """The features it reads beside the purchases; none unless it has learned from them."""
        names = self.learned.model.inputs.names if self.learned else []
        return [name for name in names if not name.startswith(HISTORY)]

    @property
    def version(self) -> str:
        """Twelve digits of the digest of what it says."""
        said = json.dumps(self._content(), sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(said.encode("utf-8")).hexdigest()[:12]

    def value(self, history: pd.DataFrame, features: pd.DataFrame | None = None) -> pd.DataFrame:
        """Value customers; return the table ``value``, in the order of the history.

        Parameters
        ----------
        history : DataFrame
            As ``history.purchase_history`` gives it, at any date.
        features : DataFrame, optional
            customer_id and ``features`` as of the same date; asked where there are any.

        Raises
        ------
        DataError
            A feature is missing.
        """
        found = value_customers(self.order_model, self.orders, self.spend, history, self.terms)
        if self.learned:
            found = found.assign(**self.learned.value(known_of(history, features), self.terms))
        return found.round(_DIGITS)[list(VALUE_COLUMNS)]

    def to_json(self) -> str:
        """Return the definition as JSON, its version within."""
        held = {"version": self.version, **self._content()}
        return json.dumps(held, ensure_ascii=False, indent=1, allow_nan=False, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ValueDefinition:
        """Read a definition and hold it against the version it states.

        Raises
        ------
        DataError
            It is no definition of value, or was changed after it was written.
        """
        try:
            held = json.loads(text)
            found = _read(cls, held)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"no definition of value: {type(error).__name__} {error}"
            raise DataError(Fault("value definition", said, "", "Run 09_value_customers again")) from None
        if found.version != held.get("version"):
            said = f"its content has digest {found.version}, it states {held.get('version')}"
            remedy = "Restore it from a copy"
            raise DataError(Fault("value definition", said, "The content that was registered", remedy))
        return found

    def _content(self) -> dict[str, Any]:
        learned = self.learned
        return {
            "kind": _KIND,
            "profile": self.profile,
            "as_of": self.as_of,
            "order_model": self.order_model,
            "orders": _fit_as_dict(self.orders),
            "spend": {"mean": self.spend.mean, "fit": _fit_as_dict(self.spend.fit) if self.spend.fit else None},
            "terms": asdict(self.terms),
            "currency": self.currency,
            "learned": {**asdict(learned), "model": learned.model.as_dict()} if learned else None,
            "evidence": dict(self.evidence),
        }


def _read(cls: type[ValueDefinition], held: Mapping[str, Any]) -> ValueDefinition:
    if held["kind"] != _KIND:
        raise ValueError(f"kind {held['kind']!r}")
    learned = held["learned"]
    if learned:
        bounds = {name: tuple(learned[name]) for name in ("edges", "low", "high")}
        learned = LearnedValue(learned["name"], Learned.from_dict(learned["model"]), learned["weeks"], **bounds)
    spend = held["spend"]["fit"]
    return cls(
        profile=held["profile"], as_of=held["as_of"], order_model=held["order_model"],
        orders=_fit_from_dict(held["orders"]), terms=Terms(**held["terms"]), currency=held["currency"],
        spend=Spend(_fit_from_dict(spend) if spend else None, held["spend"]["mean"]), learned=learned or None,
        evidence=held["evidence"],
    )  # fmt: skip


def _fit_as_dict(fit: Fit) -> dict[str, Any]:
    known = bool(np.isfinite(fit.log_covariance).all())
    errors = {name: value if np.isfinite(value) else None for name, value in fit.standard_errors.items()}
    covariance = fit.log_covariance.tolist() if known else None
    # their order is that of the covariance, and JSON may be sorted
    return asdict(fit) | {"names": list(fit.parameters), "standard_errors": errors, "log_covariance": covariance}


def _fit_from_dict(held: Mapping[str, Any]) -> Fit:
    names = held["names"]
    size = len(names)
    parameters = {name: held["parameters"][name] for name in names}
    found = {name: held["standard_errors"][name] for name in names}
    errors = {name: float("nan") if value is None else value for name, value in found.items()}
    covariance = np.full((size, size), np.nan) if held["log_covariance"] is None else np.array(held["log_covariance"])
    rest = {name: value for name, value in held.items() if name != "names"}
    return Fit(**{**rest, "parameters": parameters, "standard_errors": errors, "log_covariance": covariance})
