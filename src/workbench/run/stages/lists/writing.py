"""Write the lists into ``people/``: CSV and xlsx per list, and a sortable page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.core.exports import export_csv, export_xlsx
from workbench.core.files import write_text
from workbench.report.lists.page import lists_page
from workbench.report.lists.words import reasons_in_words
from workbench.report.pages.addresses import cards_file, link_to_card, lists_file, report_file
from workbench.run.stages.files import people_folder

if TYPE_CHECKING:
    from workbench.report.answer import GoalAnswer
    from workbench.run.stages.lists.customers import Customers
    from workbench.run.stages.lists.making import CustomerLists
    from workbench.run.stages.stage import StageRun

__all__ = ["COLUMNS", "write_lists"]

COLUMNS = ("source_id", "customer_id", "reason", "value", "probability", "segment", "card")
MEMBER = "member"  # basis of a list of members
_TEXTS = ("source_id", "customer_id", "reason", "segment", "card")
_DIGITS = 4


def write_lists(stage: StageRun, lists: CustomerLists) -> GoalAnswer:
    """Write the lists into ``people/`` of the report stage with links to the cards; return the answer to the goal.

    Parameters
    ----------
    stage : StageRun
        The report stage, after its cards were written.
    lists : CustomerLists
        Customers who may be contacted, as ``make_lists`` returns them.

    Returns
    -------
    GoalAnswer
        Recorded in the summary of the stage; contains no customer ids.
    """
    stage.answer = lists.answer.to_json()
    if lists.customers is None:
        return lists.answer
    for name, frame in _in_columns(stage, lists, {**lists.ranked, **lists.members}, stage.language).items():
        _write(stage, name, frame)
    for language in stage.languages if lists.ranked else ():
        rows = _in_columns(stage, lists, lists.ranked, language)
        report = f"../{report_file(language, stage.languages)}"
        page = lists_page(rows, language=language, currency=stage.currency, report=report)
        write_text(people_folder(stage) / lists_file(language, stage.languages), page, mode=0o600)
    return lists.answer


def _in_columns(
    stage: StageRun, lists: CustomerLists, frames: Mapping[str, pd.DataFrame], language: str
) -> dict[str, pd.DataFrame]:
    """Return every list with column names and texts in a language."""
    bases = {entry.name: entry.basis for entry in lists.answer.lists}
    if lists.customers is None:
        return {}
    return {
        name: _rows(stage, frame, bases.get(name, MEMBER), lists.customers, language=language)
        for name, frame in frames.items()
    }


def _rows(stage: StageRun, frame: pd.DataFrame, basis: str, customers: Customers, *, language: str) -> pd.DataFrame:
    rows = frame.merge(customers.facts, on="customer_id", how="left")
    rows = rows.merge(customers.answers, on="customer_id", how="left")
    source_ids = customers.sources.set_index("customer_id")["source_id"]
    names = {segment: name.get(language, segment) for segment, name in customers.names.items()}
    ids = rows["customer_id"]
    segments, cards = ids.map(customers.segments), cards_file(language, stage.languages)
    return pd.DataFrame(
        {
            "source_id": ids.map(source_ids).fillna(ids),
            "customer_id": ids,
            "reason": reasons_in_words(rows, basis=basis, language=language, actions=customers.actions),
            "value": rows["value"].round(2),
            "probability": rows["probability"].round(_DIGITS),
            "segment": segments.map(names).fillna(segments).fillna(""),
            "card": [f"../{link_to_card(cards, name)}" if name in stage.carded else "" for name in ids],
        }
    )


def _write(stage: StageRun, name: str, frame: pd.DataFrame) -> None:
    folder = people_folder(stage) / "lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    schema = {column: "string" if column in _TEXTS else "float64" for column in COLUMNS}
    plain = frame[list(COLUMNS)].astype({column: "object" if column in _TEXTS else "float64" for column in COLUMNS})
    table = ibis.memtable(plain, schema=schema)
    export_csv(stage.store.engine, table, folder / f"{name}.csv")
    export_xlsx(table, folder / f"{name}.xlsx", sheet=name[:31])
