"""What happened after the assignment: outcomes from declared columns, orders and campaigns, and their twins before it.

Windows are ``[assigned_on, assigned_on + days)``; those of covariates end at the assignment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import pandas as pd

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.purchases.orders import group_orders

__all__ = ["DEFAULT", "Outcome", "choose_outcomes", "computable", "measure_outcomes", "window_days"]

DEFAULT = ("orders_90d", "spend_90d")
_RATIO = "/"
_COMPUTED = re.compile(r"^(orders|spend|bought|returned)_([1-9]\d{0,3})d$")


@dataclass(frozen=True)
class Outcome:
    """An outcome of an experiment.

    Attributes
    ----------
    name : str
        A declared column, ``orders_<n>d``, ``spend_<n>d``, ``bought_<n>d``, ``returned_<n>d`` or ``opened``; or the
        ratio of two of them, such as ``spend_90d/orders_90d``.
    days : int
        Length of the window after the assignment; 0 for a declared column.
    declared : bool
    """

    name: str
    days: int = 0
    declared: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The names that a ratio is made of, else the name."""
        return tuple(self.name.split(_RATIO))

    @property
    def is_ratio(self) -> bool:
        """Whether it is a ratio of two sums."""
        return len(self.parts) > 1

    def is_mature(self, last_on: date, as_of: date) -> bool:
        """Return whether the window of the last assignment is over by ``as_of``."""
        return last_on < as_of and last_on + timedelta(days=self.days) <= as_of


def choose_outcomes(
    names: Sequence[str] | None, declared: Sequence[str], tables: Mapping[str, ibis.Table]
) -> list[Outcome]:
    """Return the outcomes of an experiment.

    Parameters
    ----------
    names : sequence of str or None
        As declared in the profile; None: the declared columns, else orders and spend within 90 days.
    declared : sequence of str
        Numeric columns of the assignment that are no covariates.
    tables : mapping
        Canonical tables.

    Returns
    -------
    list of Outcome

    Raises
    ------
    ProfileError
        An outcome that is neither declared nor computable, with the nearest name.
    """
    possible = [name for name in DEFAULT if computable(name, tables)]
    chosen = list(names) if names else list(declared) or possible
    outcomes, faults = [], []
    for name in chosen:
        parts = name.split(_RATIO)
        if name in declared:
            outcomes.append(Outcome(name, 0, True))
        elif len(parts) == 2 and all(part in declared or computable(part, tables) for part in parts):  # noqa: PLR2004
            days = max(0 if part in declared else window_days(part) for part in parts)
            outcomes.append(Outcome(name, days, all(part in declared for part in parts)))
        elif computable(name, tables):
            outcomes.append(Outcome(name, window_days(name)))
        else:
            accepted = [*declared, *possible, "opened"]
            faults.append(
                Fault(
                    "10_measure_experiments.outcomes",
                    f"unknown outcome '{name}'",
                    "a declared column, orders_<n>d, spend_<n>d, bought_<n>d, returned_<n>d or opened, and the "
                    "table it needs; or a ratio of two such as spend_90d/orders_90d",
                    did_you_mean(name, accepted),
                )
            )
    if faults:
        raise ProfileError(faults)
    return outcomes


def measure_outcomes(
    names: Sequence[str], tables: Mapping[str, ibis.Table], *, as_of: date, before: bool = False
) -> pd.DataFrame:
    """Measure computed outcomes of all customers in experiments.

    Parameters
    ----------
    names : sequence of str
        ``orders_<n>d`` (orders with a sale), ``spend_<n>d`` (money, net of returns), ``bought_<n>d`` (1: an order with
        a sale), ``returned_<n>d`` (1: something was sent back), ``opened`` (1: a campaign sent from the assignment on
        was opened).
    tables : mapping
        Canonical tables: ``experiments`` and ``transactions`` or ``campaigns``.
    as_of : date
        Nothing from this day on is used.
    before : bool
        Measure in the window of the same length before the assignment: a covariate, or an outcome that no assignment
        can have changed. ``opened`` has no such twin and is left out.

    Returns
    -------
    DataFrame
        Index experiment, customer_id; one float column per outcome; customers without a line are absent (their value is
        0).
    """
    of_orders = [name for name in names if name != "opened"]
    parts = [_from_orders(of_orders, tables, as_of, before=before)] if of_orders else []
    if "opened" in names and not before:
        parts.append(_opened(tables, as_of))
    if not parts:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=["experiment", "customer_id"]))
    return pd.concat(parts, axis=1).fillna(0.0)


def _participants(experiments: ibis.Table) -> ibis.Table:
    """Return experiment, customer_id, assigned_on: the first day of assignment."""
    rows = experiments.filter(experiments.customer_id.notnull(), experiments.assigned_at.notnull())
    grouped = rows.group_by("experiment", "customer_id").aggregate(assigned_at=rows.assigned_at.min())
    return grouped.select("experiment", "customer_id", assigned_on=grouped.assigned_at.date())


def _from_orders(names: Sequence[str], tables: Mapping[str, ibis.Table], as_of: date, *, before: bool) -> pd.DataFrame:
    """Add up the orders of each customer within the windows, in one pass over the order lines."""
    orders = group_orders(known_lines(tables["transactions"], as_of=as_of))
    joined = orders.inner_join(_participants(tables["experiments"]), "customer_id")
    days = joined.ordered_at.date().delta(joined.assigned_on, unit="day")
    sums = {}
    for name in names:
        kind, length = name.split("_")[0], window_days(name)
        inside = (days >= -length) & (days < 0) if before else (days >= 0) & (days < length)
        sums[name] = {
            "orders": lambda within: joined.count(where=within & (joined.sale_lines > 0)),
            "spend": lambda within: joined.net.sum(where=within).cast("float64"),
            "bought": lambda within: (within & (joined.sale_lines > 0)).any().cast("float64"),
            "returned": lambda within: (within & (joined.return_lines > 0)).any().cast("float64"),
        }[kind](inside)
    return _indexed(joined.group_by("experiment", "customer_id").aggregate(**sums))


def _opened(tables: Mapping[str, ibis.Table], as_of: date) -> pd.DataFrame:
    campaigns = tables["campaigns"]
    joined = campaigns.inner_join(_participants(tables["experiments"]), "customer_id")
    counted = (
        (joined.sent_at.date() >= joined.assigned_on)
        & (joined.opened_at >= joined.sent_at)
        & (joined.opened_at < at_midnight(as_of))
    )
    return _indexed(joined.group_by("experiment", "customer_id").aggregate(opened=counted.any().cast("float64")))


def _indexed(rows: ibis.Table) -> pd.DataFrame:
    frame = to_pandas(rows.order_by("experiment", "customer_id")).set_index(["experiment", "customer_id"])
    return frame.astype("float64").fillna(0.0)


def computable(name: str, tables: Mapping[str, ibis.Table]) -> bool:
    """Say whether an outcome can be computed from these tables."""
    if name == "opened":
        campaigns = tables.get("campaigns")
        return campaigns is not None and {"customer_id", "sent_at", "opened_at"} <= set(campaigns.columns)
    match = _COMPUTED.match(name)
    lines = tables.get("transactions")
    return bool(match) and lines is not None and {"customer_id", "ordered_at", "amount"} <= set(lines.columns)


def window_days(name: str) -> int:
    """Return the length of an outcome's window; 0 where its name states none."""
    match = _COMPUTED.match(name)
    return int(match[2]) if match else 0
