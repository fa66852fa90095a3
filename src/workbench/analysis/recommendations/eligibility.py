"""Which items may be offered, and to which customers? Serves 07_mine_affinities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.audiences.select import check_audience, members, standing
from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.core.schema import CANONICAL
from workbench.intake.expressions import check_expression, to_ibis

if TYPE_CHECKING:
    import ibis

    from workbench.analysis.audiences.rule import Audience
    from workbench.analysis.audiences.select import Knowledge
    from workbench.analysis.recommendations.history import History

__all__ = ["Eligibility", "eligible_customers", "eligible_items"]

_WHERE = "07_mine_affinities"


@dataclass(frozen=True)
class Eligibility:
    """Which items may be offered.

    Attributes
    ----------
    allowed : ndarray of bool
        One flag per item of the history: it may be offered.
    once : tuple of ndarray of bool
        Groups of items; a customer who owns an item of a group is offered no other item of it.
    """

    allowed: np.ndarray
    once: tuple[np.ndarray, ...] = field(default_factory=tuple)

    @property
    def again(self) -> np.ndarray:
        """One flag per item: it may be offered to a customer who has bought it."""
        owned_once = np.any(self.once, axis=0) if self.once else np.zeros(len(self.allowed), dtype=bool)
        return self.allowed & ~owned_once

    def barred(self, history: History, customers: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return, for each group in ``once``, the customers who own an item of it and the items of the group."""
        owned = history.counts[customers]
        return [(np.asarray(owned[:, group].sum(axis=1)).ravel() > 0, group) for group in self.once]


def eligible_items(
    history: History,
    products: ibis.Table | None,
    *,
    level: str,
    never: Mapping[str, Sequence[str]],
    once: Mapping[str, Sequence[str]],
    expression: str = "",
) -> Eligibility:
    """Determine which items may be offered.

    Parameters
    ----------
    history : History
    products : ibis.Table or None
    level : str
        The column of products that holds the items.
    never, once : mapping of str to list of str
        Column of products to values: items never offered; items not offered to a customer who owns one of the group.
    expression : str
        Condition on products; only items with a product that meets it are offered.

    Returns
    -------
    Eligibility

    Raises
    ------
    DataError
        When there is no products table, a column is missing, or the expression has an error.
    """
    allowed = np.ones(len(history.items), dtype=bool)
    if not (never or once or expression):
        return Eligibility(allowed)
    faults = _faults(products, {**never, **once}, expression)
    if faults or products is None:
        raise DataError(faults or [Fault(_WHERE, "never, once and eligible need products")])
    for column, values in never.items():
        allowed &= ~_items_where(history, products, level, products[column].cast("string").isin([*values]))
    if expression:
        allowed &= _items_where(
            history, products, level, to_ibis(expression, products, _kinds(products)).fill_null(False)
        )
    groups = [
        _items_where(history, products, level, products[column].cast("string") == value)
        for column, values in once.items()
        for value in values
    ]
    return Eligibility(allowed, tuple(groups))


def eligible_customers(audience: Audience, knowledge: Knowledge) -> set[str]:
    """Return the customers whom an audience rule includes.

    Parameters
    ----------
    audience : Audience
    knowledge : Knowledge
        With the tables of earlier stages.

    Raises
    ------
    DataError
        When there are no features.
    ProfileError
        When the rule cannot be evaluated on this data.
    """
    if "features" not in knowledge.tables:
        raise DataError(Fault(_WHERE, "eligible.customers needs features", "Run 03_build_features first"))
    check_audience(audience, knowledge)
    selected = members(audience, standing(audience, knowledge))
    return set(selected.select("customer_id").to_pyarrow()["customer_id"].to_pylist())


def _items_where(
    history: History, products: ibis.Table, level: str, condition: ibis.expr.types.BooleanValue
) -> np.ndarray:
    """Mark the items of the history with a product for which the condition is true."""
    selected = products.filter(condition)
    names = set(selected.select(item=selected[level].cast("string")).distinct().to_pyarrow()["item"].to_pylist())
    return np.array([item in names for item in history.items], dtype=bool)


def _faults(products: ibis.Table | None, columns: Mapping[str, Sequence[str]], expression: str) -> list[Fault]:
    if products is None:
        return [Fault(_WHERE, "never, once and eligible: there is no table products", "A source of products")]
    unknown = [name for name in columns if name not in products.columns]
    faults = [
        Fault(_WHERE, f"never or once: products has no column '{name}'", "", did_you_mean(name, products.columns))
        for name in unknown
    ]
    if expression:
        faults += check_expression(expression, _kinds(products), where=f"{_WHERE}: eligible.products")
    return faults


def _kinds(products: ibis.Table) -> dict[str, str]:
    declared = CANONICAL["products"]
    return {name: declared.kind(name) or _kind_of(dtype) for name, dtype in products.schema().items()}


def _kind_of(dtype: ibis.expr.datatypes.DataType) -> str:
    if dtype.is_numeric():
        return "number"
    if dtype.is_boolean():
        return "flag"
    return "timestamp" if dtype.is_timestamp() else "date" if dtype.is_date() else "category"
