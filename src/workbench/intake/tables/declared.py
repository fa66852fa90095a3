"""What a profile declares about rows, carried out in order: accuracy judged, cells repaired, keys made one."""

from __future__ import annotations

from collections.abc import Mapping
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

__all__ = ["Declared", "carry_out"]


@dataclass(frozen=True)
class Declared:
    """What was done as declared.

    Attributes
    ----------
    sources : dict of str to ParsedSource
        With ``kept``: the rows after repairs and deduplication.
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


def carry_out(engine: ibis.BaseBackend, parsed: Mapping[str, ParsedSource]) -> Declared:
    """Judge accuracy, repair cells, keep one row per key, source by source.

    Raises
    ------
    DataError
        A rule marked as blocker does not hold, or rows of one key differ where that is to be refused.
    """
    judged, repairs, conflicts, metrics, after = [], [], [], {}, {}
    for name, each in parsed.items():
        columns = expression_columns(each.source)
        judged += judge_accuracy(
            name, each.table, each.source, lambda rule, each=each, columns=columns: to_ibis(rule, each.table, columns)
        )
        repaired = repair_cells(engine, each.table, each.source, each.kinds)
        table, found, counts = deduplicate(engine, name, repaired.table, each.source)
        after[name] = replace(each, kept=table) if table is not each.table else each
        metrics |= {f"{name}.{key}": value for key, value in {**repaired.metrics, **counts}.items()}
        repairs += [_named(repaired.changes, name)] if repaired.changes is not None else []
        conflicts += [_named(found, name)] if found is not None else []
    accuracy = pd.DataFrame(judged, columns=list(ACCURACY_COLUMNS))
    refuse_blockers(accuracy, {name: each.source for name, each in parsed.items()})
    return Declared(after, accuracy, _stacked(repairs), _stacked(conflicts), metrics)


def _named(table: ibis.Table, source: str) -> ibis.Table:
    return table.mutate(source=ibis.literal(source)).relocate("source")


def _stacked(tables: list[ibis.Table]) -> ibis.Table | None:
    return (ibis.union(*tables, distinct=False) if len(tables) > 1 else tables[0]) if tables else None
