"""Charts of group portraits in 04 and 06: TGI by group, the typical week, buyers, journeys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

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
from workbench.report.charts.marks import (
    Scale,
    diverging,
    full_name,
    heat_cells,
    key_ramp,
    name_of,
    number_axis,
    row_axis,
    sequential,
)
from workbench.report.charts.theme import ACCENT, BASE, FAINT, GREY, INK, PALE
from workbench.report.numbers import show
from workbench.report.text import label, say
from workbench.report.value_names import value_key

__all__ = [
    "plot_bought",
    "plot_journey",
    "plot_portraits",
    "plot_week",
    "strongest_traits",
    "weight_of_trait",
]

MOST_TRAITS = 12
MOST_BOUGHT = 12
ROW_EMS = 22
REACH = (50.0, 200.0)  # TGI at which colours end
BASE_TGI = 100


def strongest_traits(portrait: pd.DataFrame, *, most: int = MOST_TRAITS) -> list[tuple[str, str]]:
    """Pick the traits in which groups differ most, at most two per variable; overrepresented traits come first.

    Traits are ranked by `weight_of_trait`, so that neither rare values nor tiny differences come first. Of traits with
    the same shares in every group, such as "no internet" in six variables, only the first is picked.
    """
    differing = portrait[portrait["differs"].astype(bool) & portrait["tgi"].notna()]
    ranked = differing.assign(far=weight_of_trait(differing)).sort_values("far", ascending=False, kind="stable")
    ranked = ranked.sort_values("tgi", key=lambda index: index <= BASE_TGI, kind="stable")
    alike = _alike(portrait)
    own = [pair not in alike for pair in zip(ranked["variable"], ranked["value"], strict=True)]
    ranked = ranked[np.array(own, dtype=bool)]
    pairs = ranked.drop_duplicates(["variable", "value"]).groupby("variable", sort=False).head(2)
    return list(pairs.head(most)[["variable", "value"]].itertuples(index=False, name=None))


def _alike(portrait: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the traits with the same TGI as an earlier trait in every group; they have the same customers."""
    table = portrait[portrait["value"].notna()]
    table = table.pivot_table(index=["variable", "value"], columns="group", values="tgi", sort=False).round(6)
    return set(table.index[table.duplicated() & table.notna().any(axis=1)])


def weight_of_trait(portrait: pd.DataFrame) -> pd.Series:
    """Return people x TGI of each trait: customers with the value, times the distance of its TGI from 100.

    Parameters
    ----------
    portrait : DataFrame
        n, share, tgi; without n and share only the distance counts.
    """
    people = portrait["n"].astype("float64") * portrait["share"] if {"n", "share"} <= set(portrait) else 1.0
    return people * (portrait["tgi"] - BASE_TGI).abs()


