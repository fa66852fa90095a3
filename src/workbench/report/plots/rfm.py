"""Charts of 05_score_rfm: recency-frequency grid, eight types, activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle

from workbench.analysis.privacy.suppression import small_cells
from workbench.analysis.rfm.life_cycle import ACTIVITY_STATUSES, BOUNDS_DAYS
from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import (
    Scale,
    base_line,
    height_for,
    key_line,
    key_ramp,
    name_of,
    number_axis,
    points,
    row_axis,
    sequential,
    share_and_n,
    without_small,
)
from workbench.report.charts.theme import FAINT, GREY, INK, INK_ON_CELL, PALE, colour_of, colours_of
from workbench.report.numbers import fewer_than, show
from workbench.report.text import say

__all__ = ["plot_grid", "plot_statuses", "plot_types"]

BEST_FROM = 4  # lowest recency and frequency score of the best customers
STATUSES = tuple(ACTIVITY_STATUSES)
STAGES = ("prospect", "new", "active", "at_risk", "dormant", "lost", "reactivated")
NO_PURCHASE = "no_purchase"
ROOMY = 0.55  # side of a square with room for its count
SHIFT = 0.16  # between the two points of a row
HIDDEN = "–"  # in place of a count that is not shown


@drawn("r_score", "f_score", "customers", optional=("monetary_mean",))
def plot_grid(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw recency against frequency scores: squares sized by customers, coloured by mean value.

    Parameters
    ----------
    frame : DataFrame
        One row per cell: r_score, f_score (1 to 5, 5 best), customers (count), monetary_mean (mean money per
        customer; missing where the cell is too small, then drawn without colour).
    language, about
        "en" or "zh"; the facts for the footnote; money is written with about.currency.

    Returns
    -------
    Chart
    """
    cells = frame[frame["customers"] > 0].sort_values(["r_score", "f_score"])
    means = cells["monetary_mean"].astype(float).mask(cells["customers"] < about.least)
    hidden = small_cells(cells[["customers"]], least=about.least, rows=False)["customers"]
    cells = cells.assign(monetary_mean=means, hidden=hidden)
    bins = int(max(frame["r_score"].max(), frame["f_score"].max()))
    title = _grid_title(cells, language)
    cells["monetary_mean"] = means.mask(hidden)  # a colour would tell which of the hidden counts is small
    figure, (axes, side) = canvas("high", widths=(2.6, 1))
    axes.set_anchor("E")
    colours = sequential(cells["monetary_mean"].min(), cells["monetary_mean"].max())
    axes.set(xlim=(0.5, bins + 0.5), ylim=(0.5, bins + 0.5), aspect="equal")
    _draw_grid(axes, cells, colours, language)
    ticks = np.arange(1, bins + 1)
    axes.set_xticks(ticks, labels=[_end_word(int(tick), bins, "recency", language) for tick in ticks])
    axes.set_yticks(ticks, labels=[_end_word(int(tick), bins, "frequency", language) for tick in ticks])
    axes.set_xlabel(say("axis_recency_score", language))
    axes.set_ylabel(say("axis_frequency_score", language))
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    _draw_key(side, cells, colours, language, about)
    items = [
        (f"R{row.r_score:.0f} F{row.f_score:.0f}", show(_count(row, about.least), "int", language))
        for row in cells.sort_values(["customers", "r_score", "f_score"], ascending=False).itertuples()
    ]
    n = say("chart_note_customers", language, {"n": cells["customers"].sum()})
    note = footnote(language, about, n, say("chart_grid_note", language, {"least": about.least}))
    return composed(figure, title, described("chart_kind_grid", title, items, language), note)


def _grid_title(cells: pd.DataFrame, language: str) -> str:
    best = cells[(cells["r_score"] >= BEST_FROM) & (cells["f_score"] >= BEST_FROM)]
    n = cells["customers"].sum()
    value = (cells["customers"] * cells["monetary_mean"]).sum()
    values = {"share": best["customers"].sum() / n if n else np.nan, "customers": best["customers"].sum()}
    if cells["monetary_mean"].min() > 0 and value > 0:
        values["value_share"] = (best["customers"] * best["monetary_mean"]).sum() / value
        return say("chart_grid_value_title", language, values)
    return say("chart_grid_title", language, values)


