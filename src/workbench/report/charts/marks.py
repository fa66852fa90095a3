"""Chart elements: points with intervals, heat maps, legends, and axes in the language.

Used by the ``plots_*`` modules only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from babel.dates import format_date, format_skeleton
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm, Normalize, to_rgb
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.privacy.suppression import small_cells
from workbench.intake.features.registry import registered
from workbench.report.charts.lettering import drawable, ems, shortened
from workbench.report.charts.theme import ACCENT, BASE, DIVERGING, FAINT, GREY, INK, INK_ON_CELL, PALE, SEQUENTIAL
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = [
    "Scale",
    "base_line",
    "between",
    "call_out",
    "diverging",
    "full_name",
    "heat_cells",
    "height_for",
    "histogram",
    "key_line",
    "key_ramp",
    "kind_of",
    "months_axis",
    "name_of",
    "number_axis",
    "points",
    "row_axis",
    "sequential",
    "share_and_n",
    "spread",
    "steps_of",
    "track",
    "without_small",
]

LABEL_EMS = 17  # width of a row label
_MONEY = ("expected_value", "value_low", "value_high")  # of the table value
KEY_SIZE = 8.5  # points
KEY_ROOM = 480.0  # points available for a line of a key
_LOW_ROWS, _MIDDLE_ROWS = 5, 11  # rows that fit a low and a middle chart
_LINE_SPACING = 1.6  # of two-line names; Chinese lines would touch otherwise
_DARK = 0.5  # luminance below which text on a cell is white
_FEW_MONTHS, _SOME_MONTHS, _MOST_LABELS = 14, 30, 14


def name_of(value: object, language: str, names: Mapping[str, object] | None = None, most: float = LABEL_EMS) -> str:
    """Return the name of a key, shortened for an axis; ``names`` maps data keys to names."""
    return shortened(label((names or {}).get(str(value), value), language), most)


def full_name(key: object, names: Mapping[str, object] | None, language: str) -> str:
    """Return the full name of a data key."""
    return drawable(label((names or {}).get(str(key), key), language))


def kind_of(column: str) -> str:
    """Return the number format of a column: by its unit if it is a feature, else by its name.

    Examples
    --------
    >>> kind_of("spend_90d"), kind_of("recency_days"), kind_of("evening_share"), kind_of("spend_quintile")
    ('money', 'days', 'pct', 'num')
    """
    feature = next(iter(registered([column])), None)
    if feature is not None:
        return {"money": "money", "days": "days", "share": "pct"}.get(feature.unit, "num")
    if column.startswith(("spend_", "monetary")) or column in _MONEY:
        return "money"
    if "days" in column.split("_"):
        return "days"
    return "pct" if column.endswith(("_share", "_probability")) else "num"


def height_for(rows: int) -> str:
    """Return the chart height for a number of rows."""
    return "low" if rows <= _LOW_ROWS else "middle" if rows <= _MIDDLE_ROWS else "high"


def row_axis(axes: Axes, names: Sequence[str]) -> np.ndarray:
    """Set up an axes with one row per name, the first at the top; return the row positions."""
    at = np.arange(len(names), dtype=float)
    axes.set_yticks(at, labels=[*names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=INK)
    for lettering in axes.get_yticklabels():
        lettering.set_linespacing(_LINE_SPACING)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["bottom"].set_visible(False)
    return at


@dataclass(frozen=True)
class Scale:
    """Format of the numbers of an axis: kind, language, currency, log scale, most ticks."""

    kind: str
    language: str
    currency: str = ""
    log: bool = False
    most: int = 7


def number_axis(axes: Axes, direction: str, title: str, scale: Scale) -> None:
    """Label one axis ("x" or "y") with round numbers formatted in the language."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    low, high = sorted(axes.get_xlim() if direction == "x" else axes.get_ylim())
    if scale.log:
        (axes.set_xscale if direction == "x" else axes.set_yscale)("log")
        positions = _decades(low, high)
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        positions = [tick for tick in steps_of(low, high, scale.most) if low - 1e-9 <= tick <= high + 1e-9]
        positions = positions if scale.kind != "int" else [tick for tick in positions if tick == round(tick)]
    axis.set_major_locator(FixedLocator(positions))
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value, scale.kind, scale.language, scale.currency)))
    axis.set_label_text(title)


def steps_of(low: float, high: float, most: int = 7) -> list[float]:
    """Return round axis positions (1, 2, 2.5 or 5 times a power of ten) that cover ``[low, high]``.

    Examples
    --------
    >>> steps_of(0, 870)
    [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    rough = 0.95 * span / max(most - 1, 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten within a range, with 2 and 5 times them for short ranges."""
    short = math.log10(high / low) < 2.2  # noqa: PLR2004  about two decades
    steps = (1, 2, 5) if short else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]


