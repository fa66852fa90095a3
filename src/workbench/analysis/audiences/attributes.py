"""Customer attributes: the columns a rule needs, joined from the tables with one row per customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis
import ibis.expr.datatypes as dt

from workbench.core.errors import Fault, ProfileError, did_you_mean

__all__ = ["SOURCES", "attribute_kinds", "attributes", "kind_of_type"]

# tables with one row per customer; where two have a column of the same name, the first is used
SOURCES = ("portraits", "segments", "rfm", "churn", "value", "features", "actions")
KEY = "customer_id"


def kind_of_type(kind: dt.DataType) -> str:
    """Return the kind of a column (a key of ``core.schema.KINDS``) from its type in the database engine."""
    if kind.is_boolean():
        return "flag"
    if kind.is_integer():
        return "integer"
    if kind.is_decimal():
        return "money"
    if kind.is_floating():
        return "number"
    if kind.is_timestamp():
        return "timestamp"
    return "date" if kind.is_date() else "category"


def attribute_kinds(tables: Mapping[str, ibis.Table]) -> dict[str, str]:
    """Map every attribute of the tables to its kind."""
    kinds: dict[str, str] = {KEY: "id"}
    for name in SOURCES:
        for column, dtype in (tables[name].schema() if name in tables else {}).items():
            kinds.setdefault(column, kind_of_type(dtype))
    return kinds


def attributes(tables: Mapping[str, ibis.Table], columns: Iterable[str]) -> ibis.Table:
    """Join the requested attributes, one row per customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Tables with one row per customer, by name; names outside ``SOURCES`` are ignored.
    columns : iterable of str
        Requested attributes.

    Returns
    -------
    ibis.Table
        customer_id and the columns; the customers of ``features`` where present, else of the first table.

    Raises
    ------
    ProfileError
        For a column that no table has, with the most similar name, or without any table of customers.
    """
    requested, present = sorted(set(columns) - {KEY}), [table_name for table_name in SOURCES if table_name in tables]
    if not present:
        raise ProfileError(Fault("audience", "no table of customers", "features or portraits", "Run the profile first"))
    kinds = attribute_kinds(tables)
    unknown = [column for column in requested if column not in kinds]
    if unknown:
        raise ProfileError(
            [Fault("audience", f"unknown column '{column}'", "", did_you_mean(column, kinds)) for column in unknown]
        )
    columns_of: dict[str, list[str]] = {}
    for column in requested:
        columns_of.setdefault(
            next(table_name for table_name in present if column in tables[table_name].columns), []
        ).append(column)
    base = _base(tables, present, list(columns_of))
    joined = tables[base].select(KEY, *columns_of.pop(base, []))
    for table_name, names in columns_of.items():
        joined = joined.left_join(tables[table_name].select(KEY, *names), KEY)
        joined = joined.drop(*(column for column in joined.columns if column == f"{KEY}_right"))
    return joined.select(KEY, *requested)


def _base(tables: Mapping[str, ibis.Table], present: list[str], needed: list[str]) -> str:
    """Choose the table that defines the customers: ``features``, or ``portraits`` if the rule needs only that table.

    Both have one row per customer and are written by one run, so an equal number of rows means the same customers.
    Skipping the join makes a count over ten million customers ten times faster.
    """
    if "features" not in tables:
        return present[0]
    if len(needed) == 1 and needed[0] == "portraits":
        rows = [tables[name].count().to_pyarrow().as_py() for name in ("features", "portraits")]
        return "portraits" if rows[0] == rows[1] else "features"
    return "features"
