"""Read the files of a profile's sources, with every record accounted for; used by 01_check_quality."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.errors import DataError, Fault
from workbench.core.schema import columns_of
from workbench.intake.casting.acceptance import Accepted, accept
from workbench.intake.casting.refusals import too_many_rejected
from workbench.intake.casting.tidy import TidyFile, accept_tidy, is_tidy, may_be_tidy, read_tidy, read_typed
from workbench.intake.reading.layouts import Layout, read_layout
from workbench.intake.reading.parquet_files import read_parquet_file, reading_parquet
from workbench.intake.reading.places import find_files, form_of
from workbench.intake.reading.text.raw_files import ReadyText, ready_text
from workbench.intake.surveys.questionnaire import find_questionnaire
from workbench.intake.surveys.wide import numbered_rows, with_numbers
from workbench.intake.tables.raw_rows import origin_of, read_file, union_files, with_date_cells
from workbench.intake.tables.shaping import shape_rows, with_constants
from workbench.intake.tables.source_heads import check_source, with_questions

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.raw.raw_file import RawFile

__all__ = ["ParsedSource", "check_source", "read_source"]


@dataclass(frozen=True)
class ParsedSource:
    """A source after reading and casting.

    Attributes
    ----------
    name : str
    source : SourceParams
    table : ibis.Table
        One row per accepted record: the mapped columns and attributes, typed; ``_file``, ``_line`` and ``_order``
        (file order). Contact columns are not in it.
    kinds : dict of str to str
        Kind of each of its columns.
    rejects : ibis.Table or None
        source, file, line, column, code, raw: rejected records and cells that became null.
    metrics : dict of str to int or str
        ``<source>.physical_records``, ``.accepted``, ``.rejected``, ``.suppressed``, ``.rejected.<code>``,
        ``.nulled.<code>``, ``.repairs.<kind>``, ``.widths.<column>``, ``.encoding``, ``.files``, ``.columns_dropped``,
        ``.contact_cells_dropped``.
    dropped : list of str
        Columns of the files that were not read.
    kept : ibis.Table or None
        The rows after declared repairs and deduplication, if any were declared.
    people : ibis.Table or None
        The accepted rows of a customers source with their contact columns; only if identities are resolved.
    copy : Path or None
        Parquet file with exactly the columns of ``table``, in schema order; see `direct.copy_text`.
    """

    name: str
    source: SourceParams
    table: ibis.Table
    kinds: dict[str, str]
    rejects: ibis.Table | None
    metrics: dict[str, int | str]
    dropped: list[str]
    people: ibis.Table | None = None
    kept: ibis.Table | None = None
    copy: Path | None = None


def read_source(
    engine: ibis.BaseBackend,
    name: str,
    source: SourceParams,
    *,
    root: Path,
    scratch: Path,
    dates: tuple[dt.date, dt.date],
    keep_contacts: bool = False,
) -> ParsedSource:
    """Read every file of a source: physical records, accepted rows, rejects with file, line and reason.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    name : str
    source : SourceParams
    root : Path
        The workspace.
    scratch : Path
        A private folder, removed by the caller once the tables are written.
    dates : (date, date)
        Dates before the first are placeholders, dates after the second lie in the future.
    keep_contacts : bool
        Also return people with their contact columns, for 02_resolve_identity.

    Raises
    ------
    DataError
        All faults of `check_source`; a file that changes while it is read; no accepted record at all.
    """
    faults = check_source(source, root)
    if faults:
        raise DataError(faults)
    declared_source = source
    source, questions = with_questions(source, find_files(source, root), root)
    layouts = [read_layout(source, path) for path in find_files(source, root)]
    file_names = [layout.path.relative_to(root).as_posix() for layout in layouts]
    ready = _ready(source, layouts, scratch / name)
    fast = None
    if may_be_tidy(source):
        fast = _read_fast(engine, source, layouts, ready, file_names=file_names, scratch=scratch / name, dates=dates)
    if fast is not None:
        raws, accepted, copy = fast
        return replace(_parsed(name, source, layouts, raws=raws, accepted=accepted, file_names=file_names), copy=copy)
    raws = [
        read_file(engine, source, layout, scratch / f"{name}-{at}", ready.get(at)) for at, layout in enumerate(layouts)
    ]
    table = union_files(
        with_numbers(raw.table.mutate(**origin_of(file, at)), source, at)
        for at, (raw, file) in enumerate(zip(raws, file_names, strict=True))
    )
    table = shape_rows(table, source)
    source = with_constants(numbered_rows(source))
    if any(layout.sheet for layout in layouts):
        source = with_date_cells(source)
    with reading_parquet([layout.path for layout in layouts if form_of(layout.path) == "parquet"]):
        accepted = accept(
            engine, table, source, root=root, scratch=scratch / name, dates=dates, keep_contacts=keep_contacts
        )
    rejects = _rejects(name, raws, file_names, accepted)
    dropped = sorted({column for layout in layouts for column in layout.dropped})
    metrics = _metrics(name, raws, accepted) | {f"{name}.columns_dropped": len(dropped)}
    _refuse_uncounted(source, metrics, name)
    if not accepted.rows and not source.manual:
        feeds, expected = {name: source.table}, "At least one accepted record"
        raise DataError(too_many_rejected(source.path, rejects, feeds, metrics, expected=expected))
    if accepted.people is not None and f"{name}.contact_cells_dropped" in metrics:
        metrics[f"{name}.contact_cells_kept_apart"] = metrics.pop(f"{name}.contact_cells_dropped")
    if declared_source.table == "responses":
        from workbench.intake.surveys.reading import read_survey  # noqa: PLC0415  (pandas is slow to import)

        questionnaire = find_questionnaire(declared_source, root)
        survey = read_survey(
            engine, name, declared_source, accepted.table, questions=list(questions), questionnaire=questionnaire
        )
        metrics |= {f"{name}.{key}": count for key, count in survey.counts.items()}
        kinds = {column: kind for column, kind in columns_of("responses").items() if column in survey.table.columns}
        rejects = _stacked([rejects, _answer_faults(name, survey.faults)])
        return ParsedSource(name, declared_source, survey.table, kinds, rejects, metrics, dropped)
    return ParsedSource(name, source, accepted.table, accepted.kinds, rejects, metrics, dropped, accepted.people)


def _parsed(
    name: str,
    source: SourceParams,
    layouts: list[Layout],
    *,
    raws: list[RawFile],
    accepted: Accepted,
    file_names: list[str],
) -> ParsedSource:
    """Return the parsed source with the counts of all records."""
    dropped = sorted({column for layout in layouts for column in layout.dropped})
    metrics = _metrics(name, raws, accepted) | {f"{name}.columns_dropped": len(dropped)}
    _refuse_uncounted(source, metrics, name)
    rejects = _rejects(name, raws, file_names, accepted)
    if not accepted.rows and not source.manual:
        feeds, expected = {name: source.table}, "At least one accepted record"
        raise DataError(too_many_rejected(source.path, rejects, feeds, metrics, expected=expected))
    return ParsedSource(name, source, accepted.table, accepted.kinds, rejects, metrics, dropped)


def _ready(source: SourceParams, layouts: list[Layout], scratch: Path) -> dict[int, ReadyText]:
    """Scan the text files of a source."""
    return {
        at: ready_text(
            layout.path, head=layout.head, scratch=scratch.with_name(f"{scratch.name}-{at}"), declared=source.encoding
        )
        for at, layout in enumerate(layouts)
        if layout.head is not None
    }


def _read_fast(
    engine: ibis.BaseBackend, source: SourceParams, layouts: list[Layout], ready: Mapping[int, ReadyText], *,
    file_names: list[str], scratch: Path, dates: tuple[dt.date, dt.date],
) -> tuple[list[RawFile], Accepted, Path | None] | None:  # fmt: skip
    """Read the files of a source in one pass, if all are tidy text or there is a single Parquet file."""
    if all(layout.head is not None and is_tidy(ready[at], layout.head) for at, layout in enumerate(layouts)):
        files = _read_tidy(engine, source, layouts, ready, scratch=scratch, dates=dates)
    else:
        files = _read_typed(engine, source, layouts, scratch=scratch, dates=dates)
    if not files:
        return None
    table = union_files(tidy.raw.table.mutate(**origin_of(file_names[at], at)) for at, tidy in enumerate(files))
    spoiled = _stacked(
        None if tidy.spoiled is None else tidy.spoiled.mutate(**origin_of(file_names[at], at))
        for at, tidy in enumerate(files)
    )
    accepted = accept_tidy(table, spoiled, source)
    for text in ready.values():
        text.release()
    return [tidy.raw for tidy in files], accepted, files[0].copy if len(files) == 1 else None


def _read_tidy(
    engine: ibis.BaseBackend, source: SourceParams, layouts: list[Layout], ready: Mapping[int, ReadyText], *,
    scratch: Path, dates: tuple[dt.date, dt.date],
) -> list[TidyFile]:  # fmt: skip
    """Read text files; None if one of them needs the exact reader."""
    files = []
    for at, layout in enumerate(layouts):
        folder, head = scratch.with_name(f"{scratch.name}-{at}"), layout.head
        tidy = None
        if head is not None:
            tidy = read_tidy(engine, ready[at], source, head=head, columns=layout.columns, folder=folder, dates=dates)
        if tidy is None:
            return []
        files.append(tidy)
    return files


def _read_typed(
    engine: ibis.BaseBackend, source: SourceParams, layouts: list[Layout], *, scratch: Path,
    dates: tuple[dt.date, dt.date],
) -> list[TidyFile]:  # fmt: skip
    """Read a Parquet file; None if there are several files, or if it needs the exact reader."""
    path = layouts[0].path
    if len(layouts) > 1 or form_of(path) != "parquet":
        return []
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with reading_parquet([path]):
        raw = read_parquet_file(engine, path, columns=layouts[0].columns, scratch=scratch)
        typed = read_typed(engine, raw, source, target=scratch / "typed.parquet", dates=dates)
    return [] if typed is None else [typed]


def _answer_faults(name: str, faults: ibis.Table | None) -> ibis.Table | None:
    columns = ["source", "file", "line", "column", "code", "raw"]
    return None if faults is None else faults.mutate(source=ibis.literal(name)).select(columns)


def _stacked(tables: Iterable[ibis.Table | None]) -> ibis.Table | None:
    present = [table for table in tables if table is not None]
    return (ibis.union(*present, distinct=False) if len(present) > 1 else present[0]) if present else None


def _rejects(name: str, raws: list[RawFile], file_names: list[str], accepted: Accepted) -> ibis.Table | None:
    columns = ["source", "file", "line", "column", "code", "raw"]
    parts = [
        raw.rejects.mutate(source=ibis.literal(name), file=ibis.literal(file)).select(columns)
        for raw, file in zip(raws, file_names, strict=True)
        if raw.rejects is not None
    ]
    if accepted.rejects is not None:
        parts.append(accepted.rejects.mutate(source=ibis.literal(name)).select(columns))
    return _stacked(parts)


def _metrics(name: str, raws: list[RawFile], accepted: Accepted) -> dict[str, int | str]:
    codes, repairs = Counter(accepted.rejected), Counter(accepted.repairs)
    for raw in raws:
        codes.update(raw.codes)
        repairs.update(raw.repairs)
    metrics: dict[str, int | str] = {
        "physical_records": sum(raw.physical for raw in raws),
        "accepted": accepted.rows,
        "rejected": sum(codes.values()),
        "suppressed": 0,
        "files": len(raws),
        "encoding": ", ".join(dict.fromkeys(raw.encoding for raw in raws)),
    }
    notes: Counter[str] = Counter()
    for raw in raws:
        notes.update(raw.notes)
    inside = next((raw.inside for raw in raws if raw.inside), 0)
    metrics |= {key: count for key, count in notes.items() if count}
    metrics |= {"multiline_cells": multiline} if (multiline := sum(raw.multiline for raw in raws)) else {}
    metrics |= {"records_inside_cells": inside} if inside else {}
    metrics |= {f"rejected.{code}": count for code, count in sorted(codes.items())}
    metrics |= {f"nulled.{code}": count for code, count in sorted(accepted.nulled.items())}
    metrics |= {f"repairs.{kind}": count for kind, count in sorted(repairs.items()) if count}
    metrics |= {f"widths.{column}": count for column, count in accepted.widths.items()}
    metrics |= {f"contact.{key}": count for key, count in accepted.contact.items()}
    filled = [count for key, count in accepted.contact.items() if key.endswith(".filled")]
    if filled:
        metrics["contact_cells_dropped"] = sum(filled)
    return {f"{name}.{key}": value for key, value in metrics.items()}


def _refuse_uncounted(source: SourceParams, metrics: Mapping[str, int | str], name: str) -> None:
    """Refuse a source with records that are neither accepted nor rejected, as in a damaged file."""
    counts = ("physical_records", "accepted", "rejected")
    physical, accepted, rejected = (int(metrics[f"{name}.{count}"]) for count in counts)
    if physical != accepted + rejected:
        problem = f"{physical} records, of which {accepted} are accepted and {rejected} rejected"
        raise DataError(Fault(source.path, problem, "Every record accounted for", "Copy the file again"))
