"""Figures of an analyst's notebook as charts of the report."""

from __future__ import annotations

from typing import Any

from workbench.core.errors import DataError, Fault
from workbench.report.charts.chart import Chart
from workbench.report.own_content import as_texts

__all__ = ["chart_of", "figure_of"]


def figure_of(drawing: Any) -> Any:
    """Return the matplotlib figure of a figure, axes or a grid of seaborn.

    Raises
    ------
    DataError
        The object is none of these.
    """
    figure = drawing if hasattr(drawing, "savefig") and hasattr(drawing, "axes") else getattr(drawing, "figure", None)
    figure = getattr(figure, "figure", figure)
    if not hasattr(figure, "savefig"):
        expected = "A figure or axes of matplotlib, a grid of seaborn, or a function that draws one"
        raise DataError(Fault("show", f"{type(drawing).__name__} is no figure", expected))
    return figure


def chart_of(figure: Any, *, title: Any, alt: Any, language: str) -> Chart:
    """Return a figure as a chart of the report, with its title and alternative text."""
    message = as_texts(title)[language] if title is not None else ""
    words = as_texts(alt)[language] if alt is not None else message
    return Chart(figure=figure, title=message, alt=words, note="")
