"""Charts of 08_predict_churn: calibration, gain, candidates and feature importance."""

from __future__ import annotations

import numpy as np
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
from workbench.report.charts.marks import (
    Scale,
    base_line,
    between,
    call_out,
    height_for,
    key_line,
    name_of,
    number_axis,
    points,
    row_axis,
)
from workbench.report.charts.theme import ACCENT, BASE, GREY
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_calibration", "plot_candidates", "plot_gain", "plot_importance"]

AT = 0.1  # share of customers at which gain and lift are reported
CHANCE = 0.5  # AUC of a coin toss
MOST_FEATURES = 10


@drawn("predicted", "observed", "n", optional=("low", "high"))
def plot_calibration(
    frame: pd.DataFrame, *, event: str = "leaving", language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw predicted against observed shares of leavers (or answers), and below it the customers per point.

    Parameters
    ----------
    frame : DataFrame
        One row per group of customers with similar predictions: predicted, observed (mean, 0..1), low, high (of
        observed, 95 %), n. Groups without customers are left out.
    event : {"leaving", "answer"}
        The predicted event.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame[frame["n"] > 0].sort_values(["predicted", "observed"]).reset_index(drop=True)
    if rows.empty:
        return not_enough(language)
    top = rows.iloc[-1]
    answer = event == "answer"
    key = "chart_calibration_answers_title" if answer else "chart_calibration_title"
    title = say(key, language, top[["predicted", "observed", "n"]].to_dict())
    figure, (axes, below) = canvas("high", heights=(3.4, 1), share_x=True)
    reach = min(1.0, float(np.nanmax(rows[["predicted", "observed", "high"]].to_numpy(dtype=float))) * 1.06)
    axes.plot([0, reach], [0, reach], color=BASE, lw=1.2, ls=(0, (4, 3)))
    key_line(axes, [("●", ACCENT, say("key_observed", language)), ("- -", BASE, say("key_perfect", language))])
    axes.vlines(rows["predicted"], rows["low"], rows["high"], colors=ACCENT, linewidth=2, alpha=0.55)
    axes.scatter(rows["predicted"], rows["observed"], c=ACCENT, s=44, zorder=3, linewidths=0)
    axes.set(xlim=(0, reach), ylim=(0, reach))
    _draw_counts(below, rows, reach, language)
    observed, predicted = ("axis_answered", "axis_predicted_answer") if answer else ("axis_observed", "axis_predicted")
    number_axis(axes, "y", say(observed, language), Scale("pct", language))
    number_axis(below, "x", say(predicted, language), Scale("pct", language))
    axes.tick_params(axis="x", labelbottom=False)
    items = [(show(row.predicted, "pct", language), show(row.observed, "pct", language)) for row in rows.itertuples()]
    n = say("chart_note_customers", language, {"n": rows["n"].sum()})
    alt = described("chart_kind_calibration", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, say("chart_note_wilson", language)))


def _draw_counts(below: Axes, rows: pd.DataFrame, reach: float, language: str) -> None:
    gaps = np.diff(rows["predicted"].to_numpy(dtype=float))
    width = min(max(float(gaps.min(initial=reach)) * 0.8, reach * 0.008), reach * 0.05)
    below.bar(rows["predicted"], rows["n"], width=width, color=BASE)
    below.set_ylim(0, rows["n"].max() * 1.12)
    number_axis(below, "y", say("axis_customers", language), Scale("num", language))


