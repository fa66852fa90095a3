"""Check survey answers against the questionnaire; invalid ones are listed with line, question and reason."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from workbench.intake.surveys.questionnaire import Question, Questionnaire

__all__ = ["FAULTS", "Judged", "gather_answers", "judge_answers"]

FAULTS = ("line", "column", "code", "raw")
MISSING, NOT_ASKED, UNKNOWN = "answer-missing", "answer-not-asked", "question-unknown"
_PARTS = re.compile(r"\s*[;；|、\n]\s*")
_COMMAS = re.compile(r"\s*[,，/／]\s*")  # separates options if the whole text is not an option
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?")
_DASHES = str.maketrans("–—−‐~", "-----")
_BETWEEN = ";"


@dataclass(frozen=True)
class Judged:
    """The valid and invalid answers of a survey.

    Attributes
    ----------
    answers : DataFrame
        line, question, answer: one row per valid answer (one per chosen option of a multiple choice); options as codes.
    faults : DataFrame
        line, column (the question), code, raw: invalid answers, answers to questions that were not asked, and missing
        required answers (raw is empty).
    """

    answers: pd.DataFrame
    faults: pd.DataFrame


def judge_answers(responses: pd.DataFrame, questionnaire: Questionnaire) -> Judged:
    """Judge every answer.

    Parameters
    ----------
    responses : DataFrame
        One row per respondent with the line as index; one text column per question, None if blank. A question without
        a column has no answers.
    questionnaire : Questionnaire

    Returns
    -------
    Judged
        Codes: ``answer-no-option``, ``answer-too-many``, ``answer-no-number``, ``answer-out-of-range``,
        ``answer-no-date``, ``answer-not-asked`` (a branch that was not taken), ``answer-missing``.
    """
    valid: dict[str, pd.Series] = {}
    good, bad = [], []
    for key, question in questionnaire.questions.items():
        texts = responses[key] if key in responses.columns else pd.Series(None, index=responses.index, dtype=object)
        was_asked = _is_asked(question, valid, responses.index)
        judged = {text: _judge(text, question) for text in texts.dropna().unique()}
        codes = texts.map(lambda text, judged=judged: judged[text][1] if text in judged else None)
        codes = codes.mask(texts.notna() & ~was_asked, NOT_ASKED)
        codes = codes.mask(texts.isna() & was_asked & question.required, MISSING)
        options = texts.map(lambda text, judged=judged: judged[text][0] if text in judged else ())
        valid[key] = options.where(codes.isna(), other=None).map(
            lambda codes: codes if isinstance(codes, tuple) else ()
        )
        good.append(_rows(valid[key], key))
        has_fault = codes.notna()
        bad.append(pd.DataFrame({"line": responses.index[has_fault], "column": key, "code": codes[has_fault].to_numpy(),
                                 "raw": texts[has_fault].fillna("").to_numpy()}))  # fmt: skip
    answers = pd.concat(good, ignore_index=True).sort_values(["line"], kind="stable", ignore_index=True)
    faults = pd.concat(bad, ignore_index=True).sort_values(["line"], kind="stable", ignore_index=True)
    return Judged(answers, faults[list(FAULTS)])


def gather_answers(rows: pd.DataFrame, questionnaire: Questionnaire) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Convert a long survey to one row per respondent.

    Parameters
    ----------
    rows : DataFrame
        customer_id, question (its key or either text), answer, ``_line``.
    questionnaire : Questionnaire

    Returns
    -------
    (DataFrame, DataFrame)
        The input of `judge_answers`, with the first line of the respondent as index; and the faults of rows with a
        question that is not in the questionnaire.
    """
    key_of_text = {
        text: key for key, question in questionnaire.questions.items()
        for text in (question.ask.en, question.ask.zh, key)
    }  # fmt: skip
    keys = rows["question"].map(key_of_text)
    unknown = rows[keys.isna()]
    faults = pd.DataFrame(
        {"line": unknown["_line"], "column": unknown["question"], "code": UNKNOWN, "raw": unknown["answer"]}
    )
    keyed = rows.assign(key=keys, first=rows.groupby("customer_id", dropna=False)["_line"].transform("min"))
    keyed = keyed.dropna(subset=["key", "answer"])
    wide = keyed.groupby(["first", "key"], sort=True)["answer"].agg(_BETWEEN.join).unstack()
    return wide.astype(object).where(wide.notna(), None), faults.reset_index(drop=True)


def _is_asked(question: Question, valid: dict[str, pd.Series], lines: pd.Index) -> pd.Series:
    was_asked = pd.Series(True, index=lines)
    for other, codes in question.only_if.items():
        was_asked &= valid[other].map(lambda chosen, codes=codes: bool(set(chosen) & set(codes)))
    return was_asked


def _rows(chosen: pd.Series, key: str) -> pd.DataFrame:
    answers = chosen.explode().dropna()
    return pd.DataFrame({"line": answers.index, "question": key, "answer": answers.to_numpy()})


def _judge(text: str, question: Question) -> tuple[tuple[str, ...], str | None]:
    """Return the answers in a cell, or the code of its fault."""
    if question.answer == "text":
        return (text,), None
    if question.answer == "date":
        return _date(text)
    if question.answer in ("scale", "number"):
        return _number(text, question)
    parts = [part for part in _PARTS.split(text.strip()) if part] if question.answer == "multiple" else [text.strip()]
    codes = [_option(part, question) for part in parts]
    if question.answer == "multiple" and None in codes:
        codes = [_option(text, question) for part in parts for text in _COMMAS.split(part) if text]
    valid = [code for code in codes if code is not None]
    if len(valid) < len(codes) or not codes:
        return (), "answer-no-option"
    if question.most is not None and len(set(valid)) > question.most:
        return (), "answer-too-many"
    return tuple(dict.fromkeys(valid)), None


def _option(text: str, question: Question) -> str | None:
    plain = _plain(text)
    for code, labels in question.options.items():
        if plain in (_plain(code), _plain(labels.en), _plain(labels.zh)):
            return code
    return None


def _plain(text: str) -> str:
    """Normalise width, case, blanks and dashes, so that spellings of an option match."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_DASHES)
    return "".join(folded.split())


def _number(text: str, question: Question) -> tuple[tuple[str, ...], str | None]:
    number = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,9})?", number):
        return (), "answer-no-number"
    value = float(number)
    is_step = question.answer != "scale" or value == int(value)
    low, high = question.low, question.high
    if not is_step or (low is not None and value < low) or (high is not None and value > high):
        return (), "answer-out-of-range"
    return (f"{value:g}" if question.answer == "scale" else number,), None


def _date(text: str) -> tuple[tuple[str, ...], str | None]:
    """Read a date that begins with its year, separated by -, /, . or 年月日; a time of day is dropped."""
    match = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        return ((dt.date(*map(int, match.groups()[:3])).isoformat(),), None) if match else ((), "answer-no-date")
    except ValueError:
        return (), "answer-no-date"
