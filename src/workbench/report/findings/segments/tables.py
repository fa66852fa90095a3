"""Tables of 06_segment_customers for the report: candidates, sizes, portraits, declared kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.clustering.verdicts import criteria
from workbench.analysis.portraits.kinds import cross_kinds
from workbench.analysis.privacy.suppression import small_cells
from workbench.report.numbers import LANGUAGES, fewer_than
from workbench.report.text import say
from workbench.report.value_names import value_key

if TYPE_CHECKING:
    from workbench.analysis.clustering.candidates import Search
    from workbench.analysis.clustering.verdicts import Verdict
    from workbench.analysis.segments.definition import SegmentDefinition

__all__ = [
    "APART",
    "CANDIDATES",
    "CROSS",
    "EXPLAINED",
    "KINDS",
    "PORTRAITS",
    "SIZES",
    "shown_candidates",
    "shown_cross",
    "shown_kinds",
    "shown_portraits",
    "shown_sizes",
    "value_shares",
]

# column formats of the tables that 06 shows
SIZES = {"segment": "label", "n": "int", "share": "pct", "low": "pct", "high": "pct", "value_share": "pct"}
EXPLAINED = {"variable": "label", "n": "int", "explained": "pct", "low": "pct", "high": "pct", "random_high": "pct"}
CANDIDATES = {
    "method": "label",
    "k": "int",
    "silhouette": "num",
    "one_cloud_high": "num",
    "min_jaccard": "num",
    "valley": "num",
    "smallest_share": "pct",
    "customers_fitted": "int",
    "left_out_by": "label",
}
APART = {"variable": "label", "n": "int", "measure": "label", "strength": "num"}
KINDS = {"kind": "label", **SIZES}
CROSS = {
    "first_value": "label",
    "second_value": "label",
    "n": "int",
    "cell": "int",
    "share": "pct",
    "base_share": "pct",
    "tgi": "num",
}
PORTRAITS = {
    "segment": "label",
    "trait": "label",
    "n": "int",
    "share": "pct",
    "base_share": "pct",
    "tgi": "num",
    "tgi_low": "num",
    "tgi_high": "num",
    "median": "num",
    "base_median": "num",
}
MOST_VALUES = 3
MOST_DECLARED = 6
BASE_TGI = 100
DECLARED = "declared"  # block of declared attributes
SHARES = (
    "gender", "age_band", "province", "city", "source_l1", "category", "brand", "channel", "platform", "store_top",
    "weekday_top", "part_of_day_top",
)  # fmt: skip
MEDIANS = ("age", "city_tier", "monetary_total", "frequency_orders", "spend_per_order_mean", "recency_days")
_VALUE = "monetary_total"


def shown_candidates(search: Search, verdict: Verdict) -> pd.DataFrame:
    """Return the candidates for a table: method, k, the deciding measures and the criterion that left each out.

    Parameters
    ----------
    search : Search
    verdict : Verdict
        On these candidates.

    Returns
    -------
    DataFrame
        The columns of `CANDIDATES` and the other measurements; left_out_by: ``criterion_`` and a name in
        `workbench.analysis.clustering.verdicts.CRITERIA`.
    """
    table = search.table
    if table.empty:
        return table
    left_out = [f"criterion_{name}" for name in criteria(verdict, search.candidates, search.null)]
    rows = table.assign(method="method_" + table["method"], left_out_by=left_out)
    return rows.rename(columns={"null_high": "one_cloud_high"})


def value_shares(features: pd.DataFrame, assigned: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Add each segment's share of net spend to its size.

    Parameters
    ----------
    features : DataFrame, one row per customer
        monetary_total, where it exists.
    assigned : DataFrame
        customer_id, segment.
    sizes : DataFrame
        `workbench.analysis.segments.profiles.segment_sizes`.

    Returns
    -------
    DataFrame
        ``sizes`` with value_share (null without spend, or if total spend is not above 0).
    """
    if _VALUE not in features:
        return sizes.assign(value_share=float("nan"))
    spend = assigned.merge(features[["customer_id", _VALUE]], on="customer_id")
    spend = spend.sort_values(_VALUE).groupby("segment")[_VALUE].sum().astype("float64")
    total = spend.sum()
    return sizes.assign(value_share=sizes["segment"].map(spend) / total if total > 0 else float("nan"))


def shown_sizes(sizes: pd.DataFrame, names: Mapping[str, object], *, least: int) -> pd.DataFrame:
    """Return the sizes for a table, with the names of segments and without small ones.

    Parameters
    ----------
    sizes : DataFrame
        Result of `value_shares`.
    names : mapping
        Segment to its name.
    least : int
        Segments with fewer customers are hidden, and any other whose size would reveal them, as on the chart.
    """
    hidden = _hidden(sizes, least)
    figures = {
        name: sizes[name].astype(object).mask(hidden, fewer_than(least))
        for name in SIZES
        if name in sizes and name != "segment"
    }
    return sizes.assign(segment=sizes["segment"].map(names), **figures)


def _hidden(sizes: pd.DataFrame, least: int) -> pd.Series:
    counts = sizes[["n"]].astype(float)
    labelled = counts.set_axis(sizes["segment"].astype(str), axis=0)
    hidden = small_cells(labelled, least=least, rows=False, name="segment sizes")["n"]
    return pd.Series(hidden.to_numpy(), index=sizes.index)


