"""The report: one self-contained page composed from the stages' summaries, and the page of details.

Serves 14_write_report. Composition is pure: the same summaries and figure files give the same bytes. The order of
the page: title and badge, answer to the goal, segments with advice, who buys what and when, risk and value,
reliability, own notebooks. Everything else is on the stages' pages and the page of details.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from workbench import PACKAGE
from workbench.core.stages import STAGES
from workbench.report.answer import GoalAnswer
from workbench.report.datelines import dateline
from workbench.report.drawings import Drawings
from workbench.report.html import Speaker, badge, image_uri, mark, render, unbroken
from workbench.report.own_content import own_html
from workbench.report.pages.addresses import cards_file, details_file, of_people, report_file
from workbench.report.pages.details import changes_of, computed_of, limits_of, population_of, stage_line
from workbench.report.pages.goals import answer_goal, lacking_stages
from workbench.report.pages.parts import (
    ANSWER_FIGURES,
    MEASURING,
    PARTS,
    PLANNING,
    Part,
    choose_figures,
    choose_sentences,
    heaviest,
    placed_stages,
    segments_of,
)
from workbench.report.pages.relevance import idle_table, is_headline
from workbench.report.tables import table_html, table_title
from workbench.report.text import has_text, label, say

__all__ = [
    "RunFacts",
    "heading_of",
    "key_findings",
    "mark",
    "write_details",
    "write_report",
]

MOST_FINDINGS = 5
MEASURED_SENTENCES = 2
PLAN_SENTENCES = 4
LEAST_OF_PLAN = 0.3  # smallest weight of findings of the plan on the report
SENTENCES = 2  # per part, besides its heading
LIMITS = 3  # on the report; all are on the page of details
PICTURE_BUDGET = 1_500_000  # bytes of pictures in one page; a page stays under 2 MB
REPORT_STAGE = "14_write_report"
LAST_PART = "trust"
NO_EFFECT = ("campaign_association", "campaign_no_association")  # campaigns without a control are on their own page
_TAG = re.compile("<[^>]+>")
_ENDS = ":：;；.。"  # punctuation after a heading in the sentence that repeats it
GOAL_PARTS = ("question", "decision", "audience", "measure")


@dataclass(frozen=True)
class RunFacts:
    """Facts about the run for the page.

    Attributes
    ----------
    profile, run_id : str
    as_of : datetime.date, str or None
        The as-of date; None if the data has no dates.
    goal : mapping
        ``question``, ``kind``, ``stages``, ``decision``, ``audience``, ``measure``; empty if none is stated.
    languages : tuple of str
        Report languages; the first one is written to ``report.html``.
    status : str
        ``done``, ``failed`` or ``stale``; with ``message`` it becomes the badge.
    message : str
        Text next to the badge.
    previous : mapping or None
        The earlier run's ``summary.json``.
    pages : mapping of str to str
        Stage to the address of its notebook page, relative to the report.
    versions : mapping of str to str
        Component to version.
    most_findings : int
        Largest number of key findings at the top of the page.
    cards : int
        Number of customers with a portrait card.
    answer : GoalAnswer
        The answer to the goal: its lists and their evidence.
    advice : mapping
        English name of a segment -> ``do``, ``do_not`` and ``members``, as ``parts.segments_of`` takes them.
    """

    profile: str
    run_id: str
    as_of: date | str | None
    goal: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)
    status: str = "done"
    message: str = ""
    previous: Mapping[str, Any] | None = None
    pages: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    most_findings: int = MOST_FINDINGS
    cards: int = 0
    answer: GoalAnswer = field(default_factory=GoalAnswer)
    advice: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write_report(summaries: Sequence[Mapping[str, Any]], *, run: RunFacts, folder: Path, language: str = "en") -> str:
    """Compose the report of a run.

    Parameters
    ----------
    summaries : sequence of mapping
        Stage summaries in stage order, as ``finish()`` writes them.
    run : RunFacts
        Facts about the run for the page.
    folder : Path
        Folder of the figure files named in the summaries; they are embedded.
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    str
        One self-contained HTML file under 2 MB; pictures beyond the budget are only named.

    Raises
    ------
    WorkbenchError
        The text of a finding or limitation is unknown or lacks a value.
    """
    pictures = _Pictures(folder, language)
    stages = [summary for summary in summaries if summary["stage"] != REPORT_STAGE]
    placed = [summary for summary in stages if summary["stage"] in placed_stages()]
    answer = answer_goal(run.goal, run.answer, placed, language=language, previous=run.previous)
    answer_figures = [_figure(pair, pictures) for pair in choose_figures(placed, ANSWER_FIGURES, 1)]
    context = {
        **_masthead(summaries, run, language),
        "title": say("ui_report_title", language, {"profile": run.profile}),
        "others": [(version, report_file(version, run.languages)) for version in run.languages if version != language],
        "details": details_file(language, run.languages),
        "cards": _cards(run, language),
        "goal": [(part, _goal_text(run.goal[part], language)) for part in GOAL_PARTS if run.goal.get(part)],
        "answer": answer,
        "answer_figures": answer_figures if answer.kind in {"contact_list", "budget_split"} else [],
        "planned": _planned(placed, run, answer.heading, language),
        "measured": _measured(placed, run, language),
        "rests_on": ",".join(run.goal.get("stages") or ()),
        "lacking": ",".join(lacking_stages(run.goal, placed)),
        "failures": [_section(summary, run, pictures, language) for summary in placed if summary["status"] == "failed"],
        "parts": list(
            filter(None, (_part(part, placed, run, pictures, language, stated=answer.stated) for part in PARTS))
        ),
        "absent": [summary["stage"] for summary in placed if summary["status"] == "skipped"],
        "segments": segments_of(placed, language, run.advice),
        "see": run.pages.get(answer.see, ""),
        "limits": _first_limits(placed, run, language),
        "changes": changes_of(placed, run.previous, language),
        "own": [_section(summary, run, pictures, language) for summary in stages if summary not in placed],
        "letters": pictures.drawings.shared(),
    }
    return render("report.html.j2", context, language)


def write_details(summaries: Sequence[Mapping[str, Any]], *, run: RunFacts, language: str = "en") -> str:
    """Compose the page of details: what changed, from records to customers, all limits, how it was computed.

    Parameters
    ----------
    summaries : sequence of mapping
    run : RunFacts
    language : str
        ``en`` or ``zh``.
    """
    stages = [summary for summary in summaries if summary["stage"] != REPORT_STAGE]
    context = {
        **_masthead(summaries, run, language),
        "title": say("details_title", language, {"profile": run.profile}),
        "back": report_file(language, run.languages),
        "findings": key_findings(summaries, language=language, most=run.most_findings),
        "changes": changes_of(stages, run.previous, language),
        "population": population_of(stages, language),
        "skipped": [_skipped(summary, language) for summary in stages if summary["status"] == "skipped"],
        "limits": limits_of(summaries, _sentence, language),
        "computed": computed_of(summaries, run.pages, run.versions, language),
    }
    return render("details.html.j2", context, language)


def _goal_text(text: str | Mapping[str, str], language: str) -> str:
    """Return a text of the profile in a language, or in the only language it has."""
    return text if isinstance(text, str) else text.get(language) or next(iter(text.values()))


def _masthead(summaries: Sequence[Mapping[str, Any]], run: RunFacts, language: str) -> dict[str, Any]:
    return {
        "as_of": dateline(run.as_of, language),
        "run_id": run.run_id,
        "version": run.versions.get(PACKAGE, ""),
        "status": run.status,
        "badge": badge(run.status, language, run.message or _failure(summaries, language)),
    }


def _measured(summaries: Sequence[Mapping[str, Any]], run: RunFacts, language: str) -> dict[str, Any]:
    """Return the effects of earlier campaigns: the heaviest findings of the experiments, and their page."""
    chosen = choose_sentences(summaries, (MEASURING,), MEASURED_SENTENCES, stated=NO_EFFECT)
    lines = [stage_line(line, run.pages, language) for line in summaries if line["stage"] == MEASURING]
    return {
        "sentences": [_sentence(finding, summary, language) for summary, finding in chosen],
        "page": lines[0]["page"] if lines else "",
    }


def _planned(summaries: Sequence[Mapping[str, Any]], run: RunFacts, heading: str, language: str) -> dict[str, Any]:
    """Return the sentences of the plan beyond the heading: evidence, value of more budget, what is unproven."""
    chosen = choose_sentences(summaries, (PLANNING,), PLAN_SENTENCES)
    chosen = [pair for pair in chosen if float(pair[1].get("weight") or 0) >= LEAST_OF_PLAN]
    lines = [stage_line(line, run.pages, language) for line in summaries if line["stage"] == PLANNING]
    stated = [_beyond(heading, _sentence(finding, summary, language)) for summary, finding in chosen]
    return {"sentences": list(filter(None, stated)), "page": lines[0]["page"] if lines else ""}


def _part(
    part: Part,
    summaries: Sequence[Mapping[str, Any]],
    run: RunFacts,
    pictures: _Pictures,
    language: str,
    *,
    stated: Collection[str] = (),
) -> dict[str, Any] | None:
    """Return the template values of a part: its answer as heading, sentences, charts, links.

    None if none of its stages is done, except for the last part, which also lists missing data and limitations.
    Findings in ``stated`` (stated by the answer) are not repeated.
    """
    named = dict.fromkeys(stage for stage, _ in part.figures) | dict.fromkeys(part.stages)
    lines = {line["stage"]: stage_line(line, run.pages, language) for line in summaries if line["stage"] in named}
    done = [line for line in summaries if line["stage"] in lines and line["status"] == "done"]
    if not done and part.name != LAST_PART:
        return None
    top = heaviest(summaries, part.stages, part.keys, stated)
    heading = unbroken(_heading(top, language)) if top else ""
    chosen = choose_sentences(summaries, part.stages, part.sentences, part.keys, stated)
    return {
        "id": part.name,
        "name": say(f"part_{part.name}", language),
        "heading": heading,
        "sentences": list(
            filter(None, (_beyond(heading, _sentence(entry, summary, language)) for summary, entry in chosen))
        ),
        "figures": [_figure(pair, pictures) for pair in choose_figures(summaries, part.figures, part.most)],
        "pages": [lines[line["stage"]] for line in done if lines[line["stage"]]["page"]],
    }


def _beyond(heading: str, sentence: Markup) -> Markup:
    """Return the part of a sentence that the heading does not contain: its evidence, or the rest.

    Examples
    --------
    >>> _beyond("Three tiers", Markup("<strong>Three</strong> tiers: no gaps. <small>n = 90.</small>"))
    Markup('No gaps. <small>n = 90.</small>')
    >>> _beyond("Three tiers", Markup("<strong>Three</strong> tiers. <small>n = 90.</small>"))
    Markup('<small>n = 90.</small>')
    """
    main, mark, evidence = str(sentence).partition("<small>")
    text = unescape(_TAG.sub("", main))
    if not heading or not text.startswith(heading):
        return sentence
    rest = text.removeprefix(heading).lstrip(f"{_ENDS} ")
    if rest and text[len(heading)] not in _ENDS:
        return sentence
    return escape(f"{rest[:1].upper()}{rest[1:]}") + Markup(f"{mark}{evidence}")


def _heading(top: tuple[Mapping[str, Any], Mapping[str, Any]], language: str) -> str:
    summary, finding = top
    return say(f"{finding['key']}_heading", language, finding["values"], summary.get("currency") or "")


def _figure(pair: tuple[Mapping[str, Any], Mapping[str, Any]], pictures: _Pictures) -> dict[str, Any]:
    """Return a chart with the currency of its stage and the values for the interactive slider."""
    summary, figure = pair
    return {**pictures.view(figure), "data": figure.get("data"), "currency": summary.get("currency") or ""}


def _first_limits(summaries: Sequence[Mapping[str, Any]], run: RunFacts, language: str) -> list[Markup]:
    """Return the first limitation of each stage: stages of the goal first, then the others."""
    named = run.goal.get("stages") or ()
    ranked = sorted(summaries, key=lambda summary: summary["stage"] not in named)
    firsts = [(summary, (summary.get("limits") or [None])[0]) for summary in ranked]
    return [_sentence(limit, summary, language) for summary, limit in firsts if limit][:LIMITS]


def key_findings(
    summaries: Sequence[Mapping[str, Any]], *, language: str, most: int = MOST_FINDINGS
) -> list[dict[str, Any]]:
    """Choose up to ``most`` findings: key findings first, then by weight, ties in stage order.

    Returns
    -------
    list of dict
        ``text`` (markup, number in bold, interval and n in grey) and ``stage``.
    """
    candidates: list[tuple[tuple[bool, float, int, int], Mapping[str, Any], Mapping[str, Any]]] = []
    for at, summary in enumerate(summaries):
        for finding in filter(is_headline, _keyed(summary)) if summary["stage"] != REPORT_STAGE else ():
            rank = (not finding.get("key_finding"), -float(finding.get("weight") or 0), at, len(candidates))
            candidates.append((rank, finding, summary))
    candidates.sort(key=lambda entry: entry[0])
    return [
        {
            "text": Speaker(language, summary.get("currency") or "")(finding["key"], finding["values"]),
            "stage": summary["stage"],
        }
        for _, finding, summary in candidates[:most]
    ]


def heading_of(summary: Mapping[str, Any], language: str) -> str:
    """Return the heading of a stage's section: that of its heaviest finding with a heading."""
    with_heading = [
        finding for finding in filter(is_headline, _keyed(summary)) if has_text(f"{finding['key']}_heading")
    ]
    if not with_heading:
        return _question(summary, language) or label(summary["stage"], language)
    chosen = max(with_heading, key=lambda finding: float(finding.get("weight") or 0))
    return say(f"{chosen['key']}_heading", language, chosen["values"], summary.get("currency") or "")


