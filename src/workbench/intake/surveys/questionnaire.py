"""A questionnaire: which questions are asked of whom, in both languages, and which answers are valid."""

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
        Code: what it says. An answer may be the code or either text.
    low, high : float or None
        The ends of a scale or the bounds of a number, both allowed.
    most : int or None
        Most options of a multiple answer.
    required : bool
        Whether whoever is asked must answer.
    only_if : dict of str to list of str
        Asked only of those who gave one of these codes to an earlier question; all lines must hold.
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
        """Name a column per question: as it is asked, or by its key where two are asked alike."""
        texts = [getattr(question.ask, language) for question in self.questions.values()]
        return {key: text if texts.count(text) == 1 else key for key, text in zip(self.questions, texts, strict=True)}

    def columns(self, names: list[str]) -> dict[str, str]:
        """Map its questions to the columns of a file that are called by their key or by either text.

        A question without a column stands for itself, so that whoever reads the file names it as missing.
        """
        found = {}
        for key, question in self.questions.items():
            called = (key, question.ask.en, question.ask.zh)
            found[key] = next((name for name in called if name in names), key)
        return found


def find_questionnaire(source: SourceParams, root: Path) -> Questionnaire | None:
    """Read the questionnaire a source names, if any.

    Raises
    ------
    DataError
        It is missing or wrong.
    """
    path = questionnaire_path(source)
    return read_questionnaire(root / path, path) if path else None


def questionnaire_path(source: SourceParams) -> str | None:
    """Return where the questionnaire of a source lies in the workspace, if it names one.

    Parameters
    ----------
    source : SourceParams
        Its ``questionnaire`` is the name of a file in ``params/questionnaires/``, or a path that ends in .yaml.

    Examples
    --------
    >>> asked = {"path": "s.csv", "table": "responses", "columns": {"customer_id": "id"}}
    >>> questionnaire_path(SourceParams(**asked, questionnaire="deep_interview"))
    'params/questionnaires/deep_interview.yaml'
    """
    named = source.questionnaire
    return named if named is None or named.endswith(".yaml") else f"{_FOLDER}/{named}.yaml"


def read_questionnaire(path: Path, shown: str) -> Questionnaire:
    """Read a questionnaire, every fault of it at once.

    Parameters
    ----------
    path : Path
    shown : str
        How it is called in messages.

    Raises
    ------
    DataError
        There is none, or it is no plain YAML; a key, a type or a branch is wrong, each with its line.
    """
    if not path.is_file():
        raise DataError(Fault(shown, "questionnaire not found", "", f"Copy {_FOLDER}/deep_interview.yaml"))
    try:
        marked = read_yaml(path, shown)
    except ProfileError as error:
        raise DataError(error.faults) from error
    try:
        found = Questionnaire.model_validate(marked.content)
    except ValidationError as error:
        faults = [
            Fault(
                f"{shown}, line {marked.line(tuple(map(str, each['loc'])))}",
                ".".join(map(str, each["loc"])),
                each["msg"],
            )
            for each in error.errors()
        ]
        raise DataError(faults) from error
    faults = [
        Fault(f"{shown}, line {marked.line(('questions', key))}", f"{key}: {said}", expected, remedy)
        for key, question in found.questions.items()
        for said, expected, remedy in _wrong(found, key, question)
    ]
    if faults:
        raise DataError(faults)
    return found


def _wrong(found: Questionnaire, key: str, question: Question) -> list[tuple[str, str, str]]:
    """List what is wrong with a question, as (found, expected, what to do)."""
    wrong = []
    if question.section not in found.sections:
        wrong.append((f"no section '{question.section}'", "", did_you_mean(question.section, found.sections)))
    if (question.answer in ("single", "multiple")) != bool(question.options):
        wrong.append(
            (f"answer {question.answer} with {len(question.options)} options", "Options for a choice alone", "")
        )
    if question.answer == "scale" and (question.low is None or question.high is None):
        wrong.append(("a scale without its ends", "low and high", ""))
    if question.low is not None and question.high is not None and question.low >= question.high:
        wrong.append((f"low {question.low:g} is not below high {question.high:g}", "", ""))
    order = list(found.questions)
    for other, codes in question.only_if.items():
        wrong += _wrong_branch(found, other, codes, order[: order.index(key)])
    return wrong


def _wrong_branch(found: Questionnaire, other: str, codes: list[str], earlier: list[str]) -> list[tuple[str, str, str]]:
    if other not in earlier:
        return [(f"only_if names '{other}', which is not asked before it", "", did_you_mean(other, earlier))]
    known: dict[str, Any] = found.questions[other].options
    return [
        (f"only_if: '{code}' is no option of {other}", "", did_you_mean(code, known))
        for code in codes
        if code not in known
    ]
