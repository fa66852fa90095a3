"""Which changes are alarms: false discovery rate over all watched figures, a floor on the change, the season."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.intervals import benjamini_hochberg
from workbench.analysis.watching.measures.figures import CUSTOMERS, DEFINITION, Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ALERT", "DRIFT_COLUMNS", "WARNING", "judge"]

ALERT, WARNING = "alert", "warning"
_STRONG = 2.5  # times the floor: an alert, below it a warning
DRIFT_COLUMNS = (
    "subject", "name", "kind", "population", "old", "new", "change", "statistic", "null_low", "null_high", "q_value",
    "level",
)  # fmt: skip
_KEY = ["subject", "family", "population"]


def judge(
    figures: Sequence[Figure],
    *,
    alpha: float = 0.01,
    least_change_points: float = 2.0,
    usual: Mapping[tuple[str, str], float] | None = None,
    season: Mapping[tuple[str, str], float] | None = None,
) -> pd.DataFrame:
    """Judge the changes of two runs.

    Parameters
    ----------
    figures : sequence of Figure
    alpha : float
        False discovery rate over all figures of all customers and of the same customers.
    least_change_points : float
        Floor on the change, percentage points.
    usual : mapping of (subject, name) to float, optional
        Change of the same customers between the two runs before, percentage points. The same people always change
        (newcomers settle, some fall asleep), so their change is an alarm only where it differs from the last one.
    season : mapping of (subject, name) to float, optional
        Level of the figure a year ago, of all customers. A change back to it is no alarm.

    Returns
    -------
    DataFrame
        The columns of ``drift`` and p_value, what, family, distance; one row per figure and population. ``level`` is
        alert, warning, or empty.
    """
    rows = pd.DataFrame([asdict(figure) for figure in figures], columns=[*Figure.__dataclass_fields__])
    rows["q_value"] = benjamini_hochberg(rows["p_value"].to_numpy(dtype=float)) if len(rows) else []
    rows["level"] = [
        _level(row, alpha, least_change_points, usual or {}, season or {}) for row in rows.to_dict("records")
    ]
    return rows


def _level(
    row: Mapping[str, Any],
    alpha: float,
    floor: float,
    usual: Mapping[tuple[str, str], float],
    season: Mapping[tuple[str, str], float],
) -> str:
    if row["certain"]:
        return WARNING if row["kind"] == DEFINITION else ALERT
    change, key = float(row["change"]), (str(row["subject"]), str(row["name"]))
    if row["population"] == "same":
        if key not in usual:
            return ""
        change -= usual[key]
    elif row["population"] != "all":
        return ""
    moved = abs(change) if not row["one_sided"] or float(row["new"]) > float(row["old"]) else 0.0
    if np.isnan(moved) or moved < floor or not float(row["q_value"]) <= alpha:
        return ""
    if row["population"] == "all" and row["kind"] == CUSTOMERS and _as_a_year_ago(row, season.get(key)):
        return ""
    return ALERT if moved >= _STRONG * floor else WARNING


def _as_a_year_ago(row: Mapping[str, Any], then: float | None) -> bool:
    """Say whether most of a change leads back to the level of a year ago."""
    if then is None or np.isnan(then):
        return False
    old, new = float(row["old"]), float(row["new"])
    return abs(new - then) < abs(new - old) / 2
