"""The answer to the goal of a profile in plain words, one way for each kind of goal.

Serves 14_write_report. What is answered comes from ``GoalAnswer`` (lists and their evidence) and from the findings of
the stages that the goal names; the words are in the texts of the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from workbench.report.answer import PLAN
from workbench.report.changes import compare_runs
from workbench.report.html import Speaker, unbroken
from workbench.report.pages.parts import choose_sentences, heaviest
from workbench.report.pages.relevance import FEWEST_IN_HEADLINE
from workbench.report.text import has_text, say

if TYPE_CHECKING:
    from workbench.report.answer import Evidence, GoalAnswer, LeftOut, ListFile, TestProposal

__all__ = ["KINDS", "STAGES_OF_KIND", "AnswerView", "ListView", "answer_goal", "lacking_stages", "stages_of_goal"]

KINDS = ("contact_list", "segment_strategy", "budget_split", "quality_gate", "watch", "describe")
PLANNING = "11_plan_actions"
OF_PLAN = "plan"  # the heading is that of the plan
MOST_SENTENCES = 2  # findings that support the answer
MOST_EVIDENCE = 4  # groups of what answered before
# stages whose findings answer a kind where the goal names none
STAGES_OF_KIND = {
    "contact_list": ("08_predict_churn", "09_value_customers"),
    "segment_strategy": ("06_segment_customers", "12_tag_customers", "05_score_rfm"),
    "budget_split": (PLANNING, "09_value_customers", "05_score_rfm"),
    "quality_gate": ("01_check_quality", "02_resolve_identity"),
    "watch": ("13_watch_changes", "08_predict_churn"),
    "describe": ("04_describe_customers", "02_resolve_identity", "06_segment_customers", "07_mine_affinities"),
}

Summaries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ListView:
    """A list as the page names it: what it is, how many it holds of how many, by what basis and size, its files."""

    name: str
    title: Markup
    n: int
    candidates: int
    basis: str
    size_by: str
    profit_share: float | None  # stated beside a list that is smaller than pays most
    sentences: tuple[Markup, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class AnswerView:
    """The answer as the page shows it.

    Attributes
    ----------
    kind : str
    heading : str
        The answer in one sentence.
    sentences : tuple of Markup
        What supports it, and what this run cannot answer.
    lists : tuple of ListView
    groups : tuple of (str, tuple of Markup)
        Headed groups of sentences: what answered before, whom to leave out, what is unproven, what would settle it.
    page : str
        Page of the lists; empty without one.
    advice : str
        ``contact`` where the heading says whom to contact, ``none`` where it says nobody, else empty.
    """

    kind: str
    heading: str
    sentences: tuple[Markup, ...] = ()
    lists: tuple[ListView, ...] = ()
    groups: tuple[tuple[str, tuple[Markup, ...]], ...] = field(default=())
    page: str = ""
    advice: str = ""


def answer_goal(
    goal: Mapping[str, Any],
    answer: GoalAnswer,
    summaries: Summaries,
    *,
    language: str,
    previous: Mapping[str, Any] | None = None,
) -> AnswerView:
    """Answer the goal of a profile in plain words.

    Parameters
    ----------
    goal : mapping
        ``question``, ``kind`` (one of `KINDS`, by default ``describe``), ``stages``, ``measure``; empty if none is
        stated.
    answer : GoalAnswer
        Lists and their evidence.
    summaries : sequence of mapping
        Stage summaries in stage order.
    language : str
        ``en`` or ``zh``.
    previous : mapping, optional
        The earlier run's ``summary.json``, for a goal of the kind ``watch``.

    Returns
    -------
    AnswerView
    """
    kind = goal.get("kind") or "describe"
    currency = next((summary["currency"] for summary in summaries if summary.get("currency")), "")
    words = Speaker(language, currency)
    key, values = _HEADINGS[kind](answer, summaries, previous)
    if key == OF_PLAN:
        heading = _heading_of_plan(summaries, language)
    else:
        heading = say(key, language, values, currency) if key else _heading_of_findings(kind, goal, summaries, language)
    sentences = [*_support(kind, goal, summaries, language), *_open_questions(goal, summaries, words)]
    return AnswerView(
        kind=kind,
        heading=unbroken(heading),
        sentences=tuple(sentences),
        lists=tuple(_list_view(part, words, language) for part in answer.lists),
        groups=tuple(group for group in _groups(answer, words, language) if group[1]),
        page=answer.page,
        advice="" if kind != "contact_list" else "none" if key == "answer_no_list" else "contact",
    )


def stages_of_goal(goal: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the stages on which the answer rests: ``goal.stages``, else those of its kind."""
    return tuple(goal.get("stages") or STAGES_OF_KIND[str(goal.get("kind") or "describe")])


