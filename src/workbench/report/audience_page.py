"""The page of an audience: its funnel, its whole portrait against everybody, whom it overlaps, who is like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd
from markupsafe import Markup

from workbench.analysis.portraits.blocks import BLOCKS
from workbench.analysis.portraits.members import MemberPortrait
from workbench.report.html import data_uri, render
from workbench.report.plots.charts import About, Chart
from workbench.report.plots.portraits import plot_journey, plot_week, value_key
from workbench.report.plots.theme import render as draw
from workbench.report.tables import table_html
from workbench.report.text import label, say

__all__ = ["Names", "audience_page"]

_MOST_ROWS = 20
_FUNNEL = {"step": "text", "alone": "int", "left": "int", "left_share": "pct"}
_SHARES = {
    "variable": "text", "value": "text", "n": "int", "share": "pct", "share_low": "pct", "share_high": "pct",
    "base_share": "pct", "tgi": "num",
}  # fmt: skip
_NUMBERS = {"variable": "text", "n": "int", "median": "num", "base_median": "num", "effect": "num"}
_OVERLAP = {"other": "text", "n_other": "int", "both": "int", "jaccard": "num", "lift": "num"}
_LIFT = {"top_share": "pct", "customers": "int", "found": "pct", "low": "pct", "high": "pct", "lift": "num"}
_CROSS = {
    "first_value": "text", "second_value": "text", "n": "int", "cell": "int", "share": "pct", "share_low": "pct",
    "share_high": "pct", "base_share": "pct", "tgi": "num",
}  # fmt: skip
_MOST_VALUES = 8  # of a variable, the most frequent among the members
_MOST_NUMBERS = 10  # of a block, those that differ most


@dataclass(frozen=True)
class Names:
    """What variables and their values are called by language, where texts do not say it: tags and answers.

    Attributes
    ----------
    variables : dict of str to dict of str
    values : dict of (str, str) to dict of str
        By variable and value.
    """

    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def variable(self, name: str, language: str) -> str:
        """Return what a variable is called."""
        return self.variables[name][language] if name in self.variables else label(name, language)

    def value(self, name: str, value: object, language: str) -> str:
        """Return what a value is called."""
        known = self.values.get((name, str(value)))
        return known[language] if known else label(value_key(name, value), language)


def audience_page(
    estimate: Mapping[str, Any],
    portrait: MemberPortrait,
    *,
    overlaps: pd.DataFrame | None = None,
    lift: pd.DataFrame | None = None,
    names: Names | None = None,
    language: str = "en",
    currency: str = "",
) -> str:
    """Write the page of an audience.

    Parameters
    ----------
    estimate : mapping
        name, label (by language), as_of (date), purpose, purposes (asked for at all), members, reachable,
        consent_recorded, customers, funnel (DataFrame: step, alone, left).
    portrait : MemberPortrait
        Suppressed cells stay empty.
    overlaps : DataFrame, optional
        first, second, n_first, n_second, both, jaccard, lift.
    lift : DataFrame, optional
        As ``look_alike.LookAlike.lift``.
    names : Names, optional
        What tags and their values are called.
    language : {"en", "zh"}
    currency : str

    Returns
    -------
    str
        One self-contained page.
    """
    title = str((estimate.get("label") or {}).get(language) or label(estimate["name"], language))
    values = {key: estimate[key] for key in ("members", "reachable", "customers")}
    values["share"] = estimate["members"] / max(estimate["customers"], 1)
    tell = _Teller(language, currency, names or Names())
    sections = [tell.table("funnel", _with_shares(estimate["funnel"], language), _FUNNEL)]
    sections += _differences(portrait.portrait, tell)
    sections += [tell.chart("week", plot_week, portrait.week), tell.chart("journey", plot_journey, portrait.journey)]
    sections += _crosses(portrait.crosses, tell)
    if overlaps is not None and len(overlaps):
        sections.append(tell.table("overlap", _others(overlaps, estimate["name"]), _OVERLAP))
    if lift is not None:
        sections.append(tell.table("lift", lift, _LIFT))
    consent = "audience_consent" if estimate["consent_recorded"] else "audience_consent_unknown"
    if estimate["purposes"] and estimate["purpose"] not in estimate["purposes"]:
        consent = "audience_consent_never"
    about = {"purpose": label(estimate["purpose"], language), "recorded": ", ".join(estimate["purposes"])}
    context = {
        "title": title,
        "as_of": _as_of(estimate["as_of"], language),
        "sentence": say("audience_sentence", language, values),
        "consent": say(consent, language, about),
        "sections": sections,
        "blocks": _blocks(portrait.portrait, tell),
        "limits": [say("audience_limit_association", language), say("audience_limit_small", language)],
    }
    return render("audience.html.j2", context, language)


@dataclass(frozen=True)
class _Teller:
    """Turns frames into sections in one language."""

    language: str
    currency: str
    names: Names

    def table(self, name: str, frame: pd.DataFrame, formats: Mapping[str, str], title: str = "") -> dict[str, Any]:
        known = {column: kind for column, kind in formats.items() if column in frame}
        title = title or say(f"audience_{name}_title", self.language)
        table: Markup | None = None
        if len(frame):
            rows = frame[list(known)].head(_MOST_ROWS)
            table = table_html(rows, formats=known, language=self.language, currency=self.currency, caption=title)
        empty = say("audience_nothing", self.language)
        return {"id": name, "title": title, "table": table, "picture": None, "empty": empty}

    def chart(self, name: str, plot: Callable[..., Chart], frame: pd.DataFrame) -> dict[str, Any]:
        section = {"id": name, "title": say(f"audience_{name}_title", self.language), "table": None, "picture": None}
        section["empty"] = say(f"audience_{name}_none", self.language)
        if frame.empty:
            return section
        chart = plot(frame, language=self.language, about=About(currency=self.currency))
        if not chart.drawn:
            return section
        return section | {"picture": {"uri": data_uri(draw(chart, "svg"), "image/svg+xml"), "alt": chart.alt}}

    def called(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Call variables and values by their names."""
        values = [
            self.names.value(row.variable, row.value, self.language) if pd.notna(row.value) else ""
            for row in rows.itertuples()
        ]
        return rows.assign(
            value=values, variable=[self.names.variable(each, self.language) for each in rows["variable"]]
        )


