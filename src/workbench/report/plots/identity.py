"""Charts of 02_resolve_identity: comparable data, match weights, people without links, and one link in detail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import Scale, base_line, height_for, name_of, number_axis, row_axis, track
from workbench.report.charts.theme import ACCENT, FAINT, GREY, INK, colour_of
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_known", "plot_scores", "plot_unlinkable", "plot_waterfall"]

BIN_BITS = 2
ENDS = ("prior", "total")
FOR, AGAINST = colour_of("records", "accepted"), colour_of("records", "rejected")


@drawn("column", "share", "n")
def plot_known(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of people with each comparable column.

    Parameters
    ----------
    frame : DataFrame
        column, share (0..1), n (people).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values(["share", "column"], ascending=[False, True]).reset_index(drop=True)
    best, worst = rows.iloc[0], rows.iloc[-1]
    values = {"best": best["column"], "best_share": best["share"], "worst": worst["column"], "share": worst["share"]}
    title = say("chart_known_title" if len(rows) > 1 else "chart_known_one_title", language, values)
    figure, axes = canvas(height_for(len(rows)))
    positions = row_axis(axes, [name_of(column, language) for column in rows["column"]])
    track(axes, positions)
    axes.barh(positions, rows["share"], height=0.64, color=ACCENT, zorder=2)
    for place, share in zip(positions, rows["share"], strict=True):
        axes.text(1.012, place, show(share, "pct", language), va="center", size=8.5, color=INK)
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_share_people", language), Scale("pct", language))
    items = [(name_of(row.column, language), show(row.share, "pct", language)) for row in rows.itertuples()]
    note = footnote(language, about, say("chart_note_people", language, {"n": int(best["n"])}))
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)


@drawn("weight", "pairs", empty="no_likeness")
def plot_scores(frame: pd.DataFrame, *, threshold: float, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the number of compared pairs by match weight, and the threshold.

    Parameters
    ----------
    frame : DataFrame
        weight (lower end of a bin of two bits), pairs (count above 0).
    threshold : float
        Match probability from which a pair is linked.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values("weight").astype(float)
    limit = float(np.log2(threshold / (1 - threshold)))
    near = rows.loc[(rows["weight"] - limit).abs() <= 2 * BIN_BITS, "pairs"].sum()
    total = rows["pairs"].sum()
    title = say("chart_scores_title", language, {"share": near / total, "pairs": int(near)})
    figure, axes = canvas("middle")
    linked = rows["weight"] >= limit - BIN_BITS / 2
    colours = np.where(linked, FOR, FAINT)
    axes.bar(rows["weight"] + BIN_BITS / 2, rows["pairs"], width=BIN_BITS * 0.9, color=colours, zorder=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: show(round(value), "int", language) if value >= 1 else "")
    axes.yaxis.set_minor_formatter(NullFormatter())  # with few pairs minor ticks would get mathematical labels
    axes.axvline(limit, color=INK, lw=1.0)
    text = say("chart_scores_threshold", language, {"threshold": threshold})
    axes.annotate(text, (limit, 1.0), (4, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                  va="top", size=8.5, color=INK)  # fmt: skip
    axes.set_ylabel(say("axis_pairs_log", language))
    axes.set_xlabel(say("axis_match_weight", language))
    items = [(show(row.weight, "num", language), show(int(row.pairs), "int", language)) for row in rows.itertuples()]
    note = footnote(language, about, say("chart_scores_note", language, {"n": int(total)}))
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)


@drawn("match_probability", "share", empty="no_likeness")
def plot_unlinkable(frame: pd.DataFrame, *, threshold: float, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of people who cannot reach a match threshold even against themselves, by threshold.

    Parameters
    ----------
    frame : DataFrame
        match_probability, share (0..1, of people at or below it).
    threshold : float
        The threshold in use.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    curve = frame.sort_values("match_probability").astype(float)
    below = curve.loc[curve["match_probability"] < threshold, "share"]
    share = float(below.max()) if len(below) else 0.0
    title = say("chart_unlinkable_title", language, {"share": share, "threshold": threshold})
    figure, axes = canvas("low")
    across = np.r_[0.0, curve["match_probability"], 1.0]
    up = np.r_[0.0, curve["share"], curve["share"].max()]
    axes.step(across, up, where="post", color=ACCENT, lw=1.8)
    axes.axvline(threshold, color=GREY, lw=1.0)
    axes.set(xlim=(0, 1), ylim=(0, max(0.05, curve["share"].max() * 1.15)))
    number_axis(axes, "x", say("axis_match_probability", language), Scale("pct", language))
    number_axis(axes, "y", say("axis_share_people", language), Scale("pct", language))
    items = [(show(threshold, "pct", language), show(share, "pct", language))]
    note = footnote(language, about, say("chart_unlinkable_note", language))
    return composed(figure, title, described("chart_kind_curve", title, items, language), note)


@drawn("comparison", "weight", "start", "end", optional=("left", "right"), empty="no_likeness")
def plot_waterfall(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw how the match weight of a pair adds up, comparison by comparison; contact values are masked.

    Parameters
    ----------
    frame : DataFrame
        comparison (``prior`` first, ``total`` last), left, right (masked), weight, start, end (bits).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    total = float(frame["weight"].iloc[-1])
    steps = frame[~frame["comparison"].isin(ENDS)]
    most = steps.loc[steps["weight"].idxmax()]
    probability = 1 / (1 + 2.0**-total)
    title = say("chart_waterfall_title", language, {"probability": probability, "comparison": most["comparison"]})
    figure, axes = canvas(height_for(len(frame)))
    positions = row_axis(axes, [_step(row, language) for row in frame.itertuples()])
    colours = [GREY if row.comparison in ENDS else FOR if row.weight >= 0 else AGAINST for row in frame.itertuples()]
    axes.barh(positions, frame["end"] - frame["start"], left=frame["start"], height=0.62, color=colours, zorder=2)
    for place, row in zip(positions, frame.itertuples(), strict=True):
        end = max(row.start, row.end)
        axes.annotate(f"{row.weight:+.1f}", (end, place), (4, 0), textcoords="offset points", va="center", size=8.5)
    base_line(axes, 0)
    reach = max(frame[["start", "end"]].to_numpy().max(), 1.0)
    axes.set_xlim(min(0.0, frame[["start", "end"]].to_numpy().min()) - 0.5, reach * 1.12)
    number_axis(axes, "x", say("axis_match_weight", language), Scale("num", language))
    items = [(name_of(row.comparison, language), f"{row.weight:+.1f}") for row in frame.itertuples()]
    note = footnote(language, about, say("chart_waterfall_note", language))
    return composed(figure, title, described("chart_kind_waterfall", title, items, language), note)


def _step(row: Any, language: str) -> str:
    name = name_of(row.comparison, language)
    pair = [value if isinstance(value, str) and value else "–" for value in (row.left, row.right)]
    return name if row.comparison in ENDS else f"{name}  {pair[0]} | {pair[1]}"
