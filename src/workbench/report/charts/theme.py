"""The look of every chart: background, fonts, and colours with a fixed meaning.

No notebook calls this module; the ``plots_*`` modules do, through ``report.charts``.
"""

from __future__ import annotations

import html
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib
import numpy as np

from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.report.charts.lettering import FAMILIES, drawable, ems, register_fonts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.report.charts.chart import Chart

__all__ = [
    "ACCENT",
    "BASE",
    "CATEGORICAL",
    "DIVERGING",
    "FAINT",
    "GREY",
    "HEIGHTS",
    "INK",
    "INK_ON_CELL",
    "LIGHTS",
    "PALE",
    "SEQUENTIAL",
    "WIDTH",
    "Light",
    "colour_of",
    "colours_of",
    "render",
    "save",
    "theme",
    "themed",
]

WIDTH = 8.0  # inches
HEIGHTS = {"low": 2.6, "middle": 4.0, "high": 6.0}  # inches
DPI = 96  # one CSS pixel is one dot
PICTURE_SCALE = 2  # pixels of a PNG for each CSS pixel
COLOURS = 256  # of a PNG
MANY_MARKS = 1500  # with more marks a PNG is smaller and faster than SVG paths

# Okabe and Ito (2008), "Color universal design", yellow late because it is weak on white
CATEGORICAL = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
INK = "#1F2328"  # text
INK_ON_CELL = "#20242A"  # text on a light cell, which stays light on a dark page
GREY = "#5B636B"  # secondary text, 6:1 on white
BASE = "#9AA1A8"  # reference: the base, the random line
FAINT = "#E3E6E9"  # grid
PALE = "#F3F4F5"  # empty cells, bands
ACCENT = CATEGORICAL[0]
SEQUENTIAL = (
    "#EDF4FA",
    "#B9D6EA",
    "#74B0D6",
    "#2F86BC",
    "#0171B1",
    "#004B78",
)  # one blue ramp, light to dark; not the ACCENT, which a dark page changes
DIVERGING = ("#0171B1", "#7FB4D4", "#E8EAEC", "#F0C987", "#E69F00")  # blue, light grey, orange around the base

# colours by meaning; never red against green
_MEANINGS: dict[str, dict[str, str]] = {
    "status": {"active": "#0072B2", "dormant": "#56B4E9", "pre_churn": "#E69F00", "churned": "#D55E00"},
    "life_cycle_stage": {
        "prospect": BASE,
        "new": "#56B4E9",
        "active": "#0072B2",
        "at_risk": "#E69F00",
        "dormant": "#CC79A7",
        "lost": "#D55E00",
        "reactivated": "#009E73",
    },
    "movement": {"new": "#56B4E9", "retained": "#0072B2", "recalled": "#CC79A7", "lost": "#D55E00"},
    "verdict": {"pass": "#0072B2", "warn": "#E69F00", "fail": "#D55E00", "unknown": "#9AA1A8", "skipped": "#9AA1A8"},
    "records": {"records": "#9AA1A8", "accepted": "#0072B2", "rejected": "#D55E00", "left_out": "#E69F00"},
    "measure": {"customers": "#0072B2", "value": "#E69F00", "base": BASE},
    "segment": {"all": "#0072B2"},
}
_OPEN_KINDS = ("segment", "arm", "group")  # their keys come from the data


@dataclass(frozen=True)
class Light:
    """A traffic light for a verdict: colour, icon and text key, so that colour is never the only cue."""

    colour: str
    icon: str
    word_key: str


LIGHTS = {
    key: Light(_MEANINGS["verdict"][key], icon, f"light_{key}")
    for key, icon in {"pass": "✓", "warn": "!", "fail": "✗", "unknown": "?", "skipped": "–"}.items()
}


