"""Feedback marks from ``data/feedback``: stages apply them and show what they did with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.feedback.verdicts import count_verdicts, judge_tags, rename_segments
from workbench.intake.feedback.marks import COLUMNS, PAIR, marks_of, read_marks
from workbench.report.numbers import LANGUAGES, fewer_than
from workbench.report.text import say

if TYPE_CHECKING:
    import ibis

    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.analysis.segments.matching import SegmentMatch
    from workbench.run.stages.stage import StageRun

__all__ = [
    "MarkedMerges",
    "MarkedRecommendations",
    "marked_merges",
    "marked_recommendations",
    "marked_tags",
    "name_as_marked",
    "show_marks",
]

_FORMATS = {
    "marked": "label", "n": "int", "right": "int", "right_share": "pct", "low": "pct", "high": "pct", "honoured": "int",
    "not_there": "int",
}  # fmt: skip


@dataclass(frozen=True)
class MarkedMerges:
    """Pairs of records that people marked as right or wrong merges.

    Attributes
    ----------
    right, wrong : DataFrame
        source, source_id, other_source, other_source_id of records that exist.
    table : DataFrame
        Summary of the marks, for `show_marks`.
    """

    right: pd.DataFrame
    wrong: pd.DataFrame
    table: pd.DataFrame

    def linked(self, declared: pd.DataFrame) -> pd.DataFrame:
        """Return the pairs that must be linked: declared or marked as right, without those marked as wrong."""
        remaining = declared.merge(self.wrong, how="left", on=list(PAIR), indicator=True)
        remaining = remaining[remaining["_merge"] == "left_only"].drop(columns="_merge")
        return pd.concat([remaining, self.right], ignore_index=True).drop_duplicates(ignore_index=True)

    def apart(self, declared: pd.DataFrame) -> pd.DataFrame:
        """Return the pairs that must not be linked: declared or marked as wrong."""
        return pd.concat([declared, self.wrong], ignore_index=True).drop_duplicates(ignore_index=True)


@dataclass(frozen=True)
class MarkedRecommendations:
    """Recommendations that people marked as wrong.

    Attributes
    ----------
    unwanted : dict of str to frozenset of str
        Customer to the items marked as wrong for them.
    table : DataFrame
        Summary of the marks, for `show_marks`.
    """

    unwanted: dict[str, frozenset[str]]
    table: pd.DataFrame


def marked_merges(stage: StageRun, people: ibis.Table) -> MarkedMerges:
    """Return the marked pairs whose records exist.

    Parameters
    ----------
    stage : StageRun
        02_resolve_identity.
    people : ibis.Table
        source, source_id.
    """
    marks = _marks(stage, "merge")
    pairs = marks[list(PAIR)]
    names = sorted({*marks["source_id"], *marks["other_source_id"]})
    present: set[tuple[str, str]] = set()
    if names:
        records = people.filter(people.source_id.isin(names)).select("source", "source_id").distinct().to_pandas()
        present = set(records.itertuples(index=False, name=None))
    exists = [(row[0], row[1]) in present and (row[2], row[3]) in present for row in pairs.itertuples(index=False)]
    existing = marks[np.array(exists, dtype=bool)]
    right, wrong = (existing.loc[existing["verdict"] == verdict, list(PAIR)] for verdict in ("right", "wrong"))
    table = _summary(marks, honoured=len(existing), not_there=len(marks) - len(existing), name="merges")
    return MarkedMerges(right.reset_index(drop=True), wrong.reset_index(drop=True), table)


def marked_recommendations(stage: StageRun) -> MarkedRecommendations:
    """Return the items that people marked as wrong for a customer.

    Parameters
    ----------
    stage : StageRun
        07_mine_affinities.
    """
    marks = _marks(stage, "recommendation")
    wrong = marks[marks["verdict"] == "wrong"]
    customers = _present(stage, sorted(set(marks["customer_id"])))
    unwanted = {
        str(customer): frozenset(group["name"])
        for customer, group in wrong.groupby("customer_id")
        if customer in customers
    }
    honoured = sum(len(items) for items in unwanted.values())
    not_there = int((~marks["customer_id"].isin(customers)).sum())
    return MarkedRecommendations(
        unwanted, _summary(marks, honoured=honoured, not_there=not_there, name="recommendations")
    )


def marked_tags(stage: StageRun) -> pd.DataFrame:
    """Measure the share of correct tags by the marks of people; record it as metrics.

    Parameters
    ----------
    stage : StageRun
        12_tag_customers, after it has written ``tags``.

    Returns
    -------
    DataFrame
        One row per tag, and one for the marks that no longer count; for `show_marks`.
    """
    marks = _marks(stage, "tag")
    if marks.empty:
        return _summary(marks, honoured=0, not_there=0, name="tags")
    tags = stage.read("tags", lazy=True)
    values = tags.filter(tags.customer_id.isin(sorted(set(marks["customer_id"])))).select("customer_id", "tag", "value")
    measured, counts = judge_tags(marks, values.to_pandas())
    for row in measured[measured["n"] >= stage.setting("run.min_cell")].itertuples():
        figures = {"accuracy": row.right_share, "low": row.low, "high": row.high, "n": row.n}
        stage.metric({f"feedback.{row.name}.{figure}": value for figure, value in figures.items()})
    lost = int(counts.loc[counts["state"] != "counted", "marks"].sum())
    rows = measured.assign(honoured=measured["n"], not_there=0)
    total = _summary(marks, honoured=int(measured["n"].sum()), not_there=lost, name="tags")
    return pd.concat([rows, total.assign(right=None, right_share=None, low=None, high=None)], ignore_index=True)


def name_as_marked(
    stage: StageRun, fitted: SegmentDefinition, matches: list[SegmentMatch]
) -> tuple[SegmentDefinition, list[SegmentMatch]]:
    """Rename segments whose name people marked as wrong to the name they suggested, and show what was done.

    Only the fitted definition is renamed; a promoted definition keeps its names.

    Parameters
    ----------
    stage : StageRun
        06_segment_customers.
    fitted : SegmentDefinition
    matches : list of SegmentMatch
        Returned unchanged.
    """
    marks = _marks(stage, "segment")
    better = rename_segments(marks, fitted.names)
    texts = {text for key, names in fitted.names.items() for text in (key, *names.values(), better.get(key, ""))}
    if better:
        renamed = [
            replace(segment, name=dict.fromkeys(LANGUAGES, better[segment.key])) if segment.key in better else segment
            for segment in fitted.segments
        ]
        fitted = replace(fitted, segments=tuple(renamed))
    present = marks["name"].isin(texts) | marks["value"].isin(texts)
    table = _summary(marks, honoured=len(better), not_there=int((~present).sum()), name="segment_names")
    show_marks(stage, "segment", table)
    return fitted, matches


def show_marks(stage: StageRun, kind: str, table: pd.DataFrame) -> None:
    """Show what a stage did with its marks; show nothing if there are none.

    Rows with fewer than ``run.min_cell`` marked customers are hidden.

    Parameters
    ----------
    stage : StageRun
    kind : str
        ``merge``, ``segment``, ``recommendation`` or ``tag``.
    table : DataFrame
    """
    if len(table):
        least = stage.setting("run.min_cell")
        small = (table["n"] < least) & (kind != "segment")  # marks on segments are about no customer
        hidden = table[["right", "right_share", "low", "high"]].astype("object").mask(small, fewer_than(least))
        table = table.assign(**{name: hidden[name] for name in hidden})
        title = {language: say(f"feedback_title_{kind}", language) for language in LANGUAGES}
        stage.table(f"{kind}_feedback", table.rename(columns={"name": "marked"}), _FORMATS, title=title)


def _marks(stage: StageRun, kind: str) -> pd.DataFrame:
    marks = marks_of(read_marks(stage.workspace, stage.profile.name), kind)
    return pd.DataFrame(marks, columns=list(COLUMNS), dtype="str")


def _summary(marks: pd.DataFrame, *, honoured: int, not_there: int, name: str) -> pd.DataFrame:
    """Return one summary row for all marks of a kind; no row without marks."""
    verdicts = count_verdicts(marks.assign(name=name)) if len(marks) else count_verdicts(marks)
    return verdicts.assign(honoured=honoured, not_there=not_there)


def _present(stage: StageRun, customers: list[str]) -> set[Any]:
    features = stage.read("features", lazy=True, missing="none") if customers else None
    if features is None:
        return set(customers)
    present = features.filter(features.customer_id.isin(customers)).select("customer_id")
    return set(present.to_pandas()["customer_id"])
