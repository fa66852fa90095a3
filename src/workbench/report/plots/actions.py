"""Charts of 11_plan_actions: expected gain of each planned action."""

from __future__ import annotations

import pandas as pd

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.lettering import shortened
from workbench.report.charts.marks import Scale, base_line, height_for, number_axis, points, row_axis
from workbench.report.charts.theme import ACCENT, GREY
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["plot_actions"]

_NAME_EMS = 16.0


@drawn("action_name", "planned", "cost", "expected_gain", "basis", optional=("low", "high"))
def plot_actions(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the expected gain of every planned action with its interval; assumed gains are grey, without interval.

    Parameters
    ----------
    frame : DataFrame
        action_name (by language), planned, cost, expected_gain, low, high, basis; one row per action.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    currency = about.currency
    names = [_named(row, language, currency) for row in frame.to_dict("records")]
    assumed = frame["basis"] == "assumption"
    total, top = float(frame["expected_gain"].sum()), frame.loc[frame["expected_gain"].idxmax()]
    share = float(top["expected_gain"]) / total if total else 0.0
    values = {"gain": total, "action": label(top["action_name"], language), "share": share}
    key = "chart_plan_all_assumed_title" if assumed.all() else "chart_plan_title"
    title = say(key, language, values, currency)
    figure, axes = canvas(height_for(len(frame)))
    row_axis(axes, names)
    base_line(axes, 0)
    points(axes, frame, value="expected_gain", colour=[GREY if flag else ACCENT for flag in assumed])
    numbers = frame[["expected_gain", "low", "high"]].astype("float64")
    low, high = min(0.0, float(numbers.min().min())), max(0.0, float(numbers.max().max())) or 1.0
    axes.set_xlim(low * 1.08, high * 1.08)
    number_axis(axes, "x", say("axis_expected_gain", language), Scale("money", language, currency))
    items = [
        (name, show(gain, "money", language, currency))
        for name, gain in zip(names, frame["expected_gain"], strict=True)
    ]
    note = footnote(language, about, say("chart_plan_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


def _named(row: dict, language: str, currency: str) -> str:
    """Return the name of an action with its contacts and their cost."""
    name = shortened(label(row["action_name"], language), _NAME_EMS)
    values = {"name": name, "planned": int(row["planned"]), "cost": float(row["cost"])}
    assumed = "_assumed" if row["basis"] == "assumption" else ""
    return say(f"chart_plan_row{assumed}", language, values, currency)
