"""The questionnaires of a profile: their files, and the texts of the answer codes that tags copy."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.analysis.tags.columns import ANSWER
from workbench.core.errors import DataError
from workbench.intake.surveys.questionnaire import Questionnaire, find_questionnaire, questionnaire_path

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.tags.definition import Tag
    from workbench.core.workspace import Workspace

__all__ = ["answer_names", "questionnaire_files"]


def questionnaire_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the existing questionnaires that the sources of a profile name, sorted."""
    names = {name for source in profile.sources.values() if (name := questionnaire_path(source))}
    return sorted(path for name in names if (path := workspace.root / name).is_file())


def answer_names(workspace: Workspace, profile: Profile, tags: Iterable[Tag]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the text of every answer code that a tag copies; tables hold the codes.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
        Its sources name the questionnaires; ``12_tag_customers.questions`` maps items to questions.
    tags : iterable of Tag

    Returns
    -------
    dict
        Tag to code to language (en, zh) to text; only tags that copy a choice answer. A questionnaire that cannot be
        read gives no names; `workbench.intake.tables.sources.check_source` reports its errors.
    """
    items = {tag.id: tag.copies.removeprefix(ANSWER) for tag in tags if tag.copies.startswith(ANSWER)}
    questionnaires = list(_questionnaires(workspace, profile)) if items else []
    questions = profile.sections["12_tag_customers"].questions
    names = {tag: _options(questionnaires, questions.get(item) or [item]) for tag, item in items.items()}
    return {tag: options for tag, options in names.items() if options}


def _questionnaires(workspace: Workspace, profile: Profile) -> Iterable[Questionnaire]:
    for source in profile.sources.values():
        with suppress(DataError):
            questionnaire = find_questionnaire(source, workspace.root)
            if questionnaire:
                yield questionnaire


def _options(questionnaires: Iterable[Questionnaire], names: Iterable[str]) -> dict[str, dict[str, str]]:
    questions = [form.questions[name] for form in questionnaires for name in names if name in form.questions]
    return {code: {"en": text.en, "zh": text.zh} for question in questions for code, text in question.options.items()}
