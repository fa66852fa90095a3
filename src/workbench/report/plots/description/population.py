"""Charts of 04_describe_customers: distribution, concentration, customers by month, differences of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workbench.core.errors import DataError, Fault, did_you_mean
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
from workbench.report.charts.lettering import shortened
from workbench.report.charts.marks import (
    Scale,
    base_line,
    call_out,
    height_for,
    histogram,
    kind_of,
    months_axis,
    name_of,
    number_axis,
    points,
    row_axis,
    spread,
)
from workbench.report.charts.theme import ACCENT, BASE, CATEGORICAL, GREY, INK, colour_of
from workbench.report.numbers import show
from workbench.report.text import say
from workbench.report.value_names import value_key

__all__ = ["plot_differences", "plot_distribution", "plot_lorenz", "plot_months"]

BINS = 36
LONG_TAIL = 1.5  # times the 99.5th percentile: a longer axis is cut at that percentile
PARTS = (0.5, 0.8)  # shares of spend, marked on the curve
MOVEMENTS = ("retained", "recalled", "new")  # from the axis upwards
MOST_GROUPS = 15
BASES = {"effect": 0.0, "tgi": 100.0}
ROW_EMS = 26  # width of a row label made of three parts
NAME_EMS = 24  # of one part of a row's name
BELOW, ABOVE = CATEGORICAL[0], CATEGORICAL[1]


@drawn()
def plot_distribution(
    frame: pd.DataFrame, *, column: str, log: bool = False, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw the distribution of one number: histogram, median, first and last decile.

    Parameters
    ----------
    frame : DataFrame
        One row per customer with ``column``; missing values are left out and counted in the note.
    column : str
        The column; its name says its unit (days, share, money).
    log : bool
        Powers of ten on the axis; values of 0 or less are left out and counted in the note.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart

    Raises
    ------
    DataError
        The frame has no such column.
    """
    if column not in frame.columns:
        raise DataError(Fault("plot_distribution", f"no column {column!r}", "", did_you_mean(column, frame.columns)))
    values = pd.to_numeric(frame[column]).dropna().astype(float).sort_values()
    seen = values[values > 0] if log else values
    if seen.empty:
        return not_enough(language)
    kind = kind_of(column)
    low, middle, high = (float(quantile) for quantile in np.quantile(values, (0.1, 0.5, 0.9)))
    written = {
        name: show(value, kind, language, about.currency)
        for name, value in zip("lmh", (low, middle, high), strict=True)
    }
    title = say("chart_distribution_title", language, {"column": column, "median": written["m"], "high": written["h"]})
    reach = float(np.quantile(seen, 0.995))
    reach = float(seen.max()) if log or seen.max() <= LONG_TAIL * reach else reach
    figure, axes = canvas("middle")
    histogram(axes, seen[seen <= reach], bins=BINS, log=log)
    axes.set_ylim(0, axes.dataLim.ymax * 1.34)  # room for the words above the bars
    _mark_deciles(axes, (low, middle, high), tuple(written.values()), language)
    key = "axis_log" if log else "axis_plain"
    number_axis(axes, "y", say("axis_customers", language), Scale("int", language))
    number_axis(
        axes,
        "x",
        say(key, language, {"column": column}),
        Scale("num" if kind == "days" else kind, language, about.currency, log),
    )
    left_out = {
        "missing": len(frame) - len(values),
        "below": len(values) - len(seen),
        "beyond": int((seen > reach).sum()),
    }
    notes = [say(f"chart_distribution_{name}", language, {"n": n}) for name, n in left_out.items() if n]
    n = say("chart_note_customers", language, {"n": len(values)})
    items = [(say(f"key_{name}", language), written[name[0]]) for name in ("low_decile", "median", "high_decile")]
    alt = described("chart_kind_histogram", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, *notes))


def _mark_deciles(axes: Axes, at: Sequence[float], written: Sequence[str], language: str) -> None:
    """Draw the median and the two outer deciles as lines with their words above."""
    top = axes.get_ylim()[1]
    left, right = axes.get_xlim()
    keys = ("key_low_decile", "key_median", "key_high_decile")
    for height, (value, text, key) in zip((0.97, 0.885, 0.97), zip(at, written, keys, strict=True), strict=True):
        if not left <= value <= right:
            continue
        strong = key == "key_median"
        axes.plot([value] * 2, [0, top * (height - 0.05)], color=INK if strong else GREY, lw=1.4 if strong else 0.9)
        words = say("chart_item", language, {"name": say(key, language), "value": text})
        axes.annotate(
            words,
            (value, top * (height - 0.05)),
            (3, 0),
            textcoords="offset points",
            size=8.5,
            va="center",
            color=INK,
        )


