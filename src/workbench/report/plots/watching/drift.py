"""The figures that changed most, with the band expected without a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.lettering import shortened
from workbench.report.charts.marks import Scale, base_line, height_for, number_axis, row_axis
from workbench.report.charts.theme import ACCENT, FAINT, GREY
from workbench.report.findings.watching.words import figure_name
from workbench.report.numbers import show
from workbench.report.text import say

if TYPE_CHECKING:
    import pandas as pd

    from workbench.core.tags.registry import TagRegistry

__all__ = ["plot_drift"]

_MOST = 14
_NAME_EMS = 24.0


@drawn("subject", "name", "change", "statistic", "null_low", "null_high", "level")
def plot_drift(
    frame: pd.DataFrame, *, tags: TagRegistry | None = None, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw the stability index of the figures that changed most, with the band expected without a change.

    Parameters
    ----------
    frame : DataFrame
        subject, name, change, statistic, null_low, null_high, level; one row per figure of all customers.
    tags : TagRegistry, optional
        Names tags and their values.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.assign(moved=frame["change"].abs(), calm=frame["level"].eq(""))
    rows = rows.sort_values(["calm", "statistic"], ascending=[True, False]).head(_MOST).reset_index(drop=True)
    marked = int((frame["level"] != "").sum())
    values = {"n": len(frame), "marked": marked}
    title = say("chart_drift_title" if marked else "chart_drift_calm_title", language, values)
    figures = zip(rows["subject"], rows["name"], strict=True)
    names = [shortened(figure_name(name, subject, tags)[language], _NAME_EMS) for subject, name in figures]
    figure, axes = canvas(height_for(len(rows)))
    places = row_axis(axes, names)
    axes.barh(places, rows["null_high"] - rows["null_low"], left=rows["null_low"], height=0.62, color=FAINT)
    colours = [ACCENT if level else GREY for level in rows["level"]]
    axes.scatter(rows["statistic"], places, s=34, color=colours, zorder=3)
    base_line(axes, 0)
    axes.set_xlim(0, float(rows[["statistic", "null_high"]].to_numpy().max()) * 1.08 or 1.0)
    number_axis(axes, "x", say("axis_stability_index", language), Scale("num", language))
    items = [(name, show(value, "num", language)) for name, value in zip(names, rows["statistic"], strict=True)]
    note = footnote(language, about, say("chart_drift_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)
