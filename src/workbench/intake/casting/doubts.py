"""Records with a cell in doubt, among those copied straight from a text file; used by 01_check_quality.

They are few: their lines are read once more, judged cell by cell as every other file is, and take the place of what was
copied.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.intake.casting.acceptance import strip_cells
from workbench.intake.casting.column_kinds import kinds_of, plans_of
from workbench.intake.casting.ids import LONG_ID_DIGITS, has_damaged_long_ids, id_statistics
from workbench.intake.casting.verdicts import STATE, judged_cells, settle
from workbench.intake.reading.odd_lines import pick_lines
from workbench.intake.reading.records import BadLine, Record, read_records
from workbench.intake.reading.scratch import LINE, copy_rows, keep_rows, quoted_name, quoted_text

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.casting.direct import Copied
    from workbench.intake.reading.raw_files import ReadyText
    from workbench.intake.reading.text_files import Head

__all__ = ["Settled", "settle_doubts", "undoubted"]

_MOST = 20_000  # each is looked up among all
_names = count()


@dataclass(frozen=True)
class Settled:
    """The records of a copied file, those in doubt judged.

    Attributes
    ----------
    table : ibis.Table
        Typed columns, ``_line`` and ``_state``, in the order of the file.
    spoiled : ibis.Table or None
        The judged records with an unusable cell.
    repairs : dict of str to int
        As in `acceptance.Accepted`.
    sure : bool
        No cell is in doubt: the copy is the table.
    """

    table: ibis.Table
    spoiled: ibis.Table | None = None
    repairs: dict[str, int] = field(default_factory=dict)
    sure: bool = False


def settle_doubts(
    engine: ibis.BaseBackend, copied: Copied, ready: ReadyText, source: SourceParams, *, head: Head,
    columns: Mapping[str, int], dates: tuple[dt.date, dt.date],
) -> Settled | None:  # fmt: skip
    """Judge the records in doubt.

    Parameters
    ----------
    engine : ibis.BaseBackend
    copied : Copied
    ready : ReadyText
    source, head, columns, dates
        As for `direct.copy_text`.

    Returns
    -------
    Settled or None
        None where they are too many, or where ids have to be repaired by what the whole column shows.
    """
    rows = _rows(copied)
    lines = _lines_in_doubt(engine, rows, copied, most=_MOST)
    if len(lines) > _MOST:
        return None
    if not lines:
        return _sure(engine, rows, copied)
    given = {"head": head, "columns": columns, "target": copied.path.with_name("doubtful.parquet")}
    raw = _read_again(engine, ready, lines, **given)
    repairs = None if raw is None else _repairs(engine, raw, rows, source)
    if repairs is None:
        return None
    plans = plans_of(source, dates)
    judged = judged_cells(engine, settle(engine, strip_cells(raw)), source, plans, origin=(LINE,))
    target = copied.path.with_name("judged.parquet")
    copy_rows(engine, engine.compile(judged), target)
    said = f"SELECT {LINE}, * EXCLUDE ({LINE}) FROM read_parquet({quoted_text(target)}) WHERE {STATE} > 0"
    spoiled = engine.sql(said)
    found = int(spoiled.count().execute())
    return Settled(_put_in_place(engine, copied, rows, target), spoiled if found else None, repairs)


def undoubted(engine: ibis.BaseBackend, copied: Copied) -> Settled | None:
    """Give the records of a copied file of which none is in doubt; else None."""
    rows = _rows(copied)
    return None if _lines_in_doubt(engine, rows, copied, most=0) else _sure(engine, rows, copied)


def _rows(copied: Copied) -> str:
    return f"""(SELECT * EXCLUDE (file_row_number), file_row_number AS n
        FROM read_parquet({quoted_text(copied.path)}, file_row_number = true))"""


def _sure(engine: ibis.BaseBackend, rows: str, copied: Copied) -> Settled:
    table = engine.sql(f"SELECT * EXCLUDE (n), {copied.line}::BIGINT AS {LINE}, 0::INTEGER AS {STATE} FROM {rows}")
    return Settled(table, sure=True)


def _lines_in_doubt(engine: ibis.BaseBackend, rows: str, copied: Copied, *, most: int) -> list[int]:
    """Find the lines of the records in doubt, one comparison at a time: what a footer rules out is not read."""
    lines: set[int] = set()
    for doubt in copied.doubts:
        asked = f"SELECT {copied.line} FROM {rows} WHERE {doubt} LIMIT {most + 1}"
        lines |= {int(row[0]) for row in engine.raw_sql(asked).fetchall()}
        if len(lines) > most:
            break
    return sorted(lines)


def _read_again(
    engine: ibis.BaseBackend, ready: ReadyText, lines: list[int], *, head: Head, columns: Mapping[str, int],
    target: Path,
) -> ibis.Table | None:  # fmt: skip
    """Read lines as text cells; None where one of them is no record by itself."""
    records = []
    for line in pick_lines(ready, lines):
        found = (
            [] if isinstance(line[1], BadLine) else [*read_records([line], width=head.width, separator=head.separator)]
        )
        if len(found) != 1 or not isinstance(found[0], Record):
            return None
        records.append(found[0])
    cells = {name: pa.array([record.fields[at - 1] for record in records], pa.string()) for name, at in columns.items()}
    return keep_rows(engine, pa.table({LINE: pa.array(lines, pa.int64()), **cells}), target)


def _repairs(engine: ibis.BaseBackend, raw: ibis.Table, rows: str, source: SourceParams) -> dict[str, int] | None:
    """Count blanks and letters that are repaired; None where whole columns of ids may have to be."""
    stripped = settle(engine, strip_cells(raw))
    ids = [name for name, kind in kinds_of(source).items() if kind == "id"]
    counts = {
        f"blanks {name}": stripped[name].cast("int64").sum() for name in stripped.columns if name.startswith("_blank_")
    }
    for name in ids:
        counts |= {f"{fact} {name}": value for fact, value in id_statistics(stripped[name]).items()}
    found = {name: int(value or 0) for name, value in stripped.aggregate(**counts).to_pyarrow().to_pylist()[0].items()}
    for name in ids:
        zeros, rounded = found[f"point_zero {name}"], found[f"long_zeros {name}"]
        if zeros or rounded:
            filled, long = _whole_column(engine, rows, name)
            if zeros == filled or has_damaged_long_ids(max(long, rounded), rounded):
                return None
    repairs = {
        "blanks": sum(value for name, value in found.items() if name.startswith("blanks ")),
        "keys_normalised": sum(found[f"folded {name}"] for name in ids),
    }
    return {name: value for name, value in repairs.items() if value}


def _whole_column(engine: ibis.BaseBackend, rows: str, name: str) -> tuple[int, int]:
    """Count the filled cells of a column of ids, and the long ones among those that are not in doubt."""
    cell = quoted_name(name)
    long = f"count(*) FILTER (strlen({cell}) >= {LONG_ID_DIGITS} AND regexp_matches({cell}, '^\\d+$'))"
    filled, found = engine.raw_sql(f"SELECT count({cell}), {long} FROM {rows}").fetchall()[0]
    return int(filled), int(found)


def _put_in_place(engine: ibis.BaseBackend, copied: Copied, rows: str, judged: Path) -> ibis.Table:
    """Give the copied records, those in doubt as they were judged; a list of these is looked into for each of them.

    A join would not keep the order of the file.
    """
    name = f"judged_{next(_names)}"
    names = [quoted_name(each) for each in pq.read_schema(copied.path).names]
    record = f"struct_pack({', '.join(f'{each} := {each}' for each in [*names, STATE])})"
    for variable, each in ((f"{name}_lines", LINE), (name, record)):
        listed = f"SELECT list({each} ORDER BY {LINE}) FROM read_parquet({quoted_text(judged)})"
        engine.raw_sql(f"SET VARIABLE {variable} = ({listed})")
    place = f"list_position(getvariable('{name}_lines'), line)"
    found = f"CASE WHEN {' OR '.join(copied.doubts)} THEN getvariable('{name}')[{place}] END"
    values = ", ".join(f"CASE WHEN f IS NULL THEN {each} ELSE f.{each} END AS {each}" for each in names)
    engine.raw_sql(f"""CREATE OR REPLACE TEMP VIEW {name} AS
        SELECT {values}, line AS {LINE}, coalesce(f.{STATE}, 0)::INTEGER AS {STATE}
        FROM (SELECT *, {found} AS f FROM (SELECT *, {copied.line}::BIGINT AS line FROM {rows}))""")
    return engine.table(name)
