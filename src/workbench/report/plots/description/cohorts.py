"""The cohort chart of 04_describe_customers: repeat purchases by month of the first purchase."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from workbench.analysis.description.retention import new_customer_cohorts
from workbench.report.charts.chart import (
    UNKNOWN,
    About,
    Chart,
    canvas,
    composed,
    described,
    drawn,
    footnote,
    not_enough,
)
from workbench.report.charts.marks import heat_cells, height_for, sequential
from workbench.report.charts.theme import GREY, PALE
from workbench.report.numbers import fewer_than, show
from workbench.report.text import say

__all__ = ["plot_cohorts"]

MOST_MONTHS = 18  # cohorts and months since the first; the largest cohorts are shown
LEAST_CUSTOMERS = 30  # fewest customers behind a number in the title
READABLE = 13  # columns in which a share can be written
LATER = 6  # months of the second number in the title


@drawn("cohort", "months_since", optional=("n", "share"))
def plot_cohorts(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of each month's new customers who bought again, by months since; unknown cells stay blank.

    Parameters
    ----------
    frame : DataFrame
        One row per cohort and month: cohort (a date within the first month), months_since (0, 1 ...; 0 is the
        first month itself and is not drawn), n (size of the cohort), share (0..1). Incomplete months are
        absent; a cell with a missing share is too small to be shown and is drawn grey.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    everybody = frame[frame["months_since"] > 0].assign(cohort=pd.to_datetime(frame["cohort"]))
    months = _largest(everybody)
    later = everybody[everybody["cohort"].isin(months) & (everybody["months_since"] <= MOST_MONTHS)]
    if later["share"].notna().sum() == 0:
        return not_enough(language)
    table = later.pivot_table(index="cohort", columns="months_since", values="share", aggfunc="first", dropna=False)
    table = table.reindex(columns=range(1, int(table.columns.max()) + 1))
    sizes = later.groupby("cohort")["n"].max()
    new = new_customer_cohorts(frame)
    title = _title(everybody[everybody["cohort"].isin(pd.to_datetime(new["cohort"]))], language)
    figure, axes = canvas("high" if height_for(len(table)) == "high" else "middle")
    write = (lambda share: show(share, "pct", language)) if table.shape[1] <= READABLE else None
    least, most = float(np.nanmin(table)), float(np.nanmax(table))
    heat_cells(axes, table, colours=sequential(max(0.0, 1.5 * least - 0.5 * most), most), write=write)
    for row in later[later["share"].isna()].itertuples():
        axes.add_patch(Rectangle((row.months_since - 1, table.index.get_loc(row.cohort)), 1, 1, color=PALE, lw=0))
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, labels=[str(column) for column in table.columns])
    labels = [
        say(
            "chart_cohort_row",
            language,
            {"month": show(month, "month", language), "n": _count(sizes[month], language, about.least)},
        )
        for month in table.index
    ]
    axes.set_yticks(np.arange(len(table)) + 0.5, labels=labels)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(say("axis_months_since", language), color=GREY)
    axes.spines["top"].set_visible(False)
    items = [
        (show(row.cohort, "month", language), show(row.share, "pct", language))
        for row in later[(later["months_since"] == 1) & later["share"].notna()].sort_values("cohort").itertuples()
    ]
    notes = [say("chart_note_customers", language, {"n": sizes.sum()})]
    notes.append(say("chart_cohorts_note", language, {"least": about.least}))
    if len(table) < everybody["cohort"].nunique():
        numbers = {"rows": len(table), "of": everybody["cohort"].nunique()}
        notes.append(say("chart_cohorts_largest_note", language, numbers))
    alt = described("chart_kind_cohorts", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _largest(cohorts: pd.DataFrame) -> pd.Index:
    """Return the months with most new customers; ties go to the later month."""
    sizes = cohorts.groupby("cohort")["n"].max().astype("float64").fillna(0.0).sort_index(ascending=False)
    return sizes.sort_values(ascending=False, kind="stable").index[:MOST_MONTHS]


def _count(n: float, language: str, least: int) -> str:
    return show(fewer_than(least) if pd.isna(n) else n, "int", language)


def _title(later: pd.DataFrame, language: str) -> str:
    """Return the title: shares one and up to six months later, over all cohorts that are old enough.

    Shares of fewer than 30 customers are left out.
    """
    observed = later.dropna(subset=["share", "n"])
    if observed.empty:
        return say("chart_cohorts_none_title", language)
    weighted = observed.assign(returned=observed["share"] * observed["n"]).groupby("months_since")
    counted = weighted["n"].sum()
    overall = (weighted["returned"].sum() / counted)[counted >= LEAST_CUSTOMERS]
    if 1 not in overall.index:
        return say("chart_cohorts_none_title", language)
    far = max((months for months in overall.index if months <= LATER), default=1)
    values = {"share": overall.get(1, np.nan), "later": overall[far], "months": far}
    return say("chart_cohorts_title" if far > 1 else "chart_cohorts_short_title", language, values)
