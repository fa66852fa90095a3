"""Which answers of a survey are valid by its questionnaire; the others are set aside with line, question and reason."""

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
_COMMAS = re.compile(r"\s*[,，/／]\s*")  # part options where none is called by the whole
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?")
_DASHES = str.maketrans("–—−‐~", "-----")
_BETWEEN = ";"


@dataclass(frozen=True)
class Judged:
    """The answers of a survey, judged.

    Attributes
    ----------
    answers : DataFrame
        line, question, answer: a row per valid answer, per chosen option of a multiple one; options as their codes.
    faults : DataFrame
        line, column (the question), code, raw: answers that are not valid, answers nobody was asked for, and required
        ones that are missing (raw is empty).
    """

    answers: pd.DataFrame
    faults: pd.DataFrame


def judge_answers(given: pd.DataFrame, questionnaire: Questionnaire) -> Judged:
    """Judge every answer.

    Parameters
    ----------
    given : DataFrame
        One row per respondent, its index the line; a column of text per question, None where blank. A question that
        is no column is answered by nobody.
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
        texts = given[key] if key in given.columns else pd.Series(None, index=given.index, dtype=object)
        asked = _is_asked(question, valid, given.index)
        judged = {text: _judge(text, question) for text in texts.dropna().unique()}
        codes = texts.map(lambda text, judged=judged: judged[text][1] if text in judged else None)
        codes = codes.mask(texts.notna() & ~asked, NOT_ASKED)
        codes = codes.mask(texts.isna() & asked & question.required, MISSING)
        chosen = texts.map(lambda text, judged=judged: judged[text][0] if text in judged else ())
        valid[key] = chosen.where(codes.isna(), other=None).map(lambda one: one if isinstance(one, tuple) else ())
        good.append(_rows(valid[key], key))
        wrong = codes.notna()
        bad.append(pd.DataFrame({"line": given.index[wrong], "column": key, "code": codes[wrong].to_numpy(),
                                 "raw": texts[wrong].fillna("").to_numpy()}))  # fmt: skip
    answers = pd.concat(good, ignore_index=True).sort_values(["line"], kind="stable", ignore_index=True)
    faults = pd.concat(bad, ignore_index=True).sort_values(["line"], kind="stable", ignore_index=True)
    return Judged(answers, faults[list(FAULTS)])


def gather_answers(given: pd.DataFrame, questionnaire: Questionnaire) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring a long survey to one row per respondent.

    Parameters
    ----------
    given : DataFrame
        customer_id, question (its key or either text), answer, ``_line``.
    questionnaire : Questionnaire

    Returns
    -------
    (DataFrame, DataFrame)
        What `judge_answers` takes, its index the respondent's first line; and the faults of rows whose question is in
        no questionnaire.
    """
    called = {
        text: key for key, each in questionnaire.questions.items() for text in (each.ask.en, each.ask.zh, key)
    }  # fmt: skip
    keys = given["question"].map(called)
    unknown = given[keys.isna()]
    faults = pd.DataFrame(
        {"line": unknown["_line"], "column": unknown["question"], "code": UNKNOWN, "raw": unknown["answer"]}
    )
    known = given.assign(key=keys, first=given.groupby("customer_id", dropna=False)["_line"].transform("min"))
    known = known.dropna(subset=["key", "answer"])
    wide = known.groupby(["first", "key"], sort=True)["answer"].agg(_BETWEEN.join).unstack()
    return wide.astype(object).where(wide.notna(), None), faults.reset_index(drop=True)


def _is_asked(question: Question, valid: dict[str, pd.Series], lines: pd.Index) -> pd.Series:
    asked = pd.Series(True, index=lines)
    for other, codes in question.only_if.items():
        asked &= valid[other].map(lambda chosen, codes=codes: bool(set(chosen) & set(codes)))
    return asked


def _rows(chosen: pd.Series, key: str) -> pd.DataFrame:
    several = chosen.explode().dropna()
    return pd.DataFrame({"line": several.index, "question": key, "answer": several.to_numpy()})


def _judge(text: str, question: Question) -> tuple[tuple[str, ...], str | None]:
    """Return the answers a cell holds, and the code that says why it holds none."""
    if question.answer == "text":
        return (text,), None
    if question.answer == "date":
        return _date(text)
    if question.answer in ("scale", "number"):
        return _number(text, question)
    parts = [part for part in _PARTS.split(text.strip()) if part] if question.answer == "multiple" else [text.strip()]
    codes = [_option(part, question) for part in parts]
    if question.answer == "multiple" and None in codes:
        codes = [_option(one, question) for part in parts for one in _COMMAS.split(part) if one]
    if None in codes or not codes:
        return (), "answer-no-option"
    if question.most is not None and len(set(codes)) > question.most:
        return (), "answer-too-many"
    return tuple(dict.fromkeys(codes)), None


def _option(text: str, question: Question) -> str | None:
    plain = _plain(text)
    for code, said in question.options.items():
        if plain in (_plain(code), _plain(said.en), _plain(said.zh)):
            return code
    return None


def _plain(text: str) -> str:
    """Fold width, capitals, blanks and dashes, in which the same option may be written otherwise."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_DASHES)
    return "".join(folded.split())


def _number(text: str, question: Question) -> tuple[tuple[str, ...], str | None]:
    given = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,9})?", given):
        return (), "answer-no-number"
    value = float(given)
    is_step = question.answer != "scale" or value == int(value)
    low, high = question.low, question.high
    if not is_step or (low is not None and value < low) or (high is not None and value > high):
        return (), "answer-out-of-range"
    return (f"{value:g}" if question.answer == "scale" else given,), None


def _date(text: str) -> tuple[tuple[str, ...], str | None]:
    """Read a date that begins with its year, parted by -, /, . or 年月日; a time of day is left out."""
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        return ((dt.date(*map(int, found.groups()[:3])).isoformat(),), None) if found else ((), "answer-no-date")
    except ValueError:
        return (), "answer-no-date"
