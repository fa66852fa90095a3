"""Questionnaires: questions in both languages, branches, and valid answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.section import Section
from workbench.core.yaml_lines import read_yaml

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["Question", "Questionnaire", "find_questionnaire", "questionnaire_path", "read_questionnaire"]

_FOLDER = "params/questionnaires"


class Text(Section):
    """A text in both languages."""

    en: str
    zh: str


class Question(Section):
    """A question.

    Attributes
    ----------
    section : str
        A key of the questionnaire's sections.
    ask : Text
    answer : str
        single or multiple (of the options), scale or number (from `low` to `high`), date (its year first), or text.
    options : dict of str to Text
        Code to text. An answer may be the code or the text in either language.
    low, high : float or None
        The ends of a scale or the bounds of a number, inclusive.
    most : int or None
        Largest number of options in a multiple answer.
    required : bool
        Whether respondents who are asked must answer.
    only_if : dict of str to list of str
        Earlier question to codes: the question is asked only if all these questions have one of their codes.
    """

    section: str
    ask: Text
    answer: Literal["single", "multiple", "scale", "number", "date", "text"]
    options: dict[str, Text] = Field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    most: int | None = Field(default=None, ge=1)
    required: bool = False
    only_if: dict[str, list[str]] = Field(default_factory=dict)


class Questionnaire(Section):
    """A questionnaire; questions in the order they are asked."""

    questionnaire: str
    title: Text
    sections: dict[str, Text]
    questions: dict[str, Question] = Field(min_length=1)

    def headers(self, language: str) -> dict[str, str]:
        """Return question key to column name: the text, or the key if two texts are equal."""
        texts = [getattr(question.ask, language) for question in self.questions.values()]
        return {key: text if texts.count(text) == 1 else key for key, text in zip(self.questions, texts, strict=True)}

    def columns(self, names: list[str]) -> dict[str, str]:
        """Map its questions to the columns of a file named by their key or by either text.

        A question without a column is mapped to its key, so that the reader reports the missing column.
        """
        by_key = {}
        for key, question in self.questions.items():
            names_of_question = (key, question.ask.en, question.ask.zh)
            by_key[key] = next((name for name in names_of_question if name in names), key)
        return by_key


def find_questionnaire(source: SourceParams, root: Path) -> Questionnaire | None:
    """Read the questionnaire of a source; None if it names none.

    Raises
    ------
    DataError
        The questionnaire is missing or invalid.
    """
    path = questionnaire_path(source)
    return read_questionnaire(root / path, path) if path else None


def questionnaire_path(source: SourceParams) -> str | None:
    """Return the path of a source's questionnaire in the workspace, if it names one.

    Parameters
    ----------
    source : SourceParams
        Its ``questionnaire`` is the name of a file in ``params/questionnaires/``, or a path that ends in .yaml.

    Examples
    --------
    >>> settings = {"path": "s.csv", "table": "responses", "columns": {"customer_id": "id"}}
    >>> questionnaire_path(SourceParams(**settings, questionnaire="deep_interview"))
    'params/questionnaires/deep_interview.yaml'
    """
    named = source.questionnaire
    return named if named is None or named.endswith(".yaml") else f"{_FOLDER}/{named}.yaml"


def read_questionnaire(path: Path, label: str) -> Questionnaire:
    """Read a questionnaire; all its faults are reported together.

    Parameters
    ----------
    path : Path
    label : str
        Name of the file in messages.

    Raises
    ------
    DataError
        The file is missing or not plain YAML; keys, types or branches are invalid, each with its line.
    """
    if not path.is_file():
        raise DataError(Fault(label, "questionnaire not found", "", f"Copy {_FOLDER}/deep_interview.yaml"))
    try:
        marked = read_yaml(path, label)
    except ProfileError as error:
        raise DataError(error.faults) from error
    try:
        questionnaire = Questionnaire.model_validate(marked.content)
    except ValidationError as error:
        faults = [
            Fault(
                f"{label}, line {marked.line(tuple(map(str, detail['loc'])))}",
                ".".join(map(str, detail["loc"])),
                detail["msg"],
            )
            for detail in error.errors()
        ]
        raise DataError(faults) from error
    faults = [
        Fault(f"{label}, line {marked.line(('questions', key))}", f"{key}: {problem}", expected, remedy)
        for key, question in questionnaire.questions.items()
        for problem, expected, remedy in _question_faults(questionnaire, key, question)
    ]
    if faults:
        raise DataError(faults)
    return questionnaire


def _question_faults(questionnaire: Questionnaire, key: str, question: Question) -> list[tuple[str, str, str]]:
    """List the faults of a question, as (problem, expected, remedy)."""
    faults: list[tuple[str, str, str]] = []
    if question.section not in questionnaire.sections:
        faults.append((f"no section '{question.section}'", "", did_you_mean(question.section, questionnaire.sections)))
    if (question.answer in ("single", "multiple")) != bool(question.options):
        faults.append(
            (f"answer {question.answer} with {len(question.options)} options", "Options for a choice alone", "")
        )
    if question.answer == "scale" and (question.low is None or question.high is None):
        faults.append(("a scale without its ends", "low and high", ""))
    if question.low is not None and question.high is not None and question.low >= question.high:
        faults.append((f"low {question.low:g} is not below high {question.high:g}", "", ""))
    order = list(questionnaire.questions)
    for earlier_key, codes in question.only_if.items():
        faults += _branch_faults(questionnaire, earlier_key, codes, order[: order.index(key)])
    return faults


def _branch_faults(
    questionnaire: Questionnaire, earlier_key: str, codes: list[str], earlier: list[str]
) -> list[tuple[str, str, str]]:
    if earlier_key not in earlier:
        return [
            (f"only_if names '{earlier_key}', which is not asked before it", "", did_you_mean(earlier_key, earlier))
        ]
    options: dict[str, Any] = questionnaire.questions[earlier_key].options
    return [
        (f"only_if: '{code}' is no option of {earlier_key}", "", did_you_mean(code, options))
        for code in codes
        if code not in options
    ]
