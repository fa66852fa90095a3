"""The value model as data: parameters and terms in plain JSON with a digest, without executable code.

09_value_customers and scoring both use `ValueDefinition.value`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.value.learned import HISTORY, Learned, spend_predictors
from workbench.analysis.value.models.fitting import Fit
from workbench.analysis.value.worth import WEEKS_A_YEAR, Spend, Terms, value_customers
from workbench.core.errors import DataError, Fault

__all__ = ["VALUE_COLUMNS", "LearnedValue", "ValueDefinition"]

VALUE_COLUMNS = ("customer_id", "expected_orders", "expected_value", "value_low", "value_high", "p_alive")
_DIGITS = 9  # decimals of money and counts
_KIND = "customer_value"


@dataclass(frozen=True)
class LearnedValue:
    """A learner used instead of orders times spend.

    Attributes
    ----------
    name : str
        learned or two_part.
    model : Learned
    weeks : float
        Length of the period of the predicted spend.
    edges, low, high : tuple of float
        Limits between groups of similar predictions in the test period, and quantiles of the spend in these groups.
    """

    name: str
    model: Learned
    weeks: float
    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def value(self, customers: pd.DataFrame, terms: Terms) -> pd.DataFrame:
        """Return expected_value, value_low, value_high; the interval always includes the expected value."""
        predicted = self.model.predict(customers)
        group = np.searchsorted(np.array(self.edges), predicted, side="right")
        discount = (1 + terms.discount_rate) ** -(terms.weeks / 2 / WEEKS_A_YEAR)
        factor = terms.weeks / self.weeks * discount * terms.margin
        low, high = np.minimum(np.array(self.low)[group], predicted), np.maximum(np.array(self.high)[group], predicted)
        unscaled = {"expected_value": predicted, "value_low": low, "value_high": high}
        return pd.DataFrame({name: values * factor for name, values in unscaled.items()})


@dataclass(frozen=True)
class ValueDefinition:
    """Everything needed to compute the value of customers from their purchases.

    Attributes
    ----------
    profile : str
    as_of : str
        ISO date of the fit.
    order_model : str
        bgnbd or pareto.
    orders : Fit
    spend : Spend
    terms : Terms
    currency : str
        Currency of the values; empty if unknown.
    learned : LearnedValue or None
        Used instead of orders times spend if it forecast spend better in the test.
    evidence : mapping
        Results of the test period.
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
        """The name of the model in use: the order model or the learner."""
        return self.learned.name if self.learned else self.order_model

    @property
    def features(self) -> list[str]:
        """The features the learner uses in addition to purchases; empty without a learner."""
        names = self.learned.model.inputs.names if self.learned else []
        return [name for name in names if not name.startswith(HISTORY)]

    @property
    def version(self) -> str:
        """The first twelve hexadecimal digits of the digest of the content."""
        content = json.dumps(self._content(), sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:12]

    def value(self, history: pd.DataFrame, features: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the table ``value``, in the order of the history.

        Parameters
        ----------
        history : DataFrame
            From ``history.purchase_history``, at any date.
        features : DataFrame, optional
            customer_id and ``features`` as of the same date; required if ``features`` is not empty.

        Raises
        ------
        DataError
            When a feature is missing.
        """
        values = value_customers(self.order_model, self.orders, self.spend, history, self.terms)
        if self.learned:
            values = values.assign(**self.learned.value(spend_predictors(history, features), self.terms))
        return values.round(_DIGITS)[list(VALUE_COLUMNS)]

    def to_json(self) -> str:
        """Return the definition as JSON, including its version."""
        content = {"version": self.version, **self._content()}
        return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ValueDefinition:
        """Restore a definition and check its version.

        Raises
        ------
        DataError
            When the text is not a definition of value, or was changed after it was written.
        """
        try:
            content = json.loads(text)
            definition = _read(cls, content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"no definition of value: {type(error).__name__} {error}"
            raise DataError(Fault("value definition", problem, "", "Run 09_value_customers again")) from None
        if definition.version != content.get("version"):
            problem = f"its content has digest {definition.version}, it states {content.get('version')}"
            remedy = "Restore it from a copy"
            raise DataError(Fault("value definition", problem, "The content that was registered", remedy))
        return definition

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


def _read(cls: type[ValueDefinition], content: Mapping[str, Any]) -> ValueDefinition:
    if content["kind"] != _KIND:
        raise ValueError(f"kind {content['kind']!r}")
    learned = content["learned"]
    if learned:
        bounds = {name: tuple(learned[name]) for name in ("edges", "low", "high")}
        learned = LearnedValue(learned["name"], Learned.from_dict(learned["model"]), learned["weeks"], **bounds)
    spend = content["spend"]["fit"]
    return cls(
        profile=content["profile"], as_of=content["as_of"], order_model=content["order_model"],
        orders=_fit_from_dict(content["orders"]), terms=Terms(**content["terms"]), currency=content["currency"],
        spend=Spend(_fit_from_dict(spend) if spend else None, content["spend"]["mean"]), learned=learned or None,
        evidence=content["evidence"],
    )  # fmt: skip


def _fit_as_dict(fit: Fit) -> dict[str, Any]:
    is_finite = bool(np.isfinite(fit.log_covariance).all())
    errors = {name: value if np.isfinite(value) else None for name, value in fit.standard_errors.items()}
    covariance = fit.log_covariance.tolist() if is_finite else None
    # the covariance has the order of the names, which sorted JSON would lose
    return asdict(fit) | {"names": list(fit.parameters), "standard_errors": errors, "log_covariance": covariance}


def _fit_from_dict(content: Mapping[str, Any]) -> Fit:
    names = content["names"]
    size = len(names)
    parameters = {name: content["parameters"][name] for name in names}
    stored_errors = {name: content["standard_errors"][name] for name in names}
    errors = {name: float("nan") if value is None else value for name, value in stored_errors.items()}
    covariance = (
        np.full((size, size), np.nan) if content["log_covariance"] is None else np.array(content["log_covariance"])
    )
    other_fields = {name: value for name, value in content.items() if name != "names"}
    return Fit(**{**other_fields, "parameters": parameters, "standard_errors": errors, "log_covariance": covariance})
