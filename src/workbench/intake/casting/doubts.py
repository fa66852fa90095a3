"""Judge the doubtful records among those copied from a text file; used by 01_check_quality.

Their lines are read again, judged cell by cell as in the exact reader, and replace the copied records.
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

from workbench.intake.casting.cells import NOTHING, has_more_digits
from workbench.intake.casting.column_kinds import kinds_of, plans_of
from workbench.intake.casting.ids import LONG_ID_DIGITS, has_damaged_long_ids, id_statistics, strip_cells
from workbench.intake.casting.verdicts import STATE, as_view, judged_cells
from workbench.intake.reading.raw.scratch import LINE, copy_rows, keep_rows, quoted_name, quoted_text
from workbench.intake.reading.text.odd_lines import pick_lines
from workbench.intake.reading.text.records import Record, read_records

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.casting.direct import Copied
    from workbench.intake.reading.text.raw_files import ReadyText
    from workbench.intake.reading.text.text_files import Head

__all__ = ["JudgedCopy", "judge_doubts", "sure_records"]

_MOST = 20_000  # doubtful records, which are looked up in a list
_names = count()


@dataclass(frozen=True)
class JudgedCopy:
    """The records of a copied file after judging the doubtful ones.

    Attributes
    ----------
    table : ibis.Table
        Typed columns, ``_line`` and ``_state``, in the order of the file.
    spoiled : ibis.Table or None
        The judged records with an unusable cell.
    repairs : dict of str to int
        As in `acceptance.Accepted`.
    sure : bool
        True if no cell is doubtful, so that the copy is the table.
    """

    table: ibis.Table
    spoiled: ibis.Table | None = None
    repairs: dict[str, int] = field(default_factory=dict)
    sure: bool = False


def judge_doubts(
    engine: ibis.BaseBackend, copied: Copied, ready: ReadyText, source: SourceParams, *, head: Head,
    columns: Mapping[str, int], dates: tuple[dt.date, dt.date],
) -> JudgedCopy | None:  # fmt: skip
    """Judge the doubtful records.

    Parameters
    ----------
    engine : ibis.BaseBackend
    copied : Copied
    ready : ReadyText
    source, head, columns, dates
        As for `direct.copy_text`.

    Returns
    -------
    JudgedCopy or None
        None if they are too many, or if ids need a repair that depends on the whole column.
    """
    rows = _rows(copied)
    lines = _lines_in_doubt(engine, rows, copied, most=_MOST)
    if len(lines) > _MOST:
        return None
    if not lines:
        return _sure(engine, rows, copied)
    doubtful = copied.path.with_name("doubtful.parquet")
    raw = _read_again(engine, ready, lines, head=head, columns=columns, target=doubtful)
    repairs = None if raw is None else _repairs(engine, raw, rows, source)
    if repairs is None:
        return None
    plans = plans_of(source, dates)
    judged = judged_cells(engine, as_view(engine, strip_cells(raw)), source, plans, origin=(LINE,))
    target = copied.path.with_name("judged.parquet")
    copy_rows(engine, engine.compile(judged), target)
    query = f"SELECT {LINE}, * EXCLUDE ({LINE}) FROM read_parquet({quoted_text(target)}) WHERE {STATE} > 0"
    spoiled = engine.sql(query)
    spoiled_count = int(spoiled.count().execute())
    return JudgedCopy(_put_in_place(engine, copied, rows, target), spoiled if spoiled_count else None, repairs)


def sure_records(engine: ibis.BaseBackend, copied: Copied) -> JudgedCopy | None:
    """Return the records of a copied file without doubtful cells; None if it has any."""
    rows = _rows(copied)
    return None if _lines_in_doubt(engine, rows, copied, most=0) else _sure(engine, rows, copied)


def _rows(copied: Copied) -> str:
    return f"""(SELECT * EXCLUDE (file_row_number), file_row_number AS n
        FROM read_parquet({quoted_text(copied.path)}, file_row_number = true))"""


def _sure(engine: ibis.BaseBackend, rows: str, copied: Copied) -> JudgedCopy:
    table = engine.sql(f"SELECT * EXCLUDE (n), {copied.line}::BIGINT AS {LINE}, 0::INTEGER AS {STATE} FROM {rows}")
    return JudgedCopy(table, sure=True)


def _lines_in_doubt(engine: ibis.BaseBackend, rows: str, copied: Copied, *, most: int) -> list[int]:
    """Find the lines of doubtful records, one condition at a time, since the footer rules out most row groups."""
    lines: set[int] = set()
    for doubt in copied.doubts:
        query = f"SELECT {copied.line} FROM {rows} WHERE {doubt} LIMIT {most + 1}"
        lines |= {int(row[0]) for row in engine.raw_sql(query).fetchall()}
        if len(lines) > most:
            break
    return sorted(lines)


def _read_again(
    engine: ibis.BaseBackend, ready: ReadyText, lines: list[int], *, head: Head, columns: Mapping[str, int],
    target: Path,
) -> ibis.Table | None:  # fmt: skip
    """Read lines as text cells; None if a line is not exactly one record."""
    records = []
    for line in pick_lines(ready, lines):
        parsed = [*read_records([line], width=head.width, separator=head.separator)]
        if len(parsed) != 1 or not isinstance(parsed[0], Record):
            return None
        records.append(parsed[0])
    cells = {name: pa.array([record.fields[at - 1] for record in records], pa.string()) for name, at in columns.items()}
    return keep_rows(engine, pa.table({LINE: pa.array(lines, pa.int64()), **cells}), target)


def _repairs(engine: ibis.BaseBackend, raw: ibis.Table, rows: str, source: SourceParams) -> dict[str, int] | None:
    """Count repaired blanks and ids; None if a whole id column may need repair."""
    stripped = as_view(engine, strip_cells(raw))
    ids = [name for name, kind in kinds_of(source).items() if kind == "id"]
    counts = {
        f"blanks {name}": stripped[name].cast("int64").sum() for name in stripped.columns if name.startswith("_blank_")
    }
    texts = [name for name, kind in kinds_of(source).items() if kind in ("text", "category")]
    measures = {name: kind for name, kind in kinds_of(source).items() if kind in ("money", "quantity")}
    counts |= {
        f"shortened {name}": has_more_digits(stripped[name], kind, source.formats.decimals).cast("int64").sum()
        for name, kind in measures.items()
    }
    counts |= {f"nothing {name}": stripped[name].isin(NOTHING).cast("int64").sum() for name in texts}
    for name in ids:
        counts |= {f"{fact} {name}": value for fact, value in id_statistics(stripped[name]).items()}
    totals = {name: int(value or 0) for name, value in stripped.aggregate(**counts).to_pyarrow().to_pylist()[0].items()}
    for name in ids:
        zeros, rounded = totals[f"point_zero {name}"], totals[f"long_zeros {name}"]
        if zeros or rounded:
            filled, long = _whole_column(engine, rows, name)
            if zeros == filled or has_damaged_long_ids(max(long, rounded), rounded):
                return None
    repairs = {
        "blanks": sum(value for name, value in totals.items() if name.startswith("blanks ")),
        "shortened": sum(value for name, value in totals.items() if name.startswith("shortened ")),
        "nothing_words": sum(value for name, value in totals.items() if name.startswith("nothing ")),
        "keys_normalised": sum(totals[f"folded {name}"] for name in ids),
    }
    return {name: value for name, value in repairs.items() if value}


def _whole_column(engine: ibis.BaseBackend, rows: str, name: str) -> tuple[int, int]:
    """Count the filled cells of an id column, and the long ones among those that are not doubtful."""
    cell = quoted_name(name)
    long = f"count(*) FILTER (strlen({cell}) >= {LONG_ID_DIGITS} AND regexp_matches({cell}, '^\\d+$'))"
    filled, long_count = engine.raw_sql(f"SELECT count({cell}), {long} FROM {rows}").fetchall()[0]
    return int(filled), int(long_count)


def _put_in_place(engine: ibis.BaseBackend, copied: Copied, rows: str, judged: Path) -> ibis.Table:
    """Return the copied records with the doubtful ones replaced by their judged version.

    The judged records are looked up in a list: a join would not keep the order of the file.
    """
    name = f"judged_{next(_names)}"
    columns = [quoted_name(column) for column in pq.read_schema(copied.path).names]
    record = f"struct_pack({', '.join(f'{column} := {column}' for column in [*columns, STATE])})"
    for variable, values in ((f"{name}_lines", LINE), (name, record)):
        listed = f"SELECT list({values} ORDER BY {LINE}) FROM read_parquet({quoted_text(judged)})"
        engine.raw_sql(f"SET VARIABLE {variable} = ({listed})")
    place = f"list_position(getvariable('{name}_lines'), line)"
    lookup = f"CASE WHEN {' OR '.join(copied.doubts)} THEN getvariable('{name}')[{place}] END"
    cells = ", ".join(f"CASE WHEN f IS NULL THEN {column} ELSE f.{column} END AS {column}" for column in columns)
    engine.raw_sql(f"""CREATE OR REPLACE TEMP VIEW {name} AS
        SELECT {cells}, line AS {LINE}, coalesce(f.{STATE}, 0)::INTEGER AS {STATE}
        FROM (SELECT *, {lookup} AS f FROM (SELECT *, {copied.line}::BIGINT AS line FROM {rows}))""")
    return engine.table(name)