def _differences(portrait: pd.DataFrame, tell: _Teller) -> list[dict[str, Any]]:
    """Tell where the members differ from everybody beyond chance: shares, then figures, the strongest first."""
    differing = portrait[portrait["differs"].fillna(False).astype(bool)]
    numeric = differing["kind"] == "numeric"
    return [
        tell.table("shares", tell.called(_strongest(differing[~numeric])), _SHARES),
        tell.table("numbers", tell.called(_strongest(differing[numeric])), _NUMBERS),
    ]


def _blocks(portrait: pd.DataFrame, tell: _Teller) -> list[dict[str, Any]]:
    """Tell the whole portrait block by block, whether it differs or not: the most frequent values, then figures."""
    found = []
    for block in BLOCKS:
        mine = portrait[portrait["block"] == block]
        numeric = mine["kind"] == "numeric"
        shares = mine[~numeric & (mine["share"].isna() | (mine["share"] > 0))]
        shares = shares.sort_values("share", ascending=False, kind="stable").groupby("variable", sort=False)
        shares = shares.head(_MOST_VALUES).sort_values("variable", kind="stable")
        numbers = _strongest(mine[numeric & mine["median"].notna()]).head(_MOST_NUMBERS)
        title = say(f"audience_block_{block}", tell.language)
        parts = [
            tell.table(block, tell.called(frame), formats, f"{title}: {label(what, tell.language)}")["table"]
            for what, frame, formats in (("share", shares, _SHARES), ("median", numbers, _NUMBERS))
            if len(frame)
        ]
        if parts:
            found.append({"id": f"block-{block}", "title": title, "tables": parts})
    return found


def _crosses(crosses: pd.DataFrame, tell: _Teller) -> list[dict[str, Any]]:
    found = []
    for (first, second), rows in crosses.groupby(["first", "second"], sort=False):
        words = {
            "first": tell.names.variable(first, tell.language),
            "second": tell.names.variable(second, tell.language),
        }
        named = rows.assign(
            first_value=[tell.names.value(first, each, tell.language) for each in rows["first_value"]],
            second_value=[tell.names.value(second, each, tell.language) for each in rows["second_value"]],
        )
        title = say("audience_cross_title", tell.language, words)
        found.append(tell.table(f"cross-{first}-{second}", named, _CROSS, title))
    return found


def _with_shares(funnel: pd.DataFrame, language: str) -> pd.DataFrame:
    steps = [say("audience_everybody", language), *funnel["step"].iloc[1:]]
    return funnel.assign(step=steps, left_share=funnel["left"] / max(int(funnel["left"].iloc[0]), 1))


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    strength = rows["effect"].abs()
    return rows.assign(_by=strength).sort_values(["_by", "variable", "value"], ascending=[False, True, True])


def _others(overlaps: pd.DataFrame, name: str) -> pd.DataFrame:
    turned = overlaps["second"] == name
    other = overlaps["first"].where(turned, overlaps["second"])
    size = overlaps["n_first"].where(turned, overlaps["n_second"])
    return overlaps.assign(other=other, n_other=size).sort_values(["lift", "other"], ascending=[False, True])


def _as_of(as_of: date, language: str) -> str:
    return say("ui_as_of", language, {"as_of": as_of})
