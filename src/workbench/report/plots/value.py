"""Charts of 09_value_customers: forecast against actual, ranking, and value with its range."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import (
    Scale,
    base_line,
    call_out,
    heat_cells,
    height_for,
    key_line,
    name_of,
    number_axis,
    points,
    row_axis,
    sequential,
)
from workbench.report.charts.theme import ACCENT, BASE, CATEGORICAL, GREY, INK, PALE, colours_of
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = [
    "plot_frequency",
    "plot_ladder",
    "plot_matrix",
    "plot_ranking",
    "plot_returns",
    "plot_tenths",
    "plot_tracking",
]

MODEL_COLOURS = {
    "bgnbd": CATEGORICAL[1],
    "pareto": CATEGORICAL[0],
    "learned": CATEGORICAL[2],
    "two_part": CATEGORICAL[2],
    "naive": BASE,
}
TOP = 0.1  # share of customers in the title of the ranking
MOST_CURVES = 5
DAYS_A_WEEK, LEAST_WEEKS = 7, 3  # shorter axes are in days
_NEARLY_ALL = 0.99  # probabilities above it, or below 1 minus it, are not distinguished
_LEAST_IN_CELL, _WHOLE_FROM = 0.1, 10  # expected purchases


@drawn("week", "actual_total")
def plot_tracking(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw actual and forecast cumulative repeat purchases of all customers by week.

    Parameters
    ----------
    frame : DataFrame
        ``judging.tracking`` with calibration_weeks (the cut-off) and chosen (the model of orders used).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    frame = frame.sort_values("week", ignore_index=True)
    model, cut = frame["chosen"].iloc[0], float(frame["calibration_weeks"].iloc[0])
    models = [name for name in ("bgnbd", "pareto") if f"{name}_total" in frame]
    end = frame.iloc[-1]
    values = {"expected": end[f"{model}_total"], "came": end["actual_total"], "weeks": end["week"]}
    title = say("chart_tracking_title", language, values)
    figure, axes = canvas("middle")
    axes.axvspan(cut, float(end["week"]), color=PALE, lw=0)
    for name in models:
        style = "-" if name == model else (0, (4, 3))
        axes.plot(frame["week"], frame[f"{name}_total"], color=MODEL_COLOURS[name], lw=1.6, ls=style)
    axes.plot(frame["week"], frame["actual_total"], color=INK, lw=2.2)
    legend = [("—", INK, say("key_actual_orders", language))]
    key_line(axes, [*legend, *(("—", MODEL_COLOURS[name], label(name, language)) for name in models)])
    top = float(max(frame["actual_total"].max(), *(frame[f"{name}_total"].max() for name in models)))
    axes.annotate(
        say("key_test_period", language), (cut, top), (6, -4), textcoords="offset points", size=8.5, color=GREY
    )
    axes.set(xlim=(0, float(end["week"]) or 1.0), ylim=(0, top * 1.06 or 1.0))
    number_axis(axes, "x", say("axis_weeks", language), Scale("num", language))
    number_axis(axes, "y", say("axis_repeat_orders", language), Scale("num", language))
    items = [(label(name, language), show(end[f"{name}_total"], "num", language)) for name in models]
    items.insert(0, (say("key_actual_orders", language), show(end["actual_total"], "num", language)))
    alt = described("chart_kind_lines", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_tracking_note", language)))


@drawn("repeats", "observed", "n", optional=("low", "high"))
def plot_frequency(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw orders in the test period by earlier repeat orders: actual with intervals, and forecasts.

    Parameters
    ----------
    frame : DataFrame
        ``judging.by_frequency`` with chosen; groups below ``about.least`` customers are left out.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame[frame["n"] >= about.least].sort_values("repeats")
    rows = rows if len(rows) else frame.sort_values("repeats")
    model = rows["chosen"].iloc[0]
    models = [name for name in ("bgnbd", "pareto", "naive") if name in rows]
    first = rows.iloc[0]
    title = say("chart_frequency_title", language, {
        "repeats": int(first["repeats"]), "observed": first["observed"], "expected": first[model], "n": first["n"],
    })  # fmt: skip
    figure, axes = canvas("middle")
    for name in models:
        style = (0, (2, 2)) if name == "naive" else "-" if name == model else (0, (4, 3))
        axes.plot(rows["repeats"], rows[name], color=MODEL_COLOURS[name], lw=1.6, ls=style)
    axes.vlines(rows["repeats"], rows["low"], rows["high"], colors=INK, linewidth=2, alpha=0.55)
    axes.scatter(rows["repeats"], rows["observed"], c=INK, s=42, zorder=3, linewidths=0)
    legend = [("●", INK, say("key_actual_interval", language))]
    key_line(axes, [*legend, *(("—", MODEL_COLOURS[name], label(name, language)) for name in models)])
    most = int(rows["repeats"].max())
    ticks = [f"{repeats}+" if repeats == 7 else str(repeats) for repeats in rows["repeats"]]  # noqa: PLR2004  the last group
    axes.set_xticks(rows["repeats"], labels=ticks)
    axes.set(
        xlim=(-0.4, most + 0.4),
        ylim=(0, float(np.nanmax(rows[["observed", "high", *models]].to_numpy())) * 1.06 or 1.0),
    )
    axes.set_xlabel(say("axis_repeats_before", language))
    number_axis(axes, "y", say("axis_orders_after", language), Scale("num", language))
    items = [(tick, show(value, "num", language)) for tick, value in zip(ticks, rows["observed"], strict=True)]
    n = say("chart_note_customers", language, {"n": rows["n"].sum()})
    note = footnote(language, about, n, say("chart_frequency_note", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


@drawn("decile", "predicted", "observed", "n")
def plot_tenths(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw predicted and actual spend of the test period by tenth of the customers, the most valuable first.

    Parameters
    ----------
    frame : DataFrame
        ``judging.by_decile``.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    frame = frame.sort_values("decile", ignore_index=True)
    first = frame.iloc[0]
    title = say("chart_tenths_title", language, {"share": first["observed_share"], "n": first["n"]})
    figure, axes = canvas("middle")
    at = frame["decile"].astype(float)
    axes.bar(at, frame["observed"], width=0.62, color=ACCENT)
    axes.scatter(at, frame["predicted"], marker="D", s=34, c=CATEGORICAL[1], zorder=3, linewidths=0)
    legend = [("■", ACCENT, say("key_actual_spend", language)), ("◆", CATEGORICAL[1], say("key_predicted", language))]
    key_line(axes, legend)
    low = min(0.0, float(frame["observed"].min()))
    axes.set_ylim(low * 1.1, float(frame[["observed", "predicted"]].max().max()) * 1.08 or 1.0)
    axes.set_xticks(at, labels=[str(int(tick)) for tick in at])
    axes.set_xlabel(say("axis_tenths", language))
    number_axis(axes, "y", say("axis_mean_spend", language), Scale("money", language, about.currency))
    items = [(str(row.decile), show(row.observed, "money", language, about.currency)) for row in frame.itertuples()]
    n = say("chart_note_customers", language, {"n": frame["n"].sum()})
    alt = described("chart_kind_columns", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, say("chart_tenths_note", language)))


@drawn("observed", "chosen")
def plot_ranking(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of later spend from the top-ranked customers, by model, past rate and hindsight.

    Parameters
    ----------
    frame : DataFrame
        One row per customer: observed (spend of the test period), chosen and naive (predictions).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    value = frame["observed"].clip(lower=0).to_numpy()
    across = np.linspace(0, 1, 101)
    rankings = {"hindsight": value, "naive": frame["naive"].to_numpy(), "chosen": frame["chosen"].to_numpy()}
    curves = {name: _gain(score, value, across) for name, score in rankings.items()}
    reached = float(np.interp(TOP, across, curves["chosen"]))
    values = {"share": TOP, "found": reached, "best": float(np.interp(TOP, across, curves["hindsight"]))}
    title = say("chart_ranking_title", language, values)
    figure, axes = canvas("middle")
    axes.plot([0, 1], [0, 1], color=BASE, lw=1.2, ls=(0, (4, 3)))
    looks = {"hindsight": (GREY, 1.2), "naive": (CATEGORICAL[1], 1.4), "chosen": (ACCENT, 2.2)}
    for name, curve in curves.items():
        axes.plot(across, curve, color=looks[name][0], lw=looks[name][1])
    axes.scatter([TOP], [reached], c=ACCENT, s=40, zorder=3)
    call_out(axes, say("chart_ranking_point", language, values), (TOP, reached))
    words = {"chosen": "key_chosen_model", "naive": "key_own_rate", "hindsight": "key_hindsight"}
    key_line(axes, [("—", looks[name][0], say(key, language)) for name, key in words.items()])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    number_axis(axes, "x", say("axis_share_customers_by_value", language), Scale("pct", language))
    number_axis(axes, "y", say("axis_share_spend", language), Scale("pct", language))
    items = [(say(words[name], language), show(float(np.interp(TOP, across, curve)), "pct", language))
             for name, curve in curves.items()]  # fmt: skip
    n = say("chart_note_customers", language, {"n": len(frame)})
    alt = described("chart_kind_lorenz", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, say("chart_ranking_note", language)))


@drawn("repeats", "repeats_low", "repeats_high", "idle", "idle_low", "idle_high", "n", "p_alive", "expected_orders")
def plot_matrix(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the probability of still buying and expected orders by repeat orders and time since the last one.

    Parameters
    ----------
    frame : DataFrame
        ``judging.recency_by_frequency``; cells below ``about.least`` customers stay blank.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    cells = frame[frame["n"] >= about.least]
    cells = cells if len(cells) else frame
    best = cells.sort_values(["expected_orders", "repeats", "idle"], ascending=[True, True, False]).iloc[-1]
    values = {"orders": best["expected_orders"], "repeats": int(best["repeats_low"]), "n": best["n"]}
    title = say("chart_matrix_title", language, values | {"idle_days": best["idle_high"] + 1})
    figure, panels = canvas("middle", widths=(1, 1))
    rows = sorted(cells["repeats"].unique(), reverse=True)
    columns = sorted(frame["idle"].unique())
    unit = "days" if frame["idle_high"].min() < LEAST_WEEKS * DAYS_A_WEEK else "weeks"
    kinds = {"p_alive": ("pct", "axis_p_alive"), "expected_orders": ("num", "axis_expected_orders")}
    for axes, (name, (kind, heading)) in zip(panels, kinds.items(), strict=True):
        table = cells.pivot_table(index="repeats", columns="idle", values=name).reindex(index=rows, columns=columns)
        write = functools.partial(_in_cell, kind=kind, language=language)
        heat_cells(axes, table, colours=sequential(0.0, float(np.nanmax(table))), write=write)
        axes.set_yticks(np.arange(len(rows)) + 0.5, labels=_band_names(frame, "repeats", rows))
        days = DAYS_A_WEEK if unit == "weeks" else 1
        axes.set_xticks(np.arange(len(columns)) + 0.5, labels=_band_names(frame, "idle", columns, unit=days))
        axes.set_xlabel(say("axis_days_idle" if unit == "days" else "axis_weeks_idle", language), color=GREY)
        axes.set_title(say(heading, language), size=9.5, color=GREY)
    panels[0].set_ylabel(say("axis_repeats", language), color=GREY)
    items = [
        (f"{row.repeats}/{row.idle + 1}", show(row.expected_orders, "num", language)) for row in cells.itertuples()
    ]
    n = say("chart_note_customers", language, {"n": frame["n"].sum()})
    note = footnote(language, about, n, say("chart_matrix_note", language))
    return composed(figure, title, described("chart_kind_heat", title, items, language), note)


def _in_cell(value: float, *, kind: str, language: str) -> str:
    """Format an estimate: whole percentages, numbers with two digits; extremes as "< 1%", "> 99%" or "< 0.1".

    Examples
    --------
    >>> [_in_cell(value, kind="num", language="en") for value in (43.5, 7.59, 0.53, 0.002)]
    ['44', '7.6', '0.5', '< 0.1']
    >>> _in_cell(0.9994, kind="pct", language="zh"), _in_cell(0.0004, kind="pct", language="zh")
    ('> 99%', '< 1%')
    """
    if kind == "pct":
        sign, value = (
            ("> ", 0.99) if value > _NEARLY_ALL else ("< ", 0.01) if 0 < value < 1 - _NEARLY_ALL else ("", value)
        )
        return f"{sign}{100 * value:.0f}{'%' if language == 'zh' else ' %'}"
    if 0 < value < _LEAST_IN_CELL:
        return f"< {_LEAST_IN_CELL}"
    return show(round(value, 0 if value >= _WHOLE_FROM else 1), kind, language)


def _band_names(frame: pd.DataFrame, name: str, bands: Sequence[int], *, unit: int = 1) -> list[str]:
    ends = frame.groupby(name)[[f"{name}_low", f"{name}_high"]].first().loc[list(bands)]
    pairs = [(low // unit, high if np.isinf(high) else high // unit) for low, high in ends.itertuples(index=False)]
    return [f"{low:.0f}+" if np.isinf(high) else f"{low:.0f}–{high:.0f}" if high > low else f"{low:.0f}"
            for low, high in pairs]  # fmt: skip


@drawn("rank", "expected_value", "value_low", "value_high")
def plot_ladder(
    frame: pd.DataFrame,
    *,
    level: float,
    horizon_days: int,
    learned: bool = False,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the expected value of customers at selected ranks, with the range for one customer.

    Parameters
    ----------
    frame : DataFrame
        One row per rank: rank (share of customers with at least this value), expected_value, value_low, value_high.
    level : float
        Level of the interval.
    horizon_days : int
    learned : bool
        Whether ranges are estimated from customers with a similar forecast in the test period.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values("rank").reset_index(drop=True)
    top = rows.iloc[0]
    values = {"rank": top["rank"], "value": top["expected_value"]} | top[["value_low", "value_high"]].to_dict()
    title = say("chart_ladder_title", language, values | {"horizon_days": horizon_days}, about.currency)
    figure, axes = canvas(height_for(len(rows)))
    row_axis(axes, [say("chart_ladder_row", language, {"rank": rank}) for rank in rows["rank"]])
    base_line(axes, 0)
    points(axes, rows.rename(columns={"value_low": "low", "value_high": "high"}), value="expected_value", colour=ACCENT)
    items = []
    for at, row in enumerate(rows.itertuples()):
        text = show(row.expected_value, "money", language, about.currency)
        axes.annotate(text, (row.value_high, at), (8, 0), textcoords="offset points", va="center", size=8.5, color=GREY)
        items.append((say("chart_ladder_row", language, {"rank": row.rank}), text))
    axes.set_xlim(0, float(rows["value_high"].max()) * 1.15 or 1.0)
    number_axis(axes, "x", say("axis_expected_value", language), Scale("money", language, about.currency))
    key = "chart_ladder_note_learned" if learned else "chart_ladder_note"
    note = footnote(language, about, say(key, language, {"level": level}))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


@drawn("group", "days", "waiting", "n", optional=("low", "high"))
def plot_returns(
    frame: pd.DataFrame, *, names: Mapping[str, object] | None = None, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw the share of customers who have bought again, by days since the first purchase.

    Parameters
    ----------
    frame : DataFrame
        ``survival.return_curves``: group, n, days, waiting, low, high. All customers and at most five groups, the
        largest, are drawn.
    names : mapping, optional
        Names of groups by language.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    curves = {str(name): rows.sort_values("days") for name, rows in frame.groupby("group", sort=False)}
    largest = sorted((name for name in curves if name != "all"), key=lambda name: (-curves[name]["n"].iloc[0], name))
    groups = [*(["all"] if "all" in curves else []), *largest[:MOST_CURVES]]
    called = {name: name_of(name, language, names) for name in groups}
    lead = curves[groups[0]]
    title = say("chart_returns_title", language, {
        "share": 1 - lead["waiting"].iloc[-1], "days": lead["days"].iloc[-1], "n": lead["n"].iloc[0],
    })  # fmt: skip
    figure, axes = canvas("middle")
    colours = {**colours_of("segment", (name for name in curves if name != "all")), "all": INK}
    for name in reversed(groups):
        rows, width = curves[name], 2.2 if name == "all" else 1.5
        axes.step(rows["days"], 1 - rows["waiting"], where="post", color=colours[name], lw=width)
    axes.fill_between(
        lead["days"], 1 - lead["high"], 1 - lead["low"], step="post", color=colours[groups[0]], alpha=0.12, lw=0
    )
    key_line(axes, [("—", colours[name], called[name]) for name in groups])
    axes.set(xlim=(0, float(frame["days"].max()) or 1.0), ylim=(0, 1))
    number_axis(axes, "x", say("axis_days_since_first", language), Scale("num", language))
    number_axis(axes, "y", say("axis_share_returned", language), Scale("pct", language))
    items = [(called[name], show(1 - curves[name]["waiting"].iloc[-1], "pct", language)) for name in groups]
    n = say("chart_note_customers", language, {"n": lead["n"].iloc[0]})
    note = footnote(language, about, n, say("chart_returns_note", language))
    return composed(figure, title, described("chart_kind_lines", title, items, language), note)


def _gain(score: np.ndarray, value: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the share of value of the top-ranked customers; equal scores share equally."""
    table = pd.DataFrame({"score": -score, "value": value}).groupby("score", sort=True)["value"].agg(["size", "sum"])
    total = value.sum() if value.sum() > 0 else 1.0
    return np.interp(across, np.r_[0.0, table["size"].cumsum() / len(score)], np.r_[0.0, table["sum"].cumsum() / total])