def points(axes: Axes, frame: pd.DataFrame, *, value: str, colour: Any) -> None:
    """Draw one point per row with its interval (columns low, high; no line if missing).

    Parameters
    ----------
    axes : Axes
        With rows.
    frame : DataFrame
        Columns ``value`` and, where known, low and high.
    value : str
        The column of the estimate.
    colour : colour or list of colours
    """
    positions = np.arange(len(frame))
    if {"low", "high"} <= set(frame.columns):
        axes.hlines(positions, frame["low"], frame["high"], colors=colour, linewidth=2, alpha=0.55, zorder=2)
    axes.scatter(frame[value], positions, c=colour, s=42, zorder=3, linewidths=0)


def between(low: object, high: object, kind: str, language: str) -> str:
    """Write an interval; empty if unknown."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return f"{show(low, kind, language)} – {show(high, kind, language)}"


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move label positions apart so that neighbours keep a gap, as close as possible to their original positions.

    Examples
    --------
    >>> spread([1.0, 1.1, 5.0], gap=1.0)
    [0.55, 1.55, 5.0]
    """
    order = sorted(range(len(positions)), key=lambda index: (positions[index], index))
    groups: list[list[float]] = []  # sum of shifted positions, members
    for rank, index in enumerate(order):
        groups.append([positions[index] - rank * gap, 1])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] >= groups[-1][0] / groups[-1][1]:
            last = groups.pop()
            groups[-1] = [groups[-1][0] + last[0], groups[-1][1] + last[1]]
    starts = [total / members for total, members in groups for _ in range(int(members))]
    placed = dict(zip(order, (start + rank * gap for rank, start in enumerate(starts)), strict=True))
    return [round(placed[index], 10) for index in range(len(positions))]


def months_axis(axes: Axes, months: Sequence[pd.Timestamp], language: str) -> None:
    """Label bars at 0, 1, 2 ... with months, and the year under its first month."""
    every = 1 if len(months) <= _FEW_MONTHS else 3 if len(months) <= _SOME_MONTHS else 12
    labelled = [(at, month) for at, month in enumerate(months) if (month.month - 1) % every == 0]
    labelled = labelled or [(0, months[0])]
    labelled = labelled[:: math.ceil(len(labelled) / _MOST_LABELS)]
    labels, year = [], None
    for _, month in labelled:
        short = format_date(month, "MMM", locale=language)
        labels.append(short if month.year == year else f"{short}\n{format_skeleton('y', month, locale=language)}")
        year = month.year
    axes.set_xticks([at for at, _ in labelled], labels=labels)


