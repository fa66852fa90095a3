"""Findings on who moved between segments, types, stages and tiers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from workbench.analysis.watching.migration import ENTERED, LEFT
from workbench.report.findings.finding import Finding
from workbench.report.findings.watching.words import place_name

__all__ = ["MOVE_FORMATS", "charted_moves", "find_moves", "table_moves"]

MOVE_FORMATS = {
    "grouped_by": "label", "moved_from": "text", "moved_to": "text", "customers": "int", "share": "pct",
    "spend": "money",
}  # fmt: skip
_MOST_ROWS = 40
_FEW_STATES = 8  # of an alluvial chart
_MOST_HIDDEN = 0.34  # share of its cells that are too small to show
_ORDER = ("segment", "life_cycle_stage", "value_tier", "rfm_type")

Names = Mapping[str, dict[str, str]]


def find_moves(migration: pd.DataFrame, moved: int | None, same: int, names: Names) -> list[Finding]:
    """Report how many customers changed their segment, and the largest move of each kind.

    Parameters
    ----------
    migration : DataFrame
        The table ``migration``.
    moved : int or None
        Customers of both runs whose segment changed.
    same : int
        Customers of both runs.
    names : mapping
        Names of segments by language.
    """
    findings = []
    if moved is not None and same:
        findings.append(Finding("watch_moved", {"moved": moved, "n": same, "share": moved / same}, 0.3))
    for kind in _ORDER:
        rows = _crossing(migration, kind)
        if rows.empty:
            continue
        top = rows.loc[rows["customers"].astype(float).idxmax()]
        places = {side: place_name(top[side], dict(names)) for side in ("from", "to")}
        values = {"kind": kind, **places, "customers": int(top["customers"]), "share": float(top["share"])}
        values |= {"spend": None if pd.isna(top["spend"]) else float(top["spend"])}
        findings.append(Finding("watch_flow", values, 0.25))
    return findings


def table_moves(migration: pd.DataFrame, names: Names, *, language: str) -> pd.DataFrame:
    """Return the moves, the largest first; those who stayed are left out."""
    rows = pd.concat([_crossing(migration, kind, entering=True) for kind in _ORDER])
    rows = rows.sort_values("customers", ascending=False, kind="stable").head(_MOST_ROWS)
    places = {side: [place_name(place, dict(names))[language] for place in rows[side]] for side in ("from", "to")}
    return rows.assign(grouped_by=rows["kind"], moved_from=places["from"], moved_to=places["to"])[[*MOVE_FORMATS]]


def charted_moves(migration: pd.DataFrame, names: Names) -> tuple[str, pd.DataFrame]:
    """Return the first kind with few states, and its moves with the names of the states; else an empty frame."""
    for kind in _ORDER:
        rows = migration[migration["kind"] == kind]
        if rows["customers"].isna().mean() > _MOST_HIDDEN:
            continue  # what is shown would mislead about the whole
        rows = rows[rows["customers"].notna()]
        states = {*rows["from"], *rows["to"]} - {ENTERED, LEFT}
        if len(rows) and 2 <= len(states) <= _FEW_STATES:  # noqa: PLR2004
            frame = rows[["from", "to", "customers"]].reset_index(drop=True).astype({"customers": float})
            frame["from_name"] = [place_name(place, dict(names)) for place in frame["from"]]
            frame["to_name"] = [place_name(place, dict(names)) for place in frame["to"]]
            return kind, frame
    return "", pd.DataFrame(columns=["from", "to", "customers", "from_name", "to_name"])


def _crossing(migration: pd.DataFrame, kind: str, *, entering: bool = False) -> pd.DataFrame:
    rows = migration[
        (migration["kind"] == kind) & migration["customers"].notna() & (migration["from"] != migration["to"])
    ]
    return rows if entering else rows[(rows["from"] != ENTERED) & (rows["to"] != LEFT)]
