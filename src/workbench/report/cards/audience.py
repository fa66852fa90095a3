"""The page of an audience: funnel, portrait compared with all customers, overlaps, look-alikes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from workbench.analysis.portraits.blocks import BLOCKS
from workbench.report.charts.chart import About, Chart
from workbench.report.charts.marks import kind_of
from workbench.report.charts.theme import render as draw
from workbench.report.datelines import dateline
from workbench.report.html import data_uri, render
from workbench.report.numbers import show
from workbench.report.plots.portraits.groups import plot_journey, plot_week
from workbench.report.plots.portraits.regions import PLACES, plot_region
from workbench.report.tables import WRITTEN, table_html
from workbench.report.text import label, say
from workbench.report.value_names import value_key

if TYPE_CHECKING:
    from workbench.analysis.portraits.members import MemberPortrait

__all__ = ["Names", "audience_page", "label_funnel"]

_MOST_ROWS = 20
_FUNNEL = {"step": "text", "alone": "int", "left": "int", "left_share": "pct"}
_SHARES = {
    "variable": "text", "value": "text", "n": WRITTEN, "share": "pct", "share_low": "pct", "share_high": "pct",
    "base_share": "pct", "tgi": "num",
}  # fmt: skip
_NUMBERS = {"variable": "text", "n": WRITTEN, "median": WRITTEN, "base_median": WRITTEN, "effect": "num"}
_OVERLAP = {"other": "text", "n_other": "int", "both": "int", "jaccard": "num", "lift": "num"}
_LIFT = {"top_share": "pct", "customers": "int", "recall": "pct", "low": "pct", "high": "pct", "lift": "num"}
_CROSS = {
    "first_value": "text", "second_value": "text", "n": WRITTEN, "cell": "int", "share": "pct", "share_low": "pct",
    "share_high": "pct", "base_share": "pct", "tgi": "num",
}  # fmt: skip
_MOST_OF_ONE = 2  # values per variable among the differences
BASE_TGI = 100
_MOST_VALUES = 8  # per variable, the most frequent among the members
_MOST_NUMBERS = 10  # per block, those that differ most


@dataclass(frozen=True)
class Names:
    """Names of tags, answers and their values by language, for names without a text.

    Attributes
    ----------
    variables : dict of str to dict of str
    values : dict of (str, str) to dict of str
        By variable and value.
    """

    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    values: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def variable(self, name: str, language: str) -> str:
        """Return the name of a variable."""
        return self.variables[name][language] if name in self.variables else label(name, language)

    def value(self, name: str, value: object, language: str) -> str:
        """Return the name of a value."""
        name_by_language = self.values.get((name, str(value)))
        return name_by_language[language] if name_by_language else label(value_key(name, value), language)


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
        name, label (by language), as_of (date), purpose, purposes (with recorded consents), members, reachable,
        consent_recorded, customers, funnel (DataFrame: step, alone, left); made_by_rule (variables that the rule
        uses; shown in the portrait but not as differences), others (labels of other audiences).
    portrait : MemberPortrait
        Suppressed cells stay empty.
    overlaps : DataFrame, optional
        first, second, n_first, n_second, both, jaccard, lift.
    lift : DataFrame, optional
        As ``look_alike.LookAlike.lift``.
    names : Names, optional
        Names of tags and their values.
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
    builder = _SectionBuilder(language, currency, names or Names())
    sections = [builder.table("funnel", label_funnel(estimate["funnel"], language), _FUNNEL)]
    sections += _differences(portrait.portrait, estimate.get("made_by_rule", ()), builder)
    sections += [
        builder.chart("region", plot_region, _places(portrait.portrait, builder)),
        builder.chart("week", plot_week, portrait.week),
        builder.chart("journey", plot_journey, portrait.journey),
    ]
    sections += _crosses(portrait.crosses, builder)
    if overlaps is not None and len(overlaps):
        others = _others(overlaps, estimate, language)
        sections.append(builder.table("overlap", others, _OVERLAP))
    if lift is not None:
        sections.append(builder.table("lift", lift, _LIFT))
    consent = "audience_consent" if estimate["consent_recorded"] else "audience_consent_unknown"
    if estimate["purposes"] and estimate["purpose"] not in estimate["purposes"]:
        consent = "audience_consent_never"
    about = {"purpose": label(estimate["purpose"], language), "recorded": ", ".join(estimate["purposes"])}
    context = {
        "title": title,
        "as_of": dateline(estimate["as_of"], language),
        "sentence": say("audience_sentence", language, values),
        "consent": say(consent, language, about),
        "sections": sections,
        "blocks": _blocks(portrait.portrait, builder),
        "limits": [say("audience_limit_association", language), say("audience_limit_small", language)],
    }
    return render("audience.html.j2", context, language)


@dataclass(frozen=True)
class _SectionBuilder:
    """Builds the sections of the page in one language."""

    language: str
    currency: str
    names: Names

    def table(
        self, name: str, frame: pd.DataFrame, formats: Mapping[str, str], title: str = "", *, most: int = _MOST_ROWS
    ) -> dict[str, Any]:
        shown_formats = {column: kind for column, kind in formats.items() if column in frame}
        title = title or say(f"audience_{name}_title", self.language)
        table: Markup | None = None
        if len(frame):
            rows = frame[list(shown_formats)].head(most)
            table = table_html(
                rows, formats=shown_formats, language=self.language, currency=self.currency, caption=title
            )
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

    def called(self, rows: pd.DataFrame, *, variables: bool = True) -> pd.DataFrame:
        """Replace values by their names, and variables too unless they are needed as keys."""
        values = [
            self.names.value(row.variable, row.value, self.language) if pd.notna(row.value) else ""
            for row in rows.itertuples()
        ]
        numbers = {name: self._numbers(rows, name) for name in ("median", "base_median") if name in rows}
        labelled = rows.assign(value=values, n=self.sizes(rows), **numbers)
        if not variables:
            return labelled.assign(n=rows["n"])
        return labelled.assign(variable=[self.names.variable(variable, self.language) for variable in rows["variable"]])

    def sizes(self, rows: pd.DataFrame) -> list[str]:
        """Return the number of customers of each row as text, or "not shown"."""
        hidden = rows["suppressed"].astype(bool)
        return [
            say("audience_hidden", self.language) if small else show(n, "int", self.language)
            for n, small in zip(rows["n"], hidden, strict=True)
        ]

    def _numbers(self, rows: pd.DataFrame, name: str) -> list[str]:
        """Format figures with the unit of their variable."""
        return [
            show(value, "num" if kind_of(variable) == "days" else kind_of(variable), self.language, self.currency)
            for value, variable in zip(rows[name], rows["variable"], strict=True)
        ]


def _differences(
    portrait: pd.DataFrame, made_by_rule: Collection[str], builder: _SectionBuilder
) -> list[dict[str, Any]]:
    """Return the significant differences from all customers: shares, then numbers, strongest first.

    Variables that the rule uses are left out. Values that are more frequent than among all customers come first, at
    most two per variable.
    """
    differing = portrait[portrait["differs"].fillna(False).astype(bool) & ~portrait["variable"].isin(made_by_rule)]
    numeric = differing["kind"] == "numeric"
    shares = _strongest(differing[~numeric])
    shares = shares.assign(rare=shares["tgi"] < BASE_TGI).sort_values("rare", kind="stable")
    shares = shares.groupby("variable", sort=False).head(_MOST_OF_ONE)
    return [
        builder.table("shares", builder.called(shares), _SHARES),
        builder.table("numbers", builder.called(_strongest(differing[numeric])), _NUMBERS),
    ]


def _places(portrait: pd.DataFrame, builder: _SectionBuilder) -> pd.DataFrame:
    """Return where members live; ordinal values in their order, others by share."""
    rows = portrait[portrait["variable"].isin([name for pair in PLACES for name in pair])]
    declared = {pair: at for at, pair in enumerate(builder.names.values)}
    places = [declared.get((row.variable, row.value), len(declared)) for row in rows.itertuples()]
    ordered = rows.assign(_at=places).sort_values(["_at", "share", "value"], ascending=[True, False, True])
    return builder.called(ordered.drop(columns="_at"), variables=False)


def _blocks(portrait: pd.DataFrame, builder: _SectionBuilder) -> list[dict[str, Any]]:
    """Return the full portrait by block: the most frequent values, then numbers."""
    blocks = []
    for block in BLOCKS:
        rows = portrait[portrait["block"] == block]
        numeric = rows["kind"] == "numeric"
        shares = rows[~numeric & (rows["share"].isna() | (rows["share"] > 0))]
        shares = shares.sort_values("share", ascending=False, kind="stable").groupby("variable", sort=False)
        shares = shares.head(_MOST_VALUES).sort_values("variable", kind="stable")
        numbers = _strongest(rows[numeric & rows["median"].notna()]).head(_MOST_NUMBERS)
        title = say(f"audience_block_{block}", builder.language)
        parts = [
            builder.table(
                block, builder.called(frame), formats, f"{title}: {label(measure, builder.language)}", most=len(frame)
            )["table"]
            for measure, frame, formats in (("share", shares, _SHARES), ("median", numbers, _NUMBERS))
            if len(frame)
        ]
        if parts:
            blocks.append({"id": f"block-{block}", "title": title, "tables": parts})
    return blocks


def _crosses(crosses: pd.DataFrame, builder: _SectionBuilder) -> list[dict[str, Any]]:
    sections = []
    for (first, second), rows in crosses.groupby(["first", "second"], sort=False):
        words = {
            "first": builder.names.variable(first, builder.language),
            "second": builder.names.variable(second, builder.language),
        }
        labelled = rows.assign(
            first_value=[builder.names.value(first, value, builder.language) for value in rows["first_value"]],
            second_value=[builder.names.value(second, value, builder.language) for value in rows["second_value"]],
            n=builder.sizes(rows),
        )
        labelled = labelled[:0] if rows["suppressed"].all() else labelled
        title = say("audience_cross_title", builder.language, words)
        sections.append(builder.table(f"cross-{first}-{second}", labelled, _CROSS, title))
    return sections


def label_funnel(funnel: pd.DataFrame, language: str) -> pd.DataFrame:
    """Label the steps of a funnel in a language.

    Parameters
    ----------
    funnel : DataFrame
        Result of `workbench.analysis.audiences.select.funnel`.
    language : str
        en or zh.

    Returns
    -------
    DataFrame
        step, alone, left, left_share (of all customers, 0..1).
    """
    without = [say("audience_without", language, {"clause": step}) for step in funnel["step"]]
    steps = funnel["step"].where(funnel["part"] != "exclude", without)
    steps = steps.where(funnel["part"] != "everybody", say("audience_everybody", language))
    everybody = max(int(funnel["left"].iloc[0]), 1)
    return funnel.assign(step=steps, left_share=funnel["left"] / everybody).drop(columns="part")


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    strength = rows["effect"].abs()
    return rows.assign(_by=strength).sort_values(["_by", "variable", "value"], ascending=[False, True, True])


def _others(overlaps: pd.DataFrame, estimate: Mapping[str, Any], language: str) -> pd.DataFrame:
    """Return one row per overlapping audience, with its label."""
    turned = overlaps["second"] == estimate["name"]
    other = overlaps["first"].where(turned, overlaps["second"])
    size = overlaps["n_first"].where(turned, overlaps["n_second"])
    ranked = overlaps.assign(other=other, n_other=size).sort_values(["lift", "other"], ascending=[False, True])
    labels = estimate.get("others") or {}
    return ranked.assign(other=[(labels.get(other) or {}).get(language) or other for other in ranked["other"]])