@drawn("customers_share", "spend_share")
def plot_lorenz(
    frame: pd.DataFrame, *, marks: pd.DataFrame | None = None, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw the concentration of spend: cumulative spend over customers, highest spenders first.

    Parameters
    ----------
    frame : DataFrame
        Points of the curve: customers_share, spend_share (0..1, cumulated, customers ordered by spend from the
        highest or from the lowest).
    marks : DataFrame, optional
        The points to label: spend_share and customers_share, with low and high if an interval is known. Default:
        50 % and 80 % of spend, from the curve.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    curve = frame[["customers_share", "spend_share"]].astype(float).sort_values(["customers_share", "spend_share"])
    if (curve["spend_share"] - curve["customers_share"]).mean() < 0:  # ordered from the lowest: reverse it
        curve = (1 - curve).iloc[::-1]
    across = np.r_[0.0, curve["customers_share"], 1.0]
    up = np.maximum.accumulate(np.r_[0.0, curve["spend_share"], 1.0])
    if marks is None or marks.empty:
        reached = [(part, float(np.interp(part, up, across))) for part in PARTS]
    else:
        reached = sorted(zip(marks["spend_share"].astype(float), marks["customers_share"].astype(float), strict=True))
    title = say("chart_lorenz_title", language, {"part": reached[0][0], "share": reached[0][1]})
    figure, axes = canvas("middle")
    axes.fill_between(across, up, across, color=ACCENT, alpha=0.08, lw=0)
    axes.plot([0, 1], [0, 1], color=BASE, lw=1.2, ls=(0, (4, 3)))
    axes.plot(across, up, color=ACCENT)
    for part, share in reached:
        axes.plot([0, share, share], [part, part, 0], color=GREY, lw=0.8, ls=(0, (2, 2)))
        axes.scatter([share], [part], c=ACCENT, s=40, zorder=3)
        text = say("chart_lorenz_point", language, {"share": share, "part": part})
        call_out(axes, text, (share, part))
    words = say("key_equal_spend", language)
    axes.annotate(words, (0.62, 0.62), (6, -12), textcoords="offset points", size=8.5, color=GREY)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    number_axis(axes, "x", say("axis_share_customers_ranked", language), Scale("pct", language))
    number_axis(axes, "y", say("axis_share_spend", language), Scale("pct", language))
    items = [(show(share, "pct", language), show(part, "pct", language)) for part, share in reached]
    alt = described("chart_kind_lorenz", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_lorenz_note", language)))


@drawn("month", "new", "retained", "recalled", optional=("lost", "complete"))
def plot_months(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the customers of each month: new, retained and recalled above zero, lost below.

    Parameters
    ----------
    frame : DataFrame
        One row per month: month (a date within it), new, retained, recalled, lost (counts of customers;
        lost is missing in a month that is not over), complete (False in such a month; drawn pale; optional).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    tidy = frame.assign(month=pd.to_datetime(frame["month"])).sort_values("month").reset_index(drop=True)
    whole = tidy["complete"].map(lambda value: bool(value) if pd.notna(value) else True)
    tidy["lost"] = tidy["lost"].astype(float).fillna(0.0)
    last = tidy[whole].iloc[-1] if whole.any() else tidy.iloc[-1]
    bought = sum(last[name] for name in MOVEMENTS)
    values = {"month": last["month"], "bought": bought, **{name: last[name] for name in (*MOVEMENTS, "lost")}}
    title = say("chart_months_title", language, values)
    figure, axes = canvas("middle")
    _draw_movements(axes, tidy, whole, language)
    months_axis(axes, list(tidy["month"]), language)
    axes.set_xlim(-0.6, len(tidy) - 0.4)
    number_axis(axes, "y", say("axis_customers", language), Scale("num", language))
    items = [
        (show(row.month, "month", language), say("chart_months_item", language, row._asdict()))
        for row in tidy.iloc[::-1].itertuples()
    ]
    notes = [say("chart_months_note", language)] + ([] if whole.all() else [say("chart_rows_by_month_note", language)])
    alt = described("chart_kind_stacked", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _draw_movements(axes: Axes, tidy: pd.DataFrame, whole: pd.Series, language: str) -> None:
    at, floor = np.arange(len(tidy)), np.zeros(len(tidy))
    ends, names = [], []
    last = int(np.flatnonzero(whole)[-1]) if whole.any() else len(tidy) - 1
    for name in (*MOVEMENTS, "lost"):
        counts = tidy[name].to_numpy(dtype=float) * (-1 if name == "lost" else 1)
        base = np.zeros(len(tidy)) if name == "lost" else floor
        bars = axes.bar(at, counts, bottom=base, width=0.74, color=colour_of("movement", name), lw=0)
        for bar, complete in zip(bars, whole, strict=True):
            bar.set_alpha(1.0 if complete else 0.4)
        ends.append(base[last] + counts[last] / 2)
        names.append(name)
        floor = floor if name == "lost" else floor + counts
    axes.axhline(0, color=GREY, lw=0.9)
    low, high = -max(float(tidy["lost"].max()), 0), max(float(floor.max()), 1)
    axes.set_ylim(low * 1.08, high * 1.08)
    edge = len(tidy) - 0.45
    for name, placed in zip(names, spread(ends, (high - low) * 0.075), strict=True):
        look: dict[str, Any] = {
            "xy": (edge, placed),
            "textcoords": "offset points",
            "va": "center",
            "annotation_clip": False,
        }
        axes.annotate("■", xytext=(0, 0), color=colour_of("movement", name), size=10, **look)
        axes.annotate(say(f"key_{name}", language), xytext=(12, 0), size=9, **look)


@drawn(
    "group",
    "variable",
    optional=("group_by", "value", "effect", "effect_low", "effect_high", "tgi", "tgi_low", "tgi_high"),
)
def plot_differences(
    frame: pd.DataFrame, *, measure: str = "effect", language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw how groups differ from all customers: orange above, blue below, grey if it may be chance.

    Parameters
    ----------
    frame : DataFrame
        One row per group and number, or group, category and value: group, variable, value (of a category), then
        effect, effect_low, effect_high (standardised, base 0) or tgi, tgi_low, tgi_high (base 100). The 15 largest
        differences are drawn.
    measure : {"effect", "tgi"}
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart

    Raises
    ------
    DataError
        The measure is unknown.
    """
    if measure not in BASES:
        raise DataError(Fault("plot_differences", f"measure {measure!r}", "", did_you_mean(measure, BASES)))
    base = BASES[measure]
    columns = {measure: "difference", f"{measure}_low": "low", f"{measure}_high": "high"}
    values = frame.rename(columns=columns).dropna(subset=["difference"])
    if values.empty:
        return not_enough(language)
    values = values.assign(name=_row_names(values, language), far=(values["difference"] - base).abs())
    far = values.sort_values(["far", "name"], ascending=[False, True])
    rows = far.head(MOST_GROUPS).sort_values(["difference", "name"], ascending=[False, True]).reset_index(drop=True)
    title = say(f"chart_differences_{measure}_title", language, far.iloc[0][["name", "difference"]].to_dict())
    figure, axes = canvas(height_for(len(rows)))
    row_axis(axes, [shortened(name, ROW_EMS) for name in rows["name"]])
    base_line(axes, base)
    points(axes, rows, value="difference", colour=[_side(row, base) for row in rows.itertuples()])
    number_axis(axes, "x", say(f"axis_{measure}", language), Scale("num", language))
    items = [(row.name, show(row.difference, "num", language)) for row in rows.itertuples(index=False)]
    notes = [say("chart_differences_note", language)]
    if len(far) > len(rows):
        notes.append(say("chart_shares_more_note", language, {"n": len(far) - len(rows)}))
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _row_names(frame: pd.DataFrame, language: str) -> list[str]:
    """Name a row by its group, variable and value, as far as present."""
    dot = "，" if language == "zh" else ", "
    by = frame["group_by"] if "group_by" in frame.columns else frame["group"]
    groups = [value_key(name, group) for name, group in zip(by, frame["group"], strict=True)]
    if "group_by" in frame.columns:  # a value such as "Yes" is unclear without its variable
        groups = [
            say("trait_value", language, {"variable": name, "value": group})
            for name, group in zip(by, groups, strict=True)
        ]
    values = [
        value_key(name, value) if pd.notna(value) else value
        for name, value in zip(frame["variable"], frame["value"], strict=True)
    ]
    return [
        dot.join(name_of(part, language, most=NAME_EMS) for part in parts if pd.notna(part) and str(part).strip())
        for parts in zip(groups, frame["variable"], values, strict=True)
    ]


def _side(row: Any, base: float) -> str:
    """Return orange above the base, blue below, grey if the interval includes it."""
    if pd.notna(row.low) and pd.notna(row.high) and row.low <= base <= row.high:
        return BASE
    return ABOVE if row.difference > base else BELOW
