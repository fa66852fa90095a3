"""Declared attributes: the columns of the customers table that can be features."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from workbench.core.schema import CANONICAL, UNDATED
from workbench.intake.features.inputs.exact import at_midnight, days_between

__all__ = ["attribute_columns", "describe_attributes", "registered_before"]

# a cell that is only a number; 00123 is a code
NUMBER = r"^[+-]?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"
OLDEST_YEARS = 120
# schema columns with numbers in some sources and bands in others
NUMBERS_OR_BANDS = ("income", "children", "household_size")
# schema columns that are never features: where a record came from
_NO_FEATURES = ("source",)
_FEATURE_KINDS = ("category", "number", "integer", "flag")


def registered_before(customers: ir.Table, *, as_of: date) -> ir.Table:
    """Keep the customers registered before the as-of date, or at an unknown time: one column, customer_id."""
    identified = customers.filter(customers.customer_id.notnull())
    if "registered_at" in identified.columns:
        identified = identified.filter(
            identified.registered_at.isnull() | (identified.registered_at < at_midnight(as_of))
        )
    return identified.select("customer_id")


def attribute_columns(customers: ir.Table) -> list[str]:
    """List the columns that become features with unchanged names.

    Identifiers, free text, contact columns and sensitive columns (``core.schema``) are left out; columns outside the
    schema are declared attributes and stay, except dates.
    """
    named = {column.name: column for column in CANONICAL["customers"].columns}
    attributes = []
    for name in customers.columns:
        column = named.get(name)
        if column is None:
            is_feature = not customers[name].type().is_temporal()
        else:
            is_feature = column.kind in _FEATURE_KINDS and not column.contact and not column.sensitive
        if is_feature and name not in _NO_FEATURES:
            attributes.append(name)
    return attributes


def describe_attributes(customers: ir.Table, *, as_of: date) -> ir.Table:
    """Turn declared columns into features with unchanged names.

    Parameters
    ----------
    customers : ibis.Table
        The canonical table; one row per customer_id.
    as_of : date
        Ages and days since registration are counted up to it; they are null where it is ``UNDATED``.

    Returns
    -------
    ibis.Table
        One row per customer: customer_id, registered_days, the columns of ``attribute_columns``, and ``age`` (full
        years) where only birth_date is given; null for a birth in the future or over 120 years ago. A text attribute
        outside the schema, an income, a number of children or a household size becomes float64 if every cell that is
        not blank is a number, which takes one query over the table; otherwise a blank cell is null.
    """
    names = attribute_columns(customers)
    features = {name: customers[name] for name in names}
    texts = [name for name in names if customers[name].type().is_string()]
    features |= {name: customers[name].strip().nullif("") for name in texts}
    named = {column.name for column in CANONICAL["customers"].columns} - set(NUMBERS_OR_BANDS)
    for name in _numeric_texts(customers, [name for name in texts if name not in named]):
        features[name] = features[name].cast("float64")
    if "birth_date" in customers.columns and "age" not in names:
        features["age"] = _age(customers.birth_date, as_of)
    if "registered_at" in customers.columns:
        since = ibis.ifelse(customers.registered_at < at_midnight(as_of), customers.registered_at.date(), ibis.null())
        features["registered_days"] = days_between(since, as_of) if as_of != UNDATED else ibis.null("int64")
    return customers.filter(customers.customer_id.notnull()).select("customer_id", **features)


def _numeric_texts(customers: ir.Table, names: list[str]) -> list[str]:
    """List the text columns with at least one cell that is not blank, all of them numbers."""
    if not names:
        return []
    cells = {name: customers[name].strip().nullif("") for name in names}
    checks = {name: cell.re_search(NUMBER).all() for name, cell in cells.items()}
    verdict = customers.aggregate(**checks).to_pyarrow().to_pylist()[0]
    return [name for name in names if verdict[name]]


def _age(birth_date: ir.DateColumn, as_of: date) -> ir.IntegerColumn:
    reached = birth_date.month() * 100 + birth_date.day() <= as_of.month * 100 + as_of.day
    years = as_of.year - birth_date.year() - ibis.ifelse(reached, 0, 1)
    return ibis.ifelse(years.between(0, OLDEST_YEARS) & (birth_date < as_of), years, ibis.null()).cast("int64")
