"""What is known of each customer, in one place: tables of one row per customer, joined as far as a rule asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import ibis
import ibis.expr.datatypes as dt

from workbench.core.errors import Fault, ProfileError, did_you_mean

__all__ = ["SOURCES", "attribute_kinds", "attributes", "kind_of_type"]

# tables of one row per customer; where two have a column of one name, the first keeps it
SOURCES = ("portraits", "segments", "rfm", "churn", "value", "features")
KEY = "customer_id"


def kind_of_type(kind: dt.DataType) -> str:
    """Return the kind of a column (a key of ``core.schema.KINDS``) from its engine type."""
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
    """Map every attribute of the tables that are there to its kind."""
    found: dict[str, str] = {KEY: "id"}
    for name in SOURCES:
        for column, kind in (tables[name].schema() if name in tables else {}).items():
            found.setdefault(column, kind_of_type(kind))
    return found


def attributes(tables: Mapping[str, ibis.Table], columns: Iterable[str]) -> ibis.Table:
    """Join what is asked for, one row per customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Tables of one row per customer, by name; names outside ``SOURCES`` are not read.
    columns : iterable of str
        Attributes wanted.

    Returns
    -------
    ibis.Table
        customer_id and the columns; the customers of ``features`` where it is there, else of the first table.

    Raises
    ------
    ProfileError
        A column that no table has, with the nearest name; or no table of customers at all.
    """
    wanted, present = sorted(set(columns) - {KEY}), [name for name in SOURCES if name in tables]
    if not present:
        raise ProfileError(Fault("audience", "no table of customers", "features or portraits", "Run the profile first"))
    known = attribute_kinds(tables)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ProfileError(
            [Fault("audience", f"unknown column '{name}'", "", did_you_mean(name, known)) for name in unknown]
        )
    taken: dict[str, list[str]] = {}
    for column in wanted:
        taken.setdefault(next(name for name in present if column in tables[name].columns), []).append(column)
    base = _base(tables, present, list(taken))
    joined = tables[base].select(KEY, *taken.pop(base, []))
    for name, own in taken.items():
        joined = joined.left_join(tables[name].select(KEY, *own), KEY)
        joined = joined.drop(*(column for column in joined.columns if column == f"{KEY}_right"))
    return joined.select(KEY, *wanted)


def _base(tables: Mapping[str, ibis.Table], present: list[str], needed: list[str]) -> str:
    """Choose the table whose customers count: ``features``, or the one table asked for where it has them all too.

    Both have one row per customer and are written by one run, so that as many rows are the same customers; leaving the
    join out makes a count over ten million customers ten times as quick.
    """
    if "features" not in tables:
        return present[0]
    if len(needed) == 1 and needed[0] == "portraits":
        rows = [tables[name].count().to_pyarrow().as_py() for name in ("features", "portraits")]
        return "portraits" if rows[0] == rows[1] else "features"
    return "features"
