"""Charts of tags: how many items of a portrait are known, by group. Serves 12_tag_customers."""

from __future__ import annotations

import pandas as pd

from workbench.core.tags.items import GROUPS
from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import Scale, base_line, height_for, number_axis, row_axis
from workbench.report.charts.theme import ACCENT, FAINT
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_items"]


@drawn("item", "group", "status")
def plot_items(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw how many items of a portrait are known in each group.

    Parameters
    ----------
    frame : DataFrame
        One row per item: item, group (a key of ``GROUPS``), status (known, unknown, off).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    is_known = frame["status"].eq("known")
    counts = frame.assign(is_known=is_known).groupby("group")["is_known"].agg(["sum", "size"])
    counts = counts.reindex([name for name in GROUPS if name in counts.index])
    title = say("chart_items_title", language, {"known": int(is_known.sum()), "n": len(frame)})
    figure, axes = canvas(height_for(len(counts)))
    names = [GROUPS[group][language] for group in counts.index]
    positions = row_axis(axes, names)
    axes.barh(positions, counts["size"], height=0.6, color=FAINT)
    axes.barh(positions, counts["sum"], height=0.6, color=ACCENT)
    items = []
    for position, (name, row) in enumerate(zip(names, counts.itertuples(index=False), strict=True)):
        known_of_all = f"{show(int(row[0]), 'int', language)} / {show(int(row[1]), 'int', language)}"
        axes.annotate(known_of_all, (row[1], position), (5, 0), textcoords="offset points", va="center", size=8.5)
        items.append((name, known_of_all))
    axes.set_xlim(0, counts["size"].max() * 1.1)
    base_line(axes, 0)
    number_axis(axes, "x", say("axis_items", language), Scale("int", language))
    note = footnote(language, about, say("chart_items_note", language))
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)
