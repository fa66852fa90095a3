"""Tidy files in one pass, copied while they are cast; used by 01_check_quality.

The scan of the bytes proves that a text file is tidy: no separator stands inside a cell, so that the engine may split
and cast the records while it reads them. Where it cannot be read so there is no answer, and the files are read in the
exact way.
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
from workbench.intake.casting.column_kinds import derived_kinds, kinds_of
from workbench.intake.casting.direct import copy_text, copy_typed
from workbench.intake.casting.doubts import settle_doubts, undoubted
from workbench.intake.casting.verdicts import STATE
from workbench.intake.reading.odd_lines import leaves_out
from workbench.intake.reading.raw_files import RawFile
from workbench.intake.reading.records import WHITESPACE
from workbench.intake.reading.scratch import LINE, keep_rejects

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.raw_files import ReadyText
    from workbench.intake.reading.text_files import Head

__all__ = ["TidyFile", "accept_tidy", "is_tidy", "may_be_tidy", "read_tidy", "read_typed"]


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
        The file of typed columns, where no cell is in doubt.
    """

    raw: RawFile
    spoiled: ibis.Table | None = None
    copy: Path | None = None


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
    """Split and cast the records of a tidy text file in one pass, and judge those with a cell in doubt.

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
        Where the typed records are written.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    TidyFile or None
        None where the file has to be read in the exact way.
    """
    given = {"head": head, "columns": columns, "dates": dates}
    copied = copy_text(engine, ready, source, target=folder / "table.parquet", **given)
    settled = None if copied is None else settle_doubts(engine, copied, ready, source, **given)
    if settled is None:
        return None
    odd = copied.odd.rejected
    codes = dict(sorted(Counter(record.code for record in odd).items()))
    kinds = kinds_of(source)
    raw = RawFile(
        table=settled.table.select(*kinds, *derived_kinds(source, kinds), STATE, LINE),
        rejects=keep_rejects(engine, odd, head, copied.path) if odd else None,
        physical=copied.count + len(odd),
        rows=copied.count,
        codes=codes,
        repairs=settled.repairs,
        encoding=ready.scan.encoding,
    )
    return TidyFile(raw, settled.spoiled, copied.path if settled.sure else None)


def read_typed(
    engine: ibis.BaseBackend, raw: RawFile, source: SourceParams, *, target: Path, dates: tuple[dt.date, dt.date]
) -> TidyFile | None:
    """Copy a Parquet file whose types settle what is in its cells; None where one of them is in doubt."""
    copied = copy_typed(engine, raw.table, source, target=target, dates=dates)
    settled = None if copied is None else undoubted(engine, copied)
    return None if settled is None else TidyFile(replace(raw, table=settled.table), copy=target)


def accept_tidy(table: ibis.Table, spoiled: ibis.Table | None, source: SourceParams) -> Accepted:
    """Accept the typed records of all files of a source, as `read_tidy` gives them, with ``_file`` and ``_order``."""
    kinds = kinds_of(source)
    kinds |= derived_kinds(source, kinds)
    accepted = table.filter(table[STATE] < 2) if spoiled is not None else table  # noqa: PLR2004
    return conclude(accepted.select(*kinds, "_file", LINE, "_order"), spoiled, kinds, repairs={})
