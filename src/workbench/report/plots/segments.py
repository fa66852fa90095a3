"""Charts of 06_segment_customers: choice of k, profile, sizes, projection."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

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
from workbench.report.charts.lettering import wrapped
from workbench.report.charts.marks import (
    Scale,
    base_line,
    diverging,
    full_name,
    heat_cells,
    height_for,
    key_line,
    key_ramp,
    name_of,
    number_axis,
    points,
    row_axis,
    share_and_n,
    without_small,
)
from workbench.report.charts.theme import ACCENT, BASE, CATEGORICAL, FAINT, GREY, INK, colours_of
from workbench.report.numbers import show
from workbench.report.plots.portraits.groups import plot_portraits
from workbench.report.plots.portraits.journeys import plot_journeys
from workbench.report.text import say

__all__ = ["plot_journeys", "plot_k_scan", "plot_portraits", "plot_profile", "plot_projection", "plot_sizes"]

STABLE = 0.75  # Jaccard from which a cluster counts as stable (Hennig 2007)
BAND = 1.645  # standard deviations of the reference on either side
REACH = 2.0  # standard deviations at which the colours of the profile end
NAME_EMS = 22
MOST_SEGMENTS = 8


@drawn("k", "silhouette", optional=("null_mean", "null_sd", "min_jaccard", "bootstrap_min_jaccard"))
def plot_k_scan(
    frame: pd.DataFrame, *, chosen: int, verdict: str = "", language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw separation and stability by number of segments, with a reference without cluster structure.

    Parameters
    ----------
    frame : DataFrame
        One row per k: k, silhouette, null_mean, null_sd (silhouette of a single cloud of the same shape), min_jaccard
        (least stable cluster over disjoint halves), bootstrap_min_jaccard (over resamples).
    chosen : int
        The chosen k.
    verdict : {"structure", "continuum", "no_structure", "too_little_data", ""}
        Decides the title.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    scan = frame.sort_values("k").reset_index(drop=True)
    verdicts = {"structure", "continuum", "no_structure", "too_little_data"}
    title = say(f"chart_k_scan_{verdict if verdict in verdicts else 'bare'}_title", language, {"k": chosen})
    figure, (left, right) = canvas("middle", widths=(1, 1))
    _draw_separation(left, scan, language)
    _draw_stability(right, scan, language)
    for axes in (left, right):
        if (scan["k"] == chosen).any():
            axes.axvline(chosen, color=GREY, lw=0.9, ls=(0, (2, 2)), zorder=1)
        axes.xaxis.set_major_locator(FixedLocator(scan["k"].tolist()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: str(round(value))))
        axes.set_xlabel(say("axis_k", language))
        axes.margins(x=0.06)
    items = [
        (say("chart_k", language, {"k": row.k}), say("chart_k_item", language, row._asdict()))
        for row in scan.itertuples()
    ]
    alt = described("chart_kind_two_lines", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_k_scan_note", language)))


def _draw_separation(axes: Axes, scan: pd.DataFrame, language: str) -> None:
    legend = [("●", ACCENT, say("key_silhouette", language))]
    if scan["null_mean"].notna().any():
        half = BAND * scan["null_sd"].fillna(0.0)
        axes.fill_between(scan["k"], scan["null_mean"] - half, scan["null_mean"] + half, color=FAINT, lw=0)
        axes.plot(scan["k"], scan["null_mean"], color=BASE, lw=1.2)
        legend.append(("■", BASE, say("key_null", language)))
    axes.plot(scan["k"], scan["silhouette"], color=ACCENT, marker="o", ms=5.5)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), high)
    key_line(axes, legend)
    number_axis(axes, "y", say("axis_silhouette", language), Scale("num", language))


def _draw_stability(axes: Axes, scan: pd.DataFrame, language: str) -> None:
    legend = []
    for name, colour, mark, icon in (
        ("min_jaccard", ACCENT, "o", "●"),
        ("bootstrap_min_jaccard", CATEGORICAL[1], "D", "◆"),
    ):
        if scan[name].notna().any():
            axes.plot(scan["k"], scan[name], color=colour, marker=mark, ms=5.5)
            legend.append((icon, colour, say(f"key_{name}", language)))
    base_line(axes, STABLE, vertical=False)
    at = scan["k"].max()
    axes.annotate(
        say("key_stable", language, {"limit": STABLE}),
        (at, STABLE),
        (0, 3),
        textcoords="offset points",
        ha="right",
        size=8,
        color=GREY,
    )
    axes.set_ylim(0, 1.02)
    key_line(axes, legend)
    number_axis(axes, "y", say("axis_jaccard", language), Scale("num", language))


@drawn("segment", "feature", "difference")
def plot_profile(
    frame: pd.DataFrame,
    *,
    names: Mapping[str, object] | None = None,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw how each segment differs from all customers: standardised difference of each feature.

    Parameters
    ----------
    frame : DataFrame
        One row per segment and feature: segment, feature, difference (mean of the segment minus mean of all, in
        standard deviations of all). Rows and columns keep their order.
    names : mapping, optional
        Segment to its name, or to a mapping of language to name.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    table = frame.pivot_table(index="feature", columns="segment", values="difference", sort=False)
    top = frame.assign(far=frame["difference"].abs()).sort_values(
        ["far", "segment", "feature"], ascending=[False, True, True]
    )
    top = top.iloc[0]
    values = {
        "segment": full_name(top["segment"], names, language),
        "feature": top["feature"],
        "difference": top["difference"],
    }
    title = say("chart_profile_title", language, values)
    figure, (axes, side) = canvas("high" if len(table) > 7 else "middle", heights=(1, 0.045))  # noqa: PLR2004
    colours = diverging(-REACH, REACH)
    heat_cells(axes, table, colours=colours, write=_signed)
    axes.set_yticks(np.arange(len(table)) + 0.5, labels=[name_of(feature, language) for feature in table.index])
    heads = [_head(full_name(column, names, language), table.shape[1]) for column in table.columns]
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, labels=heads)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelcolor=INK, labelsize=8.5)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines["top"].set_visible(False)
    below, above = (say(f"key_reach_{end}", language, {"reach": REACH}) for end in ("below", "above"))
    side.axis("off")
    words = (say("key_difference", language), below, above)
    key_ramp(side.inset_axes((0.62, 0, 0.38, 0.6)), colours, words)
    items = [
        (f"{full_name(row.segment, names, language)}, {name_of(row.feature, language)}", _signed(row.difference))
        for row in frame.itertuples()
    ]
    alt = described("chart_kind_heat", title, items, language)
    return composed(figure, title, alt, footnote(language, about, say("chart_profile_note", language)))


def _head(name: str, columns: int) -> str:
    """Wrap a column heading after its first colon, and where it is too wide."""
    first, colon, detail = name.partition("：" if "：" in name else ": ")
    parts = [first + colon.strip(), detail] if detail else [name]
    return "\n".join(wrapped(part, max(5.0, 46 / columns)) for part in parts)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


@drawn("segment", "n", "share", optional=("low", "high"))
def plot_sizes(
    frame: pd.DataFrame,
    *,
    names: Mapping[str, object] | None = None,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw each segment's share of customers with its interval, the largest first.

    Parameters
    ----------
    frame : DataFrame
        One row per segment: segment, n, share, low, high (0..1, 95 %, Wilson).
    names : mapping, optional
        Segment to its name, or to a mapping of language to name.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    order = {"by": ["share", "segment"], "ascending": [False, True]}
    rows = (
        without_small(frame, "n", least=about.least, name="segment sizes", by="segment")
        .sort_values(**order)
        .reset_index(drop=True)
    )
    if rows["share"].isna().all():  # every segment is too small to be shown
        return not_enough(language)
    top = rows.iloc[0]
    values = {"segment": full_name(top["segment"], names, language), "share": top["share"]}
    title = say("chart_sizes_title" if len(rows) > 1 else "chart_sizes_one_title", language, values)
    heads = [wrapped(name_of(segment, language, names, most=2 * NAME_EMS), NAME_EMS) for segment in rows["segment"]]
    figure, axes = canvas(height_for(sum(1 + head.count("\n") for head in heads)))
    positions = row_axis(axes, heads)
    colours = colours_of("segment", rows["segment"])
    reach = float(np.nanmax(rows[["share", "high"]].to_numpy(dtype=float)))
    axes.set_xlim(0, max(reach, 0.01))
    axes.hlines(positions, 0, rows["share"], colors=FAINT, linewidth=1.2, zorder=1)
    points(axes, rows, value="share", colour=[colours[str(segment)] for segment in rows["segment"]])
    for position, row in enumerate(rows.itertuples()):
        text = share_and_n(row.share, row.n, language, least=about.least)
        end = max((value for value in (row.share, row.high) if pd.notna(value)), default=0.0)
        axes.annotate(text, (end, position), (8, 0), textcoords="offset points", va="center", size=8.5, color=GREY)
    number_axis(axes, "x", say("axis_share_customers", language), Scale("pct", language))
    items = [
        (full_name(row.segment, names, language), share_and_n(row.share, np.nan, language, least=about.least))
        for row in rows.itertuples()
    ]
    n = say("chart_note_customers", language, {"n": rows["n"].sum()})
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, n, say("chart_note_wilson", language)))


@drawn("x", "y", "segment")
def plot_projection(
    frame: pd.DataFrame,
    *,
    explained: tuple[float, float],
    names: Mapping[str, object] | None = None,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw every customer on the first two principal components, coloured by segment.

    Parameters
    ----------
    frame : DataFrame
        One row per customer: x, y (the components), segment.
    explained : (float, float)
        Share of variance that each component explains, 0..1.
    names : mapping, optional
        Segment to its name, or to a mapping of language to name.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.sort_values(["segment", "x", "y"]).reset_index(drop=True)
    keys = sorted(rows["segment"].astype(str).unique())
    if len(keys) > MOST_SEGMENTS:
        return not_enough(language)
    title = say("chart_projection_title", language, {"share": sum(explained)})
    colours = colours_of("segment", keys)
    figure, (axes, side) = canvas("high", widths=(3.2, 1))
    order = np.random.default_rng(0).permutation(len(rows))  # random drawing order, so that no segment hides another
    axes.scatter(
        rows["x"].to_numpy()[order],
        rows["y"].to_numpy()[order],
        c=[colours[segment] for segment in rows["segment"].astype(str).to_numpy()[order]],
        s=9,
        alpha=0.55,
        linewidths=0,
        rasterized=True,
    )
    axes.grid(visible=True, axis="both")
    axes.spines["bottom"].set_visible(False)
    for axis, share in zip(("x", "y"), explained, strict=True):
        title_of = say("axis_component", language, {"which": 1 if axis == "x" else 2, "share": share})
        number_axis(axes, axis, title_of, Scale("num", language))
    _name_colours(side, keys, colours, names, language)
    counts = rows["segment"].astype(str).value_counts()
    items = [(full_name(key, names, language), show(counts[key], "int", language)) for key in keys]
    n = say("chart_note_customers", language, {"n": len(rows)})
    note = footnote(language, about, n, say("chart_projection_note", language))
    return composed(figure, title, described("chart_kind_scatter", title, items, language), note)


def _name_colours(
    side: Axes, keys: list[str], colours: Mapping[str, str], names: Mapping[str, object] | None, language: str
) -> None:
    """Write the name of each segment next to its colour."""
    side.axis("off")
    side.set(xlim=(0, 1), ylim=(0, 1))
    top = 0.97
    for key in keys:
        text = wrapped(name_of(key, language, names, most=40), 12)
        side.scatter([0.02], [top - 0.012], c=colours[key], s=46, linewidths=0)
        side.text(0.1, top, text, size=9, va="top", linespacing=1.2)
        top -= 0.045 * (text.count("\n") + 1) + 0.035
