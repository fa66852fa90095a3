"""Who may be profiled? Refusals and restrictions as of a date, for every stage that describes customers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

import ibis

from workbench.analysis.audiences.consent import permitted
from workbench.core.schema import ID_SPACE
from workbench.intake.purposes import name_purposes

if TYPE_CHECKING:
    from workbench.core.params.consent import ConsentParams

__all__ = ["PROFILED", "count_not_profiled", "refusing_customers", "without_customers"]

PROFILED = ("customers", "transactions", "events", "responses")  # the tables whose customers have features
_PURPOSE, _CONSENTS = "profiling", "consents"
_AS_LIST = 5_000  # most ids written into a query; more are joined as a table


def refusing_customers(tables: Mapping[str, ibis.Table], params: ConsentParams, as_of: date) -> set[str]:
    """Return the customers who do not permit profiling, by the consents before a date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        customer_id; ``consents`` with purpose, granted, changed_at and, where identities are resolved, ``record``.
    params : ConsentParams
    as_of : date
    """
    if _CONSENTS not in tables:
        return set()
    consents = name_purposes({_CONSENTS: tables[_CONSENTS]}, params.words)[_CONSENTS]
    names = [_CONSENTS] if params.holds(_PURPOSE) else [_CONSENTS, *PROFILED]
    parts = [tables[name].select("customer_id").distinct() for name in names if "customer_id" in _columns(tables, name)]
    ids = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]
    verdicts = permitted(ids.filter(ids.customer_id.notnull()), consents, _PURPOSE, as_of, params=params)
    return set(verdicts.filter(~verdicts.permitted).to_pyarrow()["customer_id"].to_pylist())


def count_not_profiled(
    tables: Mapping[str, ibis.Table],
    params: ConsentParams,
    as_of: date,
    *,
    restricted: Collection[tuple[str, str]] = (),
) -> int:
    """Count the customers who are not profiled, by their ids in the sources; 01 and 03 report the same number.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables with the ids of the sources, and with their id space where identities are resolved. Records
        that 02 merges count separately, since 01 runs before the merge.
    params : ConsentParams
    as_of : date
    restricted : collection of (str, str)
        Source of people (empty where identities are not resolved) and id of restricted records.
    """
    keyed = {name: _keyed(table) for name, table in tables.items() if "customer_id" in table.columns}
    refused = refusing_customers(keyed, params, as_of) | {_key(space, value) for space, value in restricted}
    if not refused:
        return 0
    parts = [keyed[name].select("customer_id").distinct() for name in PROFILED if name in keyed]
    if not parts:
        return 0
    ids = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]
    return len(refused & set(ids.to_pyarrow()["customer_id"].to_pylist()))


def without_customers(table: ibis.Table, customers: Collection[str]) -> ibis.Table:
    """Remove some customers from a table: their rows, and references to them in other rows."""
    if not customers or "customer_id" not in table.columns:
        return table
    sorted_ids = sorted(customers)
    removed = sorted_ids if len(sorted_ids) <= _AS_LIST else ibis.memtable({"left_out": sorted_ids}).left_out
    rows = table.filter(table.customer_id.isnull() | ~table.customer_id.isin(removed))
    if "other_id" in rows.columns:
        rows = rows.filter(rows.other_id.isnull() | ~rows.other_id.isin(removed))
    if "referrer_customer_id" in rows.columns:
        is_removed = rows.referrer_customer_id.isin(removed).fill_null(False)
        rows = rows.mutate(referrer_customer_id=ibis.ifelse(is_removed, ibis.null("string"), rows.referrer_customer_id))
    return rows


def _columns(tables: Mapping[str, ibis.Table], name: str) -> tuple[str, ...]:
    return tuple(tables[name].columns) if name in tables else ()


def _keyed(table: ibis.Table) -> ibis.Table:
    if ID_SPACE not in table.columns:
        return table
    return table.mutate(customer_id=table[ID_SPACE] + ibis.literal("\x1f") + table.customer_id)


def _key(space: str, value: str) -> str:
    return f"{space}\x1f{value}" if space else value
