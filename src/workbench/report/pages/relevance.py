"""Rules that decide whether a chart, a table or a finding is relevant for the report.

Irrelevant content stays on the page of its stage, with the reason, and is not in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.report.charts.chart import Chart

__all__ = ["FEWEST_IN_HEADLINE", "idle_chart", "idle_table", "is_headline"]

FEWEST_IN_HEADLINE = 50  # customers behind a headline
FEW_MARKS = 2  # one or two numbers are better in a sentence than in a chart
ALIKE = 0.05  # largest difference of bars that count as equal, as a share of the longest
STRAIGHT = 0.01  # largest deviation from a straight line, as a share of the curve's range
_PALE_GROUND = (0.95, 0.957, 0.961)  # colour of the track behind bars of shares
_LEAST_POINTS = 3  # of a curve
# charts of a method's inputs, which are not a result
OWN_INPUTS = frozenset(
    {("06_segment_customers", "projection"), ("06_segment_customers", "k_scan"), ("06_segment_customers", "profile")}
)


def idle_chart(stage: str, name: str, chart: Chart) -> str:
    """Return why a chart is not relevant; empty if it is.

    Parameters
    ----------
    stage, name : str
        The stage and the name of the figure within it.
    chart : Chart

    Returns
    -------
    str
        ``not_drawn`` (not enough data), ``own_inputs`` (a plot of the method's inputs), ``few_marks`` (one or two bars
        or points), ``alike`` (bars of nearly the same length), ``straight`` (a single straight curve), or ``""``.
    """
    if not chart.drawn:
        return "not_drawn"
    if (stage, name) in OWN_INPUTS:
        return "own_inputs"
    axes = chart.figure.axes
    bars, curves, points, others = (sum(counts) for counts in zip(*map(_marks, axes), strict=True)) if axes else [0] * 4
    if not curves and not others and 0 < bars + (0 if bars else points) <= FEW_MARKS:
        return "few_marks"
    if bars and not curves and not points and not others and _are_alike(axes):
        return "alike"
    if not bars and not points and not others and curves == 1 and _is_straight(axes):
        return "straight"
    return ""


def idle_table(view: Mapping[str, Any]) -> str:
    """Return ``empty`` for a table without rows, or an empty text."""
    return "" if view.get("rows") else "empty"


def is_headline(finding: Mapping[str, Any]) -> bool:
    """Return whether a finding may head a page: it must be about at least 50 customers.

    Examples
    --------
    >>> is_headline({"values": {"n": 49}}), is_headline({"values": {"n": 50}}), is_headline({"values": {}})
    (False, True, True)
    """
    n = (finding.get("values") or {}).get("n")
    return not isinstance(n, (int, float)) or n >= FEWEST_IN_HEADLINE


def _marks(axes: Axes) -> tuple[int, int, int, int]:
    """Count bars, curves, points and other marks of an axes, without reference lines and pale tracks."""
    from matplotlib.collections import PathCollection  # noqa: PLC0415  only where a chart was drawn
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle) and _is_mark(patch)]
    others = sum(not isinstance(patch, Rectangle) for patch in axes.patches) + len(axes.images)
    curves = sum(int(np.size(line.get_xdata()) >= _LEAST_POINTS) for line in axes.lines)
    points = sum(len(np.asarray(part.get_offsets())) for part in axes.collections if isinstance(part, PathCollection))
    return len(bars), curves, points, others


def _is_mark(bar: Any) -> bool:
    is_track = np.allclose(bar.get_facecolor()[:3], _PALE_GROUND, atol=0.004)
    return bool(abs(bar.get_width()) > 0 and abs(bar.get_height()) > 0 and not is_track)


def _are_alike(axes: list[Axes]) -> bool:
    """Return whether all bars have nearly the same length."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    bars = [patch for part in axes for patch in part.patches if isinstance(patch, Rectangle) and _is_mark(patch)]
    lengths = {
        "across": [abs(bar.get_width()) for bar in bars if bar.get_x() == 0],
        "up": [abs(bar.get_height()) for bar in bars if bar.get_y() == 0],
    }
    whole = [sizes for sizes in lengths.values() if len(sizes) == len(bars)]
    return any(max(sizes) - min(sizes) <= ALIKE * max(sizes) for sizes in whole) and len(whole) == 1


def _is_straight(axes: list[Axes]) -> bool:
    lines = [line for part in axes for line in part.lines if np.size(line.get_xdata()) >= _LEAST_POINTS]
    across, up = (np.asarray(values, dtype=float) for values in lines[0].get_data())
    reach = float(np.ptp(up))
    if reach == 0 or np.ptp(across) == 0:
        return True
    fitted = np.polyval(np.polyfit(across, up, 1), across)
    return bool(np.max(np.abs(up - fitted)) <= STRAIGHT * reach)