def theme() -> dict[str, Any]:
    """Return the matplotlib settings of every chart, with the Chinese font registered.

    White background, no box, a light horizontal grid, text of an SVG kept as text, ``$`` and ``_`` taken
    literally, the same bytes for the same input.

    Returns
    -------
    dict
        Settings for ``matplotlib.rc_context``.

    Raises
    ------
    DataError
        The package with the Chinese font is not installed.
    """
    register_fonts()
    return {
        "figure.figsize": (WIDTH, HEIGHTS["middle"]),
        "figure.dpi": DPI,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "font.family": list(FAMILIES),
        "font.size": 9.5,
        "text.color": INK,
        "text.parse_math": False,
        "text.usetex": False,
        "axes.unicode_minus": True,
        "axes.facecolor": "white",
        "axes.edgecolor": BASE,
        "axes.labelcolor": GREY,
        "axes.labelsize": 9,
        "axes.labelpad": 9,  # fonts of a browser may be wider than those measured
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": FAINT,
        "grid.linewidth": 0.8,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "xtick.major.pad": 5,
        "lines.linewidth": 2.0,
        "lines.solid_capstyle": "butt",
        "patch.linewidth": 0,
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "workbench",
        "path.simplify": True,
    }


def colour_of(kind: str, key: str) -> str:
    """Return the colour of one declared meaning, such as ``colour_of("status", "churned")``.

    Parameters
    ----------
    kind : {"status", "life_cycle_stage", "movement", "verdict", "records", "measure", "segment", "arm", "group"}
        The kind of key.
    key : str
        The status, segment, arm ... A key that is not declared is grey in a closed kind; in an open kind
        (segment, arm, group) its colour is derived from its name; ``colours_of`` avoids the same colour for two
        names of one set.

    Raises
    ------
    DataError
        The kind is unknown.
    """
    return colours_of(kind, [key])[key]


def colours_of(kind: str, keys: Iterable[str]) -> dict[str, str]:
    """Give each key of one set its own colour; the same set always gets the same colours, in any order.

    Parameters
    ----------
    kind : str
        As for ``colour_of``.
    keys : iterable of str
        All keys of the set (all segments of a definition), so that no two share a colour while there are
        at most eight.

    Returns
    -------
    dict
        Key to hexadecimal colour. Beyond eight keys colours repeat: use small multiples instead.
    """
    if kind not in {*_MEANINGS, *_OPEN_KINDS}:
        kinds = sorted({*_MEANINGS, *_OPEN_KINDS})
        raise DataError(Fault("colours_of", f"unknown kind {kind!r}", "", did_you_mean(kind, kinds)))
    declared = _MEANINGS.get(kind, {})
    names = sorted({str(key) for key in keys})
    colours = {name: declared[name] for name in names if name in declared}
    if kind not in _OPEN_KINDS:
        return colours | {name: BASE for name in names if name not in declared}
    for name in (name for name in names if name not in declared):
        colours[name] = _free_colour(name, list(colours.values()))
    return colours


def _free_colour(name: str, used: list[str]) -> str:
    """Return the preferred colour of a name, or the next one used least often."""
    first_slot = zlib.crc32(name.encode()) % (len(CATEGORICAL) - 2)  # yellow and black only when the others are gone
    ring = [*range(first_slot, len(CATEGORICAL) - 2), *range(first_slot), len(CATEGORICAL) - 2, len(CATEGORICAL) - 1]
    return CATEGORICAL[min(ring, key=lambda slot: (used.count(CATEGORICAL[slot]), ring.index(slot)))]


