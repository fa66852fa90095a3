"""Charts of 01_check_quality: completeness, records accepted and rejected, rows by month."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workbench.core.errors import DataError, Fault
from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import Scale, height_for, months_axis, name_of, number_axis, row_axis, track
from workbench.report.charts.theme import ACCENT, GREY, INK, colour_of
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_completeness", "plot_records", "plot_rows_by_month"]

MOST_ROWS = 20  # columns shown; the least complete ones
TOTALS = ("records", "accepted")
LOSSES = ("rejected", "left_out")


@drawn("table", "column", "rows", "filled")
def plot_completeness(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of filled cells of each column that has blanks, grouped by table.

    Parameters
    ----------
    frame : DataFrame
        One row per column of a table: table, column, rows, filled (counts, filled <= rows). Tables without
        rows are left out. At most the 20 least complete columns are drawn.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    filled = frame[frame["rows"] > 0]
    filled = filled.assign(share=filled["filled"] / filled["rows"]).sort_values(["share", "table", "column"])
    gaps = filled[filled["share"] < 1].head(MOST_ROWS)
    complete = int((filled["share"] == 1).sum())
    values = {"complete": complete, "columns": len(filled)}
    if gaps.empty:
        gaps, title = filled.head(MOST_ROWS), say("chart_completeness_full_title", language, values)
    else:
        worst = gaps.iloc[0]
        values |= {"column": worst["column"], "table": worst["table"], "share": worst["share"]}
        title = say("chart_completeness_title", language, values)
    rows = gaps.sort_values(["table", "share", "column"], ascending=[True, False, True])
    figure, axes = canvas(height_for(len(rows) + rows["table"].nunique()))
    _draw_by_table(axes, rows, language)
    items = [
        (f"{name_of(row.table, language)}: {name_of(row.column, language)}", show(row.share, "pct", language))
        for row in rows.sort_values(["share", "table", "column"]).itertuples()
    ]
    note = say("chart_completeness_note", language, {"shown": len(rows), "columns": len(filled)})
    alt = described("chart_kind_bars", title, items, language)
    return composed(figure, title, alt, footnote(language, about, note))


def _draw_by_table(axes: Axes, gaps: pd.DataFrame, language: str) -> None:
    """Draw bars under the name of their table."""
    names: list[str] = []
    heads, bars = [], []
    for table, rows in gaps.groupby("table", sort=True):
        heads.append(len(names))
        count = show(rows["rows"].max(), "int", language)
        names.append(say("chart_table_rows", language, {"table": name_of(table, language), "rows": count}))
        for row in rows.itertuples():
            bars.append((len(names), row.share))
            names.append(name_of(row.column, language))
    row_axis(axes, names)
    at = np.array([position for position, _ in bars], dtype=float)
    shares = np.array([share for _, share in bars])
    track(axes, at)
    axes.barh(at, shares, height=0.68, color=ACCENT, zorder=2)
    for position, share in bars:
        text = show(share, "pct", language)
        axes.text(1.012, position, text, va="center", ha="left", size=8.5, color=INK)
    for position in heads:
        axes.get_yticklabels()[position].set_color(GREY)
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_share_filled", language), Scale("pct", language))


@drawn("step", "kind", "rows", "source")
def plot_records(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the records of a source from file to accepted, with every loss and its reason.

    Parameters
    ----------
    frame : DataFrame
        In reading order: step (a key or a name), kind (records: all records, first; rejected or left_out: a
        loss; accepted: the remaining records, last), rows (counts, losses positive), source (its name, in every row).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart

    Raises
    ------
    DataError
        For an unknown kind, or if records less losses does not equal accepted.
    """
    _check_records(frame)
    left = frame["rows"].where(frame["kind"].isin(TOTALS), -frame["rows"])
    left = left.where(frame["kind"] != "accepted", 0).cumsum()
    start = left.where(frame["kind"].isin(LOSSES), 0.0)
    read, usable = frame["rows"].iloc[0], frame["rows"].iloc[-1]
    values = {
        "records": read,
        "accepted": usable,
        "rejected": read - usable,
        "share": usable / read if read else np.nan,
    }
    values["source"] = frame["source"].iloc[0]
    title = say("chart_records_title" if read > usable else "chart_records_all_title", language, values)
    figure, axes = canvas(height_for(len(frame) + 1))
    positions = row_axis(axes, [_step_name(row.step, row.kind, language) for row in frame.itertuples()])
    colours = [colour_of("records", kind) for kind in frame["kind"]]
    axes.barh(positions, frame["rows"], left=start, height=0.62, color=colours)
    for row in range(1, len(frame)):
        axes.plot([left[row - 1]] * 2, [row - 1 + 0.31, row - 0.31], color=GREY, lw=0.7)
    for row, (end, count, kind) in enumerate(zip(start + frame["rows"], frame["rows"], frame["kind"], strict=True)):
        text = show(-count if kind in LOSSES else count, "int", language)
        axes.annotate(text, (end, row), (4, 0), textcoords="offset points", va="center", size=8.5, color=INK)
    axes.set_xlim(0, max(read, 1))
    number_axis(axes, "x", say("axis_records", language), Scale("num", language))
    items = [(_step_name(row.step, row.kind, language), show(row.rows, "int", language)) for row in frame.itertuples()]
    alt = described("chart_kind_waterfall", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_records_note", language)))


def _step_name(step: str, kind: str, language: str) -> str:
    """Return the name of a step; the first and last may be named after their kind."""
    return say(f"key_{kind}", language) if step == kind and kind in TOTALS else name_of(step, language)


def _check_records(frame: pd.DataFrame) -> None:
    unknown = sorted(set(frame["kind"]) - {*TOTALS, *LOSSES})
    if unknown:
        raise DataError(Fault("plot_records", f"kind {unknown[0]!r}", f"Expected {', '.join((*TOTALS, *LOSSES))}"))
    dropped = frame.loc[frame["kind"].isin(LOSSES), "rows"].sum()
    read, usable = frame["rows"].iloc[0], frame["rows"].iloc[-1]
    if read - dropped != usable or frame["kind"].iloc[0] != "records" or frame["kind"].iloc[-1] != "accepted":
        problem = f"{read} records less {dropped} lost are {read - dropped}, and the last step says {usable}"
        raise DataError(
            Fault(
                "plot_records", problem, "Records first, accepted last, and losses that add up", "Name every loss once"
            )
        )


@drawn("month", "rows", optional=("complete",))
def plot_rows_by_month(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw rows by month, including months without rows.

    Parameters
    ----------
    frame : DataFrame
        month (a date within it; one row per month), rows (count), complete (False where the data starts or
        ends within the month; drawn paler; optional, then all are complete).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    months = pd.to_datetime(frame["month"]).dt.to_period("M")
    whole = frame["complete"].map(lambda value: bool(value) if pd.notna(value) else True)
    tidy = pd.DataFrame({"rows": frame["rows"].to_numpy(), "complete": whole.to_numpy()}, index=months)
    tidy = tidy.groupby(level=0).agg({"rows": "sum", "complete": "all"})
    every = pd.period_range(tidy.index.min(), tidy.index.max(), freq="M")
    rows, whole = tidy["rows"].reindex(every, fill_value=0), tidy["complete"].reindex(every, fill_value=True)
    empty = int((rows == 0).sum())
    busiest = rows.index[int(np.argmax(rows.to_numpy()))].to_timestamp()
    values = {"rows": rows.sum(), "start": every[0].to_timestamp(), "end": every[-1].to_timestamp(), "empty": empty}
    values |= {"busiest": busiest, "most": rows.max()}
    title = say("chart_rows_by_month_gaps_title" if empty else "chart_rows_by_month_title", language, values)
    figure, axes = canvas("low")
    colours = [ACCENT if complete else "#9CC6E0" for complete in whole]
    axes.bar(np.arange(len(rows)), rows, width=0.72, color=colours)
    starts = [month.to_timestamp() for month in every]
    months_axis(axes, starts, language)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylim(0, max(rows.max() * 1.08, 1))
    number_axis(axes, "y", say("axis_rows", language), Scale("num", language))
    items = [(show(m, "month", language), show(n, "int", language)) for m, n in zip(starts, rows, strict=True)]
    note = "" if whole.all() else say("chart_rows_by_month_note", language)
    alt = described("chart_kind_columns", title, items, language)
    return composed(figure, title, alt, footnote(language, about, note))
