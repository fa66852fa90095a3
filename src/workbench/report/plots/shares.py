"""The chart of 04_describe_customers of shares by category or band."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workbench.report.charts.bands import band_order
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
from workbench.report.charts.marks import (
    Scale,
    height_for,
    name_of,
    number_axis,
    points,
    row_axis,
    share_and_n,
    without_small,
)
from workbench.report.charts.theme import ACCENT, FAINT, GREY, INK
from workbench.report.text import say
from workbench.report.value_names import value_key

__all__ = ["plot_shares"]

MOST_GROUPS = 15


@drawn(optional=("value", "part", "n", "share", "share_low", "share_high", "base_share"))
def plot_shares(frame: pd.DataFrame, *, column: str, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of customers in each category, with intervals, and the share of all customers if given.

    Categories are sorted by share; bands (ages, incomes, counts) from low to high.

    Parameters
    ----------
    frame : DataFrame
        One row per category: value, part (optional: "value", or "other" for the remaining values together; rows of
        another part are left out), n, share, share_low, share_high (0..1), base_share (optional). A category
        whose share is missing was too small and is shown as such. At most 15 are drawn. missing (optional): customers
        for whom it is unknown; the title then says of how many the shares are.
    column : str
        The variable of the categories, for the title.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    labelled = frame.assign(value=[value_key(column, value) if pd.notna(value) else value for value in frame["value"]])
    ranked = _rank_categories(labelled, column, language, about.least)
    largest = ranked.head(MOST_GROUPS).reset_index(drop=True)
    if largest["share"].isna().all():
        return not_enough(language)
    top = largest[~largest["rest"]].iloc[0] if not largest["rest"].all() else largest.iloc[0]
    rows = _by_band(largest)
    values = {"column": column, "value": name_of(top["value"], language), "share": top["share"]}
    unknown = frame["missing"].max() if "missing" in frame.columns else 0
    if unknown > 0 and top["share"] > 0:
        title = say("chart_shares_known_title", language, values | {"n": round(top["n"] / top["share"])})
    else:
        title = say("chart_shares_title", language, values)
    figure, axes = canvas(height_for(len(rows)))
    positions = row_axis(axes, [name_of(value, language) for value in rows["value"]])
    _draw_shares(axes, rows, positions, language, about.least)
    items = [
        (name_of(row.value, language), share_and_n(row.share, row.n, language, least=about.least))
        for row in rows.itertuples()
    ]
    notes = [say("chart_note_wilson", language)]
    if rows["n"].notna().any():
        notes.insert(0, say("chart_note_customers", language, {"n": frame["n"].sum()}))
    if rows["base_share"].notna().any():
        notes.append(say("chart_shares_base_note", language))
    if len(ranked) > len(rows):
        notes.append(say("chart_shares_more_note", language, {"n": len(ranked) - len(rows)}))
    alt = described("chart_kind_dots", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def _rank_categories(frame: pd.DataFrame, column: str, language: str, least: int) -> pd.DataFrame:
    """Return the categories by share, "other" last; numbers and dates are left out."""
    others = frame["part"] == "other"
    shares = frame[others | (frame["value"].notna() & (frame["part"].isna() | (frame["part"] == "value")))]
    others = shares["part"] == "other"
    value = shares["value"].astype(str).mask(others, say("key_rest", language))
    numbers = {name: shares[name].astype(float) for name in ("n", "share", "share_low", "share_high", "base_share")}
    counted = without_small(
        shares.assign(value=value, rest=others, **numbers), "n", least=least, name=f"customers by {column}", by="value"
    )
    order = ["rest", "share", "value"]
    return counted.sort_values(order, ascending=[True, False, True], na_position="last")


def _by_band(ranked: pd.DataFrame) -> pd.DataFrame:
    """Order bands from low to high, "other" last; other categories keep their order."""
    named = ranked[~ranked["rest"]]
    order = band_order(named["value"])
    if order is None:
        return ranked
    return pd.concat([named.iloc[order], ranked[ranked["rest"]]], ignore_index=True)


def _draw_shares(axes: Axes, rows: pd.DataFrame, at: np.ndarray, language: str, least: int) -> None:
    reach = np.nanmax(rows[["share", "share_high", "base_share"]].to_numpy(dtype=float))
    axes.set_xlim(0, min(1.0, max(reach * 1.05, 0.01)))
    intervals = rows.rename(columns={"share_low": "low", "share_high": "high"})
    axes.hlines(at, 0, rows["share"], colors=FAINT, linewidth=1.2, zorder=1)
    points(axes, intervals, value="share", colour=ACCENT)
    axes.scatter(rows["base_share"], at, marker="|", s=130, c=INK, linewidths=1.6, zorder=4)
    for position, row in enumerate(rows.itertuples()):
        ends = [value for value in (row.share_high, row.share, row.base_share) if pd.notna(value)]
        text = share_and_n(row.share, row.n, language, least=least)
        axes.annotate(
            text,
            (max(ends, default=0), position),
            (8, 0),
            textcoords="offset points",
            va="center",
            size=8.5,
            color=GREY,
        )
    number_axis(axes, "x", say("axis_share_customers", language), Scale("pct", language))