@drawn("share_contacted", "share_reached")
def plot_gain(frame: pd.DataFrame, *, at: float = AT, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of leavers reached when the riskiest customers are contacted first.

    Parameters
    ----------
    frame : DataFrame
        Points of the curve, the riskiest first: share_contacted (of customers), share_reached (of
        leavers), 0..1.
    at : float in (0, 1)
        Share of customers at which the gain is reported.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    curve = frame[["share_contacted", "share_reached"]].astype(float).sort_values(["share_contacted", "share_reached"])
    across, up = np.r_[0.0, curve["share_contacted"], 1.0], np.r_[0.0, curve["share_reached"], 1.0]
    reached = float(np.interp(at, across, up))
    values = {"targeted": at, "found": reached, "lift": reached / at}
    title = say("chart_gain_title", language, values)
    figure, axes = canvas("middle")
    axes.fill_between(across, up, across, color=ACCENT, alpha=0.08, lw=0)
    axes.plot([0, 1], [0, 1], color=BASE, lw=1.2, ls=(0, (4, 3)))
    axes.plot(across, up, color=ACCENT)
    axes.plot([at, at, 0], [0, reached, reached], color=GREY, lw=0.8, ls=(0, (2, 2)))
    axes.scatter([at], [reached], c=ACCENT, s=40, zorder=3)
    call_out(axes, say("chart_gain_point", language, values), (at, reached))
    axes.annotate(say("key_random", language), (0.62, 0.62), (6, -12), textcoords="offset points", size=8.5, color=GREY)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    number_axis(axes, "x", say("axis_targeted", language), Scale("pct", language))
    number_axis(axes, "y", say("axis_found", language), Scale("pct", language))
    tenths = [(share, float(np.interp(share, across, up))) for share in (0.1, 0.2, 0.3, 0.5)]
    items = [(show(share, "pct", language), show(part, "pct", language)) for share, part in tenths]
    alt = described("chart_kind_gain", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_gain_note", language)))


@drawn("candidate", "auc", optional=("auc_low", "auc_high", "chosen"))
def plot_candidates(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw how well each candidate model ranks customers, with intervals, compared with chance.

    Parameters
    ----------
    frame : DataFrame
        One row per candidate: candidate, auc, auc_low, auc_high (95 %), chosen (True for the model in use; optional;
        without it the best is named).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values(["auc", "candidate"], ascending=[False, True]).reset_index(drop=True)
    picked = rows["chosen"].map(lambda value: bool(value) if pd.notna(value) else False)
    used = rows[picked].iloc[0] if picked.any() else rows.iloc[0]
    values = {name: used[name] for name in ("candidate", "auc", "auc_low", "auc_high")}
    whole = pd.notna(used["auc_low"]) and pd.notna(used["auc_high"])
    title = say("chart_candidates_title" if whole else "chart_candidates_bare_title", language, values)
    figure, axes = canvas(height_for(len(rows)))
    row_axis(axes, [name_of(candidate, language) for candidate in rows["candidate"]])
    base_line(axes, CHANCE)
    colours = [ACCENT if candidate == used["candidate"] else GREY for candidate in rows["candidate"]]
    points(axes, rows.rename(columns={"auc_low": "low", "auc_high": "high"}), value="auc", colour=colours)
    ends = rows[["auc", "auc_low", "auc_high"]].to_numpy(dtype=float)
    axes.set_xlim(min(CHANCE, float(np.nanmin(ends))) - 0.01, min(1.0, float(np.nanmax(ends)) + 0.03))
    key_line(axes, [("●", ACCENT, say("key_chosen", language)), ("│", BASE, say("key_chance", language))])
    number_axis(axes, "x", say("axis_auc", language), Scale("num", language))
    items = []
    for position, row in enumerate(rows.itertuples()):
        interval = between(row.auc_low, row.auc_high, "num", language)
        text = show(row.auc, "num", language) + (f" ({interval})" if interval else "")
        items.append((name_of(row.candidate, language), text))
        end = row.auc if pd.isna(row.auc_high) else row.auc_high
        axes.annotate(text, (end, position), (8, 0), textcoords="offset points", va="center", size=8.5, color=GREY)
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_candidates_note", language)))


@drawn("feature", "importance", optional=("low", "high"))
def plot_importance(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw how much worse the model ranks customers when one feature is shuffled, the most important first.

    Parameters
    ----------
    frame : DataFrame
        One row per feature: feature, importance (fall of the AUC), low, high (95 %). At most ten are drawn;
        those whose interval includes 0 are grey.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    ranked = frame.sort_values(["importance", "feature"], ascending=[False, True])
    rows = ranked.head(MOST_FEATURES).reset_index(drop=True)
    top = rows.iloc[0]
    useful = top["importance"] > 0 and not (pd.notna(top["low"]) and top["low"] <= 0)
    title = say("chart_importance_title" if useful else "chart_importance_none_title", language, top.to_dict())
    figure, axes = canvas(height_for(len(rows)))
    row_axis(axes, [name_of(feature, language) for feature in rows["feature"]])
    base_line(axes, 0)
    includes_zero = [pd.notna(row.low) and row.low <= 0 <= row.high for row in rows.itertuples()]
    points(axes, rows, value="importance", colour=[BASE if uncertain else ACCENT for uncertain in includes_zero])
    number_axis(axes, "x", say("axis_importance", language), Scale("num", language))
    if any(includes_zero):
        legend = [("●", ACCENT, say("key_matters", language)), ("●", BASE, say("key_may_be_chance", language))]
        key_line(axes, legend)
    items = [(name_of(row.feature, language), show(row.importance, "num", language)) for row in rows.itertuples()]
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_importance_note", language)))
