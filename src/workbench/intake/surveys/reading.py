"""Convert the accepted records of a survey to answers, checked by its questionnaire; used by 01_check_quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.intake.surveys.answers import MISSING, gather_answers, judge_answers
from workbench.intake.surveys.wide import UNANSWERED, melt_answers

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.surveys.questionnaire import Questionnaire

__all__ = ["Survey", "read_survey"]

_PLACE, _STEP = "_order", 10_000
_RESPONDENT = ("customer_id", "answered_at", "survey", "_file", "_line", _PLACE)


@dataclass(frozen=True)
class Survey:
    """The answers of a survey.

    Attributes
    ----------
    table : ibis.Table
        One row per answer.
    faults : ibis.Table or None
        file, line, column, code, raw: invalid and missing answers by the questionnaire; None without a questionnaire.
    counts : dict of str to int
        ``unanswered`` (blank cells of a wide survey), ``nulled.<code>`` (answers set aside), ``answers_missing``.
    """

    table: ibis.Table
    faults: ibis.Table | None = None
    counts: dict[str, int] = field(default_factory=dict)


def read_survey(
    engine: ibis.BaseBackend, name: str, source: SourceParams, table: ibis.Table, *, questions: Sequence[str],
    questionnaire: Questionnaire | None,
) -> Survey:  # fmt: skip
    """Convert the accepted records of a survey to valid answers.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    name : str
        Name of the source; used as the survey name if the file has none.
    source : SourceParams
    table : ibis.Table
        Accepted records: a wide survey has q0001 and so on, a long one question and answer.
    questions : sequence of str
        Questions of a wide survey, in the order of these columns.
    questionnaire : Questionnaire, optional

    Returns
    -------
    Survey
    """
    counts: dict[str, int] = {}
    if questionnaire is None and source.layout == "long":
        return Survey(table)
    if questionnaire is None:
        melted, counts[UNANSWERED] = melt_answers(engine, table, name, questions)
        return Survey(melted, counts=counts)
    frame = table.order_by(_PLACE).to_pandas().astype({"customer_id": object})
    if source.layout == "wide":
        renamed = {f"q{at:04d}": question for at, question in enumerate(questions, 1)}
        responses, faults = frame.set_index(_PLACE)[list(renamed)].rename(columns=renamed), None
        counts[UNANSWERED] = int(responses.isna().sum().sum())
    else:
        responses, faults = gather_answers(frame.assign(_line=frame[_PLACE]), questionnaire)
    judged = judge_answers(responses.astype(object).where(responses.notna(), None), questionnaire)
    faults = judged.faults if faults is None else pd.concat([judged.faults, faults], ignore_index=True)
    codes = Counter(faults["code"])
    counts |= {"answers_missing": codes.pop(MISSING)} if MISSING in codes else {}
    counts |= {f"nulled.{code}": count for code, count in sorted(codes.items())}
    return Survey(_answers(engine, name, table, frame, judged.answers), _faults(engine, name, frame, faults), counts)


def _answers(
    engine: ibis.BaseBackend, name: str, table: ibis.Table, frame: pd.DataFrame, answers: pd.DataFrame
) -> ibis.Table:
    respondents = frame[[column for column in _RESPONDENT if column in frame.columns]]
    respondents = respondents if "survey" in respondents.columns else respondents.assign(survey=name)
    rows = answers.merge(respondents, left_on="line", right_on=_PLACE, how="left").drop(columns="line")
    rows[_PLACE] = rows[_PLACE] * _STEP + rows.groupby(_PLACE).cumcount()
    texts = dict.fromkeys((*rows.columns,), "string") | {"_line": "int64", _PLACE: "int64"}
    kinds = {column: table.schema().get(column, kind) for column, kind in texts.items()}  # an empty sheet has no types
    return engine.create_table(f"answers_{name}", rows, schema=ibis.schema(kinds), temp=True, overwrite=True)


def _faults(engine: ibis.BaseBackend, name: str, frame: pd.DataFrame, faults: pd.DataFrame) -> ibis.Table | None:
    if faults.empty:
        return None
    places = frame.set_index(_PLACE)
    rows = faults.assign(file=faults["line"].map(places["_file"]), line=faults["line"].map(places["_line"]))
    rows = rows.astype({"line": "int64", "column": str, "code": str, "raw": str, "file": str})
    return engine.create_table(f"answer_faults_{name}", rows, temp=True, overwrite=True)
