"""The chart of journeys by group in 06: share reaching each step, and the time it takes."""

from __future__ import annotations

from collections.abc import Mapping

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
from workbench.report.charts.lettering import drawable, shortened, wrapped
from workbench.report.charts.marks import full_name, heat_cells, sequential
from workbench.report.charts.theme import INK, INK_ON_CELL
from workbench.report.numbers import show
from workbench.report.plots.portraits.groups import mark_hidden
from workbench.report.text import label, say

__all__ = ["plot_journeys"]

LEAST_STEPS = 2
ROW_EMS = 14
FEW_ROWS = 4


@drawn("group", "step", "recorded", optional=("rate", "days_median"))
def plot_journeys(
    frame: pd.DataFrame,
    *,
    names: Mapping[str, object] | None = None,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the share of each group that reaches each step, darker for more, and the days it takes.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.portraits.journeys.summarise_journeys` of several groups. Steps that no table records are
        left out; with fewer than two recorded there is nothing to draw.
    names : mapping, optional
        Group to its name; its order is that of the rows.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    recorded = frame[frame["recorded"].astype(bool)]
    steps = list(dict.fromkeys(recorded["step"]))
    if len(steps) < LEAST_STEPS or recorded["rate"].isna().all():
        return not_enough(language)
    groups = [name for name in names or () if name in set(recorded["group"])] or sorted(recorded["group"].unique())
    rates = recorded.pivot_table(index="group", columns="step", values="rate", dropna=False)
    rates = rates.reindex(index=groups, columns=steps).astype("float64")
    rows = recorded.set_index(["group", "step"])
    later = recorded[(recorded["step"] != steps[0]) & recorded["rate"].notna()]
    worst = (later if len(later) else recorded.dropna(subset=["rate"])).sort_values("rate", kind="stable").iloc[0]
    title_values = {
        "group": full_name(worst["group"], names, language),
        "step": f"journey_{worst['step']}",
        "rate": worst["rate"],
    }
    title = say("chart_journeys_title" if worst["rate"] < 1 else "chart_journeys_whole_title", language, title_values)
    figure, axes = canvas("middle" if len(groups) <= FEW_ROWS else "high")
    heat_cells(axes, rates, colours=sequential(0.0, 1.0), write=None)
    mark_hidden(axes, rates)
    for row, group in enumerate(groups):
        for column, step in enumerate(steps):
            if pd.notna(rates.iat[row, column]):
                dark = rates.iat[row, column] > 0.5  # noqa: PLR2004
                text = _cell(rows.loc[(group, step)], language)
                axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=8.5,
                          color="white" if dark else INK_ON_CELL)  # fmt: skip
    axes.set_yticks(
        np.arange(len(groups)) + 0.5,
        labels=[wrapped(shortened(full_name(group, names, language), 2 * ROW_EMS), ROW_EMS) for group in groups],
    )
    heads = [label(f"journey_{step}", language) for step in steps]
    axes.set_xticks(np.arange(len(steps)) + 0.5, labels=[drawable(head) for head in heads])
    axes.xaxis.tick_top()
    axes.tick_params(axis="both", labelcolor=INK, labelsize=8.5)
    axes.spines["top"].set_visible(False)
    items = [
        (f"{full_name(row.group, names, language)}, {label(f'journey_{row.step}', language)}",
         show(row.rate, "pct", language)) for row in recorded.dropna(subset=["rate"]).itertuples()
    ]  # fmt: skip
    note = footnote(language, about, say("chart_journeys_note", language, {"least": about.least}))
    return composed(figure, title, described("chart_kind_heat", title, items, language), note)


def _cell(row: pd.Series, language: str) -> str:
    if pd.isna(row["days_median"]):
        return show(row["rate"], "pct", language)
    return say("chart_journeys_cell", language, {"rate": row["rate"], "days": row["days_median"]})
