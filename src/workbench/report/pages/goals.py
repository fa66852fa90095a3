"""The answer to the goal of a profile in plain words, by kind of goal.

Used by 14_write_report. The content comes from ``GoalAnswer`` (lists and their evidence) and from the findings of the
stages that the goal names; the sentences are in the texts of the report.
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
from workbench.report.pages.parts import choose_sentences, heaviest, segment_names
from workbench.report.pages.relevance import FEWEST_IN_HEADLINE
from workbench.report.text import JOINERS, has_text, say

if TYPE_CHECKING:
    from workbench.report.answer import Evidence, GoalAnswer, LeftOut, ListFile, TestProposal

__all__ = ["KINDS", "STAGES_OF_KIND", "AnswerView", "ListView", "answer_goal", "lacking_stages", "stages_of_goal"]

KINDS = ("contact_list", "segment_strategy", "budget_split", "quality_gate", "watch", "describe")
PLANNING = "11_plan_actions"
OF_PLAN = "plan"  # use the heading of the plan
MOST_SENTENCES = 2  # findings that support the answer
MOST_EVIDENCE = 4  # groups with past response rates
MOST_SEGMENTS = 8  # lines of an answer that lists segments
_SAID_BY = {"answer_no_list_accounts": ("accounts_at_risk",)}  # findings already stated by a heading
CHURN, ACCOUNTS = "08_predict_churn", "12_tag_customers"
# default stages by kind of goal, if the goal names none
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
    """A list as the page shows it: name, customers and candidates, basis, size rule, files."""

    name: str
    title: Markup
    n: int
    candidates: int
    basis: str
    size_by: str
    profit_share: float | None  # shown with a list smaller than the profit optimum
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
        Supporting sentences, and questions that this run cannot answer.
    lists : tuple of ListView
    groups : tuple of (str, tuple of Markup)
        Sentences by heading: past response, customers to leave out, what is unproven, proposed tests.
    page : str
        Page of the lists; empty without one.
    advice : str
        ``contact`` if the heading recommends contacts, ``none`` if it recommends none, else empty.
    stated : frozenset of str
        Keys of the findings in the answer; later parts do not repeat them.
    see : str
        The stage whose page has the details of the heading; empty without one.
    """

    kind: str
    heading: str
    sentences: tuple[Markup, ...] = ()
    lists: tuple[ListView, ...] = ()
    groups: tuple[tuple[str, tuple[Markup, ...]], ...] = field(default=())
    page: str = ""
    advice: str = ""
    stated: frozenset[str] = frozenset()
    see: str = ""


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
    top = _top(key, summaries, goal)
    heading = _heading(top, language) if top else say(key, language, values, currency)
    support = _support(kind, goal, answer, summaries)
    sentences = [*_segment_lines(kind, summaries, language), *(_sentence(pair, language) for pair in support)]
    if key == "answer_no_list_accounts":
        sentences.insert(0, words("answer_accounts_spend", values))
    nobody = key.startswith("answer_no_list")
    return AnswerView(
        kind=kind,
        heading=unbroken(heading),
        sentences=(*sentences, *_open_questions(goal, summaries, words)),
        lists=tuple(_list_view(part, summaries, words, language) for part in answer.lists),
        groups=tuple(group for group in _groups(answer, summaries, words, language) if group[1]),
        page=answer.page,
        advice="" if kind != "contact_list" else "none" if nobody else "contact",
        stated=frozenset(
            {*(finding["key"] for _, finding in [*support, *([top] if top else [])]), *_SAID_BY.get(key, ())}
        ),
        see=ACCOUNTS if key == "answer_no_list_accounts" else "",
    )