def _draw_grid(axes: Axes, cells: pd.DataFrame, colours: ScalarMappable, language: str) -> None:
    largest, smallest = cells["customers"].max(), cells["customers"].mask(cells["hidden"]).min()
    edges = np.arange(0.5, axes.get_xlim()[1] + 0.1)
    axes.hlines(edges, edges[0], edges[-1], colors=FAINT, linewidth=0.8, zorder=0)
    axes.vlines(edges, edges[0], edges[-1], colors=FAINT, linewidth=0.8, zorder=0)
    for row in cells.itertuples():
        customers = smallest if row.hidden else row.customers
        side = 0.94 * float(np.sqrt(customers / largest)) if pd.notna(customers) else ROOMY
        has_value = pd.notna(row.monetary_mean)
        colour = colours.to_rgba(np.asarray(row.monetary_mean)) if has_value else PALE
        corner = (row.r_score - side / 2, row.f_score - side / 2)
        axes.add_patch(
            Rectangle(corner, side, side, facecolor=colour, edgecolor=GREY if not has_value else "white", lw=0.6)
        )
        dark = has_value and sum(colour[:3]) < 1.5  # noqa: PLR2004  half of white
        inside = side >= ROOMY
        below = (row.r_score, row.f_score - side / 2 - 0.02)
        axes.text(
            *((row.r_score, row.f_score) if inside else below),
            HIDDEN if row.hidden else show(row.customers, "int", language),
            ha="center",
            va="center" if inside else "top",
            size=8.5 if inside else 7.5,
            color="white" if dark and inside else INK_ON_CELL if has_value and inside else INK,
        )


def _count(row: Any, least: int) -> Any:
    return fewer_than(least) if row.hidden else row.customers


def _end_word(tick: int, bins: int, measure: str, language: str) -> str:
    if tick in (1, bins):
        return say(f"axis_{measure}_{'lowest' if tick == 1 else 'highest'}", language, {"score": tick})
    return str(tick)


def _draw_key(side: Axes, cells: pd.DataFrame, colours: ScalarMappable, language: str, about: About) -> None:
    side.axis("off")
    means = cells["monetary_mean"].dropna()
    if means.empty:
        return
    low, high = (show(value, "money", language, about.currency) for value in (means.min(), means.max()))
    words = (say("key_mean_value", language), low, high)
    key_ramp(side.inset_axes((0.1, 0.8, 0.9, 0.035)), colours, words)


@drawn("rfm_type", "customers", "share", optional=("share_low", "share_high", "value_share"))
def plot_types(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw each customer type's share of customers, with its interval, against its share of value.

    Parameters
    ----------
    frame : DataFrame
        One row per type: rfm_type, customers, share, share_low, share_high (0..1), value_share (of all value;
        missing where the type is too small or no value is known).
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = without_small(
        _as_numbers(frame[frame["rfm_type"] != NO_PURCHASE]), "customers", least=about.least,
        name="customers by rfm_type", by="rfm_type",
    )  # fmt: skip
    by = ["value_share", "share", "rfm_type"]
    rows = rows.sort_values(by, ascending=[False, False, True], na_position="last").reset_index(drop=True)
    top = rows.iloc[0] if len(rows) else frame.iloc[0]
    values = {"type": top["rfm_type"], "share": top["share"], "value_share": top["value_share"]}
    has_value = bool(rows["value_share"].notna().any())
    title = say("chart_types_title" if has_value else "chart_types_bare_title", language, values)
    figure, axes = canvas("middle")
    positions = row_axis(axes, [name_of(rfm_type, language) for rfm_type in rows["rfm_type"]])
    _draw_types(axes, rows, positions, language)
    items = [(name_of(row.rfm_type, language), _two_shares(row, language, about.least)) for row in rows.itertuples()]
    n = say("chart_note_customers", language, {"n": rows["customers"].sum()})
    note = footnote(language, about, n, say("chart_note_wilson", language))
    return composed(figure, title, described("chart_kind_dots", title, items, language), note)


def _draw_types(axes: Axes, rows: pd.DataFrame, at: np.ndarray, language: str) -> None:
    people, value = colour_of("measure", "customers"), colour_of("measure", "value")
    axes.hlines(at, rows["share"], rows["value_share"], colors=FAINT, linewidth=5, zorder=1)
    intervals = rows.rename(columns={"share_low": "low", "share_high": "high"})
    points(axes, intervals, value="share", colour=people)
    axes.scatter(rows["value_share"], at, c=value, s=44, marker="D", linewidths=0, zorder=3)
    reach = np.nan_to_num(rows[["share", "share_high", "value_share"]].to_numpy(dtype=float)).max(initial=0.01)
    axes.set_xlim(0, min(1.0, reach * 1.12))
    number_axis(axes, "x", say("axis_share", language), Scale("pct", language))
    legend = [("●", people, say("key_share_customers", language)), ("◆", value, say("key_share_value", language))]
    key_line(axes, legend if rows["value_share"].notna().any() else legend[:1])


def _as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in ("share", "share_low", "share_high", "value_share") if name in frame.columns]
    return frame.assign(**{name: frame[name].astype(float) for name in names})


