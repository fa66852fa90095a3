"""Assemble canonical tables from parsed sources, with every row accounted for; used by 01_check_quality.

Several sources may feed one table. Columns that belong to a neighbouring table fill that table. Rules keep the rows for
which they are true and count the dropped rows in order; measures only count.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL, ID_SPACE, columns_of, ibis_type
from workbench.core.stages import TABLES
from workbench.intake.casting.refusals import too_many_rejected
from workbench.intake.casting.verdicts import as_view
from workbench.intake.expressions import to_ibis
from workbench.intake.identity.people import gather_people
from workbench.intake.identity.spaces import space_of
from workbench.intake.identity.vault import KEY_BYTES, VaultKey
from workbench.intake.privacy.contact_ids import hide_contact_ids
from workbench.intake.privacy.free_text import mask_free_text
from workbench.intake.privacy.tombstones import suppress_erased
from workbench.intake.tables.corrections import apply_corrections
from workbench.intake.tables.declarations import expression_columns
from workbench.intake.tables.declared import apply_declared
from workbench.intake.tables.one_row_tables import (
    KEY,
    LINE,
    ONE_ROW_PER,
    collapse,
    fill_neighbours,
    key_of,
    plain_columns,
)
from workbench.intake.tables.raw_rows import FILE, ORDER
from workbench.intake.tables.sources import ParsedSource, check_source, read_source

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.privacy.tombstones import Tombstones

__all__ = ["Intake", "assemble", "read_sources", "take_in"]

_EXPERIMENTS = "experiments"
_SOURCE_STEP = 10**16  # more than the files and lines of any source


@dataclass(frozen=True)
class Intake:
    """The canonical tables and the counts of every record.

    Attributes
    ----------
    tables : dict of str to ibis.Table
        Canonical tables without contact columns, in file order.
    rejects : ibis.Table
        source, file, line, column, code, raw; empty without rejects.
    metrics : dict
        Flat; counts, sums of money (exact sums, converted to float), text, ISO times.
    dropped : dict of str to list of str
        Source to the columns of its files that were not read.
    people : ibis.Table or None
        One row per accepted record of people, with contact columns; only if identities are resolved.
    accuracy, repairs, conflicts
        As returned by ``declared.apply_declared``.
    copies : dict of str to Path
        Table to a private Parquet file with its content; see `ParsedSource.copy`.
    """

    tables: dict[str, ibis.Table]
    rejects: ibis.Table
    metrics: dict[str, int | float | str]
    dropped: dict[str, list[str]]
    people: ibis.Table | None = None
    accuracy: pd.DataFrame = field(default_factory=pd.DataFrame)
    repairs: ibis.Table | None = None
    conflicts: ibis.Table | None = None
    copies: dict[str, Path] = field(default_factory=dict)


def take_in(
    engine: ibis.BaseBackend,
    sources: Mapping[str, SourceParams],
    *,
    root: Path,
    scratch: Path,
    date_min: dt.date,
    date_max: dt.date,
    max_rejected_share: float = 1.0,
    identity: bool = False,
    key: VaultKey | None = None,
    tombstones: Tombstones | None = None,
    corrections: Sequence[Mapping[str, str]] = (),
) -> Intake:
    """Read all sources of a profile and assemble its canonical tables.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB; holds the tables' queries, so it must outlive them.
    sources : mapping of str to SourceParams
    root : Path
        The workspace.
    scratch : Path
        A private folder on the same disk; the tables are read from it until written, then the caller removes it.
    date_min, date_max : date
        Dates before the first are placeholders, dates after the second lie in the future.
    max_rejected_share : float
        Share of rejected records, 0 to 1, above which a source is refused.
    identity : bool
        02_resolve_identity follows: people are gathered with their contact columns, and every table with a customer_id
        gets its id space.
    key : VaultKey, optional
        Key for the pseudonyms of ids that are contact data; default: a random key for this call only.
    tombstones : Tombstones, optional
        Tombstones of erased people; their records are left out and counted as ``<source>.suppressed``.
    corrections : sequence of mapping
        source, source_id, column, value; they override the sources.

    Returns
    -------
    Intake

    Raises
    ------
    DataError
        All faults of all headers together; a source that is refused.
    """
    parsed = read_sources(
        engine, sources, root=root, scratch=scratch, dates=(date_min, date_max), max_rejected_share=max_rejected_share,
        keep_contacts=identity or bool(tombstones),
    )  # fmt: skip
    if tombstones:
        parsed = suppress_erased(parsed, tombstones, resolved=identity)
    parsed, hidden = hide_contact_ids(parsed, key or VaultKey(os.urandom(KEY_BYTES)))
    parsed, masked = mask_free_text(parsed)
    declared = apply_declared(engine, parsed)
    corrected, counts = apply_corrections(declared.sources, corrections)
    intake = assemble(engine, corrected, identity=identity)
    metrics = intake.metrics | declared.metrics | hidden | masked | counts
    return replace(
        intake, metrics=metrics, accuracy=declared.accuracy, repairs=declared.repairs, conflicts=declared.conflicts
    )


def read_sources(
    engine: ibis.BaseBackend, sources: Mapping[str, SourceParams], *, root: Path, scratch: Path,
    dates: tuple[dt.date, dt.date], max_rejected_share: float, keep_contacts: bool = False,
) -> dict[str, ParsedSource]:  # fmt: skip
    """Read all sources of a profile: the first half of `take_in`, with the same parameters.

    Raises
    ------
    DataError
        All faults of all headers together; a source that is refused.
    """
    faults = [_located(name, fault) for name, source in sources.items() for fault in check_source(source, root)]
    if faults:
        raise DataError(faults)
    parsed = {
        name: read_source(engine, name, source, root=root, scratch=scratch, dates=dates, keep_contacts=keep_contacts)
        for name, source in sources.items()
    }
    faults = [fault for source in parsed.values() for fault in _refuse(source, max_rejected_share)]
    if faults:
        raise DataError(faults)
    return parsed


def assemble(engine: ibis.BaseBackend, sources: Mapping[str, ParsedSource], *, identity: bool = False) -> Intake:
    """Assemble canonical tables from parsed sources.

    Parameters
    ----------
    engine : ibis.BaseBackend
    sources : mapping of str to ParsedSource
        In the profile's order, which is the order of precedence.
    identity : bool
        02_resolve_identity follows; see `take_in`. Customers then have one row per source of people and id.

    Returns
    -------
    Intake
        Customers and products have one row per id: the first row in file order, its missing cells filled from later
        rows. Metrics per table: ``rows`` (accepted, before rules), ``kept_rows``, ``duplicates`` (exact copies beyond
        the first over all mapped columns), ``rule.<name>`` (rows dropped), ``<measure>_rows``, ``_customers``,
        ``_amount``; for transactions also ``no_customer``, ``customers``, ``orders``, ``amount_total``,
        ``first_ordered_at``, ``last_ordered_at``, ``sign_conflicts``; for customers and products ``repeated_ids`` and
        ``conflicting_cells``.
    """
    metrics: dict[str, Any] = {}
    for source in sources.values():
        metrics |= source.metrics
    people = gather_people({name: _kept_people(source) for name, source in sources.items()}) if identity else None
    sources = _with_spaces(sources) if identity else sources
    sources = {name: _without_stated_space(parsed) for name, parsed in sources.items()}
    tables: dict[str, ibis.Table] = {}
    names = [name for name in CANONICAL if any(source.source.table == name for source in sources.values())]
    for name in names:
        own = [source for source in sources.values() if source.source.table == name]
        accepted = _stack(own)
        metrics |= _count(name, accepted) | _count_measures(name, own)
        tables[name] = _apply_rules(engine, name, own, metrics)
    for name, key in ONE_ROW_PER.items():
        if name in tables:
            tables[name], counts = collapse(engine, tables[name], key_of(tables[name], key))
            metrics |= {f"{name}.{count}": value for count, value in counts.items()}
    tables = fill_neighbours(engine, tables, names, metrics)
    for name, table in tables.items():
        metrics[f"{name}.kept_rows"] = int(table.count().execute())
    return Intake(
        tables={name: _final(name, tables[name]) for name in CANONICAL if name in tables},
        rejects=_all_rejects([source.rejects for source in sources.values() if source.rejects is not None]),
        metrics=metrics,
        dropped={name: source.dropped for name, source in sources.items()},
        people=people,
        copies={name: copy for name in names if (copy := _copy_of(name, list(sources.values())))},
    )


def _copy_of(name: str, sources: list[ParsedSource]) -> Path | None:
    """Return the Parquet file of a table that a single source feeds unchanged; else None."""
    own = [source for source in sources if source.source.table == name]
    if len(own) > 1 or own[0].kept is not None or own[0].source.rules or name in ONE_ROW_PER:
        return None
    return own[0].copy if set(own[0].kinds) <= set(columns_of(name)) else None


def _kept_people(parsed: ParsedSource) -> ibis.Table | None:
    """Return the people of a source that its rules keep."""
    if parsed.people is None:
        return None
    return _where(_with_table(parsed, parsed.people), list(parsed.source.rules.values()))


def _with_spaces(sources: Mapping[str, ParsedSource]) -> dict[str, ParsedSource]:
    """Add the id space of every customer id, and a key of id space and id."""
    declared = {name: parsed.source for name, parsed in sources.items()}
    return {name: _with_space(parsed, space_of(name, declared)) for name, parsed in sources.items()}


def _with_space(parsed: ParsedSource, space: str) -> ParsedSource:
    if "customer_id" not in parsed.table.columns:
        return parsed
    kept = None if parsed.kept is None else _spaced(parsed.kept, space, stated=_states_space(parsed))
    kinds = {**parsed.kinds, ID_SPACE: "id", KEY: "id"}
    return replace(parsed, table=_spaced(parsed.table, space, stated=_states_space(parsed)), kept=kept, kinds=kinds)


def _states_space(parsed: ParsedSource) -> bool:
    """Return whether every row states the id space of its customer id, as in assignments."""
    return parsed.source.table == _EXPERIMENTS and "source" in parsed.table.columns


def _without_stated_space(parsed: ParsedSource) -> ParsedSource:
    """Drop the column that states the id space; it is in ``_people`` where identities are resolved."""
    if not _states_space(parsed):
        return parsed
    kept = None if parsed.kept is None else parsed.kept.drop("source")
    kinds = {name: kind for name, kind in parsed.kinds.items() if name != "source"}
    return replace(parsed, table=parsed.table.drop("source"), kept=kept, kinds=kinds, copy=None)


def _spaced(table: ibis.Table, space: str, *, stated: bool) -> ibis.Table:
    own = ibis.coalesce(table.source.cast("string"), ibis.literal(space)) if stated else ibis.literal(space)
    table = table.mutate(**{ID_SPACE: own})
    return table.mutate(**{KEY: table[ID_SPACE] + ibis.literal("\x1f") + table.customer_id})


def _all_rejects(tables: list[ibis.Table]) -> ibis.Table:
    if not tables:
        schema = {column.name: ibis_type(column.kind) for column in TABLES["rejects"].columns}
        return ibis.memtable([], schema=schema)
    return ibis.union(*tables, distinct=False) if len(tables) > 1 else tables[0]


def _located(name: str, fault: Fault) -> Fault:
    return Fault(f"sources.{name}: {fault.where}" if fault.where else f"sources.{name}", *_words(fault))


def _words(fault: Fault) -> tuple[str, str, str]:
    return fault.found, fault.expected, fault.remedy


def _refuse(parsed: ParsedSource, limit: float) -> list[Fault]:
    rejected = int(parsed.metrics[f"{parsed.name}.rejected"])
    if rejected <= limit * int(parsed.metrics[f"{parsed.name}.physical_records"]):
        return []
    expected = f"At most {limit:.0%} (max_rejected_share)"
    feeds, instead = {parsed.name: parsed.source.table}, "raise 01_check_quality.max_rejected_share"
    where = f"sources.{parsed.name}"
    return [too_many_rejected(where, parsed.rejects, feeds, parsed.metrics, expected=expected, instead=instead)]


def _stack(sources: list[ParsedSource]) -> ibis.Table:
    """Union the sources of a table by column name; missing columns are null."""
    kinds: dict[str, str] = {}
    for source in sources:
        for name, kind in source.kinds.items():
            kinds[name] = "category" if kinds.get(name, kind) != kind else kind
    parts = []
    for at, source in enumerate(sources):
        table = source.table
        columns = {
            name: table[name].cast(ibis_type(kind)) if name in table.columns else ibis.null(ibis_type(kind))
            for name, kind in kinds.items()
        }
        order = table[ORDER].cast("int64") + at * _SOURCE_STEP
        parts.append(table.select(**columns, **{FILE: table[FILE], LINE: table[LINE].cast("int64"), ORDER: order}))
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _count(name: str, table: ibis.Table) -> dict[str, Any]:
    """Count the accepted rows of a table, before rules."""
    columns = plain_columns(table)
    content = ibis.struct({column: table[column] for column in columns}).hash()
    counts: dict[str, ibis.Value] = {"rows": table.count(), "duplicates": table.count() - content.nunique()}
    if name == "transactions":
        counts |= _transaction_counts(table, set(columns))
    values = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return {f"{name}.{key}": _plain(value) for key, value in values.items()}


def _transaction_counts(table: ibis.Table, columns: set[str]) -> dict[str, ibis.Value]:
    counts: dict[str, ibis.Value] = {}
    if "customer_id" in columns:
        counts |= {"no_customer": table.customer_id.isnull().sum(), "customers": table.customer_id.nunique()}
    else:
        counts |= {"no_customer": table.count(), "customers": ibis.literal(0)}
    counts["orders"] = table.order_id.nunique() if "order_id" in columns else table.count()
    if "amount" in columns:
        counts["amount_total"] = table.amount.sum()
    if "ordered_at" in columns:
        counts["no_date"] = table.ordered_at.isnull().cast("int64").sum()
        counts |= {"first_ordered_at": table.ordered_at.min(), "last_ordered_at": table.ordered_at.max()}
    if {"amount", "quantity"} <= columns:
        counts["sign_conflicts"] = ((table.amount > 0) & (table.quantity < 0)).sum()
    return counts


def _plain(value: Any) -> int | float | str:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="minutes" if value.second == 0 else "seconds")
    return int(value or 0)


def _count_measures(name: str, sources: list[ParsedSource]) -> dict[str, Any]:
    """Count the rows, customers and money for which all expressions of a measure hold; nothing is dropped."""
    sums: dict[str, Any] = {}
    for measure in dict.fromkeys(measure for parsed in sources for measure in parsed.source.measures):
        counted = [parsed for parsed in sources if measure in parsed.source.measures]
        parts = [_with_table(parsed, _where(parsed, parsed.source.measures[measure])) for parsed in counted]
        table = _stack(parts)
        counts: dict[str, ibis.Value] = {"rows": table.count()}
        if "customer_id" in table.columns:
            counts["customers"] = table.customer_id.nunique()
        if "amount" in table.columns:
            counts["amount"] = table.amount.sum()
        values = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
        sums |= {f"{name}.{measure}_{key}": _plain(value) for key, value in values.items()}
    return sums


def _with_table(source: ParsedSource, table: ibis.Table) -> ParsedSource:
    return replace(source, table=table, rejects=None, metrics={}, dropped=[])


def _where(parsed: ParsedSource, expressions: list[str]) -> ibis.Table:
    conditions = [_condition(parsed, expression) for expression in expressions]
    return parsed.table.filter(conditions) if conditions else parsed.table


def _condition(parsed: ParsedSource, expression: str) -> ibis.Value:
    return to_ibis(expression, parsed.table, expression_columns(parsed.source)).fill_null(False)


def _apply_rules(
    engine: ibis.BaseBackend, name: str, sources: list[ParsedSource], metrics: dict[str, Any]
) -> ibis.Table:
    """Keep the rows for which every rule of their source is true; count what each rule drops, in order."""
    filtered = []
    for parsed in (_with_table(source, source.kept) if source.kept is not None else source for source in sources):
        rules = {rule: _condition(parsed, expression) for rule, expression in parsed.source.rules.items()}
        if rules:
            for rule, dropped in _count_dropped(parsed.table, rules).items():
                metrics[f"{name}.rule.{rule}"] = metrics.get(f"{name}.rule.{rule}", 0) + dropped
        filtered.append(_with_table(parsed, parsed.table.filter(list(rules.values())) if rules else parsed.table))
    return as_view(engine, _stack(filtered))


def _count_dropped(table: ibis.Table, rules: Mapping[str, ibis.Value]) -> dict[str, int]:
    counts, before = {}, ibis.literal(True)
    for rule, condition in rules.items():
        counts[rule] = (before & ~condition).cast("int64").sum().fill_null(0)
        before = before & condition
    return {rule: int(count) for rule, count in table.aggregate(**counts).to_pyarrow().to_pylist()[0].items()}


def _final(name: str, table: ibis.Table) -> ibis.Table:
    """Keep the columns of the table's schema, and restore file order."""
    allowed = {*columns_of(name), ID_SPACE}
    table = table.drop(KEY) if KEY in table.columns else table
    columns = [column for column in plain_columns(table) if column in allowed or CANONICAL[name].open]
    return (table.order_by(ORDER) if name in ONE_ROW_PER else table).select(*columns)
