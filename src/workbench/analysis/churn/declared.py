"""What do customers themselves say? Declared reasons from service and survey beside those of the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.core.store.tables import to_pandas

__all__ = ["declared_reasons"]

MOST = 10  # rows shown
MOST_ANSWERS = 12  # distinct answers of a question that is read as a choice
COLUMNS = ("said_in", "said", "n", "left", "share", "low", "high", "others_share")


def declared_reasons(
    tables: Mapping[str, ibis.Table], predictions: pd.DataFrame, *, cut_off: date | None, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Compare how many left among those who said something with how many of the others did.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        ``service`` (topic, else type) and ``responses`` (question, answer; questions with at most twelve answers) are
        read where present, rows before the cut-off alone.
    predictions : pandas.DataFrame
        customer_id, label of the tested customers.
    cut_off : date or None
        Of the test; None: rows without a date are read, too.
    least : int
        Customers who said something, and others, before it is shown.

    Returns
    -------
    pandas.DataFrame
        said_in (service, responses), said, n (tested customers who said it), left, share, low, high (Wilson), and
        others_share (of those tested who did not say it); at least ``least`` customers said each; sorted by the
        distance of the shares. It is an association, no cause.
    """
    if predictions.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    found = [*_service(tables, cut_off), *_responses(tables, cut_off)]
    labels = predictions.set_index("customer_id")["label"]
    rows = []
    for said_in, said, people in found:
        mine = labels[labels.index.isin(people)]
        rest = labels[~labels.index.isin(people)]
        if len(mine) >= least and len(rest) >= least:
            low, high = wilson(int(mine.sum()), len(mine))
            row = (said_in, said, len(mine), int(mine.sum()), mine.mean(), float(low), float(high), rest.mean())
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).round(6)
    far = (table["share"] - table["others_share"]).abs().round(6)
    order = table.assign(far=far).sort_values(["far", "said_in", "said"], ascending=[False, True, True])
    return order.drop(columns="far").head(MOST).reset_index(drop=True)


def _service(tables: Mapping[str, ibis.Table], cut_off: date | None) -> list[tuple[str, str, set[str]]]:
    cases = tables.get("service")
    named = next((name for name in ("topic", "type") if cases is not None and name in cases.columns), None)
    if named is None:
        return []
    return _by_word("service", _before(cases, "opened_at", cut_off), named)


def _responses(tables: Mapping[str, ibis.Table], cut_off: date | None) -> list[tuple[str, str, set[str]]]:
    answers = tables.get("responses")
    if answers is None:
        return []
    known = _before(answers, "answered_at", cut_off)
    told = known.mutate(said=known.question + ": " + known.answer)
    few = told.group_by("question").aggregate(answers=told.answer.nunique())
    choices = told.join(few.filter(few.answers <= MOST_ANSWERS), "question")
    return _by_word("responses", choices, "said")


def _before(table: ibis.Table, column: str, cut_off: date | None) -> ibis.Table:
    if cut_off is None or column not in table.columns:
        return table
    return table.filter(table[column] < ibis.literal(cut_off).cast("timestamp"))


def _by_word(said_in: str, table: ibis.Table, column: str) -> list[tuple[str, str, set[str]]]:
    pairs = table.filter(table[column].notnull() & table.customer_id.notnull())
    frame = to_pandas(pairs.select("customer_id", said=pairs[column]).distinct().order_by("said", "customer_id"))
    return [(said_in, said, set(part["customer_id"])) for said, part in frame.groupby("said", sort=True)]
