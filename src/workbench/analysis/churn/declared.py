"""Which reasons do customers state? Topics of service cases and survey answers, with the churn rate of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.core.store.tables import to_pandas

__all__ = ["declared_reasons"]

MOST = 10  # rows shown
MOST_ANSWERS = 12  # distinct answers of a closed question, at most
COLUMNS = ("said_in", "said", "n", "left", "share", "low", "high", "others_share")


def declared_reasons(
    tables: Mapping[str, ibis.Table], predictions: pd.DataFrame, *, cut_off: date | None, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Compare the churn rate of customers who gave a reason with that of the others.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        ``service`` (topic, else type) and ``responses`` (question, answer; questions with at most twelve answers) are
        read where present, only rows before the cut-off.
    predictions : pandas.DataFrame
        customer_id, label of the tested customers.
    cut_off : date or None
        Cut-off of the test; None: rows without a date are included.
    least : int
        Fewest customers who gave a reason, and fewest who did not, for the reason to be shown.

    Returns
    -------
    pandas.DataFrame
        said_in (service, responses), said (the reason), n (tested customers who gave it), left, share, low, high
        (Wilson), and others_share (churn rate of the tested customers who did not give it); sorted by the difference of
        the two rates. This is an association, not a cause.
    """
    if predictions.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    statements = [*_service(tables, cut_off), *_responses(tables, cut_off)]
    labels = predictions.set_index("customer_id")["label"]
    rows = []
    for said_in, said, people in statements:
        labels_with = labels[labels.index.isin(people)]
        labels_without = labels[~labels.index.isin(people)]
        if len(labels_with) >= least and len(labels_without) >= least:
            low, high = wilson(int(labels_with.sum()), len(labels_with))
            row = (
                said_in,
                said,
                len(labels_with),
                int(labels_with.sum()),
                labels_with.mean(),
                float(low),
                float(high),
                labels_without.mean(),
            )
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).round(6)
    difference = (table["share"] - table["others_share"]).abs().round(6)
    order = table.assign(difference=difference).sort_values(
        ["difference", "said_in", "said"], ascending=[False, True, True]
    )
    return order.drop(columns="difference").head(MOST).reset_index(drop=True)


def _service(tables: Mapping[str, ibis.Table], cut_off: date | None) -> list[tuple[str, str, set[str]]]:
    cases = tables.get("service")
    column = next((name for name in ("topic", "type") if cases is not None and name in cases.columns), None)
    if column is None:
        return []
    return _people_by_value("service", _before(cases, "opened_at", cut_off), column)


def _responses(tables: Mapping[str, ibis.Table], cut_off: date | None) -> list[tuple[str, str, set[str]]]:
    answers = tables.get("responses")
    if answers is None:
        return []
    before = _before(answers, "answered_at", cut_off)
    statements = before.mutate(statement=before.question + ": " + before.answer)
    n_answers = statements.group_by("question").aggregate(answers=statements.answer.nunique())
    choices = statements.join(n_answers.filter(n_answers.answers <= MOST_ANSWERS), "question")
    return _people_by_value("responses", choices, "statement")


def _before(table: ibis.Table, column: str, cut_off: date | None) -> ibis.Table:
    if cut_off is None or column not in table.columns:
        return table
    return table.filter(table[column] < ibis.literal(cut_off).cast("timestamp"))


def _people_by_value(source: str, table: ibis.Table, column: str) -> list[tuple[str, str, set[str]]]:
    pairs = table.filter(table[column].notnull() & table.customer_id.notnull())
    frame = to_pandas(pairs.select("customer_id", value=pairs[column]).distinct().order_by("value", "customer_id"))
    return [(source, value, set(part["customer_id"])) for value, part in frame.groupby("value", sort=True)]
