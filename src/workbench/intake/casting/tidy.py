"""Read tidy files in one pass, casting while copying; used by 01_check_quality.

A scan of the bytes proves that a text file is tidy: no cell contains a separator, so the engine can split and cast the
records while reading. For other files the functions return None, and the exact reader takes over.
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
from workbench.intake.casting.acceptance import Accepted, count_accepted
from workbench.intake.casting.column_kinds import derived_kinds, kinds_of
from workbench.intake.casting.direct import copy_text, copy_typed
from workbench.intake.casting.doubts import judge_doubts, sure_records
from workbench.intake.casting.verdicts import STATE
from workbench.intake.reading.joined import is_shaped
from workbench.intake.reading.raw.raw_file import RawFile
from workbench.intake.reading.raw.scratch import LINE, keep_rejects
from workbench.intake.reading.text.odd_lines import leaves_out
from workbench.intake.reading.text.records import WHITESPACE

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.text.raw_files import ReadyText
    from workbench.intake.reading.text.text_files import Head

__all__ = ["TidyFile", "accept_tidy", "is_tidy", "may_be_tidy", "read_tidy", "read_typed"]


@dataclass(frozen=True)
class TidyFile:
    """A tidy file that was read.

    Attributes
    ----------
    raw : RawFile
        Table with the typed columns, ``_line`` and ``_state`` (see `verdicts.judged_cells`).
    spoiled : ibis.Table or None
        The judged records with an unusable cell, with ``_line``; None if there are none.
    copy : Path or None
        The file of typed columns, if no cell is doubtful.
    """

    raw: RawFile
    spoiled: ibis.Table | None = None
    copy: Path | None = None


def may_be_tidy(source: SourceParams) -> bool:
    """Return whether all columns of a source can be cast independently in one pass.

    Attributes, contact data, currencies, declared widths, surveys and manual sheets need a second pass.
    """
    if source.table == "customers":  # people keep their contact cells as text
        return False
    shares = "share" in source.formats.units.values()  # computed from the amount
    more = (
        shares
        or is_shaped(source)
        or source.attributes
        or source.widths
        or source.manual
        or source.numbered
        or source.table == "responses"
    )
    two_ids = {"customer_id", "source_id"} <= set(source.columns)  # one is filled from the other
    return not more and not two_ids and not {"currency", *CONTACT_COLUMNS} & set(source.columns)


def is_tidy(ready: ReadyText, head: Head) -> bool:
    """Return whether the scan of a file proves that separators occur only between cells.

    Lines with too few or too many separators are allowed in a file without quotes.
    """
    facts = ready.facts
    if head.separator == WHITESPACE or len(head.separator) > 1 or not facts.plain or facts.blank_quotes:
        return False
    return not leaves_out(ready, head) or '"' not in facts.signs


def read_tidy(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    folder: Path, dates: tuple[dt.date, dt.date],
) -> TidyFile | None:  # fmt: skip
    """Split and cast the records of a tidy text file in one pass, and judge the doubtful ones.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    ready : ReadyText
    source : SourceParams
    head : Head
    columns : mapping of str to int
        Our column to its position in the file, from 1.
    folder : Path
        Folder for the typed records.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    TidyFile or None
        None if the file needs the exact reader.
    """
    target = folder / "table.parquet"
    copied = copy_text(engine, ready, source, head=head, columns=columns, target=target, dates=dates)
    if copied is None:
        return None
    judged = judge_doubts(engine, copied, ready, source, head=head, columns=columns, dates=dates)
    if judged is None:
        return None
    odd_lines = copied.odd.rejected
    codes = dict(sorted(Counter(record.code for record in odd_lines).items()))
    kinds = kinds_of(source)
    raw = RawFile(
        table=judged.table.select(*kinds, *derived_kinds(source, kinds), STATE, LINE),
        rejects=keep_rejects(engine, odd_lines, head, copied.path) if odd_lines else None,
        physical=copied.count + len(odd_lines),
        rows=copied.count,
        codes=codes,
        repairs=judged.repairs,
        encoding=ready.scan.encoding,
    )
    return TidyFile(raw, judged.spoiled, copied.path if judged.sure else None)


def read_typed(
    engine: ibis.BaseBackend, raw: RawFile, source: SourceParams, *, target: Path, dates: tuple[dt.date, dt.date]
) -> TidyFile | None:
    """Copy a Parquet file without doubtful cells; None if it has any."""
    copied = copy_typed(engine, raw.table, source, target=target, dates=dates)
    judged = None if copied is None else sure_records(engine, copied)
    return None if judged is None else TidyFile(replace(raw, table=judged.table), copy=target)


def accept_tidy(table: ibis.Table, spoiled: ibis.Table | None, source: SourceParams) -> Accepted:
    """Accept the typed records of all files of a source (from `read_tidy`, with ``_file`` and ``_order``)."""
    kinds = kinds_of(source)
    kinds |= derived_kinds(source, kinds)
    accepted = table.filter(table[STATE] < 2) if spoiled is not None else table  # noqa: PLR2004
    return count_accepted(accepted.select(*kinds, "_file", LINE, "_order"), spoiled, kinds, repairs={})
