"""Accuracy rules of a profile: the share of rows that satisfy them, and the rows that violate them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault, listed

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["ACCURACY_COLUMNS", "judge_accuracy", "refuse_blockers"]

ACCURACY_COLUMNS = ("source", "table", "rule", "level", "observed", "limit", "n", "lines")
_EXAMPLES = 3


def judge_accuracy(
    name: str, table: ibis.Table, source: SourceParams, condition: Callable[[str], ibis.Value]
) -> list[tuple]:
    """Judge the accuracy rules of a source.

    Parameters
    ----------
    name : str
    table : ibis.Table
        Its accepted rows, with ``_line``.
    source : SourceParams
    condition : callable
        Turns a rule into a boolean over ``table``.

    Returns
    -------
    list of tuple
        `ACCURACY_COLUMNS`: observed is the share of rows that satisfy the rule, of the n rows where it can be
        evaluated; lines are the first three that violate it.
    """
    rows = []
    for rule, check in source.checks.items():
        holds = condition(check.rule)
        evaluated = table.filter(holds.notnull())
        facts = table.aggregate(n=holds.count(), kept=holds.cast("int64").sum()).to_pyarrow().to_pylist()[0]
        n, holding = int(facts["n"]), int(facts["kept"] or 0)
        broken = evaluated.filter(~holds).order_by("_order").limit(_EXAMPLES).select("_line").to_pyarrow()
        lines = ", ".join(str(line) for line in broken["_line"].to_pylist())
        rows.append((name, source.table, rule, check.level, holding / n if n else 1.0, check.at_least, n, lines))
    return rows


def refuse_blockers(verdicts: pd.DataFrame, sources: Mapping[str, SourceParams]) -> None:
    """Refuse the data if rules marked as blocker are violated; all of them together.

    Raises
    ------
    DataError
    """
    failed = verdicts[(verdicts["level"] == "blocker") & (verdicts["observed"] < verdicts["limit"])]
    faults = [
        Fault(
            f"sources.{row.source}: checks.{row.rule}",
            f"'{sources[row.source].checks[row.rule].rule}' holds for {row.observed:.2%} of {row.n} rows; "
            f"it breaks on line {listed(row.lines.split(', '))}",
            f"At least {row.limit:.2%}",
            "Correct the file, or lower the level of the rule",
        )
        for row in failed.itertuples()
    ]
    if faults:
        raise DataError(faults)
