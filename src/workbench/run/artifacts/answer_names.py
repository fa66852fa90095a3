"""What the options of a questionnaire are called, for the tags that copy its answers: tables hold their codes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.analysis.tags.columns import ANSWER
from workbench.core.errors import DataError
from workbench.intake.surveys.questionnaire import Questionnaire, find_questionnaire

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.tags.definition import Tag
    from workbench.core.workspace import Workspace

__all__ = ["answer_names"]


def answer_names(workspace: Workspace, profile: Profile, tags: Iterable[Tag]) -> dict[str, dict[str, dict[str, str]]]:
    """Name the codes of answers.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
        Its sources name the questionnaires; ``12_tag_customers.questions`` says which question tells which item.
    tags : iterable of Tag

    Returns
    -------
    dict
        Tag to code to language (en, zh) to text; only tags that copy an answer of choice. A questionnaire that cannot
        be read names nothing: `workbench.intake.tables.sources.check_source` says what is wrong with it.
    """
    copied = {tag.id: tag.copies.removeprefix(ANSWER) for tag in tags if tag.copies.startswith(ANSWER)}
    asked = list(_questionnaires(workspace, profile)) if copied else []
    names = {tag: _options(asked, profile.sections["12_tag_customers"].questions.get(item) or [item])
             for tag, item in copied.items()}  # fmt: skip
    return {tag: options for tag, options in names.items() if options}


def _questionnaires(workspace: Workspace, profile: Profile) -> Iterable[Questionnaire]:
    for source in profile.sources.values():
        with suppress(DataError):
            found = find_questionnaire(source, workspace.root)
            if found:
                yield found


def _options(asked: Iterable[Questionnaire], questions: Iterable[str]) -> dict[str, dict[str, str]]:
    told = [each.questions[name] for each in asked for name in questions if name in each.questions]
    return {code: {"en": text.en, "zh": text.zh} for each in told for code, text in each.options.items()}
