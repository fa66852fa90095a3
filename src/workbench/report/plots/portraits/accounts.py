"""Chart of accounts: recent spend against the previous window. Serves 12_tag_customers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.report.charts.chart import UNKNOWN, About, Chart, canvas, composed, described, drawn, footnote
from workbench.report.charts.marks import Scale, base_line, height_for, name_of, number_axis, row_axis
from workbench.report.charts.theme import ACCENT, BASE, INK
from workbench.report.numbers import show
from workbench.report.text import label, say

__all__ = ["plot_accounts"]

_MOST = 14


@drawn("account_id", "spend_recent", "spend_before", optional=("name", "health"))
def plot_accounts(frame: pd.DataFrame, *, language: str = "en", about: About = UNKNOWN) -> Chart:
    """Draw the largest accounts: spend in the last window and the previous one, joined by a line.

    Parameters
    ----------
    frame : DataFrame
        One row per account: account_id, spend_recent, spend_before (money); name and health where known. The 14 with
        the highest sum are drawn.
    language, about
        "en" or "zh"; the facts for the footnote; money is written with about.currency.

    Returns
    -------
    Chart
    """
    whole = frame.assign(both=frame["spend_recent"] + frame["spend_before"])
    rows = whole.sort_values(["both", "account_id"], ascending=[False, True]).head(_MOST).reset_index(drop=True)
    falling = int((rows["spend_recent"] < rows["spend_before"]).sum())
    title = say("chart_accounts_title", language, {"falling": falling, "n": len(rows)})
    figure, axes = canvas(height_for(len(rows)))
    names = [name_of(row.name if isinstance(row.name, str) else row.account_id, language) for row in _rows(rows)]
    positions = row_axis(axes, names)
    axes.hlines(positions, rows["spend_before"], rows["spend_recent"], colors=BASE, linewidth=1.6)
    hollow = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.2, "zorder": 3}
    axes.scatter(rows["spend_before"], positions, s=34, clip_on=False, **hollow)
    axes.scatter(rows["spend_recent"], positions, s=38, clip_on=False, color=ACCENT, zorder=4)
    for position, row in enumerate(_rows(rows)):
        end = max(row.spend_before, row.spend_recent)
        word = label(row.health, language) if isinstance(row.health, str) else ""
        axes.annotate(word, (end, position), (8, 0), textcoords="offset points", va="center", size=8.5)
    axes.set_xlim(min(0, rows[["spend_recent", "spend_before"]].to_numpy().min()), rows["both"].max() * 0.75)
    base_line(axes, 0)
    number_axis(axes, "x", say("axis_spend", language), Scale("money", language, about.currency))
    items = [
        (name, f"{show(row.spend_before, 'money', language)} → {show(row.spend_recent, 'money', language)}")
        for name, row in zip(names, _rows(rows), strict=True)
    ]
    note = footnote(language, about, say("chart_accounts_note", language))
    return composed(figure, title, described("chart_kind_accounts", title, items, language), note)


def _rows(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples(index=False))