@drawn("group", "variable", "tgi", optional=("value", "suppressed"))
def plot_portraits(
    frame: pd.DataFrame,
    *,
    traits: list[tuple[str, str]] | None = None,
    names: Mapping[str, object] | None = None,
    language: str = "en",
    about: About = UNKNOWN,
) -> Chart:
    """Draw the TGI of the most distinctive traits: orange more common than among all customers, blue less.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.portraits.groups.portray_groups`.
    traits : list of (variable, value), optional
        Default: `strongest_traits`.
    names : mapping, optional
        Group to its name; its order is that of the columns.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    traits = strongest_traits(frame) if traits is None else traits
    if not traits:
        return not_enough(language)
    pairs = pd.MultiIndex.from_tuples(traits, names=["variable", "value"])
    table = frame.pivot_table(index=["variable", "value"], columns="group", values="tgi", sort=False).reindex(pairs)
    table = table[sorted(table.columns, key=[*(names or ()), *table.columns].index)]
    first = frame.set_index(["variable", "value"]).loc[[traits[0]]]
    over = first[first["tgi"] > BASE_TGI]
    candidates = over if len(over) else first
    top = candidates.iloc[int(weight_of_trait(candidates).fillna(0).to_numpy().argmax())]
    values = {
        "group": full_name(top["group"], names, language),
        "value": label(value_key(*traits[0]), language),
        "tgi": top["tgi"],
    }
    title = say("chart_portraits_title", language, values)
    figure, (axes, side) = canvas("high" if len(table) > 6 else "middle", heights=(1, 0.05))  # noqa: PLR2004
    colours = diverging(*REACH, log=True)
    heat_cells(axes, table, colours=colours, write=lambda tgi: str(round(tgi)))
    rows = [
        shortened(say("trait_value", language, {"variable": a, "value": value_key(a, b)}), ROW_EMS) for a, b in traits
    ]
    axes.set_yticks(np.arange(len(table)) + 0.5, labels=[drawable(row) for row in rows])
    heads = [wrapped(full_name(column, names, language), max(6.2, 48 / table.shape[1])) for column in table.columns]
    axes.set_xticks(np.arange(table.shape[1]) + 0.5, labels=heads)
    axes.xaxis.tick_top()
    axes.tick_params(axis="both", labelcolor=INK, labelsize=8.5)
    mark_hidden(axes, table)
    axes.spines["top"].set_visible(False)
    side.axis("off")
    words = (say("axis_tgi", language), f"{REACH[0]:.0f}", f"{REACH[1]:.0f}")
    key_ramp(side.inset_axes([0.62, 0, 0.38, 0.6]), colours, words)
    items = [(f"{full_name(row.group, names, language)}, {label(row.value, language)}", show(row.tgi, "num", language))
             for row in frame.set_index(["variable", "value"]).loc[pairs[:3]].reset_index().itertuples()]  # fmt: skip
    note = footnote(language, about, say("chart_portraits_note", language, {"least": about.least}))
    return composed(figure, title, described("chart_kind_heat", title, items, language), note)


@drawn("group", "weekday", "hour", "hours", optional=("share", "base_share", "suppressed"))
def plot_week(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw orders by hour of the week, darker for more.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.portraits.purchases.typical_week` of one group.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    table = frame.pivot_table(index="weekday", columns="hour", values="share", dropna=False)
    if table.isna().all(axis=None) or not float(table.max().max()) > 0:
        return not_enough(language)
    best = frame.loc[frame["share"].idxmax()]
    values = {"day": f"weekday_{int(best['weekday'])}", "share": best["share"], **_hours(best)}
    width = int(frame["hours"].iloc[0])
    title = say("chart_week_days_title" if width == 24 else "chart_week_title", language, values)  # noqa: PLR2004
    figure, axes = canvas("middle")
    heat_cells(axes, table, colours=sequential(0.0, float(table.max().max())), write=None)
    mark_hidden(axes, table)
    axes.set_yticks(np.arange(7) + 0.5, labels=[label(f"weekday_{weekday}", language) for weekday in range(1, 8)])
    step = max(1, 3 // width) if width < 24 else 1  # noqa: PLR2004
    ticks = np.arange(0, table.shape[1], step)
    axes.tick_params(axis="y", labelcolor=INK)
    if table.shape[1] > 1:
        axes.set_xticks(ticks, labels=[str(int(table.columns[place])) for place in ticks])
        axes.set_xlabel(say("axis_hour", language))
    else:  # only days are known
        axes.set_xticks([])
    busiest = frame.nlargest(4, "share", keep="first")
    items = [
        (say("chart_week_item", language, {"day": f"weekday_{row.weekday}", "hour": row.hour}),
         show(row.share, "pct", language)) for row in busiest.itertuples()
    ]  # fmt: skip
    notes = [say("chart_week_note", language, {"hours": width, "least": about.least})]
    alt = described("chart_kind_heat", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


# verbs for columns whose values are not bought
_BOUGHT = {
    "store_id": "chart_bought_in_title",
    "channel": "chart_bought_in_title",
    "platform": "chart_bought_in_title",
    "payment_method": "chart_paid_with_title",
}


@drawn("value", "share", optional=("share_low", "share_high", "n"))
def plot_bought(frame: pd.DataFrame, *, column: str, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of customers who bought each value at least once.

    Parameters
    ----------
    frame : DataFrame
        One row per value: value, share (of customers with a purchase), share_low, share_high, n (those customers);
        suppressed ones are left out. The 12 most bought are drawn.
    column : str
        category, brand, store_id, channel, platform or payment_method.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    rows = frame.head(MOST_BOUGHT).reset_index(drop=True)
    values = {"value": label(rows.iloc[0]["value"], language), "share": rows.iloc[0]["share"], "variable": column}
    title = say(_BOUGHT.get(column, "chart_bought_title"), language, values)
    figure, axes = canvas("high" if len(rows) > 8 else "middle")  # noqa: PLR2004
    positions = row_axis(axes, [name_of(value, language, most=ROW_EMS) for value in rows["value"]])
    axes.barh(positions, rows["share"], height=0.62, color=ACCENT)
    axes.hlines(positions, rows["share_low"], rows["share_high"], colors=INK, linewidth=1.2)
    _write_shares(axes, rows, language)
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_share_buyers", language), Scale("pct", language))
    items = [(label(row.value, language), show(row.share, "pct", language)) for row in rows.itertuples()]
    notes = [say("chart_note_customers", language, {"n": rows["n"].max()}), say("chart_note_wilson", language)]
    alt = described("chart_kind_bars", title, items, language)
    return composed(figure, title, alt, footnote(language, about, *notes))


def mark_hidden(axes: Axes, table: pd.DataFrame) -> None:
    """Hatch hidden cells, so that they are not read as zero."""
    for row, column in zip(*np.nonzero(table.isna().to_numpy()), strict=True):
        corners = ([column, column + 1, column + 1, column], [row, row, row + 1, row + 1])
        axes.fill(*corners, facecolor=PALE, edgecolor=BASE, hatch="////", linewidth=0)


def _write_shares(axes: Axes, rows: pd.DataFrame, language: str) -> None:
    for place, row in enumerate(rows.itertuples()):
        end = float(np.nanmax([row.share, row.share_high]))
        inside = end > 0.9  # noqa: PLR2004
        axes.annotate(show(row.share, "pct", language), (0 if inside else end, place), (6, 0), va="center", size=8.5,
                      textcoords="offset points", color="white" if inside else GREY)  # fmt: skip


@drawn("step", "recorded", optional=("reached", "rate", "low", "high", "days_median", "customers"))
def plot_journey(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the share of customers at each step from awareness to use, with times; unrecorded steps are marked.

    Parameters
    ----------
    frame : DataFrame
        `workbench.analysis.portraits.journeys.summarise_journeys` of one group.
    language, about
        "en" or "zh"; the facts for the footnote.

    Returns
    -------
    Chart
    """
    everybody = frame["customers"].max()
    shares = frame["reached"] / everybody if pd.notna(everybody) and everybody > 0 else frame["reached"] * np.nan
    if shares.isna().all():
        return not_enough(language)
    last = frame[shares.notna()].iloc[-1]
    values = {"share": shares[shares.notna()].iloc[-1], "step": f"journey_{last['step']}"}
    title = say("chart_journey_title", language, values)
    figure, axes = canvas("low")
    positions = row_axis(axes, [label(f"journey_{step}", language) for step in frame["step"]])
    axes.barh(positions, np.ones(len(frame)), height=0.62, color="white", edgecolor=FAINT, linewidth=0.8)
    axes.barh(positions, shares.fillna(0), height=0.62, color=ACCENT)
    for place, (row, share) in enumerate(zip(frame.itertuples(), shares, strict=True)):
        text = _journey_text(row, share, language, about.least)
        inside = pd.notna(share) and share > 0.55  # noqa: PLR2004
        axes.annotate(text, (0 if inside or pd.isna(share) else share, place), (6, 0), textcoords="offset points",
                      va="center", size=8.5, color="white" if inside else GREY)  # fmt: skip
    axes.set_xlim(0, 1)
    number_axis(axes, "x", say("axis_share_customers", language), Scale("pct", language))
    items = [(label(f"journey_{row.step}", language), _journey_text(row, share, language, about.least))
             for row, share in zip(frame.itertuples(), shares, strict=True)]  # fmt: skip
    note = footnote(language, about, say("chart_note_customers", language, {"n": everybody}),
                    say("chart_journey_note", language))  # fmt: skip
    return composed(figure, title, described("chart_kind_bars", title, items, language), note)


def _journey_text(row: Any, share: float, language: str, least: int) -> str:
    if not row.recorded:
        return say("chart_journey_unrecorded", language)
    if pd.isna(share):
        return say("chart_small", language, {"least": least})
    key = "chart_journey_timed" if pd.notna(row.days_median) else "chart_journey_bare"
    return say(key, language, {"n": row.reached, "share": share, "days": row.days_median})


def _hours(row: pd.Series) -> dict[str, int]:
    return {"from_hour": int(row["hour"]), "to_hour": int(row["hour"]) + int(row["hours"])}
