"""Purchase occasions by customer: rules of the profile on categories, words, festivals and birthdays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

import ibis
import ibis.expr.types as ir

from workbench.core.errors import Fault, ProfileError, did_you_mean, listed
from workbench.intake.features.inputs.calendars import CALENDARS, days_of
from workbench.intake.features.inputs.exact import ratio, top_by
from workbench.intake.features.inputs.lines import is_sale
from workbench.intake.features.inputs.words import contains_any

__all__ = ["RULE_KEYS", "check_occasions", "describe_occasions"]

RULE_KEYS = ("categories", "words", "calendar", "dates", "birthday", "days_before", "days_after", "gift")
DAYS_BEFORE, DAYS_AFTER = 14, 0  # days around a festival or birthday, unless declared
LEAP_YEAR = 2000


def check_occasions(occasions: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse rules that cannot be applied.

    Parameters
    ----------
    occasions : mapping of str to mapping
        Occasion to its rule: ``categories`` and ``words`` (lists; the products of an order), ``calendar`` (names of
        ``CALENDARS``), ``dates`` (days as MM-DD), ``birthday: true``, ``days_before`` and ``days_after`` (0 to 180,
        around these days), ``gift: true`` or ``false`` (for oneself).

    Raises
    ------
    ProfileError
        All errors together: an unknown key or festival, a rule without a condition, days out of range.
    """
    faults = [fault for name, rule in occasions.items() for fault in _faults(name, rule)]
    if faults:
        raise ProfileError(faults)


def describe_occasions(
    tables: Mapping[str, ir.Table], orders: ir.Table, occasions: Mapping[str, Mapping[str, Any]]
) -> ir.Table:
    """Describe the occasions on which a customer buys.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables cut at the as-of date: transactions (customer_id, ordered_at, amount; order_id, product_id),
        products (product_id, category, product_name) and customers (customer_id, birth_date) where rules need them.
    orders : ibis.Table
        Orders with a sale: customer_id, ordered_at.
    occasions : mapping of str to mapping
        As `check_occasions` takes them. An order fits an occasion when one of its sale lines holds one of the
        categories or words (product name), or its day lies in a window around one of the days; with both kinds of
        conditions, both must hold. The first occasion that fits wins.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase: occasion_top (the occasion with the most orders; ties go to the name that
        sorts first), occasion_order_share (0..1), occasions_distinct, gift_order_share (0..1, of the orders on
        occasions whose rule says gift or not).
    """
    check_occasions(occasions)
    days = _days(tables, orders, occasions)
    branches = [(_fits(days, name, rule), ibis.literal(name)) for name, rule in occasions.items()]
    labelled = days.mutate(occasion=ibis.cases(*branches))
    counted = labelled.group_by("customer_id", "occasion").aggregate(n=labelled.orders.sum())
    named = counted.occasion.notnull()
    gifts = [name for name, rule in occasions.items() if rule.get("gift") is True]
    for_self = [name for name, rule in occasions.items() if rule.get("gift") is False]
    sums = counted.group_by("customer_id").aggregate(
        n=counted.n.sum(), fitting=counted.n.sum(where=named).fill_null(0),
        occasions_distinct=counted.count(where=named),
        gifts=counted.n.sum(where=counted.occasion.isin(gifts or [""])).fill_null(0),
        declared=counted.n.sum(where=counted.occasion.isin([*gifts, *for_self] or [""])).fill_null(0),
    )  # fmt: skip
    fitting = counted.filter(named)
    tops = fitting.group_by("customer_id").aggregate(top=top_by(fitting, "occasion", ["n"]))
    joined = sums.left_join(tops, "customer_id")
    return joined.select(
        "customer_id", "occasions_distinct", occasion_top=joined.top["value"],
        occasion_order_share=ratio(joined.fitting, joined.n), gift_order_share=ratio(joined.gifts, joined.declared),
    )  # fmt: skip


def _faults(name: str, rule: Mapping[str, Any]) -> list[Fault]:
    where = f"03_build_features: occasions.{name}"
    if not isinstance(rule, Mapping):
        return [Fault(where, f"the rule is {rule!r}", "Expected a mapping", f"Keys: {listed(RULE_KEYS)}")]
    faults = [
        Fault(where, f"unknown key '{key}'", "", did_you_mean(key, RULE_KEYS)) for key in rule if key not in RULE_KEYS
    ]
    for festival in _as_list(rule.get("calendar")):
        if festival not in CALENDARS:
            faults.append(Fault(where, f"unknown festival '{festival}'", "", did_you_mean(str(festival), CALENDARS)))
    for day in _as_list(rule.get("dates")):
        if not _is_day(day):
            faults.append(Fault(where, f"dates holds '{day}'", "Expected days as MM-DD, such as 05-20"))
    for key in ("days_before", "days_after"):
        if not (isinstance(rule.get(key, 0), int) and 0 <= rule.get(key, 0) <= 180):  # noqa: PLR2004
            faults.append(Fault(where, f"{key} is {rule[key]!r}", "Expected whole days from 0 to 180"))
    if not any(rule.get(key) for key in ("categories", "words", "calendar", "dates", "birthday")):
        faults.append(Fault(where, "no condition", "Expected categories, words, calendar, dates or birthday"))
    return faults


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _is_day(day: Any) -> bool:
    try:
        date.fromisoformat(f"{LEAP_YEAR}-{day}")
    except ValueError:
        return False
    return True


