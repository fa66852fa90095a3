"""Apply the declared steps of a profile to rows: judge accuracy, repair cells, keep one row per key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.intake.expressions import to_ibis
from workbench.intake.quality.accuracy import ACCURACY_COLUMNS, judge_accuracy, refuse_blockers
from workbench.intake.tables.declarations import expression_columns
from workbench.intake.tables.declared_repairs import deduplicate, repair_cells

if TYPE_CHECKING:
    from workbench.intake.tables.sources import ParsedSource

__all__ = ["Declared", "apply_declared"]


@dataclass(frozen=True)
class Declared:
    """The results of the declared steps.

    Attributes
    ----------
    sources : dict of str to ParsedSource
        Sources with ``kept``: the rows after repairs and deduplication.
    accuracy : DataFrame
        source, table, rule, level, observed, limit, n, lines.
    repairs : ibis.Table or None
        source, file, line, column, raw, now, why.
    conflicts : ibis.Table or None
        source, key, column, rows, different, first_line.
    metrics : dict of str to int
        ``<source>.standardised.<column>``, ``<source>.imputed.<column>``, ``<source>.deduplicated``,
        ``<source>.conflicting_keys``.
    """

    sources: dict[str, ParsedSource]
    accuracy: pd.DataFrame
    repairs: ibis.Table | None
    conflicts: ibis.Table | None
    metrics: dict[str, int]


def apply_declared(engine: ibis.BaseBackend, parsed: Mapping[str, ParsedSource]) -> Declared:
    """Judge accuracy, repair cells, keep one row per key, source by source.

    Raises
    ------
    DataError
        A rule marked as blocker is violated, or rows of one key differ although the profile forbids that.
    """
    judged: list[tuple] = []
    repairs: list[ibis.Table] = []
    conflicts: list[ibis.Table] = []
    metrics: dict[str, int] = {}
    after: dict[str, ParsedSource] = {}
    for name, source in parsed.items():
        judged += judge_accuracy(name, source.table, source.source, _conditions(source))
        repaired = repair_cells(engine, source.table, source.source, source.kinds)
        table, conflicting, counts = deduplicate(engine, name, repaired.table, source.source)
        after[name] = replace(source, kept=table) if table is not source.table else source
        metrics |= {f"{name}.{key}": value for key, value in {**repaired.metrics, **counts}.items()}
        repairs += [_named(repaired.changes, name)] if repaired.changes is not None else []
        conflicts += [_named(conflicting, name)] if conflicting is not None else []
    accuracy = pd.DataFrame(judged, columns=list(ACCURACY_COLUMNS))
    refuse_blockers(accuracy, {name: source.source for name, source in parsed.items()})
    return Declared(after, accuracy, _stacked(repairs), _stacked(conflicts), metrics)


def _conditions(parsed: ParsedSource) -> Callable[[str], ibis.Value]:
    """Return a function from a rule to a boolean over the rows of a source."""
    columns = expression_columns(parsed.source)
    return lambda rule: to_ibis(rule, parsed.table, columns)


def _named(table: ibis.Table, source: str) -> ibis.Table:
    return table.mutate(source=ibis.literal(source)).relocate("source")


def _stacked(tables: list[ibis.Table]) -> ibis.Table | None:
    return (ibis.union(*tables, distinct=False) if len(tables) > 1 else tables[0]) if tables else None
