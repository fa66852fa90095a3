"""Survey features: scale scores and Net Promoter Score (NPS) answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.intake.features.contacts.service import mean_rating
from workbench.intake.features.inputs.exact import join_customers
from workbench.intake.features.inputs.words import plain

if TYPE_CHECKING:
    from workbench.intake.features.inputs.settings import Scale

__all__ = ["describe_answers", "scale_items", "score_scale"]

NPS_QUESTIONS = ("nps", "nps_score", "recommend", "推荐意愿", "净推荐值")
NPS_MOST, PROMOTER, PASSIVE = 10, 9, 7
NUMBER = r"^[+-]?[0-9]+([.][0-9]*)?$"


def describe_answers(responses: ir.Table) -> ir.Table:
    """Count the answers of each customer and read the Net Promoter Score (NPS) answer.

    Parameters
    ----------
    responses : ibis.Table
        The canonical table cut at the as-of date: customer_id, question, answer, answered_at.

    Returns
    -------
    ibis.Table
        One row per customer who answered: survey_answers, nps_score (0..10, the latest answer to a question named nps,
        ties go to the lowest) and nps_class (promoter at 9 and 10, passive at 7 and 8, detractor below;
        Reichheld 2003).
    """
    answered = responses.filter(responses.customer_id.notnull() & responses.answer.notnull())
    totals = answered.group_by("customer_id").aggregate(survey_answers=answered.count())
    nps_answers = _numbers(answered.filter(plain(answered.question).isin(NPS_QUESTIONS)))
    nps_answers = _latest(nps_answers.filter(nps_answers.number.between(0, NPS_MOST)), [])
    scores = nps_answers.group_by("customer_id").aggregate(nps_score=nps_answers.number.min())
    nps_class = ibis.cases(
        (scores.nps_score >= PROMOTER, "promoter"), (scores.nps_score >= PASSIVE, "passive"), else_="detractor"
    )
    return join_customers(totals, scores.mutate(nps_class=nps_class))


def score_scale(responses: ir.Table, name: str, scale: Scale) -> ir.Table:
    """Score one scale: the mean of the items answered, reversed items recoded.

    Parameters
    ----------
    responses : ibis.Table
        The canonical table cut at the as-of date.
    name : str
        Name of the scale.
    scale : Scale
        Items of the scale and the ends of the answer range.

    Returns
    -------
    ibis.Table
        One row per customer who answered enough of the items: ``scale_<name>``, in ``[low, high]``. The latest answer
        of each item counts, ties go to the lowest; an answer that is not a number in the range counts as none.
    """
    items = scale_items(responses, scale)
    sums = items.group_by("customer_id").aggregate(
        answered=items.count(), **mean_rating(items["value"], f"scale_{name}")
    )
    enough = sums.filter(sums.answered >= scale.least_share * len(scale.items))
    return enough.drop("answered")


def scale_items(responses: ir.Table, scale: Scale) -> ir.Table:
    """Return the latest answers to the items of a scale: customer_id, question, value; reversed items recoded."""
    of_scale = responses.filter(responses.customer_id.notnull(), responses.question.isin(list(scale.items)))
    if scale.survey and "survey" in of_scale.columns:
        of_scale = of_scale.filter(of_scale.survey == scale.survey)
    numbers = _numbers(of_scale)
    latest = _latest(numbers.filter(numbers.number.between(scale.low, scale.high)), ["question"])
    items = latest.group_by("customer_id", "question").aggregate(number=latest.number.min())
    reverse_items = [question for question, reverse in scale.items.items() if reverse]
    reversed_number = scale.low + scale.high - items.number
    value = (
        ibis.ifelse(items.question.isin(reverse_items), reversed_number, items.number)
        if reverse_items
        else items.number
    )
    return items.select("customer_id", "question", value=value)


def _numbers(responses: ir.Table) -> ir.Table:
    """Add a number column, null if the answer is not numeric."""
    text = responses.answer.strip()
    number = ibis.ifelse(text.re_search(NUMBER), text.try_cast("float64"), ibis.null("float64"))
    return responses.mutate(number=number)


def _latest(answers: ir.Table, keys: list[str]) -> ir.Table:
    """Keep the latest answers of each customer (and question)."""
    if "answered_at" not in answers.columns:
        return answers
    by = ["customer_id", *keys]
    newest = answers.answered_at.max().over(ibis.window(group_by=[answers[name] for name in by]))
    dated = answers.mutate(newest=newest)
    return dated.filter((dated.answered_at == dated.newest) | dated.newest.isnull())
