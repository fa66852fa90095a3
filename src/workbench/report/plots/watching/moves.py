"""Moves of customers between states, as bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from workbench.analysis.watching.migration import ENTERED, LEFT
from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.lettering import shortened
from workbench.report.charts.theme import CATEGORICAL, GREY, INK
from workbench.report.numbers import show
from workbench.report.text import label, say

if TYPE_CHECKING:
    import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_moves"]

_GAP = 0.025  # between states, as a share of the height
_BAR, _AWAY, _NAME_EMS = 0.035, 0.015, 14.0


@drawn("from", "to", "customers", "from_name", "to_name")
def plot_moves(frame: pd.DataFrame, *, kind: str, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the moves of customers between the states of two runs, as bands from left to right.

    Parameters
    ----------
    frame : DataFrame
        from, to, customers, from_name, to_name (by language); only cells that may be shown.
    kind : str
        The kind of states.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    total = float(frame["customers"].sum())
    stayed = float(frame.loc[frame["from"] == frame["to"], "customers"].sum())
    title = say("chart_moves_title", language, {"kind": kind, "share": stayed / total, "n": int(total)})
    states = _states(frame)
    inner = [state for state in states if state not in (ENTERED, LEFT)]
    colours = {state: CATEGORICAL[at % len(CATEGORICAL)] for at, state in enumerate(inner)}
    room = 1 - _GAP * (len(states) - 1)
    sides = {}
    for side in ("from", "to"):
        sizes = frame.groupby(side)["customers"].sum().reindex(states).dropna()
        sides[side] = _stacked(sizes / total * room)
    figure, axes = canvas("middle")
    starts = {(side, state): place[0] for side, places in sides.items() for state, place in places.items()}
    rank = {state: at for at, state in enumerate(states)}
    ordered = frame.assign(first=frame["from"].map(rank), second=frame["to"].map(rank)).sort_values(["first", "second"])
    for row in ordered.to_dict("records"):
        width = row["customers"] / total * room
        left, right = starts["from", row["from"]], starts["to", row["to"]]
        starts["from", row["from"]], starts["to", row["to"]] = left + width, right + width
        axes.add_patch(_band(left, right, width, colours.get(row["from"], GREY)))
    _name_sides(axes, frame, sides, colours, language)
    axes.set_xlim(-0.45, 1.45)
    axes.set_ylim(1.02, -0.02)
    axes.axis("off")
    largest = frame.sort_values("customers", ascending=False, kind="stable")
    items = [
        (f"{label(row.from_name, language)} → {label(row.to_name, language)}", show(row.customers, "int", language))
        for row in largest.itertuples()
    ]
    note = footnote(language, about, say("chart_moves_note", language))
    return composed(figure, title, described("chart_kind_bands", title, items, language), note)


def _states(frame: pd.DataFrame) -> list[str]:
    sizes = frame.groupby("to")["customers"].sum().add(frame.groupby("from")["customers"].sum(), fill_value=0)
    inner = [state for state in sizes.sort_values(ascending=False, kind="stable").index if state not in (ENTERED, LEFT)]
    return [*inner, *(state for state in (ENTERED, LEFT) if state in sizes.index)]


def _stacked(heights: pd.Series) -> dict[str, tuple[float, float]]:
    top, places = 0.0, {}
    for state, height in heights.items():
        places[str(state)] = (top, float(height))
        top += float(height) + _GAP
    return places


def _band(left: float, right: float, width: float, colour: str) -> PathPatch:
    points = [(0, left), (0.5, left), (0.5, right), (1, right), (1, right + width), (0.5, right + width),
              (0.5, left + width), (0, left + width), (0, left)]  # fmt: skip
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    return PathPatch(Outline(np.array(points), codes), facecolor=colour, alpha=0.45, lw=0)


def _name_sides(
    axes: Axes,
    frame: pd.DataFrame,
    sides: Mapping[str, Mapping[str, tuple[float, float]]],
    colours: Mapping[str, str],
    language: str,
) -> None:
    for side, x, align, away in (("from", -_BAR, "right", -_AWAY), ("to", 1.0, "left", _BAR + _AWAY)):
        totals = frame.groupby(side)["customers"].sum()
        names = dict(zip(frame[side], frame[f"{side}_name"], strict=True))
        for state, (top, height) in sides[side].items():
            axes.barh(top + height / 2, _BAR, height=height, left=x, color=colours.get(state, GREY))
            count = show(float(totals[state]), "int", language)
            text = f"{shortened(label(names[state], language), _NAME_EMS)} {count}"
            axes.text(x + away, top + height / 2, text, ha=align, va="center", size=8.5, color=INK)