def lacking_stages(goal: Mapping[str, Any], summaries: Summaries) -> list[str]:
    """Return the stages that the goal names and that are not done in this run."""
    done = {summary["stage"] for summary in summaries if summary["status"] == "done"}
    return [stage for stage in goal.get("stages") or () if stage not in done]


# headings, one way for each kind; no key where the heaviest finding is the answer


def _contact(answer: GoalAnswer, _: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    lists = {part.name: part for part in answer.lists}
    if answer.lists and answer.lists[0].basis == PLAN:
        return OF_PLAN, {}
    if len(lists) > 1:
        first, second = answer.lists[:2]
        return "answer_two_lists", {"n": first.n, "other": second.n}
    if lists:
        (part,) = answer.lists
        return f"answer_one_{part.name}", {"n": part.n}
    return "answer_no_list", {}


def _segments(_: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    metrics = _metrics(summaries, "06_segment_customers")
    verdict = metrics.get("verdict")
    if verdict is None:
        return "answer_no_segments", {}
    return f"answer_segments_{verdict}", {"k": metrics.get("segments") or metrics.get("k")}


def _budget(_: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    if _metrics(summaries, PLANNING).get("planned"):
        return OF_PLAN, {}
    value = _values(summaries, "value_answer")
    return ("answer_budget_by_value", {"share": value["share"]}) if value else ("answer_budget_none", {})


def _quality(_: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    checks = _values(summaries, "quality_checks")
    if not checks:
        return "answer_quality_unknown", {}
    counts = {name: int(checks.get(name) or 0) for name in ("passed", "warned", "failed")}
    state = "failed" if counts["failed"] else "warned" if counts["warned"] else "passed"
    return f"answer_quality_{state}", {"n": counts[state], "of": sum(counts.values())}


def _watch(_: GoalAnswer, summaries: Summaries, previous: Any) -> tuple[str, dict[str, Any]]:
    metrics = _metrics(summaries, "13_watch_changes")
    if metrics.get("alerts") is not None:
        alerts, warnings = int(metrics["alerts"]), int(metrics.get("warnings") or 0)
        return "answer_watch_alerts" if alerts or warnings else "answer_watch_calm", {"n": alerts, "warnings": warnings}
    if not previous:
        return "answer_watch_first", {}
    moved = compare_runs(summaries, previous, language="en")
    return "answer_watch_moved", {"n": moved.moved, "of": moved.compared}


def _describe(_: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    return ("" if heaviest(summaries) else "answer_nothing"), {}


_HEADINGS: dict[str, Callable[[GoalAnswer, Summaries, Any], tuple[str, dict[str, Any]]]] = {
    "contact_list": _contact,
    "segment_strategy": _segments,
    "budget_split": _budget,
    "quality_gate": _quality,
    "watch": _watch,
    "describe": _describe,
}


def _heading_of_plan(summaries: Summaries, language: str) -> str:
    summary, finding = heaviest(summaries, (PLANNING,))  # type: ignore[misc]
    return say(f"{finding['key']}_heading", language, finding["values"], summary.get("currency") or "")


def _heading_of_findings(kind: str, goal: Mapping[str, Any], summaries: Summaries, language: str) -> str:
    summary, finding = heaviest(summaries, stages_of_goal(goal)) or heaviest(summaries)  # type: ignore[misc]
    return say(f"{finding['key']}_heading", language, finding["values"], summary.get("currency") or "")


def _metrics(summaries: Summaries, stage: str) -> Mapping[str, Any]:
    done = (entry for entry in summaries if entry["stage"] == stage and entry["status"] == "done")
    return next((entry.get("metrics") or {} for entry in done), {})


def _values(summaries: Summaries, key: str) -> Mapping[str, Any] | None:
    findings = (finding for summary in summaries for finding in summary.get("findings") or ())
    return next((finding["values"] for finding in findings if finding.get("key") == key), None)


# sentences


def _support(kind: str, goal: Mapping[str, Any], summaries: Summaries, language: str) -> list[Markup]:
    if kind == "contact_list":
        return []  # its lists bring their own
    stages = [stage for stage in stages_of_goal(goal) if stage != PLANNING]  # the plan stands below, with its page
    chosen = choose_sentences(summaries, stages, MOST_SENTENCES)
    return [
        Speaker(language, summary.get("currency") or "")(finding["key"], finding.get("values"))
        for summary, finding in chosen
    ]


def _open_questions(goal: Mapping[str, Any], summaries: Summaries, words: Speaker) -> list[Markup]:
    sentences = []
    if lacking := lacking_stages(goal, summaries):
        sentences.append(words("answer_lacking", {"stages": lacking}))
    if not str(goal.get("question") or "").strip():
        sentences.append(words("answer_no_goal"))
    return sentences


def _list_view(part: ListFile, words: Speaker, language: str) -> ListView:
    values = {**part.__dict__, "share": part.n / part.candidates if part.candidates else None}
    if part.basis == PLAN:
        withdrawn = (part.planned or part.n) - part.n
        sentences = [words("answer_basis_plan", values)]
        sentences += [words("answer_plan_withdrawn", {"n": withdrawn})] if withdrawn > 0 else []
        title = words(f"answer_list_{part.name}", values)
        counts = (part.n, part.candidates, part.basis, part.size_by)
        return ListView(part.name, title, *counts, None, tuple(sentences), (part.workbook, part.file))
    unvalued = part.basis == "leaving" and part.expected_value is None
    sentences = [words("answer_basis_leaving_only" if unvalued else f"answer_basis_{part.basis}", values)]
    if part.at_stake is not None and part.at_stake_all:
        key = "answer_stake_answers" if part.basis == "answers" else "answer_stake_leaving"
        sentences.append(words(key, {**values, "part": part.at_stake / part.at_stake_all}))
    if part.profit_share is not None:
        sentences.append(words("answer_size_everybody" if part.profit_share >= 1 else "answer_size_share", values))
    if part.expected_events is not None and not unvalued:
        key = "answer_events_answers" if part.basis == "answers" else "answer_events_leaving"
        sentences.append(words(key, values))
    if part.precision is not None and part.random is not None:
        sentences.append(words("answer_tested_answers" if part.basis == "answers" else "answer_tested_leaving", values))
    if part.sent and part.answered is not None:
        sentences.append(words("answer_sent", {**values, "part": part.answered / part.sent}))
    title = words(f"answer_list_{part.name}", values)
    files = (part.workbook, part.file)
    size = (part.n, part.candidates, part.basis, part.size_by, part.profit_share)
    return ListView(part.name, title, *size, tuple(sentences), files)


def _groups(answer: GoalAnswer, words: Speaker, language: str) -> list[tuple[str, tuple[Markup, ...]]]:
    reasons = [words(f"answer_not_made_{part.because}", {"name": part.name}) for part in answer.not_made]
    wants_list = answer.kind == "contact_list"
    return [
        (say("answer_not_made", language), tuple(reasons) if wants_list else ()),
        (say("answer_evidence", language), tuple(_evidence(answer.evidence, words, language))),
        (say("answer_leave_out", language), tuple(_left_out(part, words) for part in answer.leave_out if part.n)),
        (say("answer_unproven", language), tuple(words(f"answer_{name}") for name in answer.unproven)),
        (say("answer_tests", language), tuple(_test(part, words) for part in answer.tests)),
    ]


def _evidence(rows: Sequence[Evidence], words: Speaker, language: str) -> list[Markup]:
    """Write the groups of 50 or more whose share is shown: tiers of value first, then the tenth with most at risk."""
    measured = [row for row in rows if row.share is not None and (row.n or 0) >= FEWEST_IN_HEADLINE]
    tiers = [row for row in measured if row.grouping == "value_tier"]
    tenths = [row for row in measured if row.grouping == "risk_tenth" and row.group == "1"]
    return [
        words(f"answer_evidence_{row.grouping}", {**row.__dict__, "group": _group_name(row, language)})
        for row in [*tiers, *tenths][:MOST_EVIDENCE]
    ]


def _group_name(row: Evidence, language: str) -> str:
    key = f"answer_tier_{row.group}"
    return say(key, language) if has_text(key) else row.group


def _left_out(part: LeftOut, words: Speaker) -> Markup:
    key = f"answer_left_out_{part.reason}"
    if part.reason == "lost" and part.expected_value is not None:
        key = "answer_left_out_lost_worth"
    return words(key, part.__dict__)


def _test(part: TestProposal, words: Speaker) -> Markup:
    values = {
        **part.__dict__,
        "n": part.treated + part.held_out,
        "points": math.ceil(round(100 * (part.detectable or 0.0), 6)),
    }
    return words("answer_test" if part.detectable is not None else "answer_test_small", values)
