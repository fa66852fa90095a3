"""A chart: a figure with its title, alternative text and footnote.

The ``plots_*`` modules build charts through :func:`drawn` and :func:`composed`; every notebook shows them and
``finish()`` saves them.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.analysis.intervals import SMALL_CELL
from workbench.core.errors import DataError, Fault, did_you_mean, listed
from workbench.report.charts.lettering import drawable, lines_of, wrapped
from workbench.report.charts.theme import DPI, GREY, HEIGHTS, INK, WIDTH, render, themed
from workbench.report.drawings import MESSAGE
from workbench.report.text import say

__all__ = ["UNKNOWN", "About", "Chart", "canvas", "composed", "described", "drawn", "footnote", "not_enough"]

TITLE_SIZE, NOTE_SIZE = 12.5, 8.0  # points
MARGIN = 0.09  # inches around title and note
POINTS = 72  # an inch
MOST_ITEMS = 8  # rows listed in an alternative text
PLACES = 5  # decimals of an axes position, as a share of the figure; finer than 0.01 pixel
LINE_HEIGHT = 1.32  # of the font size


@dataclass(frozen=True)
class About:
    """Facts for the footnote of every chart of a run.

    Attributes
    ----------
    source : str or dict of str
        Source of the data; a mapping of language to text if they differ.
    period : tuple of two dates, optional
        First and last day of the data.
    currency : str
        ISO code or sign for money.
    least : int
        Smallest number of customers behind a displayed number (min_cell).
    """

    source: str | dict[str, str] = ""
    period: tuple[date, date] | None = None
    currency: str = ""
    least: int = SMALL_CELL


UNKNOWN = About()


@dataclass(frozen=True)
class Chart:
    """A drawn figure and its texts.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        With title and note drawn in it.
    title : str
        The message, computed from the data.
    alt : str
        Alternative text for readers who do not see the figure.
    note : str
        n, period, how an interval is computed, source.
    drawn : bool
        False if the chart only says that there is not enough data.
    data : mapping or None
        Values for the interactive slider of the report, as JSON; None if there are none.
    pictures : dict of bytes
        By format (``svg``, ``png``), cached by ``theme.render``.
    """

    figure: Figure
    title: str
    alt: str
    note: str
    drawn: bool = True
    data: Mapping[str, Any] | None = None
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        """Return the chart as a picture with alternative text, for display in a notebook."""
        picture = base64.b64encode(render(self, "png")).decode("ascii")
        size = {"width": int(WIDTH * DPI), "height": round(self.figure.get_figheight() * DPI), "alt": self.alt}
        return {"image/png": picture, "text/plain": self.alt}, {"image/png": size}


def drawn(*needs: str, optional: Sequence[str] = (), empty: str = "not_enough") -> Callable:
    """Decorate a plot: our theme, and "not enough data" if there is nothing to draw.

    Parameters
    ----------
    *needs : str
        Columns the frame must have. Rows with a missing or infinite value in one of them are left out; if no row
        is left, the chart says so.
    optional : sequence of str
        Columns that the plot can use; absent ones are added with missing values.
    empty : str
        Reason for an empty chart: the texts ``chart_<empty>`` and ``chart_<empty>_title``.

    Returns
    -------
    callable
        A decorator for ``plot_<what>(frame, *, language, about, ...)``.

    Raises
    ------
    DataError
        Raised by the plot if required columns are absent; names all of them, each with the nearest name.
    """

    def decorate(plot: Callable[..., Chart]) -> Callable[..., Chart]:
        @functools.wraps(plot)
        def inner(frame: pd.DataFrame | None, **settings: Any) -> Chart:
            with themed():
                language = settings.get("language", "en")
                usable = None if frame is None or frame.empty else _usable(frame, plot.__name__, needs, optional)
                if usable is None or usable.empty:
                    return not_enough(language, empty)
                return plot(usable, **settings)

        return inner

    return decorate


def _usable(frame: pd.DataFrame, plot: str, needs: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
    """Return the rows that a plot can draw, with every optional column; the index is reset if columns are required."""
    absent = [name for name in needs if name not in frame.columns]
    if absent:
        columns = [str(name) for name in frame.columns]
        raise DataError(
            Fault(
                plot,
                f"no column {name!r} in the frame, which has {listed(columns)}",
                f"Expected {listed(needs)}",
                did_you_mean(name, columns),
            )
            for name in absent
        )
    numeric = frame.select_dtypes("number").columns
    finite = frame.assign(**{name: frame[name].replace([np.inf, -np.inf], np.nan) for name in numeric})
    complete = finite.dropna(subset=list(needs)).reset_index(drop=True) if needs else finite
    return complete.assign(**{name: np.nan for name in optional if name not in complete.columns})


def canvas(
    height: str = "middle",
    *,
    widths: Sequence[float] = (1,),
    heights: Sequence[float] = (1,),
    share_x: bool = False,
) -> tuple[Figure, Any]:
    """Return a figure of the standard width and its axes.

    Parameters
    ----------
    height : {"low", "middle", "high"}
        2.6, 4 or 6 inches.
    widths, heights : sequence of float
        Relative widths of the columns and heights of the rows of panels.
    share_x : bool
        Whether panels above each other have the same horizontal axis.

    Returns
    -------
    (Figure, Axes or array of Axes)
    """
    figure = Figure(figsize=(WIDTH, HEIGHTS[height]), dpi=DPI)
    ratios: dict[str, Any] = {"width_ratios": list(widths), "height_ratios": list(heights)}
    return figure, figure.subplots(len(heights), len(widths), sharex=share_x, **ratios)


def composed(figure: Figure, title: str, alt: str, note: str = "") -> Chart:
    """Write the title above the axes and the footnote below, place the axes between them, and fix the layout."""
    height = figure.get_figheight()
    room = (WIDTH - 2 * MARGIN) * POINTS
    heading = wrapped(drawable(title), room / TITLE_SIZE)
    foot = wrapped(drawable(note), room / NOTE_SIZE)
    above = MARGIN + lines_of(heading) * TITLE_SIZE * LINE_HEIGHT / POINTS + 0.08
    below = lines_of(foot) * NOTE_SIZE * LINE_HEIGHT / POINTS + (0.1 if foot else 0.02)
    at = MARGIN / WIDTH
    message = figure.text(
        at, 1 - MARGIN / height, heading, size=TITLE_SIZE, color=INK, va="top", linespacing=1.15, in_layout=False
    )
    message.set_gid(MESSAGE)
    figure.text(at, 0.06 / height, foot, size=NOTE_SIZE, color=GREY, va="bottom", linespacing=1.15, in_layout=False)
    edge = (MARGIN - 0.04) / WIDTH
    figure.set_layout_engine(
        "constrained", rect=(edge, below / height, 1 - 2 * edge, 1 - (above + below) / height), h_pad=0.05, w_pad=0.06
    )
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine(None)  # "none" would leave a placeholder, and savefig would draw everything twice
    for axes in figure.axes:  # the solver's last digits differ from run to run
        left, bottom, width, tall = (round(bound, PLACES) for bound in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, tall))
    return Chart(figure=figure, title=title, alt=alt, note=note)


def described(kind: str, title: str, items: Sequence[tuple[str, str]], language: str) -> str:
    """Return the alternative text: the kind of chart, its title, and its first rows.

    Parameters
    ----------
    kind : str
        Text key of the kind of chart (``chart_kind_bars``).
    title : str
        The message.
    items : sequence of (name, value)
        Values of the marks, in order; the first eight are listed, the rest are counted.
    language : str
    """
    readings = [say("chart_item", language, {"name": name, "value": value}) for name, value in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        readings.append(say("chart_more_items", language, {"n": len(items) - MOST_ITEMS}))
    values = {"kind": say(kind, language), "title": title, "items": ("；" if language == "zh" else "; ").join(readings)}
    return say("chart_alt" if readings else "chart_alt_bare", language, values)


def footnote(language: str, about: About, *parts: str) -> str:
    """Join the notes of a chart with period and source, if known."""
    sentences = [part for part in parts if part]
    if about.period:
        sentences.append(say("chart_note_period", language, {"start": about.period[0], "end": about.period[1]}))
    if about.source and (isinstance(about.source, str) or any(about.source.values())):  # a profile may credit nobody
        sentences.append(say("chart_note_source", language, {"source": about.source}))
    return ("。" if language == "zh" else ". ").join(sentences)


def not_enough(language: str = "en", why: str = "not_enough") -> Chart:
    """Return a chart that says there is not enough data, or another reason."""
    title = say(f"chart_{why}_title", language)
    with themed():
        figure = Figure(figsize=(WIDTH, HEIGHTS["low"]), dpi=DPI)
        axes = figure.subplots()
        axes.axis("off")
        axes.text(0.5, 0.5, say(f"chart_{why}", language), ha="center", va="center", color=GREY, size=10)
        return replace(composed(figure, title, say(f"chart_{why}", language)), drawn=False)