def _days(tables: Mapping[str, ir.Table], orders: ir.Table, occasions: Mapping[str, Mapping[str, Any]]) -> ir.Table:
    """Return each customer's purchase days with the inputs of the rules: orders, matching products, birthday."""
    dated = orders.select("customer_id", day=orders.ordered_at.date())
    days = dated.group_by("customer_id", "day").aggregate(orders=dated.count())
    conditions = {name: rule for name, rule in occasions.items() if rule.get("categories") or rule.get("words")}
    products = tables.get("products")
    if conditions and products is not None and "product_id" in tables["transactions"].columns:
        days = days.left_join(_goods(tables["transactions"], products, conditions), ["customer_id", "day"])
        days = days.drop([name for name in days.columns if name.endswith("_right")])
    customers = tables.get("customers")
    needs_birthday = any(rule.get("birthday") for rule in occasions.values())
    if needs_birthday and customers is not None and "birth_date" in customers.columns:
        births = customers.filter(customers.customer_id.notnull()).select("customer_id", "birth_date")
        days = days.left_join(births, "customer_id").drop("customer_id_right")
    return days


def _goods(lines: ir.Table, products: ir.Table, conditions: Mapping[str, Mapping[str, Any]]) -> ir.Table:
    """Flag per customer and day whether the products bought match the rule of each occasion."""
    flags = {}
    for name, rule in conditions.items():
        matches = []
        if rule.get("categories") and "category" in products.columns:
            matches.append(products.category.isin(_as_list(rule["categories"])))
        if rule.get("words") and "product_name" in products.columns:
            matches.append(contains_any(products.product_name, _as_list(rule["words"])))
        flags[f"is_{name}"] = (
            reduce(or_, [match.fill_null(False) for match in matches]) if matches else ibis.literal(False)
        )
    flagged = products.select("product_id", **flags)
    merged = flagged.group_by("product_id").aggregate(**{name: flagged[name].any() for name in flags})
    valid = lines.filter(lines.customer_id.notnull(), lines.product_id.notnull(), lines.ordered_at.notnull())
    sold = valid.filter(is_sale(valid)).select("customer_id", "product_id", day=valid.ordered_at.date())
    joined = sold.inner_join(merged, "product_id")
    return joined.group_by("customer_id", "day").aggregate(**{name: joined[name].any() for name in flags})


def _fits(days: ir.Table, name: str, rule: Mapping[str, Any]) -> ir.BooleanValue:
    conditions = []
    if rule.get("categories") or rule.get("words"):
        has_goods = days[f"is_{name}"].fill_null(False) if f"is_{name}" in days.columns else ibis.literal(False)
        conditions.append(has_goods)
    near = _near(days, rule)
    if near is not None:
        conditions.append(near)
    return reduce(lambda first, second: first & second, conditions)


def _near(days: ir.Table, rule: Mapping[str, Any]) -> ir.BooleanValue | None:
    """Mark the days in the windows of a rule; None if the rule has no days."""
    before, after = rule.get("days_before", DAYS_BEFORE), rule.get("days_after", DAYS_AFTER)
    around = [day for festival in _as_list(rule.get("calendar")) for day in days_of(festival)]
    windows = []
    if around:
        spans = {day + timedelta(days=shift) for day in around for shift in range(-before, after + 1)}
        windows.append(days.day.isin(sorted(spans)))
    yearly = [date.fromisoformat(f"{LEAP_YEAR}-{day}") for day in _as_list(rule.get("dates"))]
    if yearly:
        marks = {day + timedelta(days=shift) for day in yearly for shift in range(-before, after + 1)}
        windows.append((days.day.month() * 100 + days.day.day()).isin(sorted({m.month * 100 + m.day for m in marks})))
    if rule.get("birthday"):
        windows.append(_near_birthday(days, before, after) if "birth_date" in days.columns else ibis.literal(False))
    return reduce(or_, windows) if windows else None


def _near_birthday(days: ir.Table, before: int, after: int) -> ir.BooleanValue:
    """Compare days of the year, around the turn of the year too; 29 February counts as 28 February."""
    day_of_birth = ibis.ifelse(
        (days.birth_date.month() == 2) & (days.birth_date.day() == 29),
        28,
        days.birth_date.day(),  # noqa: PLR2004
    )
    gaps = []
    for shift in (-1, 0, 1):
        birthday = ibis.date(days.day.year() + shift, days.birth_date.month(), day_of_birth)
        ahead = birthday.delta(days.day, unit="day")
        gaps.append(ahead.between(-after, before))
    return reduce(or_, gaps).fill_null(False)
