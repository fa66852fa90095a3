"""Survey answers of each customer: the latest answer per item, and scores of reliable scales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from workbench.analysis.tags.columns import ANSWER, SCORE
from workbench.core.tags.items import ITEMS
from workbench.intake.features.contacts.surveys import score_scale
from workbench.intake.features.inputs.settings import Scale

__all__ = ["ScoredScale", "latest_answers", "score_scales"]

LEAST_ANSWERS = 30  # fewest complete answers for a reliability
LEAST_ITEMS = 2


@dataclass(frozen=True)
class ScoredScale:
    """A scale and its reliability.

    Attributes
    ----------
    item : str
    alpha : float or None
        Cronbach's alpha over complete answers; None with fewer than two questions or 30 complete answers.
    n : int
        Complete answers.
    scores : ibis.Table or None
        customer_id, ``score_<item>`` in the range of the answers; None for an unreliable scale.
    """

    item: str
    alpha: float | None
    n: int
    scores: ir.Table | None


def latest_answers(responses: ir.Table, questions: Mapping[str, Sequence[str]], *, items: Iterable[str]) -> ir.Table:
    """Return each customer's latest answer for each survey item.

    Parameters
    ----------
    responses : ibis.Table
        customer_id, question, answer, answered_at where known; only rows before the as-of date.
    questions : mapping of str to sequence of str
        Item to its questions as written in the responses; default: the item's id and its name in either language.
    items : iterable of str
        Items that may be used.

    Returns
    -------
    ibis.Table
        One row per customer who answered: ``answer_<item>`` for every item whose question occurs in the responses; of
        several answers at the same time the one that sorts first.
    """
    answered = responses.filter(responses.customer_id.notnull() & responses.answer.notnull())
    answered = answered.mutate(question_key=answered.question.strip().lower())
    questions_asked = set(answered.select("question_key").distinct().to_pyarrow().column(0).to_pylist())
    names_in_use = {item: [name for name in _names(item, questions) if name in questions_asked] for item in items}
    answers = {}
    for item in (item for item, names in names_in_use.items() if names):
        is_item = answered.question_key.isin(names_in_use[item])
        answered_at = answered.answered_at if "answered_at" in answered.columns else ibis.literal(0)
        newest = ibis.struct({"at": -_seconds(answered_at), "answer": answered.answer.strip()})
        answers[f"{ANSWER}{item}"] = newest.min(where=is_item)
    if not answers:
        return answered.select("customer_id").distinct()
    latest = answered.group_by("customer_id").aggregate(**answers)
    return latest.select("customer_id", **{name: latest[name]["answer"].nullif("") for name in answers})


def score_scales(responses: ir.Table, scales: Mapping[str, Scale], *, least: float) -> tuple[ScoredScale, ...]:
    """Score the scales whose Cronbach's alpha (1951) is at least ``least``."""
    return tuple(_scored(responses, item, scale, least) for item, scale in scales.items())


def _scored(responses: ir.Table, item: str, scale: Scale, least: float) -> ScoredScale:
    alpha, n = _alpha(responses, scale)
    if alpha is None or alpha < least:
        return ScoredScale(item, alpha, n, None)
    scores = score_scale(responses, item, scale)
    return ScoredScale(item, alpha, n, scores.select("customer_id", **{f"{SCORE}{item}": scores[f"scale_{item}"]}))


def _alpha(responses: ir.Table, scale: Scale) -> tuple[float | None, int]:
    """Compute k / (k - 1) (1 - sum of item variances / variance of the sum) over customers who answered every item."""
    single_items = {
        question: Scale("", {question: reverse}, scale.low, scale.high, scale.label)
        for question, reverse in scale.items.items()
    }
    rows = responses
    if scale.survey and "survey" in rows.columns:
        rows = rows.filter(rows.survey == scale.survey)
    tables = [
        score_scale(rows, f"q{number}", question_scale) for number, question_scale in enumerate(single_items.values())
    ]
    if len(tables) < LEAST_ITEMS:
        return None, 0
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.inner_join(table, "customer_id")
    names = [f"scale_q{number}" for number in range(len(tables))]
    total = joined[names[0]]
    for name in names[1:]:
        total = total + joined[name]
    sums = {name: joined[name].var(how="sample") for name in names} | {
        "total": total.var(how="sample"),
        "n": joined.count(),
    }
    row = joined.aggregate(**sums).to_pyarrow().to_pylist()[0]
    n, k = int(row["n"]), len(names)
    if n < LEAST_ANSWERS or not row["total"]:
        return None, n
    return round(k / (k - 1) * (1 - sum(row[name] for name in names) / row["total"]), 6), n


def _names(item: str, questions: Mapping[str, Sequence[str]]) -> list[str]:
    names = questions.get(item) or [item, *ITEMS[item].name.values()]
    return sorted({name.strip().lower() for name in names})


def _seconds(at: ir.Value) -> ir.IntegerValue:
    return at.epoch_seconds().fill_null(0) if at.type().is_timestamp() else at
