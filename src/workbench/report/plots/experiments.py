"""Charts of 10_measure_experiments: relative effects, effects by group, rankings by uplift."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.lettering import shortened
from workbench.report.charts.marks import Scale, base_line, height_for, name_of, number_axis, points, row_axis
from workbench.report.charts.theme import ACCENT
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["plot_effects", "plot_groups", "plot_rankings"]

_NAME_EMS = 24.0


@drawn("experiment", "arm", "outcome", "relative", "low", "high", "verdict")
def plot_effects(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the relative lift of every experiment, arm and outcome with its interval.

    Parameters
    ----------
    frame : DataFrame
        experiment, arm (empty where there is one), outcome, relative, low, high, verdict.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    names = [_named(row, language) for row in frame.itertuples()]
    n_shown = int((frame["verdict"] != "not_shown").sum())
    values = {"shown": n_shown, "n": len(frame)}
    title = say("chart_lifts_title" if n_shown else "chart_lifts_none_title", language, values)
    return _dots(frame, names, "relative", title, kind="pct", axis="axis_relative", language=language, about=about)


@drawn("experiment", "outcome", "group", "level", "effect", "low", "high", "differs", "is_rate")
def plot_groups(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the effect by level of one group, with its interval.

    Parameters
    ----------
    frame : DataFrame
        experiment, outcome, group, level, effect, low, high, differs, is_rate (a difference of shares); one group.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    first = frame.iloc[0]
    values = {"group": first["group"], "outcome": first["outcome"], "experiment": first["experiment"]}
    key = "chart_effect_groups_title" if bool(first["differs"]) else "chart_effect_groups_alike_title"
    names = [name_of(level, language) for level in frame["level"]]
    title = say(key, language, values)
    kind, axis = ("pct", "axis_rate_effect") if bool(first["is_rate"]) else ("num", "axis_arm_effect")
    return _dots(frame, names, "effect", title, kind=kind, axis=axis, language=language, about=about)


@drawn("ranking", "qini", "low", "high", "experiment", "outcome")
def plot_rankings(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the Qini coefficient of rankings with its interval; 0 is a random ranking.

    Parameters
    ----------
    frame : DataFrame
        ranking, qini, low, high, experiment, outcome.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    better = int((frame.loc[frame["ranking"].str.endswith("learner"), "low"] > 0).sum())
    key = "chart_rankings_title" if better else "chart_rankings_none_title"
    title = say(key, language, {"experiment": frame["experiment"].iloc[0]})
    names = [name_of(name, language) for name in frame["ranking"]]
    return _dots(frame, names, "qini", title, kind="num", axis="axis_qini", language=language, about=about)


def _named(row: Any, language: str) -> str:
    parts = [part for part in (row.experiment, row.arm, label(row.outcome, language)) if part]
    return shortened(" · ".join(parts), _NAME_EMS)


def _dots(
    rows: pd.DataFrame,
    names: list[str],
    value: str,
    title: str,
    *,
    kind: str,
    axis: str,
    language: str,
    about: About,
) -> Chart:
    """Draw one dot with its interval per row, around 0."""
    frame = rows.reset_index(drop=True)
    figure, axes = canvas(height_for(len(frame)))
    row_axis(axes, names)
    base_line(axes, 0)
    points(axes, frame, value=value, colour=ACCENT)
    reach = float(frame[["low", "high", value]].abs().max().max()) * 1.08 or 1.0
    axes.set_xlim(-reach, reach)
    number_axis(axes, "x", say(axis, language), Scale(kind, language))
    items = [(name, show(number, kind, language)) for name, number in zip(names, frame[value], strict=True)]
    note = footnote(language, about, say("chart_effect_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)