def _two_shares(row: Any, language: str, least: int) -> str:
    if row.small:
        return share_and_n(np.nan, row.customers, language, least=least)
    values = {"share": row.share, "value_share": row.value_share}
    return say("chart_types_item", language, values)


@drawn("customers", "share", optional=("share_low", "share_high"))
def plot_statuses(
    frame: pd.DataFrame,
    *,
    by: str = "activity_status",
    days: Sequence[int] = BOUNDS_DAYS,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the share of customers by activity status (labelled with its days) or by life-cycle stage, in order.

    Parameters
    ----------
    frame : DataFrame
        One row per status: the column ``by``, customers, share, share_low, share_high (0..1).
    by : {"activity_status", "life_cycle_stage"}
    days : three ints
        Recency limits of the activity statuses.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    order = {key: place for place, key in enumerate(STATUSES if by == "activity_status" else STAGES)}
    counted = without_small(_as_numbers(frame), "customers", least=about.least, name=f"customers by {by}", by=by)
    rows = (
        counted.assign(place=frame[by].map(order).fillna(len(order))).sort_values(["place", by]).reset_index(drop=True)
    )
    shares = rows.set_index(by)["share"].astype(object).where(~rows.set_index(by)["small"], fewer_than(about.least))
    kind = "status" if by == "activity_status" else by
    title = _status_title(shares, by, days, language)
    names = _status_names(days, language) if kind == "status" else {}
    figure, axes = canvas(height_for(len(rows)))
    positions = row_axis(axes, [names.get(key) or name_of(key, language) for key in rows[by]])
    colours = colours_of(kind, rows[by])
    axes.barh(positions, rows["share"], height=0.6, color=[colours[key] for key in rows[by]])
    axes.hlines(positions, rows["share_low"], rows["share_high"], colors=INK, linewidth=1.4)
    reach = np.nan_to_num(rows[["share", "share_high"]].to_numpy(dtype=float)).max(initial=0.01)
    for position, row in enumerate(rows.itertuples()):
        end = max((value for value in (row.share, row.share_high) if pd.notna(value)), default=0.0)
        text = share_and_n(row.share, row.customers, language, least=about.least)
        axes.annotate(text, (end, position), (5, 0), textcoords="offset points", va="center", size=8.5)
    axes.set_xlim(0, reach)
    base_line(axes, 0)
    number_axis(axes, "x", say("axis_share_customers", language), Scale("pct", language))
    items = [(names.get(key) or name_of(key, language), show(share, "pct", language)) for key, share in shares.items()]
    n = say("chart_note_customers", language, {"n": rows["customers"].sum()})
    alt = described("chart_kind_bars", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, say("chart_note_wilson", language)))


def _status_title(shares: pd.Series, by: str, days: Sequence[int], language: str) -> str:
    """Return a title with the first and the last status; without the last if it is hidden."""
    last = "churned" if by == "activity_status" else "lost"
    values = {
        "active": shares.get("active", 0.0),
        "lost": shares.get(last, 0.0),
        "days": days[0],
        "last_days": days[-1],
    }
    name = f"{by}_bare" if isinstance(values["lost"], str) else by
    return say(f"chart_{name}_title", language, values)


def _status_names(days: Sequence[int], language: str) -> dict[str, str]:
    """Name the activity statuses by their days since the last purchase."""
    first, *_, last = days
    ends = zip(days, days[1:], strict=False)
    between = [say("status_days_between", language, {"low": low + 1, "high": high}) for low, high in ends]
    names = [say("status_days_first", language, {"days": first}), *between]
    return dict(zip(STATUSES, [*names, say("status_days_last", language, {"days": last})], strict=True))
