"""Tidy text files in one pass: no blank at the edge of a cell, no separator inside one; used by 01_check_quality.

The scan of the bytes proves that a file is tidy, so that no cell needs trimming and the engine may split and cast the
records while it reads them. What the cast of ids must know of a whole column is asserted first (no letters that have a
second form, no ``.0`` at every end, no long ids rounded by a workbook) and counted afterwards: where it does not hold
there is no answer, and the files are read in the ordinary way.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import CONTACT_COLUMNS
from workbench.intake.casting.acceptance import Accepted, conclude
from workbench.intake.casting.cells import ColumnPlan, has_damaged_long_ids, id_statistics
from workbench.intake.casting.column_kinds import derived_kinds, kinds_of
from workbench.intake.casting.direct import Copied, copy_directly
from workbench.intake.casting.doubts import Settled, settle_doubts
from workbench.intake.casting.verdicts import STATE, judged_cells
from workbench.intake.reading.odd_lines import leaves_out
from workbench.intake.reading.raw_files import REFUSALS, RawFile, ReadyText, engine_reader
from workbench.intake.reading.records import WHITESPACE
from workbench.intake.reading.scratch import LINE, copy_rows, keep_rejects, quoted_name, quoted_text

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.text_files import Head

__all__ = ["TidyFile", "accept_tidy", "is_tidy", "may_be_tidy", "read_tidy"]


@dataclass(frozen=True)
class TidyFile:
    """A tidy file, read.

    Attributes
    ----------
    raw : RawFile
        Its table holds the typed columns, ``_line`` and ``_state`` (see `verdicts.judged_cells`).
    spoiled : ibis.Table or None
        The judged records with an unusable cell, with ``_line``; None where there is none.
    copy : Path or None
        The file of `direct.copy_directly`, where no cell is in doubt.
    sure : bool
        What the cast of ids must know of whole columns is known.
    """

    raw: RawFile
    spoiled: ibis.Table | None
    copy: Path | None = None
    sure: bool = False


def may_be_tidy(source: SourceParams) -> bool:
    """Tell whether a source asks for nothing but columns that are cast one by one.

    Attributes, contact data, currencies, declared widths, surveys and manual sheets need a second look at their cells.
    """
    if source.table == "customers":  # people are gathered with what is written of them
        return False
    more = source.attributes or source.widths or source.manual or source.numbered or source.table == "responses"
    two_ids = {"customer_id", "source_id"} <= set(source.columns)  # the one is filled from the other
    return not more and not two_ids and not {"currency", *CONTACT_COLUMNS} & set(source.columns)


def is_tidy(ready: ReadyText, head: Head) -> bool:
    """Tell whether the bytes of a file prove that a cell is what stands between two separators, in most of its lines.

    Where no quote stands in it, lines with too few or too many separators can be told from the others.
    """
    facts = ready.facts
    if head.separator == WHITESPACE or len(head.separator) > 1 or not facts.plain or facts.blank_quotes:
        return False
    return not leaves_out(ready, head) or '"' not in facts.signs


def read_tidy(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    folder: Path, dates: tuple[dt.date, dt.date],
) -> TidyFile | None:  # fmt: skip
    """Split, cast and judge the records of a tidy file in one pass, without judging where no cell is in doubt.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    ready : ReadyText
    source : SourceParams
    head : Head
    columns : mapping of str to int
        Our name of a column: its position in the file, from 1.
    folder : Path
        Where the typed records are written, in the order of the file; those with an unusable cell stand beside them.
    dates : (date, date)
        As for `accept`.

    Returns
    -------
    TidyFile or None
        None where the engine refuses the file or finds other records than lines.
    """
    given = {"head": head, "columns": columns, "dates": dates}
    copied = copy_directly(engine, ready, source, target=folder / "table.parquet", **given)
    settled = None if copied is None else settle_doubts(engine, copied, ready, source, **given)
    if settled is None:
        sure = ready.facts.trimmed and not leaves_out(ready, head)
        return _judge(engine, ready, source, target=folder / "judged.parquet", **given) if sure else None
    kinds = kinds_of(source)
    table = settled.table.select(*kinds, *derived_kinds(source, kinds), STATE, LINE)
    raw = _as_raw(engine, copied, replace(settled, table=table), ready, head=head)
    return TidyFile(raw, settled.spoiled, copied.path if settled.sure else None, sure=True)


def _as_raw(engine: ibis.BaseBackend, copied: Copied, settled: Settled, ready: ReadyText, *, head: Head) -> RawFile:
    """Account for every line of a copied file."""
    odd = copied.odd.rejected
    rejects = keep_rejects(engine, odd, head, copied.path) if odd else None
    codes = dict(sorted(Counter(each.code for each in odd).items()))
    physical = copied.count + len(odd)
    return RawFile(settled.table, rejects, physical, copied.count, codes, settled.repairs, ready.scan.encoding)


def _judge(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    target: Path, dates: tuple[dt.date, dt.date],
) -> TidyFile | None:  # fmt: skip
    """Give every cell its value or its code."""
    first = int(bool(head.header))
    cells = ", ".join(f"nullif(c{at}, '') AS {quoted_name(ours)}" for ours, at in columns.items())
    try:
        rows = engine.sql(f"SELECT {cells} FROM {engine_reader(ready.text, head)}")
        plans = {
            name: ColumnPlan(name, kind, source.formats, *dates, printable=True)
            for name, kind in kinds_of(source).items()
        }
        judged = judged_cells(engine, rows, source, plans)
        typed = judged.select(*plans, *derived_kinds(source, kinds_of(source)), STATE)
        count = copy_rows(engine, engine.compile(typed), target)
    except REFUSALS:
        return None
    if count != ready.facts.lines - first:
        return None
    numbered = f"SELECT * EXCLUDE (file_row_number), file_row_number + {first + 1} AS {LINE}"
    table = engine.sql(f"{numbered} FROM read_parquet({quoted_text(target)}, file_row_number = true)")
    found = int(table.filter(table[STATE] > 0).count().execute())
    spoiled = _spoiled(engine, judged, target.with_name("spoiled.parquet"), first=first) if found else None
    raw = RawFile(table, None, count, count, {}, {}, ready.scan.encoding)
    return TidyFile(raw, spoiled)


def _spoiled(engine: ibis.BaseBackend, judged: ibis.Table, target: Path, *, first: int) -> ibis.Table:
    """Read the file once more for the records with an unusable cell, their lines, reasons and raw texts."""
    numbered = f"SELECT row_number() OVER () + {first} AS {LINE}, * FROM ({engine.compile(judged)})"
    copy_rows(engine, f"SELECT * FROM ({numbered}) WHERE {STATE} > 0", target)
    return engine.read_parquet(str(target))


def accept_tidy(
    table: ibis.Table, spoiled: ibis.Table | None, source: SourceParams, *, printable: bool, sure: bool
) -> Accepted | None:
    """Accept the typed records of all files of a source; None where an id had to be cast otherwise.

    Parameters
    ----------
    table, spoiled : ibis.Table
        As `read_tidy` gives them, with ``_file`` and ``_order``.
    source : SourceParams
    printable : bool
        All files are known to be printable ASCII.
    sure : bool
        All files were copied without a doubt about any cell.
    """
    kinds = kinds_of(source)
    ids = [name for name, kind in kinds.items() if kind == "id"]
    if ids and not sure and _needs_repair(table, ids, printable=printable):
        return None
    kinds |= derived_kinds(source, kinds)
    accepted = table.filter(table[STATE] < 2) if spoiled is not None else table  # noqa: PLR2004
    return conclude(accepted.select(*kinds, "_file", LINE, "_order"), spoiled, kinds, repairs={})


def _needs_repair(table: ibis.Table, ids: list[str], *, printable: bool) -> bool:
    """Tell whether what was asserted of the ids does not hold; an id refused as damaged is neither long nor odd."""
    aggregates = {}
    for name in ids:
        cell = table[name]
        counts = {key: value for key, value in id_statistics(cell).items() if key != "folded"}
        if not printable:
            counts["odd"] = cell.re_search(r"[^\x20-\x7E]").cast("int64").sum()
        aggregates |= {f"{key} {name}": value for key, value in counts.items()}
    found = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    facts = {name: int(count or 0) for name, count in found.items()}
    return any(
        facts.get(f"odd {name}", 0)
        or (facts[f"filled {name}"] and facts[f"point_zero {name}"] == facts[f"filled {name}"])
        or has_damaged_long_ids(facts[f"long {name}"], facts[f"long_zeros {name}"])
        for name in ids
    )
