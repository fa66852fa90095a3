"""Find contradictions within a report, and between the report and its summary.json, from the displayed numbers.

In the page ``data-fact`` names a fact, ``data-value`` is its value, and the element's text its wording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

__all__ = ["Contradiction", "find_contradictions"]

SHARE_APART = 0.02  # tolerated rounding difference between list size and best size of the profit curve
_CHURN, _REPORT = "08_predict_churn", "14_write_report"
_LEAVING = "leaving"
_BADGE = re.compile(r'class="badge badge-(\w+)"')


@dataclass(frozen=True)
class Contradiction:
    """Two statements that cannot both hold.

    Attributes
    ----------
    kind : str
        ``size_against_profit``, ``advice_against_list``, ``model_against_baseline``, ``count_said_twice`` or
        ``verdict_against_badge``.
    text : str
        The two statements.
    """

    kind: str
    text: str


@dataclass
class _Fact:
    name: str
    value: str
    about: Mapping[str, str]
    words: list[str] = field(default_factory=list)


def find_contradictions(page: str, summary: Mapping[str, Any]) -> list[Contradiction]:
    """Compare the statements of a report with each other and with the summary of its run.

    Parameters
    ----------
    page : str
        The report's HTML.
    summary : mapping
        Its ``summary.json``.

    Returns
    -------
    list of Contradiction
        Empty if there are none.
    """
    reader = _Reader()
    reader.feed(page)
    facts = reader.facts
    lists = [fact for fact in facts if fact.name.endswith("_list.n")]
    return [
        *_size_against_profit(lists, reader.curves),
        *_advice_against_list(facts, lists),
        *_model_against_baseline(lists, summary),
        *_count_said_twice(facts, summary),
        *_verdict_against_badge(facts, page, summary),
    ]


class _Reader(HTMLParser):
    """Collects facts with their texts, and the interactive profit curves."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[_Fact] = []
        self.curves: list[Mapping[str, Any]] = []
        self._open: list[tuple[str, _Fact | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if "data-steps" in about:
            self.curves.append({"steps": json.loads(about["data-steps"]), "best": int(about["data-best"])})
        fact = _Fact(about["data-fact"], about.get("data-value", ""), about) if "data-fact" in about else None
        if fact:
            self.facts.append(fact)
        self._open.append((tag, fact))

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _ in self._open]
        if tag in names:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        for _, fact in self._open:
            if fact:
                fact.words.append(data)


def _size_against_profit(lists: Sequence[_Fact], curves: Sequence[Mapping[str, Any]]) -> list[Contradiction]:
    """Compare the size of a list of leavers, or the optimum stated with it, with the best size on the profit curve.

    A size set in the profile is not compared.
    """
    faults = []
    for curve in curves:
        best = float(curve["steps"][curve["best"]][0])
        for fact in lists:
            sized = fact.about.get("data-basis") == _LEAVING and fact.about.get("data-size-by") != "decision_size"
            of = float(fact.about.get("data-of") or 0)
            share = float(fact.about.get("data-optimum") or (float(fact.value) / of if of else best))
            if sized and abs(share - best) > SHARE_APART:
                text = f"{fact.name} is {share:.0%} of customers, most profit is at {best:.0%}"
                faults.append(Contradiction("size_against_profit", text))
    return faults


def _advice_against_list(facts: Sequence[_Fact], lists: Sequence[_Fact]) -> list[Contradiction]:
    advice = {fact.value for fact in facts if fact.name == "advice"}
    filled = [fact.name for fact in lists if float(fact.value) > 0]
    if "none" in advice and filled:
        return [Contradiction("advice_against_list", f"the answer names nobody, beside {', '.join(filled)}")]
    if "contact" in advice and not filled:
        return [Contradiction("advice_against_list", "the answer says whom to contact, without a list")]
    return []


def _model_against_baseline(lists: Sequence[_Fact], summary: Mapping[str, Any]) -> list[Contradiction]:
    metrics = summary.get("stages", {}).get(_CHURN, {}).get("metrics") or {}
    auc, baseline = metrics.get("auc"), metrics.get("baseline_auc")
    leaving = [fact.name for fact in lists if fact.about.get("data-basis") == _LEAVING and float(fact.value) > 0]
    if not leaving or auc is None or baseline is None or auc > baseline or metrics.get("chosen") == "baseline":
        return []
    text = f"{leaving[0]} is ranked by a model (AUC {auc:.3g}) that does not beat its baseline ({baseline:.3g})"
    return [Contradiction("model_against_baseline", text)]


def _count_said_twice(facts: Sequence[_Fact], summary: Mapping[str, Any]) -> list[Contradiction]:
    """Compare each count with its other mentions, its text and the summary."""
    answer = summary.get("stages", {}).get(_REPORT, {}).get("answer") or summary.get("answer") or {}
    recorded = {f"{part['name']}.n": str(part["n"]) for part in answer.get("lists", ())}
    faults, first = [], dict(recorded)
    for fact in (fact for fact in facts if fact.name.endswith(".n")):
        before, words = first.setdefault(fact.name, fact.value), "".join(fact.words)
        numbers = {re.sub(r"\D", "", number) for number in re.findall(r"\d[\d,\u2009]*", words)}
        if before != fact.value:
            faults.append(Contradiction("count_said_twice", f"{fact.name} is {before} and {fact.value}"))
        if words and fact.value not in numbers:
            faults.append(Contradiction("count_said_twice", f"{fact.name} is {fact.value}, its words: {words}"))
    return faults


def _verdict_against_badge(facts: Sequence[_Fact], page: str, summary: Mapping[str, Any]) -> list[Contradiction]:
    badge = _BADGE.search(page)
    badge_status = badge[1] if badge else ""
    faults = []
    if badge_status and badge_status != "stale" and summary.get("status") not in {None, badge_status}:
        faults.append(f"the badge says {badge_status}, summary.json {summary['status']}")
    failed = [name for name, stage in summary.get("stages", {}).items() if stage.get("status") == "failed"]
    if badge_status == "done" and failed:
        faults.append(f"the badge says done, {', '.join(failed)} failed")
    undone = {name for name, stage in summary.get("stages", {}).items() if stage.get("status") != "done"}
    named = {stage for fact in facts if fact.name == "rests_on" for stage in fact.value.split(",") if stage}
    lacking = {stage for fact in facts if fact.name == "lacking" for stage in fact.value.split(",")}
    if silent := sorted((named & undone) - lacking - set(failed)):
        faults.append(f"the answer rests on {', '.join(silent)}, which this run does not have, and does not say so")
    return [Contradiction("verdict_against_badge", text) for text in faults]
