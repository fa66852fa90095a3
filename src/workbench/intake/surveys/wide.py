"""Convert a survey with one column per question to one row per answer; used by 01_check_quality.

Internally question columns are named q0001, q0002 and so on, since their original names may differ only in case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import ibis

from workbench.intake.reading.joined import named_parts
from workbench.intake.reading.raw.scratch import quoted_name, quoted_text

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.surveys.questionnaire import Questionnaire

__all__ = ["UNANSWERED", "as_read", "melt_answers", "numbered_rows", "questions_of", "with_numbers"]

UNANSWERED = "unanswered"
_EDGES = " \t\r\n\u00a0\u3000\ufeff"
_COPIED = ("customer_id", "answered_at", "survey")
_ORIGIN = ("_file", "_line", "_order")
_STEP = 10_000  # more than the questions of any survey


def questions_of(
    source: SourceParams, names: Sequence[str], questionnaire: Questionnaire | None = None
) -> dict[str, str]:
    """Map the questions of a wide survey to the columns that hold their answers, in order.

    Parameters
    ----------
    source : SourceParams
        With ``layout: wide``. Its questions are ``questions``, else those of its questionnaire, else all unmapped
        columns.
    names : sequence of str
        The columns of its first file.
    questionnaire : Questionnaire, optional
    """
    if source.questions:
        return dict(source.questions)
    if questionnaire is not None:
        return questionnaire.columns(list(names))
    mapped = {str(source_column).strip(_EDGES) for _, source_column in named_parts(source.columns)}
    return {name: name for name in names if name and name not in mapped}


def as_read(source: SourceParams, questions: Mapping[str, str]) -> SourceParams:
    """Return the source with its question columns as attributes named q0001 and so on, for the readers."""
    attributes = {f"q{at:04d}": source_column for at, source_column in enumerate(questions.values(), 1)}
    return source.model_copy(update={"attributes": attributes})


def numbered_rows(source: SourceParams) -> SourceParams:
    """Return the source with the column of record numbers added to its mapped columns."""
    if not source.numbered:
        return source
    return source.model_copy(update={"columns": {**source.columns, source.numbered: "_line"}})


def with_numbers(table: ibis.Table, source: SourceParams, at: int) -> ibis.Table:
    """Add a number to every record: its line; in later files, the position of the file and the line.

    Parameters
    ----------
    table : ibis.Table
        With ``_line``.
    source : SourceParams
    at : int
        Position of the file among those of the source, from 0.
    """
    if not source.numbered:
        return table
    line = table["_line"].cast("int64").cast("string")
    return table.mutate(**{source.numbered: ibis.literal(f"{at + 1}-") + line if at else line})


def melt_answers(
    engine: ibis.BaseBackend, table: ibis.Table, name: str, questions: Sequence[str]
) -> tuple[ibis.Table, int]:
    """Convert accepted records to one row per answer.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    table : ibis.Table
        One row per record: customer_id, optionally answered_at and survey, and q0001, q0002 and so on.
    name : str
        The survey name if the file has none.
    questions : sequence of str
        Questions in the order of these columns.

    Returns
    -------
    (ibis.Table, int)
        customer_id, survey, question, answer, answered_at if the file has it, ``_file``, ``_line``, ``_order``; and the
        number of blank answers, which have no row.
    """
    inner = engine.compile(table)
    selected = [column for column in (*_COPIED, *_ORIGIN[:2]) if column in table.columns]
    if "survey" not in table.columns:
        selected.append(f"{quoted_text(name)} AS survey")
    pairs = ", ".join(
        f"{{'place': {at}, 'question': {quoted_text(question)}, 'answer': {quoted_name(f'q{at:04d}')}}}"
        for at, question in enumerate(questions, 1)
    )
    answers = f"SELECT {', '.join(selected)}, _order, unnest([{pairs}]) AS one FROM ({inner}) AS records"
    columns = [column.rpartition(" AS ")[2] for column in selected]
    query = f"""SELECT {", ".join(columns)}, one.question AS question, one.answer AS answer,
        _order * {_STEP} + one.place AS _order FROM ({answers}) AS answers WHERE one.answer IS NOT NULL"""
    melted = engine.sql(query)
    cells = int(table.count().execute()) * len(questions)
    return melted, cells - int(melted.count().execute())
