"""Accuracy of the predictions of earlier runs, compared with the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import Scale, number_axis
from workbench.report.charts.theme import ACCENT, GREY
from workbench.report.numbers import show
from workbench.report.text import say

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_record"]


@drawn("predicted_on", "value", "low", "high", "baseline")
def plot_record(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the AUC of the churn predictions of each run with its interval, and that of days since the last order.

    Parameters
    ----------
    frame : DataFrame
        predicted_on, value, low, high, baseline; one row per run.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values("predicted_on").reset_index(drop=True)
    better = int((rows["value"] >= rows["baseline"]).sum())
    title = say("chart_record_title", language, {"better": better, "n": len(rows)})
    figure, axes = canvas("low")
    at = range(len(rows))
    axes.vlines(at, rows["low"], rows["high"], color=ACCENT, lw=1.6)
    axes.plot(at, rows["value"], "-o", color=ACCENT, ms=5, lw=1.4)
    axes.plot(at, rows["baseline"], "--o", color=GREY, ms=4, lw=1.2)
    last = len(rows) - 1
    for column, key, colour in (("value", "chart_record_model", ACCENT), ("baseline", "chart_record_baseline", GREY)):
        place = (last, rows[column].iloc[-1])
        axes.annotate(
            say(key, language), place, (8, 0), textcoords="offset points", va="center", size=8.5, color=colour
        )
    names = [show(day, "date", language) for day in rows["predicted_on"]]
    axes.set_xticks(list(at), labels=names)
    axes.set_xlim(-0.4, last + 0.9)
    numbers = rows[["low", "high", "baseline"]].to_numpy(dtype=float)
    axes.set_ylim(float(numbers.min()) - 0.03, float(numbers.max()) + 0.03)
    number_axis(axes, "y", say("axis_auc", language), Scale("num", language))
    items = [(name, show(value, "num", language)) for name, value in zip(names, rows["value"], strict=True)]
    note = footnote(language, about, say("chart_record_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)
