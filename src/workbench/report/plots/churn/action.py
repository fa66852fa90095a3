"""Charts of 08_predict_churn: profit of contacting, and risk by feature."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from workbench.report.charts.marks import Scale, base_line, key_line, kind_of, name_of, number_axis, row_axis
from workbench.report.charts.theme import ACCENT, BASE, GREY
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_partial", "plot_profit"]


@drawn("share_contacted", "profit", "low", "high", "random", "best")
def plot_profit(
    frame: pd.DataFrame, *, cost: float, gain: float, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw the profit of contacting the riskiest customers, compared with a random choice.

    Parameters
    ----------
    frame : DataFrame
        Result of ``decision.profit_curve``.
    cost, gain : float
        The stated cost of a contact and gain per leaver contacted.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    if len(frame) < 2:  # noqa: PLR2004
        return not_enough(language)
    best = frame[frame["best"]].iloc[0]
    pays = best["profit"] > 0
    values = {"share_contacted": best["share_contacted"], "profit": best["profit"], "cost": cost, "gain": gain}
    reach = "chart_profit_all_title" if best["share_contacted"] >= 1 else "chart_profit_title"
    title = say(reach if pays else "chart_profit_none_title", language, values, about.currency)
    figure, axes = canvas("middle")
    axes.fill_between(frame["share_contacted"], frame["low"], frame["high"], color=ACCENT, alpha=0.12, lw=0)
    axes.plot(frame["share_contacted"], frame["random"], color=BASE, lw=1.2, ls=(0, (4, 3)))
    axes.plot(frame["share_contacted"], frame["profit"], color=ACCENT)
    base_line(axes, 0, vertical=False)
    axes.scatter([best["share_contacted"]], [best["profit"]], c=ACCENT, s=40, zorder=3)
    key_line(axes, [("—", ACCENT, say("key_by_risk", language)), ("- -", GREY, say("key_random", language))])
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_targeted", language), Scale("pct", language))
    number_axis(axes, "y", say("axis_profit", language), Scale("money", language, about.currency))
    steps = frame.iloc[:: max(1, len(frame) // 5)]
    items = [
        (show(row.share_contacted, "pct", language), show(row.profit, "money", language, about.currency))
        for row in steps.itertuples()
    ]
    alt = described("chart_kind_gain", title, items, language)
    note = footnote(language, about, say("chart_profit_note", language, values, about.currency))
    return replace(composed(figure, title, alt, note), data=_steps(frame))


def _steps(frame: pd.DataFrame) -> dict[str, Any]:
    """Return about 50 points of the curve, with its best point, for the interactive slider."""
    rows = frame.iloc[sorted({*np.linspace(0, len(frame) - 1, 51).round().astype(int), int(frame["best"].argmax())})]
    columns = ["share_contacted", "profit", "low", "high", "random"]
    shares = rows["share_contacted"] / rows["contacted"].where(rows["contacted"] > 0) if "contacted" in rows else None
    n = None if shares is None or shares.dropna().empty else round(1 / float(shares.median()))
    steps = [[round(float(value), 4) for value in row] for row in rows[columns].itertuples(index=False)]
    return {"n": n, "steps": steps, "best": int(np.flatnonzero(rows["best"])[0])}


@drawn("feature", "value", "probability", "n")
def plot_partial(frame: pd.DataFrame, *, column: str, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the mean risk by one feature: a line for numbers, dots for categories.

    Parameters
    ----------
    frame : DataFrame
        Rows of one feature, from ``reasons.partial_effects``.
    column : str
        The feature.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    if len(frame) < 2:  # noqa: PLR2004
        return not_enough(language)
    name = column
    ends = {"low": frame["probability"].min(), "high": frame["probability"].max()}
    flat = len({show(end, "pct", language) for end in ends.values()}) == 1
    title = say("chart_partial_flat_title" if flat else "chart_partial_title", language, {"feature": name, **ends})
    numbers = pd.to_numeric(frame["value"], errors="coerce")
    figure, axes = canvas("low")
    if numbers.notna().all():
        ordered = frame.assign(value=numbers).sort_values("value")
        axes.plot(ordered["value"], ordered["probability"], color=ACCENT, marker="o", ms=4)
        axes.set_ylim(0, min(1.0, ends["high"] * 1.15))
        kind = "money" if kind_of(name) == "money" else "num"
        number_axis(axes, "x", name_of(name, language), Scale(kind, language, about.currency))
        number_axis(axes, "y", say("axis_mean_risk", language), Scale("pct", language))
        readings = [(show(row.value, kind, language, about.currency), row.probability) for row in ordered.itertuples()]
    else:
        ordered = frame.sort_values(["probability", "value"], ascending=[False, True]).reset_index(drop=True)
        row_axis(axes, [name_of(value, language) for value in ordered["value"]])
        axes.scatter(ordered["probability"], range(len(ordered)), c=ACCENT, s=40, zorder=3)
        axes.set_xlim(0, min(1.0, ends["high"] * 1.15))
        number_axis(axes, "x", say("axis_mean_risk", language), Scale("pct", language))
        readings = [(name_of(row.value, language), row.probability) for row in ordered.itertuples()]
    items = [(word, show(chance, "pct", language)) for word, chance in readings]
    note = say("chart_partial_note", language, {"n": int(frame["n"].iloc[0])})
    return composed(
        figure, title, described("chart_kind_dots", title, items, language), footnote(language, about, note)
    )