@contextmanager
def themed() -> Iterator[None]:
    """Use the matplotlib theme of the workbench, and restore the previous settings afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast("Any", theme()))  # the type of rcParams lists all setting names
        yield


def render(chart: Chart, form: str) -> bytes:
    """Return the bytes of a chart, cached after the first call; the same chart gives the same bytes.

    Parameters
    ----------
    chart : Chart
    form : {"svg", "png"}
        SVG has real text in the font of its page, fitted to the planned width; PNG has two pixels per CSS pixel.
    """
    if form not in chart.pictures:
        chart.pictures[form] = _svg(chart) if form == "svg" else _png(chart)
    return chart.pictures[form]


def _svg(chart: Chart) -> bytes:
    target = io.BytesIO()
    words = {"Date": None, "Creator": None, "Type": None, "Format": None, "Title": drawable(chart.title)}
    with themed():
        chart.figure.savefig(target, format="svg", metadata=words)
        return _thinned(target.getvalue().decode("utf-8")).encode("utf-8")


def _png(chart: Chart) -> bytes:
    """Write a PNG with a palette (a third of the size) and without metadata."""
    from PIL import Image  # noqa: PLC0415  only where a chart has many marks

    pixels, target, scale = io.BytesIO(), io.BytesIO(), DPI * PICTURE_SCALE
    with themed():
        chart.figure.savefig(pixels, format="rgba", dpi=scale)
    width, height = (int(inches * scale) for inches in chart.figure.get_size_inches())
    picture = Image.frombytes("RGBA", (width, height), pixels.getvalue()).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE, kmeans=2)
    few.save(target, format="PNG", optimize=True)
    return target.getvalue()


_FONT_STACK = "'Noto Sans SC', system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_FITTED = 6  # texts of at least so many characters get a fixed width; shorter ones hardly differ between fonts
_TEXT = re.compile(r'<text style="(?P<style>[^"]*)"(?P<place>[^>]*)>(?P<words>[^<]*)</text>')
_FONT_SIZE = re.compile(r"font-size: ([\d.]+)px|font: [^;]*?([\d.]+)px")
_FONT_NAMES = re.compile(r"font-family: [^;]*;? ?|(?<=px) '[^;]*(?=;|$)")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _thinned(svg: str) -> str:
    """Drop comments, metadata, extra blanks and digits; the picture looks the same."""
    for pattern in (r"<!--.*?-->", r"<!DOCTYPE.*?>", r"<metadata>.*?</metadata>"):
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="([^"]*)"', lambda path: f' d="{_thin_path(path[1])}"', svg)
    svg = re.sub(r"(?:translate|rotate)\([^)]*\)", lambda move: _hundredths(move[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    return _TEXT.sub(_fitted, svg).replace("<svg ", f'<svg font-family="{_FONT_STACK}" ', 1)


def _fitted(text: re.Match) -> str:
    """Write a text without its own font, fitted to its planned width in any font of the page."""
    place = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", _hundredths(text["place"]))
    size = next(float(group) for group in _FONT_SIZE.search(text["style"]).groups() if group)  # type: ignore[union-attr]
    words = html.unescape(text["words"])
    width = f' textLength="{ems(words) * size:.1f}" lengthAdjust="spacingAndGlyphs"' if len(words) >= _FITTED else ""
    return f'<text style="{_FONT_NAMES.sub("", text["style"])}"{place}{width}>{text["words"]}</text>'


def _thin_path(path: str) -> str:
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", _hundredths(" ".join(path.split()))).replace(" -", "-")


def _hundredths(numbers: str) -> str:
    """Round coordinates to a hundredth of a point, which is invisible."""
    return _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), numbers)


def save(chart: Chart, path: Path | str) -> Path:
    """Write a chart to a file: SVG where it has few marks, PNG where it has many.

    Parameters
    ----------
    chart : Chart
    path : path
        Target path; an ending ``.svg`` or ``.png`` is replaced by the written format, which is appended to any
        other name (``05_score_rfm__grid.en`` becomes ``05_score_rfm__grid.en.svg``).

    Returns
    -------
    Path
        The written file; its folder is created if necessary.
    """
    form = "png" if _marks(chart.figure) > MANY_MARKS else "svg"
    requested = Path(path)
    stem = requested.name[: -len(requested.suffix)] if requested.suffix in {".svg", ".png"} else requested.name
    file = requested.with_name(f"{stem}.{form}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(render(chart, form))
    return file


def _marks(figure: Figure) -> int:
    """Count the points, bars and cells of a figure."""
    count = 0
    for axes in figure.axes:
        count += sum(np.size(line.get_xdata()) for line in axes.lines if line.get_marker() not in {"None", "", None})
        count += sum(
            max(len(np.asarray(collection.get_offsets())), len(collection.get_paths()))
            for collection in axes.collections
        )
        count += len(axes.patches)
    return count
