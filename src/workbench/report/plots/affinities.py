"""Charts of 07_mine_affinities: rules with intervals, and the affinity map."""

from __future__ import annotations

import numpy as np
import pandas as pd

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
from workbench.report.charts.lettering import ems, shortened
from workbench.report.charts.marks import (
    Scale,
    base_line,
    diverging,
    heat_cells,
    height_for,
    number_axis,
    points,
    row_axis,
)
from workbench.report.charts.theme import ACCENT, BASE, GREY, INK
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["plot_affinity_map", "plot_rules", "plot_trial"]

_NAME_EMS = 30.0
_MAP_EMS = 14.0
_LEAST_LIFT = 0.1  # smaller lifts look the same
_REACH = 8.0  # a lift of this, or of its inverse, has the end colour


@drawn("name", "lift", "low", "high", "baskets", optional=("held_out_lift",))
def plot_rules(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the lift of rules with its interval, and the lift in the later half.

    Parameters
    ----------
    frame : DataFrame
        One row per rule: name, lift, low, high, baskets, held_out_lift.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    first = frame.iloc[0]
    title = say("chart_rules_title", language, {"rule": first["name"], "lift": first["lift"]})
    figure, axes = canvas(height_for(len(frame)))
    positions = row_axis(axes, [shortened(name, _NAME_EMS) for name in frame["name"]])
    base_line(axes, 1)
    points(axes, frame, value="lift", colour=ACCENT)
    later = frame["held_out_lift"].astype(float)
    axes.scatter(later, positions, facecolors="none", edgecolors=INK, s=42, zorder=4, linewidths=1.2)
    axes.set_xlim(0, float(np.nanmax([frame["high"].max(), later.max()])) * 1.08)
    number_axis(axes, "x", say("axis_lift", language), Scale("num", language))
    items = [(row.name, show(row.lift, "num", language)) for row in frame.itertuples(index=False)]
    note = footnote(language, about, say("chart_rules_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


@drawn()
def plot_affinity_map(cells: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw lift by pair of items: blue where bought apart, orange where bought together.

    Parameters
    ----------
    cells : DataFrame
        Lift, items as rows and columns.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    values = cells.to_numpy(dtype=float)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    names = [str(name) for name in cells.index]
    top = {"item": names[row], "other": names[column], "lift": values[row, column]}
    title = say("chart_map_title", language, top)
    figure, axes = canvas("high")
    heat_cells(
        axes, cells, colours=diverging(1 / _REACH, _REACH, log=True), write=lambda lift: _in_cell(lift, language)
    )
    short = [_short(name) for name in names]
    axes.set_yticks(np.arange(len(names)) + 0.5, labels=short)
    axes.set_xticks(np.arange(len(names)) + 0.5, labels=short, rotation=40, ha="right")
    items = [
        (f"{names[at]} / {names[to]}", show(values[at, to], "num", language))
        for at, to in zip(*np.nonzero(~np.isnan(values)), strict=True)
        if at < to
    ]
    note = footnote(language, about, say("chart_map_note", language))
    return composed(figure, title, described("chart_kind_heat", title, items, language), note)


def _short(name: str) -> str:
    """Shorten a name, never the id behind it.

    Examples
    --------
    >>> _short("FLUID MILK WHITE ONLY (1029743)").endswith("… (1029743)")
    True
    """
    stem, mark, item = name.rpartition(" (")
    tail = f"{mark}{item}" if stem and item.endswith(")") and ems(item) < _MAP_EMS / 2 else ""
    return shortened(name.removesuffix(tail), _MAP_EMS - ems(tail)) + tail


def _in_cell(lift: float, language: str) -> str:
    """Format a lift with one decimal; lifts below 0.1 as "< 0.1"."""
    return f"< {_LEAST_LIFT}" if 0 < lift < _LEAST_LIFT else show(round(lift, 1), "num", language)


@drawn("list", "method", "cut_off", "recall_at_10", "low", "high", "customers", "chosen")
def plot_trial(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the recall of the methods after the later cut-off, one panel per list.

    Parameters
    ----------
    frame : DataFrame
        One row per list (again, new_items), method and cut_off: recall_at_10, low, high, customers, chosen (yes, no).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    frame = frame[(frame["cut_off"] == frame["cut_off"].max()) & frame["recall_at_10"].notna()]
    if frame.empty:
        return not_enough(language)
    lists = [name for name in ("again", "new_items") if (frame["list"] == name).any()]
    figure, axes = canvas("middle", widths=(1,) * len(lists))
    panels = np.atleast_1d(np.asarray(axes, dtype=object))
    items: list[tuple[str, str]] = []
    used: dict[str, pd.Series] = {}
    for panel, name in zip(panels, lists, strict=True):
        rows = frame[frame["list"] == name].sort_values("recall_at_10", ascending=False, ignore_index=True)
        row_axis(panel, [label(method, language) for method in rows["method"]])
        colours = [ACCENT if chosen else BASE for chosen in rows["chosen"]]
        points(panel, rows, value="recall_at_10", colour=colours)
        panel.set_xlim(0, float(rows["high"].max()) * 1.1 or 1.0)
        panel.set_title(label(name, language), size=9.5, color=GREY)
        number_axis(
            panel, "x", say("axis_recall", language) if panel is panels[0] else "", Scale("pct", language, most=4)
        )
        items += [
            (f"{label(name, language)}, {label(row.method, language)}", show(row.recall_at_10, "pct", language))
            for row in rows.itertuples()
        ]
        best = rows[rows["chosen"]]
        used |= {name: best.iloc[0]} if len(best) else {}
    title = _trial_title(used, language) or say("axis_recall", language)
    note = footnote(
        language, about, say("chart_note_customers", language, {"n": int(frame["customers"].max())}),
        say("chart_trial_note", language),
    )  # fmt: skip
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


def _trial_title(used: dict[str, pd.Series], language: str) -> str:
    if "again" not in used:
        return ""
    again = used["again"]
    values = {"recall": again["recall_at_10"], "method": again["method"]}
    if "new_items" not in used:
        return say("chart_trial_title_again", language, values)
    return say("chart_trial_title", language, values | {"new": used["new_items"]["recall_at_10"]})
