"""Charts of the diagnosis in 04_describe_customers: the tree, the effects with and without adjustment, the funnel."""

from __future__ import annotations

from typing import Any

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
from workbench.report.charts.lettering import drawable, shortened, wrapped
from workbench.report.charts.marks import Scale, base_line, height_for, key_line, number_axis, points, row_axis
from workbench.report.charts.theme import ACCENT, BASE, CATEGORICAL, FAINT, GREY, INK, PALE
from workbench.report.numbers import show
from workbench.report.text import label, say
from workbench.report.value_names import value_key

__all__ = ["plot_effects", "plot_funnel", "plot_tree"]

MOST_EFFECTS = 12
ROW_EMS = 24
BOX_EMS = 15
MOST_WINDOWS = 3
AXES = {"share": "axis_outcome_share", "amount": "axis_outcome_amount"}
EFFECT_AXES = {"share": "axis_effect_share", "amount": "axis_effect_amount"}
BRANCHES = {
    "yes": "tree_branch_yes",
    "no": "tree_branch_no",
    "low": "tree_branch_low",
    "high": "tree_branch_high",
    "known": "tree_branch_known",
    "unknown": "tree_branch_unknown",
}
DOUBTFUL = ("shrinks", "reverses")


@drawn("node", "outcome", optional=("threshold",))
def plot_tree(
    frame: pd.DataFrame,
    *,
    outcome: str,
    kind: str,
    money: bool = False,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the questions of a decision tree and the outcome of the resulting groups.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.diagnosis.tree.NODE_COLUMNS`.
    outcome : str
        A label key or a name.
    kind : {"share", "amount"}
    money : bool
        Whether an amount is money.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    leaves = frame[frame["leaf"].astype(bool)].sort_values("place").reset_index(drop=True)
    if len(leaves) < 2:  # noqa: PLR2004  a tree without a question
        return not_enough(language)
    written = "pct" if kind == "share" else "money" if money else "num"
    high, low = leaves.loc[leaves["outcome"].idxmax()], leaves.loc[leaves["outcome"].idxmin()]
    title_values = {
        name: show(row["outcome"], written, language, about.currency) for name, row in (("high", high), ("low", low))
    }
    title = say("chart_tree_title", language, {"outcome": outcome, **title_values})
    figure, (tree, dots) = canvas("high" if len(leaves) > 5 else "middle", widths=(2.6, 1))  # noqa: PLR2004
    places = _places(frame)
    _draw_branches(tree, frame, places, language)
    for axes in (tree, dots):
        axes.set_ylim(len(leaves) - 0.4, -0.6)
    base_line(dots, float(frame.iloc[0]["outcome"]))
    points(dots, leaves, value="outcome", colour=ACCENT)
    for at, row in enumerate(leaves.itertuples()):
        n = say("chart_n", language, {"n": row.n})
        text = f"{show(row.outcome, written, language, about.currency)}  {n}"
        dots.annotate(text, (row.outcome, at), (0, 7), textcoords="offset points", ha="center", size=8, color=GREY)
    dots.set_yticks([])
    dots.grid(visible=False, axis="y")
    dots.grid(visible=True, axis="x")
    dots.margins(x=0.3)
    number_axis(dots, "x", wrapped(say(AXES[kind], language, {"outcome": outcome}), 17),
                Scale(written, language, about.currency))  # fmt: skip
    if kind == "share":  # no ticks above 1, where the labels are
        dots.set_xticks([tick for tick in dots.get_xticks() if 0 <= tick <= 1])
    items = [
        (_path(frame, row.node, language), show(row.outcome, written, language, about.currency))
        for row in leaves.itertuples()
    ]
    note = say("chart_tree_note", language, {"n": frame.iloc[0]["n"]})
    return composed(
        figure, title, described("chart_kind_tree", title, items, language), footnote(language, about, note)
    )


def _places(frame: pd.DataFrame) -> dict[int, float]:
    """Return node positions: leaves below each other, every other node between its children."""
    places = {int(row.node): float(row.place) for row in frame.itertuples() if row.leaf}
    for row in frame.sort_values("depth", ascending=False).itertuples():
        below = [places[int(child)] for child in frame.loc[frame["parent"] == row.node, "node"] if int(child) in places]
        if below:
            places[int(row.node)] = float(np.mean(below))
    return places


def _draw_branches(axes: Axes, frame: pd.DataFrame, places: dict[int, float], language: str) -> None:
    axes.axis("off")
    deepest = max(int(frame["depth"].max()), 1)
    axes.set_xlim(-0.02, deepest + 1.0)
    by_node = frame.set_index("node")
    for row in frame.itertuples():
        across, down = float(row.depth), places[int(row.node)]
        if row.leaf and row.depth < deepest:
            axes.plot([across + 0.95, deepest + 1.0], [down, down], color=FAINT, lw=1.2, zorder=1)
        if row.depth > 0:
            above = places[int(row.parent)]
            start = across - 1 + 0.9 if row.depth > 1 else across - 1 + 0.35
            axes.plot([start, across - 0.02, across], [above, down, down], color=BASE, lw=1.2, zorder=1)
        text = say("chart_tree_all", language) if row.depth == 0 else _question(by_node.loc[row.node], language)
        box = {"facecolor": PALE, "edgecolor": FAINT, "pad": 3, "linewidth": 0.8}
        axes.text(across + 0.02, down, wrapped(text, BOX_EMS if row.depth else 5), size=8, va="center", color=INK,
                  bbox=box, zorder=2)  # fmt: skip


def _question(row: pd.Series, language: str) -> str:
    value = value_key(row["variable"], row["value"]) if isinstance(row["value"], str) else None
    text = say(BRANCHES[row["branch"]], language, {**row[["variable", "threshold"]].to_dict(), "value": value})
    return drawable(say("tree_or_unknown", language, {"branch": text}) if row["unknown"] else text)


def _path(frame: pd.DataFrame, node: int, language: str) -> str:
    by_node, steps = frame.set_index("node"), []
    while by_node.loc[node, "depth"] > 0:
        steps.append(_question(by_node.loc[node], language))
        node = int(by_node.loc[node, "parent"])
    return ("，" if language == "zh" else ", ").join(reversed(steps))


@drawn("variable", "value", "difference", optional=("low", "high", "adjusted", "verdict"))
def plot_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    kind: str,
    money: bool = False,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the difference in the outcome for each trait, crude and within fifths of a confounder.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.diagnosis.effects.EFFECT_COLUMNS`; the 12 largest significant ones are drawn.
    outcome, kind, money
        As for `plot_tree`.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    differing = frame[frame["differs"].astype(bool)]
    if differing.empty:
        return not_enough(language)
    rows = differing.head(MOST_EFFECTS).sort_values("difference", ascending=False, kind="stable").reset_index(drop=True)
    doubtful = rows["verdict"].isin(DOUBTFUL)
    written = "pct" if kind == "share" else "money" if money else "num"
    values = {"outcome": outcome, "n": int(len(differing)), "doubtful": int(differing["verdict"].isin(DOUBTFUL).sum())}
    title = say("chart_effects_title", language, values)
    figure, axes = canvas(height_for(len(rows) + 1))
    positions = row_axis(axes, [shortened(_trait(row, language), ROW_EMS) for row in rows.itertuples()])
    base_line(axes, 0.0)
    axes.hlines(positions, rows["difference"], rows["adjusted"], colors=FAINT, linewidth=1.4, zorder=1)
    points(axes, rows, value="difference", colour=ACCENT)
    axes.scatter(rows["adjusted"], positions, marker="D", s=30, facecolors="white", edgecolors=CATEGORICAL[1], zorder=4,
                 linewidths=1.4)  # fmt: skip
    right = axes.get_xlim()[1]
    for place in positions[doubtful.to_numpy()]:
        axes.annotate("!", (right, place), (4, 0), textcoords="offset points", va="center", weight="bold", size=10,
                      color=CATEGORICAL[5], annotation_clip=False)  # fmt: skip
    legend = [("●", ACCENT, say("key_crude", language)), ("◇", CATEGORICAL[1], say("key_adjusted", language))]
    legend += [("!", CATEGORICAL[5], say("key_doubtful", language))] if doubtful.any() else []
    key_line(axes, legend)
    number_axis(axes, "x", say(EFFECT_AXES[kind], language, {"outcome": outcome}),
                Scale(written, language, about.currency))  # fmt: skip
    items = [
        (_trait(row, language), show(row.difference, written, language, about.currency)) for row in rows.itertuples()
    ]
    notes = [say("chart_effects_note", language)]
    if len(differing) > len(rows):
        notes.append(say("chart_shares_more_note", language, {"n": len(differing) - len(rows)}))
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _trait(row: Any, language: str) -> str:
    if row.value == "upper_half":
        return drawable(say("trait_upper_half", language, {"variable": row.variable}))
    value = value_key(row.variable, row.value)
    return drawable(say("trait_value", language, {"variable": row.variable, "value": value}))


@drawn("window_days", "step", optional=("share", "low", "high", "step_share", "hours_median", "n"))
def plot_funnel(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of customers at each step of the funnel, one panel per window, with rates and times.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.portraits.funnel.FUNNEL_COLUMNS`; the first three windows are drawn.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    windows = list(dict.fromkeys(frame["window_days"]))[:MOST_WINDOWS]
    widest = frame[frame["window_days"] == windows[-1]]
    end = widest.iloc[-1]
    if pd.isna(end["share"]):
        title = say("chart_funnel_small_title", language, {"days": windows[-1], "least": about.least})
    else:
        title = say("chart_funnel_title", language, {"share": end["share"], "step": end["step"], "days": windows[-1]})
    figure, panels = canvas("low", widths=(1,) * len(windows))
    for axes, days in zip(np.atleast_1d(panels), windows, strict=True):
        _draw_funnel(axes, frame[frame["window_days"] == days].reset_index(drop=True), language, about.least)
        most = 7 if len(windows) == 1 else 3  # panels side by side are narrow
        number_axis(axes, "x", say("axis_share_entered", language), Scale("pct", language, most=most))
    items = [
        (
            say("chart_funnel_item", language, {"days": row.window_days, "step": row.step}),
            show(row.share, "pct", language),
        )
        for row in frame.itertuples()
    ]
    n = say("chart_note_customers", language, {"n": widest["entered"].max()})
    note = footnote(language, about, n, say("chart_funnel_note", language))
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)


def _draw_funnel(axes: Axes, steps: pd.DataFrame, language: str, least: int) -> None:
    positions = row_axis(axes, [label(step, language) for step in steps["step"]])
    axes.barh(positions, steps["share"].fillna(0), height=0.6, color=ACCENT)
    axes.hlines(positions, steps["low"], steps["high"], colors=INK, linewidth=1.2)
    for place, row in enumerate(steps.itertuples()):
        if pd.isna(row.share):
            text = say("chart_small", language, {"least": least})
        else:
            key = "chart_funnel_timed" if pd.notna(row.hours_median) and place else "chart_funnel_bare"
            text = say(key, language, {"share": row.share, "hours": row.hours_median})
        end = 0.0 if pd.isna(row.share) else max(row.share, row.high)
        inside = end > 0.6  # noqa: PLR2004  a long bar carries its text
        axes.annotate(text, (0.0 if inside else end, place), (6, 0), textcoords="offset points", va="center", size=8,
                      color="white" if inside else GREY)  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_title(say("chart_funnel_panel", language, {"days": int(steps["window_days"].iloc[0])}), size=9)
