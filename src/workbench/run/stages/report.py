"""Functions for 14_write_report: the facts of the run, the cards, one page per language."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import PACKAGE
from workbench.analysis.cards.urgency import by_urgency
from workbench.core.files import write_text
from workbench.report.answer import GoalAnswer
from workbench.report.cards.customer import card_page
from workbench.report.pages.addresses import cards_file, details_file, report_file
from workbench.report.pages.page import RunFacts, write_details, write_report
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.publish import last_summary
from workbench.run.services.cards import CardService
from workbench.run.stages.files import people_folder, write_text_file
from workbench.run.stages.segments import advice, file_name, placed

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["report_facts", "summaries_before", "write_cards", "write_reports"]

_VERSIONS = (PACKAGE, "duckdb", "ibis-framework", "pandas", "scikit-learn", "matplotlib")


def summaries_before(stage: StageRun) -> list[dict[str, Any]]:
    """Return the summaries of the profile's stages that run before the report, skipped ones included.

    Figure files are named relative to the profile's folder of tables.
    """
    summaries = []
    for name in (name for name in stage.profile.stages if name != stage.stage):
        state = stage.context.stages.get(name, {})
        summary = dict(stage_summary(stage.workspace, stage.profile.name, name))
        if state.get("status") == "skipped" or not summary:
            reason = state.get("skipped_because")
            summary = {"stage": name, "status": state.get("status", "skipped"), "skipped_because": reason}
        files = {
            kind: [_with_paths(entry, name) for entry in summary.get(kind, [])] for kind in ("figures", "embedded")
        }
        summaries.append(summary | files)
    return summaries


def _with_paths(entry: Mapping[str, Any], stage: str) -> dict[str, Any]:
    files = {language: f".stages/{stage}/current/{file}" for language, file in entry["files"].items()}
    return {**entry, "files": files}


def report_facts(stage: StageRun) -> RunFacts:
    """Return the facts about the run that the page shows.

    Parameters
    ----------
    stage : StageRun
        The report stage.
    """
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    previous = last_summary(stage.workspace, stage.profile.name)
    return RunFacts(
        profile=stage.profile.name,
        run_id=stage.context.run_id,
        as_of=stage.context.as_of,
        goal=stage.profile.goal.model_dump(),
        languages=stage.languages,
        previous=previous if previous.get("status") == "done" else None,
        pages={name: f"pages/{name}.html" for name in stage.profile.stages},
        versions={"python": platform.python_version(), **versions},
    )


def write_cards(stage: StageRun, *, most: int, lists: Mapping[str, Sequence[str]] | None = None) -> int:
    """Write the portrait cards of some customers into ``people/``, without names, once per language.

    Parameters
    ----------
    stage : StageRun
    most : int
        Largest number of cards: all customers if there are fewer, else some at risk and some of every segment; 0: none.
    lists : mapping of str to sequence of str, optional
        Customer ids by list: the first 200 of each have a card too.

    Returns
    -------
    int
        Number of cards; 0 if the profile has no tags.
    """
    if not most or not {"features", "tags"} <= stage.available():
        return 0
    service = CardService(stage.workspace, stage.profile.name, profile=stage.profile)
    customers = service.permitted(service.ids_for_report(most, lists))
    cards = by_urgency(service.cards(customers, named=False, lists=lists))
    for language in stage.languages:
        report = f"../{report_file(language, stage.languages)}"
        page = card_page(cards, language=language, currency=stage.currency, report=report)
        write_text(people_folder(stage) / cards_file(language, stage.languages), page, mode=0o600)
    stage.carded = frozenset(card.customer_id for card in cards)
    return len(cards)


def _advice(stage: StageRun, answer: GoalAnswer) -> dict[str, dict[str, Any]]:
    """Return English segment name to its strategy texts and its member list."""
    placements, names = placed(stage)
    strategies = advice(stage, sorted(set(placements.values())))
    files = {segment: answer.members.get(file_name(segment)) for segment in names}
    members = {segment: {"members": file} for segment, file in files.items() if file}
    return {
        name["en"]: {**strategies.get(segment, {}), **members.get(segment, {})}
        for segment, name in names.items()
        if segment in strategies or segment in members
    }


def write_reports(
    stage: StageRun,
    summaries: Sequence[Mapping[str, Any]],
    facts: RunFacts,
    *,
    most_findings: int,
    cards: int = 0,
    answer: GoalAnswer | None = None,
) -> pd.DataFrame:
    """Write the report and its page of details once per language into the staging folder.

    Returns
    -------
    DataFrame, one row per page
        language, file, cards (number of portrait cards), bytes.
    """
    rows = []
    goal_answer = answer or GoalAnswer()
    run = replace(facts, most_findings=most_findings, cards=cards, answer=goal_answer)
    run = replace(run, advice=_advice(stage, goal_answer))
    for language in facts.languages:
        page = write_report(summaries, run=run, folder=stage.store.folder, language=language)
        name = report_file(language, facts.languages)
        size = write_text_file(stage, name, page).stat().st_size
        details = write_details(summaries, run=run, language=language)
        write_text_file(stage, details_file(language, facts.languages), details)
        rows.append({"language": language, "file": name, "cards": cards, "bytes": size})
    return pd.DataFrame(rows)
