"""The chart of where the members of a group live, compared with all customers."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

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
from workbench.report.charts.marks import Scale, height_for, name_of, number_axis, row_axis
from workbench.report.charts.theme import ACCENT, GREY, INK
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["PLACES", "plot_region"]

PLACES = (("province", "country"), ("city_tier", "city"))  # one panel per pair, for the first known variable
_NUMBERS = ("share", "share_low", "share_high", "base_share", "n")


@drawn("variable", "value", optional=_NUMBERS)
def plot_region(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of members in each province and city tier; upright marks show all customers.

    Parameters
    ----------
    frame : DataFrame
        Rows of `workbench.analysis.portraits.groups.portray_groups` about places, with named values, in display order:
        variable, value, share, share_low, share_high (0..1), base_share, n (members for whom the variable is known).
        Values without a share are marked as hidden. Of each pair of `PLACES` the first known is drawn.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    panels = _panels(frame)
    if not panels:
        return not_enough(language)
    top = panels[0].loc[panels[0]["share"].idxmax()]
    values = {"value": label(top["value"], language), "share": top["share"], "base": top["base_share"]}
    title = say("chart_region_title", language, values)
    rows = [len(panel) for panel in panels]
    figure, _ = canvas(height_for(sum(rows) + 2 * len(rows)), heights=rows)
    reach = max(float(panel[["share", "share_high", "base_share"]].max(axis=None)) for panel in panels)
    for axes, panel in zip(figure.axes, panels, strict=True):
        _draw_places(axes, panel, reach, language)
        number_axis(axes, "x", say("axis_share_known", language), Scale("pct", language))
    for axes in figure.axes[:-1]:
        axes.set_xlabel("")
    sentences = [
        say("chart_region_n", language, {"variable": panel["variable"].iloc[0], "n": panel["n"].max()})
        for panel in panels
    ]
    items = [(label(row.value, language), show(row.share, "pct", language)) for row in panels[0].itertuples()]
    notes = [*sentences, say("chart_note_wilson", language), say("chart_shares_base_note", language)]
    if any(panel["share"].isna().any() for panel in panels):
        notes.append(say("chart_region_small", language, {"least": about.least}))
    alt = described("chart_kind_bars", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _panels(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return one frame per kind of place with any known share."""
    numbers = frame.assign(**{name: frame[name].astype("float64") for name in _NUMBERS})
    panels = []
    for pair in PLACES:
        rows = [numbers[numbers["variable"] == variable].reset_index(drop=True) for variable in pair]
        panels += [row for row in rows if row["share"].notna().any()][:1]
    return panels


def _draw_places(axes: Axes, panel: pd.DataFrame, reach: float, language: str) -> None:
    positions = row_axis(axes, [name_of(value, language) for value in panel["value"]])
    axes.barh(positions, panel["share"].fillna(0), height=0.62, color=ACCENT)
    axes.hlines(positions, panel["share_low"], panel["share_high"], colors=INK, linewidth=1.2)
    axes.scatter(panel["base_share"], positions, marker="|", s=130, c=GREY, linewidths=1.8, zorder=4)
    axes.set_xlim(0, min(1.0, reach * 1.16))
    for place, row in enumerate(panel.itertuples()):
        text = say("chart_region_hidden", language) if pd.isna(row.share) else show(row.share, "pct", language)
        ends = [value for value in (row.share, row.share_high, row.base_share) if pd.notna(value)]
        axes.annotate(
            text, (max(ends, default=0), place), (8, 0), textcoords="offset points", va="center", size=8.5, color=GREY
        )
    axes.set_title(label(panel["variable"].iloc[0], language), loc="left", size=9, color=GREY)
