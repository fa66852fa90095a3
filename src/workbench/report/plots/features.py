"""Charts of 03_build_features: coverage of features, and distributions of the main ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from workbench.report.charts.marks import Scale, height_for, histogram, kind_of, name_of, number_axis, row_axis, track
from workbench.report.charts.theme import ACCENT, INK
from workbench.report.numbers import show
from workbench.report.text import say

__all__ = ["plot_feature_coverage", "plot_feature_spreads"]

MOST_ROWS = 18
MOST_FEATURES = 40  # up to so many features each has its own bar
ACROSS = 3  # small multiples in a row
MOST_PANELS = 6
BINS = 24
TAIL = 0.99  # an axis stops at this quantile
SPREADS = (
    "recency_days", "frequency_orders", "monetary_total", "tenure_days", "gap_days_median", "spend_per_order_mean",
)  # fmt: skip


@drawn("feature", "customers", "known")
def plot_feature_coverage(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of customers for whom each feature is known.

    Parameters
    ----------
    frame : DataFrame
        One row per feature: feature, customers, known (counts, known <= customers) and, where there are more than 40,
        group. Up to 40 features the 18 least known are drawn as bars; above 40 one row per group with one
        dot per feature.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    counted = frame[frame["customers"] > 0]
    if counted.empty:
        return not_enough(language)
    shares = counted.assign(share=counted["known"] / counted["customers"]).sort_values(["share", "feature"])
    full = int((shares["share"] == 1).sum())
    worst = shares.iloc[0]
    values = {"full": full, "features": len(shares), "feature": worst["feature"], "share": worst["share"]}
    title = say("chart_coverage_full_title" if full == len(shares) else "chart_coverage_title", language, values)
    n = say("chart_note_customers", language, {"n": counted["customers"].max()})
    if len(shares) > MOST_FEATURES and "group" in shares.columns:
        figure, items = _draw_groups(shares, language)
        note = footnote(language, about, n, say("chart_coverage_groups_note", language))
        return composed(figure, title, described("chart_kind_dots", title, items, language), note)
    rows = (shares[shares["share"] < 1] if full < len(shares) else shares).head(MOST_ROWS).reset_index(drop=True)
    figure, items = _draw_least_known(rows, language)
    note = footnote(language, about, n, say("chart_coverage_note", language, {"shown": len(rows), "full": full}))
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)


def _draw_least_known(rows: pd.DataFrame, language: str) -> tuple[Figure, list[tuple[str, str]]]:
    figure, axes = canvas(height_for(len(rows)))
    positions = row_axis(axes, [name_of(feature, language) for feature in rows["feature"]])
    track(axes, positions)
    axes.barh(positions, rows["share"], height=0.68, color=ACCENT, zorder=2)
    for position, share in enumerate(rows["share"]):
        axes.text(1.012, position, show(share, "pct", language), va="center", size=8.5, color=INK)
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_share_known", language), Scale("pct", language))
    return figure, [(name_of(row.feature, language), show(row.share, "pct", language)) for row in rows.itertuples()]


def _draw_groups(shares: pd.DataFrame, language: str) -> tuple[Figure, list[tuple[str, str]]]:
    """Draw one row per group, best known first: a dot per feature, a line at the median, counts on the right."""
    rows = (
        shares.groupby("group")["share"]
        .agg(["median", "size", lambda shares_of_group: (shares_of_group == 1).sum()])
        .reset_index()
    )
    rows = rows.set_axis(["group", "median", "features", "full"], axis=1)
    rows = rows.sort_values(["median", "group"], ascending=[False, True]).reset_index(drop=True)
    figure, axes = canvas(height_for(len(rows)))
    positions = row_axis(axes, [name_of(f"group_{group}", language) for group in rows["group"]])
    track(axes, positions)
    items = []
    for position, row in zip(positions, rows.itertuples(), strict=True):
        shares_of_group = shares.loc[shares["group"] == row.group, "share"]
        axes.scatter(
            shares_of_group,
            np.full(len(shares_of_group), position),
            s=34,
            color=ACCENT,
            alpha=0.45,
            linewidths=0,
            zorder=3,
        )
        axes.vlines(row.median, position - 0.34, position + 0.34, color=INK, lw=1.6, zorder=4)
        counts = {"features": row.features, "full": row.full}
        axes.text(1.03, position, say("chart_coverage_group", language, counts), va="center", size=8.5, color=INK)
        items.append((name_of(f"group_{row.group}", language), show(row.median, "pct", language)))
    axes.set_xlim(-0.015, 1.015)
    number_axis(axes, "x", say("axis_share_known", language), Scale("pct", language))
    return figure, items


@drawn()
def plot_feature_spreads(
    frame: pd.DataFrame, *, columns: Sequence[str] = SPREADS, language: str = "en", about: About = UNKNOWN
) -> Chart:
    """Draw up to six numeric features as small histograms, each with its median.

    Parameters
    ----------
    frame : DataFrame
        One row per customer. Missing columns and columns without numbers are left out.
    columns : sequence of str
        Features in the order of the panels; up to six with numbers are drawn.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    numbers = {name: pd.to_numeric(frame[name], errors="coerce").dropna() for name in columns if name in frame.columns}
    seen = [(name, values.astype(float).sort_values()) for name, values in numbers.items() if len(values)][:MOST_PANELS]
    if not seen:
        return not_enough(language)
    rows = -(-len(seen) // ACROSS)
    figure, panels = canvas("low" if rows == 1 else "high", widths=(1,) * min(len(seen), ACROSS), heights=(1,) * rows)
    panels = np.atleast_1d(panels).ravel()
    items = []
    for panel, (name, values) in zip(panels, seen, strict=False):
        median = show(float(values.median()), kind_of(name), language, about.currency)
        _draw_panel(panel, name, values, language, about)
        panel.set_title(say("chart_spread_panel", language, {"feature": name, "median": median}), size=9, color=INK)
        items.append((name_of(name, language), median))
    for panel in panels[len(seen) :]:
        panel.axis("off")
    first = {"feature": seen[0][0], "median": items[0][1]}
    title = say("chart_spread_title", language, first)
    n = say("chart_note_customers", language, {"n": len(frame)})
    note = footnote(language, about, n, say("chart_spread_note", language))
    return composed(figure, title, described("chart_kind_histograms", title, items, language), note)


def _draw_panel(panel: Axes, name: str, values: pd.Series, language: str, about: About) -> None:
    reach = max(float(np.quantile(values, TAIL)), float(values.iloc[0]))
    histogram(panel, values[values <= reach], bins=BINS)
    panel.axvline(float(values.median()), color=INK, lw=1.2)
    number_axis(panel, "y", "", Scale("int", language))
    kind = "num" if kind_of(name) == "days" else kind_of(name)
    number_axis(panel, "x", "", Scale(kind, language, about.currency))
    ticks = panel.get_xticks()
    panel.set_xticks(ticks[:: max(1, -(-len(ticks) // 3))])