def heat_cells(
    axes: Axes, values: pd.DataFrame, *, colours: ScalarMappable, write: Callable[[float], str] | None
) -> None:
    """Draw a heat map of a table of numbers; missing values stay blank.

    Parameters
    ----------
    axes : Axes
    values : DataFrame
        One row per row of cells, the first at the top; one column per column.
    colours : ScalarMappable
    write : callable, optional
        Formats a value as the text in its cell.
    """
    import seaborn  # noqa: PLC0415  most pages draw neither cells nor histograms

    table = values.astype(float)
    texts = table.map(write, na_action="ignore").fillna("") if write else None
    seaborn.heatmap(
        table, ax=axes, cmap=colours.cmap, norm=colours.norm, cbar=False, linewidths=1.2, linecolor="white",
        annot=texts, fmt="", annot_kws={"size": 8}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    axes.set(xlabel="", ylabel="")
    axes.grid(visible=False)
    grounds = colours.to_rgba(table.to_numpy()[table.notna().to_numpy()])
    for text, ground in zip(axes.texts, grounds, strict=False):  # either no texts, or one per cell with a value
        text.set_color("white" if _luminance(ground) < _DARK else INK_ON_CELL)


def histogram(axes: Axes, values: pd.Series, *, bins: int, log: bool = False) -> None:
    """Draw a histogram; if there are fewer distinct whole numbers than bins, one bar per number.

    Parameters
    ----------
    axes : Axes
    values : Series
        Without missing values; positive for a logarithmic axis.
    bins : int
    log : bool
        Bins of equal width on a logarithmic axis.
    """
    import seaborn  # noqa: PLC0415  most pages draw neither cells nor histograms

    whole = not log and bool((values == values.round()).all()) and values.max() - values.min() < bins
    seaborn.histplot(
        x=values.to_numpy(), ax=axes, bins="auto" if whole else bins, discrete=whole, log_scale=log or None,
        color=ACCENT, alpha=1, edgecolor="white", linewidth=0.6,
    )  # fmt: skip
    axes.margins(x=0)
    axes.autoscale_view(scaley=False)


def sequential(low: float, high: float) -> ScalarMappable:
    """Return the blue colour ramp for a range; a single value gets the middle colour."""
    blues = LinearSegmentedColormap.from_list("blues", SEQUENTIAL)
    return ScalarMappable(Normalize(low, high), blues if high > low else ListedColormap([blues(0.5)]))


def diverging(low: float, high: float, *, log: bool = False) -> ScalarMappable:
    """Return the colour ramp blue, light grey, orange for a range; values outside get the end colours."""
    norm = (LogNorm if log else Normalize)(low, high, clip=True)
    return ScalarMappable(norm, LinearSegmentedColormap.from_list("around", DIVERGING))


def key_ramp(axes: Axes, colours: ScalarMappable, words: tuple[str, str, str]) -> None:
    """Draw a small legend of a colour ramp: its name, lowest and highest value."""
    axes.axis("off")
    edges = np.linspace(0.0, 1.0, 25)
    shades = colours.get_cmap()(np.linspace(0.0, 1.0, 24))
    for left, right, shade in zip(edges[:-1], edges[1:], shades, strict=True):
        axes.fill([left, right, right, left], [0, 0, 1, 1], color=shade, lw=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.text(0, -0.35, words[1], ha="left", va="top", size=8, color=GREY)
    axes.text(1, -0.35, words[2], ha="right", va="top", size=8, color=GREY)
    axes.text(0, 1.35, words[0], ha="left", va="bottom", size=8.5, color=GREY)


def without_small(
    frame: pd.DataFrame, count: str, *, least: int = SMALL_CELL, name: str | None = None, by: str | None = None
) -> pd.DataFrame:
    """Hide the shares of non-empty groups below ``least`` customers, and of other groups that would reveal them.

    Missing counts were hidden when the frame was made and protect others too. With ``name`` and ``by`` (the column
    with the group names) cells that an earlier report hid stay hidden, as in the table of that name.
    """
    counts, missing = frame[[count]].astype(float).fillna(least), frame[[count]].isna().to_numpy()
    small = pd.Series(data=False, index=frame.index)
    if name is not None or ((counts[count] > 0) & (counts[count] < least)).any():
        labelled = counts if by is None else counts.set_axis(frame[by].astype(str), axis=0)
        hidden = small_cells(labelled, least=least, hide=missing, rows=False, name=name)[count].to_numpy()
        small = pd.Series(hidden & ~missing[:, 0], index=frame.index)
    shares = [name for name in frame.columns if name != count and frame[name].dtype.kind == "f"]
    return frame.assign(small=small, **{name: frame[name].mask(small) for name in shares})


def share_and_n(share: float, n: float, language: str, *, least: int = SMALL_CELL) -> str:
    """Write a share and its number of customers, or that they are too few."""
    if pd.isna(share):
        return say("chart_small", language, {"least": least})
    return show(share, "pct", language) if pd.isna(n) else say("chart_share_and_n", language, {"share": share, "n": n})


def key_line(axes: Axes, words: Sequence[tuple[str, str, str]]) -> None:
    """Write a legend of (icon, colour, text) above the axes, in as few lines as possible."""
    lines: list[list[tuple[float, str, str]]] = [[]]
    left = 0.0
    for icon, colour, word in words:
        width = 12 + ems(word) * KEY_SIZE
        if lines[-1] and left + width > KEY_ROOM:
            lines.append([])
            left = 0.0
        lines[-1] += [(left, icon, colour), (left + 12, word, INK)]
        left += width + 14
    for up, line in enumerate(reversed(lines)):
        for at, text, look in line:
            place = (at, 5 + up * KEY_SIZE * 1.5)
            axes.annotate(
                text, (0, 1), place, xycoords="axes fraction", textcoords="offset points", color=look, size=KEY_SIZE
            )


def call_out(axes: Axes, text: str, at: tuple[float, float]) -> None:
    """Label a point to its lower right, on a white background so that lines do not cross it."""
    ground = {"facecolor": "white", "alpha": 0.85, "pad": 1.5, "edgecolor": "none"}
    axes.annotate(text, at, (10, -12), textcoords="offset points", size=9, bbox=ground)


def base_line(axes: Axes, at: float, *, vertical: bool = True) -> None:
    """Draw the reference line."""
    (axes.axvline if vertical else axes.axhline)(at, color=BASE, lw=1.2, zorder=1)


def track(axes: Axes, at: np.ndarray, reach: float = 1.0) -> None:
    """Draw the pale background behind bars of shares."""
    axes.barh(at, reach, height=0.68, color=PALE, edgecolor=FAINT, linewidth=0.6, zorder=1)


def _luminance(colour: Any) -> float:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue
