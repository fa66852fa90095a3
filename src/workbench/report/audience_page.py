"""The page of an audience: its funnel, its portrait against everybody, whom it overlaps, who is like it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
from markupsafe import Markup

from workbench.report.html import render
from workbench.report.tables import table_html
from workbench.report.text import label, say

__all__ = ["audience_page"]

_MOST_ROWS = 20
_FUNNEL = {"step": "text", "alone": "int", "left": "int", "left_share": "pct"}
_SHARES = {
    "variable": "label", "value": "label", "n": "int", "share": "pct", "share_low": "pct", "share_high": "pct",
    "base_share": "pct", "tgi": "num",
}  # fmt: skip
_NUMBERS = {"variable": "label", "n": "int", "median": "num", "base_median": "num", "effect": "num"}
_OVERLAP = {"other": "text", "n_other": "int", "both": "int", "jaccard": "num", "lift": "num"}
_LIFT = {"top_share": "pct", "customers": "int", "found": "pct", "low": "pct", "high": "pct", "lift": "num"}


def audience_page(
    estimate: Mapping[str, Any],
    portrait: pd.DataFrame,
    *,
    overlaps: pd.DataFrame | None = None,
    lift: pd.DataFrame | None = None,
    language: str = "en",
    currency: str = "",
) -> str:
    """Write the page of an audience.

    Parameters
    ----------
    estimate : mapping
        name, label (by language), as_of (date), purpose, members, reachable, consent_recorded, customers, funnel
        (DataFrame: step, alone, left).
    portrait : DataFrame
        The members' rows of ``analysis.portraits.groups.portray_groups``; suppressed cells stay empty.
    overlaps : DataFrame, optional
        first, second, n_first, n_second, both, jaccard, lift.
    lift : DataFrame, optional
        As ``look_alike.LookAlike.lift``.
    language : {"en", "zh"}
    currency : str

    Returns
    -------
    str
        One self-contained page.
    """
    name = str((estimate.get("label") or {}).get(language) or label(estimate["name"], language))
    values = {key: estimate[key] for key in ("members", "reachable", "customers")}
    values["share"] = estimate["members"] / max(estimate["customers"], 1)
    tables = [_section("funnel", _with_shares(estimate["funnel"], language), _FUNNEL, language, currency)]
    differing = portrait[portrait["differs"].fillna(False).astype(bool)]
    shares = differing[differing["kind"] != "numeric"]
    tables.append(_section("shares", _strongest(shares), _SHARES, language, currency))
    numbers = _strongest(differing[differing["kind"] == "numeric"])
    tables.append(_section("numbers", numbers, _NUMBERS, language, currency))
    if overlaps is not None and len(overlaps):
        tables.append(_section("overlap", _others(overlaps, estimate["name"]), _OVERLAP, language, currency))
    if lift is not None:
        tables.append(_section("lift", lift, _LIFT, language, currency))
    consent = "audience_consent" if estimate["consent_recorded"] else "audience_consent_unknown"
    context = {
        "title": name,
        "as_of": _as_of(estimate["as_of"], language),
        "sentence": say("audience_sentence", language, values),
        "consent": say(consent, language, {"purpose": label(estimate["purpose"], language)}),
        "sections": tables,
        "limits": [say("audience_limit_association", language), say("audience_limit_small", language)],
    }
    return render("audience.html.j2", context, language)


def _section(
    name: str, frame: pd.DataFrame, formats: Mapping[str, str], language: str, currency: str
) -> dict[str, Any]:
    known = {column: kind for column, kind in formats.items() if column in frame}
    table: Markup | None = None
    if len(frame):
        table = table_html(frame[list(known)].head(_MOST_ROWS), formats=known, language=language, currency=currency)
    empty = say("audience_nothing", language)
    return {"title": say(f"audience_{name}_title", language), "table": table, "empty": empty, "id": name}


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
