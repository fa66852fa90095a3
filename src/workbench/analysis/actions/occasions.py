"""The occasions of service actions: who has an open case, a birthday ahead, an order of a certain age."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from workbench.intake.features.inputs.exact import at_midnight

if TYPE_CHECKING:
    import ibis

    from workbench.core.actions.definition import Occasion

__all__ = ["customers_on_occasion"]


def customers_on_occasion(
    occasion: Occasion, tables: Mapping[str, ibis.Table], *, as_of: date, valid_days: int
) -> ibis.Table | None:
    """Return the customers for whom an occasion is due.

    Parameters
    ----------
    occasion : Occasion
    tables : mapping of str to ibis.Table
        ``service`` (customer_id, opened_at, closed_at), ``customers`` (customer_id, birth_date) or ``features``
        (customer_id, recency_days), by the kind of occasion.
    as_of : date
    valid_days : int
        For how long the action is planned.

    Returns
    -------
    ibis.Table or None
        customer_id, each once. None where the data does not know the occasion.
    """
    if occasion.kind == "case":
        return _with_open_case(tables.get("service"), as_of)
    if occasion.kind == "birthday":
        return _with_birthday(tables.get("customers"), as_of, occasion.days_before)
    return _with_order_of_age(tables.get("features"), occasion.after_order_days or 0, valid_days)


def _with_open_case(service: ibis.Table | None, as_of: date) -> ibis.Table | None:
    if service is None or not {"customer_id", "opened_at", "closed_at"} <= set(service.columns):
        return None
    end = at_midnight(as_of)
    is_open = (service.opened_at < end) & (service.closed_at.isnull() | (service.closed_at >= end))
    return service.filter(service.customer_id.notnull(), is_open).select("customer_id").distinct()


def _with_birthday(customers: ibis.Table | None, as_of: date, days: int) -> ibis.Table | None:
    if customers is None or not {"customer_id", "birth_date"} <= set(customers.columns):
        return None
    ahead = [as_of + timedelta(days=at) for at in range(days)]
    keys = {day.month * 100 + day.day for day in ahead}
    if any((day.month, day.day) == (2, 28) and not calendar.isleap(day.year) for day in ahead):
        keys.add(229)
    born = customers.birth_date.cast("date")
    key = born.month() * 100 + born.day()
    return customers.filter(born.notnull(), key.isin(sorted(keys))).select("customer_id").distinct()


def _with_order_of_age(features: ibis.Table | None, days: int, valid_days: int) -> ibis.Table | None:
    if features is None or "recency_days" not in features.columns:
        return None
    age = features.recency_days
    return features.filter(age >= days, age < days + valid_days).select("customer_id")