def _keyed(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the findings with a text key; own notebooks have their own texts instead."""
    return [finding for finding in summary.get("findings") or () if "key" in finding]


def _question(summary: Mapping[str, Any], language: str) -> str:
    stage = STAGES.get(summary["stage"])
    return (stage.question if stage else summary.get("question") or {}).get(language, "")


def _sentence(entry: Mapping[str, Any], summary: Mapping[str, Any], language: str) -> Markup:
    """Return a sentence of the report, or an analyst's own text, with its values."""
    currency = summary.get("currency") or ""
    if "text" in entry:
        return own_html(entry, language, currency)
    return Speaker(language, currency)(entry["key"], entry.get("values"))


def _cards(run: RunFacts, language: str) -> dict[str, str] | None:
    if not run.cards:
        return None
    return {
        "href": of_people(cards_file(language, run.languages)),
        "name": say("ui_cards", language),
        "text": say("ui_cards_of", language, {"n": run.cards}),
    }


def _failure(summaries: Sequence[Mapping[str, Any]], language: str) -> str:
    failed = [summary["stage"] for summary in summaries if summary["status"] == "failed"]
    return say("ui_failed_stages", language, {"stages": failed}) if failed else ""


class _Pictures:
    """Embeds figure files in the order of the sections until the size budget is used up."""

    def __init__(self, folder: Path, language: str):
        self.folder, self.language = folder, language
        self.drawings, self._spent = Drawings(), 0

    def view(self, figure: Mapping[str, Any]) -> dict[str, Any]:
        """Return the template values of one figure."""
        title, file = _in_language(figure["title"], self.language), _in_language(figure["files"], self.language)
        path = self.folder / file
        picture = {"title": title, "alt": _in_language(figure.get("alt") or {}, self.language) or title}
        if not path.is_file():
            return {**picture, "instead": say("ui_figure_missing", self.language, {"title": title, "file": file})}
        drawn, source = self._picture(path, picture["alt"])
        size = len(drawn or source)
        if self._spent + size > PICTURE_BUDGET:
            return {**picture, "instead": say("ui_figure_too_large", self.language, {"title": title, "file": file})}
        self._spent += size
        return {**picture, "drawn": drawn, "source": source, "instead": ""}

    def _picture(self, path: Path, alt: str) -> tuple[Markup | None, str]:
        """Return a figure as an SVG element or as an image URI."""
        drawn = self.drawings.draw(path.read_text(encoding="utf-8"), alt=alt) if path.suffix == ".svg" else None
        return (drawn, "") if drawn else (None, image_uri(path))


def _in_language(choices: Mapping[str, str], language: str) -> str:
    return choices.get(language) or next(iter(choices.values()), "")


def _section(summary: Mapping[str, Any], run: RunFacts, pictures: _Pictures, language: str) -> dict[str, Any]:
    """Return the section of a failed stage or of an analyst's own notebook."""
    stage, status = summary["stage"], summary["status"]
    section = {
        "id": stage,
        "status": status,
        "name": label(stage, language),
        "question": _question(summary, language),
        "page": run.pages.get(stage, ""),
        "heading": "",
        "notes": [],
        "lead": [],
        "more": [],
        "figures": [],
        "tables": [],
        "limits": [],
        "how": "",
    }
    if status == "skipped":
        return section | _skipped(summary, language)
    if status == "failed":
        notes = [say("ui_failed", language), *([str(summary["error"])] if summary.get("error") else [])]
        return section | {"heading": say("ui_failed_heading", language, {"stage": stage}), "notes": notes}
    return section | _answered(summary, pictures, language)


def _skipped(summary: Mapping[str, Any], language: str) -> dict[str, Any]:
    stage = STAGES.get(summary["stage"])
    reason = (summary.get("skipped_because") or {}).get(language)
    notes = [reason] if reason else []
    if not reason and stage and stage.needs:
        tables = [need.split(".")[0] for need in stage.needs[0]]
        notes.append(say("ui_skipped", language, {"tables": tables}))
    unlocks = stage.unlocks[language] if stage and stage.unlocks else ""
    if unlocks and unlocks not in "".join(notes):
        notes.append(say("ui_skipped_unlocks", language, {"unlocks": unlocks}))
    return {"heading": say("ui_skipped_heading", language, {"stage": summary["stage"]}), "notes": notes}


def _answered(summary: Mapping[str, Any], pictures: _Pictures, language: str) -> dict[str, Any]:
    ranked = sorted(summary.get("findings") or (), key=lambda finding: -float(finding.get("weight") or 0))
    sentences = [_sentence(finding, summary, language) for finding in ranked]
    how = f"how_to_read_{summary['stage']}"
    reused = summary.get("reused_from")
    return {
        "heading": unbroken(heading_of(summary, language)),
        "notes": [say("ui_reused", language, {"run_id": reused})] if reused else [],
        "lead": sentences[:SENTENCES],
        "more": sentences[SENTENCES:],
        "figures": [pictures.view(figure) for figure in summary.get("figures") or ()],
        "tables": [
            *(_shown_table(table, summary, language) for table in summary.get("shown") or () if not idle_table(table)),
            *(_embedded(entry, pictures.folder, language) for entry in summary.get("embedded") or ()),
        ],
        "limits": [_sentence(limit, summary, language) for limit in summary.get("limits") or ()],
        "how": say(how, language) if has_text(how) else "",
    }


def _shown_table(view: Mapping[str, Any], summary: Mapping[str, Any], language: str) -> dict[str, Any]:
    title = table_title(view, language)
    note_key = view.get("note_key")
    return {
        "title": title,
        "html": table_html(view, language=language, caption=title, currency=summary.get("currency") or ""),
        "note": say(note_key, language, view.get("values")) if note_key else "",
    }


def _embedded(entry: Mapping[str, Any], folder: Path, language: str) -> dict[str, Any]:
    """Embed a table drawn by a library; its file was written by a stage, so it is trusted."""
    html = (folder / _in_language(entry["files"], language)).read_text(encoding="utf-8")
    return {"title": say(entry["title_key"], language), "html": Markup(html), "note": ""}