def shown_portraits(
    portrait: pd.DataFrame, names: Mapping[str, Mapping[str, str]], sizes: pd.DataFrame, least: int
) -> pd.DataFrame:
    """Select the main rows of a portrait: who, where, what, which channel and when, against all customers.

    Parameters
    ----------
    portrait : DataFrame
        `workbench.analysis.portraits.groups.portray_groups`.
    names : mapping
        Segment to its name, in the order of the rows. Of tier names only the part before the colon is shown.
    sizes : DataFrame
        segment, n.
    least : int
        Segments hidden by `shown_sizes` have no rows, since their counts would reveal the size.

    Returns
    -------
    DataFrame
        The columns of `PORTRAITS`; trait is the variable and its value, n the customers of the segment with a known
        value. Per segment: the three most frequent values of each variable in `SHARES`, the medians of `MEDIANS`, then
        the six declared attributes (or their values) that differ most. Missing variables and suppressed cells are left
        out.
    """
    hidden = set(sizes.loc[_hidden(sizes, least), "segment"])
    shown = [name for name in names if name not in hidden]
    visible = portrait[portrait["group"].isin(shown) & ~portrait["suppressed"].fillna(False).astype(bool)]
    shares = visible[visible["variable"].isin(SHARES) & visible["share"].notna()]
    shares = (
        shares.sort_values("share", ascending=False, kind="stable").groupby(["group", "variable"]).head(MOST_VALUES)
    )
    medians = visible[visible["variable"].isin(MEDIANS) & visible["median"].notna()]
    declared = _strongest_declared(visible)
    chosen_rows = pd.concat([shares, medians, declared], ignore_index=True)
    further = dict.fromkeys(declared["variable"])
    place = {name: at for at, name in enumerate([*names, *SHARES, *MEDIANS, *further])}
    order = chosen_rows.assign(
        segment=chosen_rows["group"].map(place), at=chosen_rows["variable"].map(place), less=-chosen_rows["share"]
    )
    chosen_rows = chosen_rows.loc[order.sort_values(["segment", "at", "less", "value"]).index].reset_index(drop=True)
    traits = [_trait(row.variable, row.value) for row in chosen_rows[["variable", "value"]].itertuples()]
    rows = chosen_rows.assign(segment=chosen_rows["group"].map(_short(names)), trait=pd.Series(traits, dtype="object"))
    return rows[list(PORTRAITS)]


def _strongest_declared(visible: pd.DataFrame) -> pd.DataFrame:
    """Return for each segment the declared attributes (or their values) that differ most from all customers.

    If several have the same effect in a segment, such as "no internet" in six attributes, only the first is kept.
    """
    rows = visible[(visible["block"] == DECLARED) & visible["differs"].fillna(False).astype(bool)]
    rows = rows[~rows["variable"].isin([*SHARES, *MEDIANS]) & (rows["median"].notna() | (rows["tgi"] > BASE_TGI))]
    far = rows["effect"].abs().round(6)
    rows = rows.assign(far=far).sort_values(["group", "far"], ascending=[True, False], kind="stable")
    rows = rows.drop_duplicates(["group", "far"]).groupby("group", sort=False).head(MOST_DECLARED)
    return rows.drop(columns="far")


def _short(names: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Shorten names at their colon if they stay distinct."""
    colons = {"en": ":", "zh": "："}
    short = {
        key: {language: text.split(colons[language])[0] for language, text in name.items()}
        for key, name in names.items()
    }
    apart = all(len({name[language] for name in short.values()}) == len(short) for language in colons)
    return short if apart else {key: dict(name) for key, name in names.items()}


def _trait(variable: str, value: object) -> str | dict[str, str]:
    """Name a variable, with its value if any."""
    if pd.isna(value):
        return variable
    values = {"variable": variable, "value": value_key(variable, value)}
    return {language: say("trait_value", language, values) for language in LANGUAGES}


def shown_kinds(sizes: pd.DataFrame, definitions: Sequence[SegmentDefinition]) -> pd.DataFrame:
    """Return the declared kinds for a table: kind, segment as {en, zh}, and the sizes."""
    titles = {definition.name: dict(definition.title) for definition in definitions}
    names = {
        (definition.name, segment.key): dict(segment.name)
        for definition in definitions
        for segment in definition.segments
    }
    keys = list(zip(sizes["kind"], sizes["segment"], strict=True))
    labelled = sizes.assign(segment=[names.get(key, key[1]) for key in keys])
    return labelled.assign(kind=[titles.get(kind, kind) for kind, _ in keys])


def shown_cross(
    placed: pd.DataFrame, definitions: Sequence[SegmentDefinition], first: str, second: str, *, least: int
) -> pd.DataFrame:
    """Cross two kinds for a table, with names of the values; no rows if one of them could not be applied."""
    if not {first, second} <= set(placed.columns):
        return pd.DataFrame(columns=list(CROSS))
    names = {
        (definition.name, segment.key): dict(segment.name)
        for definition in definitions
        for segment in definition.segments
    }
    crossed = cross_kinds(placed, first, second, least=least)
    names_by_column = {
        column: [names.get((kind, value), value) for value in crossed[column]]
        for column, kind in (("first_value", first), ("second_value", second))
    }
    return crossed.assign(**names_by_column)