def stages_of_goal(goal: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the stages that the answer uses: ``goal.stages``, else the default of its kind."""
    return tuple(goal.get("stages") or STAGES_OF_KIND[str(goal.get("kind") or "describe")])


def lacking_stages(goal: Mapping[str, Any], summaries: Summaries) -> list[str]:
    """Return the stages that the goal names and that are not done in this run."""
    done = {summary["stage"] for summary in summaries if summary["status"] == "done"}
    return [stage for stage in goal.get("stages") or () if stage not in done]


# headings by kind of goal; no key if the heaviest finding is the answer


def _contact(answer: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    lists = {part.name: part for part in answer.lists}
    if answer.lists and answer.lists[0].basis == PLAN:
        return OF_PLAN, {}
    if len(lists) > 1:
        first, second = answer.lists[:2]
        return "answer_two_lists", {"n": first.n, "other": second.n}
    if lists:
        (part,) = answer.lists
        return f"answer_one_{part.name}", {"n": part.n}
    accounts = _values(summaries, "accounts_at_risk") or {}
    if accounts.get("n"):
        return "answer_no_list_accounts", dict(accounts)
    because = next((part.because for part in answer.not_made if part.name == "contact_list"), "")
    key = f"answer_no_list_{because}"
    return key if has_text(key) else "answer_no_list", {}


def _segments(_: GoalAnswer, summaries: Summaries, __: Any) -> tuple[str, dict[str, Any]]:
    metrics = _metrics(summaries, "06_segment_customers")
    verdict = metrics.get("verdict")
    if verdict is None:
        return "answer_no_segments", {}
    tiers = verdict != "continuum" or any(row["key"].startswith("tier ") for row in segment_names(summaries))
    key = f"answer_segments_{verdict}" if tiers else "answer_segments_cut"
    return key, {"k": metrics.get("segments") or metrics.get("k")}


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
    values = {"n": counts[state], "of": sum(counts.values())}
    people = _metrics(summaries, "02_resolve_identity")
    if {"records", "customers"} <= people.keys() and state != "failed":
        return f"answer_quality_{state}_people", values | {name: people[name] for name in ("records", "customers")}
    return f"answer_quality_{state}", values


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


def _top(key: str, summaries: Summaries, goal: Mapping[str, Any]) -> Any:
    """Return the finding that heads the answer; None if the answer has its own heading."""
    if key == OF_PLAN:
        return heaviest(summaries, (PLANNING,))
    return None if key else heaviest(summaries, stages_of_goal(goal)) or heaviest(summaries)


def _heading(top: Any, language: str) -> str:
    summary, finding = top
    return say(f"{finding['key']}_heading", language, finding["values"], summary.get("currency") or "")


def _metrics(summaries: Summaries, stage: str) -> Mapping[str, Any]:
    done = (entry for entry in summaries if entry["stage"] == stage and entry["status"] == "done")
    return next((entry.get("metrics") or {} for entry in done), {})


def _values(summaries: Summaries, key: str) -> Mapping[str, Any] | None:
    findings = (finding for summary in summaries for finding in summary.get("findings") or ())
    return next((finding["values"] for finding in findings if finding.get("key") == key), None)


# sentences


def _support(
    kind: str, goal: Mapping[str, Any], answer: GoalAnswer, summaries: Summaries
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the findings that support the answer; lists and segments have their own sentences."""
    if kind == "segment_strategy" and segment_names(summaries):
        return []
    if kind != "contact_list":
        keys = ("identity_evaluated", "quality_answer", "quality_answer_all") if kind == "quality_gate" else ()
        stages = [stage for stage in stages_of_goal(goal) if stage != PLANNING]  # the plan follows below with its page
        return choose_sentences(summaries, stages, MOST_SENTENCES, keys)
    if answer.lists:
        return []
    return choose_sentences(summaries, stages_of_goal(goal), 1)


def _segment_lines(kind: str, summaries: Summaries, language: str) -> list[Markup]:
    """Return one line per segment with its size, for a goal about segments."""
    if kind != "segment_strategy":
        return []
    words = Speaker(language)
    return [
        words("answer_segment", {"name": row["name"][language], "n": row["n"], "share": row["share"]})
        for row in segment_names(summaries)[:MOST_SEGMENTS]
    ]


def _sentence(pair: tuple[Mapping[str, Any], Mapping[str, Any]], language: str) -> Markup:
    summary, finding = pair
    return Speaker(language, summary.get("currency") or "")(finding["key"], finding.get("values"))


def _open_questions(goal: Mapping[str, Any], summaries: Summaries, words: Speaker) -> list[Markup]:
    sentences = []
    if lacking := lacking_stages(goal, summaries):
        sentences.append(words("answer_lacking", {"stages": lacking}))
    if not str(goal.get("question") or "").strip():
        sentences.append(words("answer_no_goal"))
    return sentences


def _list_view(part: ListFile, summaries: Summaries, words: Speaker, language: str) -> ListView:
    values = {**part.__dict__, "share": part.n / part.candidates if part.candidates else None}
    values |= {"measure": measure_of_value(summaries), "span": _span(summaries, language)}
    if part.basis == PLAN:
        withdrawn = (part.planned or part.n) - part.n
        by_action = JOINERS[language].join(
            say("answer_action", language, {"name": action.name[language], "n": action.n}) for action in part.actions
        )
        sentences = [words("answer_basis_actions" if by_action else "answer_basis_plan", {"actions": by_action})]
        sentences += [words("answer_plan_withdrawn", {"n": withdrawn})] if withdrawn > 0 else []
        title = words(f"answer_list_{part.name}", values)
        counts = (part.n, part.candidates, part.basis, part.size_by)
        return ListView(part.name, title, *counts, None, tuple(sentences), (part.workbook, part.file))
    by_answers, unvalued = part.basis == "answers", part.basis == "leaving" and part.expected_value is None
    ending = "answers" if by_answers else "leaving"
    sentences = [words("answer_basis_leaving_only" if unvalued else f"answer_basis_{part.basis}", values)]
    if part.at_stake is not None and part.at_stake_all:
        sentences.append(words(f"answer_stake_{ending}", {**values, "part": part.at_stake / part.at_stake_all}))
    if part.profit_share is not None:
        sentences.append(words("answer_size_everybody" if part.profit_share >= 1 else "answer_size_share", values))
    if part.expected_events is not None and not unvalued:
        sentences.append(words(f"answer_events_{ending}", values))
    if part.precision is not None and part.random is not None:
        unseen = not by_answers and _metrics(summaries, CHURN).get("split") == "random"
        test = say("answer_test_random" if unseen else "answer_test_later", language)
        sentences.append(words(f"answer_tested_{ending}", values | {"test": test}))
    if part.sent and part.answered is not None:
        sentences.append(words("answer_sent", {**values, "part": part.answered / part.sent}))
    title = words(f"answer_list_{part.name}", values)
    files = (part.workbook, part.file)
    size = (part.n, part.candidates, part.basis, part.size_by, part.profit_share)
    return ListView(part.name, title, *size, tuple(sentences), files)


def measure_of_value(summaries: Summaries) -> str:
    """Return the basis of the expected value of a customer: margin if costs are known, else spend."""
    return (_values(summaries, "value_answer") or {}).get("measure", "value_in_spend")


def _span(summaries: Summaries, language: str) -> str:
    """Return the period that expected values cover, in words; empty if unknown."""
    days = (_values(summaries, "value_answer") or {}).get("horizon_days")
    if not days:
        return ""
    words = say("answer_span", language, {"horizon_days": days})
    return words if language == "zh" else f" {words}"


def _groups(
    answer: GoalAnswer, summaries: Summaries, words: Speaker, language: str
) -> list[tuple[str, tuple[Markup, ...]]]:
    listed = {part.name for part in answer.lists}
    wants_list = answer.kind == "contact_list"
    reasons = [
        words(f"answer_not_made_{part.because}", {"name": part.name})
        for part in answer.not_made
        if part.because != "same"
    ]
    return [
        (say("answer_not_made", language), tuple(reasons) if wants_list and listed else ()),
        (say("answer_evidence", language), tuple(_evidence(answer.evidence, summaries, words, language))),
        (
            say("answer_leave_out", language),
            tuple(
                _left_out(part, words, summaries)
                for part in answer.leave_out
                if part.n and (listed or part.reason != "lost")
            ),
        ),
        (say("answer_unproven", language), tuple(words(f"answer_{name}") for name in _unproven(answer, summaries))),
        (say("answer_tests", language), tuple(_test(part, summaries, words, language) for part in answer.tests)),
    ]


def _unproven(answer: GoalAnswer, summaries: Summaries) -> list[str]:
    """Drop the caveat about non-random campaigns if the page already says that no campaign had a control group."""
    stated = _values(summaries, "campaign_no_control") is not None
    return [name for name in answer.unproven if not (stated and name == "selected_before")]


def _evidence(rows: Sequence[Evidence], summaries: Summaries, words: Speaker, language: str) -> list[Markup]:
    """Write the groups of at least 50 customers with a share: value tiers first, then the tenth with most at risk."""
    measured = [row for row in rows if row.share is not None and (row.n or 0) >= FEWEST_IN_HEADLINE]
    tiers = [row for row in measured if row.grouping == "value_tier"]
    tenths = [row for row in measured if row.grouping == "risk_tenth" and row.group == "1"]
    return [
        words(
            f"answer_evidence_{row.grouping}",
            {**row.__dict__, "group": _group_name(row, language), "measure": measure_of_value(summaries)},
        )
        for row in [*tiers, *tenths][:MOST_EVIDENCE]
    ]


def _group_name(row: Evidence, language: str) -> str:
    key = f"answer_tier_{row.group}"
    return say(key, language) if has_text(key) else row.group


def _left_out(part: LeftOut, words: Speaker, summaries: Summaries) -> Markup:
    key = f"answer_left_out_{part.reason}"
    if part.reason == "lost" and part.expected_value is not None:
        key = "answer_left_out_lost_worth"
    return words(key, {**part.__dict__, "measure": measure_of_value(summaries)})


def _test(part: TestProposal, summaries: Summaries, words: Speaker, language: str) -> Markup:
    churn = _metrics(summaries, CHURN)
    stays = "label_name" in churn and churn.get("horizon_days") is None  # a label, not a missing purchase
    values = {
        **part.__dict__,
        "outcome": say("answer_outcome_stay" if stays else "answer_outcome_orders", language),
        "n": part.treated + part.held_out,
        "points": math.ceil(round(100 * (part.detectable or 0.0), 6)),
    }
    return words("answer_test" if part.detectable is not None else "answer_test_small", values)
