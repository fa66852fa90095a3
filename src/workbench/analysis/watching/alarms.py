"""The table ``alerts``: changes gathered by family, watched metrics, predictions that lost, and who looked at them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.watching.judging import ALERT, WARNING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.analysis.watching.definitions import Redefined

__all__ = ["ALERT_COLUMNS", "gather_alarms", "watched_alarms"]

ALERT_COLUMNS = ("level", "what", "subject", "old", "new", "threshold", "since", "acknowledged_by")
_RANK = {ALERT: 0, WARNING: 1}


def gather_alarms(
    drift: pd.DataFrame,
    redefined: Sequence[Redefined] = (),
    watched: Sequence[Mapping[str, Any]] = (),
    losing: Sequence[str] = (),
    *,
    as_of: dt.date,
    least_change_points: float,
    before: pd.DataFrame | None = None,
    acknowledged: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """Gather all alarms of a run.

    Parameters
    ----------
    drift : DataFrame
        Result of `judging.judge`.
    redefined : sequence of Redefined
        Each gives a warning.
    watched : sequence of mapping
        Result of `watched_alarms`.
    losing : sequence of str
        Predictions that lost to their baseline twice.
    as_of : date
    least_change_points : float
    before : DataFrame, optional
        ``alerts`` of the run compared with: an alarm that stood there keeps its date.
    acknowledged : sequence of mapping
        what, subject, by, why, until.

    Returns
    -------
    DataFrame
        The columns of ``alerts`` with kind, others (further figures of the family that moved), name, change, q_value;
        alerts before warnings, the largest change first.
    """
    rows = [*_of_drift(drift, least_change_points), *(_of_definition(one) for one in redefined), *watched]
    lost = {"old": "baseline", "new": "prediction", "threshold": "twice", "kind": "realised"}
    rows += [_alarm(WARNING, "realised", name) | lost for name in losing]
    columns = [*ALERT_COLUMNS, "kind", "name", "others", "change", "q_value", "old_value", "new_value"]
    frame = pd.DataFrame(rows, columns=columns)
    if frame.empty:
        return frame
    frame["rank"] = frame["level"].map(_RANK)
    frame["moved"] = frame["change"].abs().fillna(np.inf)
    frame = frame.sort_values(["rank", "moved", "what", "subject"], ascending=[True, False, True, True])
    frame = frame.drop_duplicates(["what", "subject"]).drop(columns=["rank", "moved"]).reset_index(drop=True)
    since = (
        {}
        if before is None
        else dict(
            zip(
                zip(before["what"], before["subject"], strict=True),
                pd.to_datetime(before["since"]).dt.date,
                strict=True,
            )
        )
    )
    pairs = list(zip(frame["what"], frame["subject"], strict=True))
    frame["since"] = [since.get(pair, as_of) for pair in pairs]
    frame["acknowledged_by"] = [_acknowledged(pair, acknowledged, as_of) for pair in pairs]
    return frame


def watched_alarms(watch: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the alarms of declared watches.

    Parameters
    ----------
    watch : sequence of mapping
        metric, below, above, level.
    metrics : mapping
        ``stage.metric`` to value. A metric that is missing or no number is an alarm too: nobody can watch it.
    """
    rows = []
    for one in watch:
        value = metrics.get(one["metric"])
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
        low = number and one.get("below") is not None and float(value) < one["below"]  # type: ignore[arg-type]
        high = number and one.get("above") is not None and float(value) > one["above"]  # type: ignore[arg-type]
        if number and not (low or high):
            continue
        bounds = " ".join(
            f"{word} {one[key]:g}" for word, key in (("<", "below"), (">", "above")) if one.get(key) is not None
        )
        written = f"{float(value):.6g}" if number else ""  # type: ignore[arg-type]
        rows.append(
            _alarm(one["level"], "watch", one["metric"])
            | {"new": written, "threshold": bounds, "kind": "watch", "new_value": float(value) if number else np.nan}  # type: ignore[arg-type]
        )
    return rows


def _of_drift(drift: pd.DataFrame, floor: float) -> list[dict[str, Any]]:
    """Gather the figures with a level by what happened and their family; the one that moved most stands for them."""
    marked = drift[drift["level"] != ""].copy()
    if marked.empty:
        return []
    marked["moved"] = marked["change"].abs().fillna(np.inf)
    marked = marked.sort_values(["moved", "subject", "name"], ascending=[False, True, True])
    rows = []
    for (subject, what, family), group in marked.groupby(["subject", "what", "family"], sort=True):
        top = group.iloc[0]
        level = ALERT if (group["level"] == ALERT).any() else WARNING
        named = f"{subject}.{family}" if family and family != subject else str(subject)
        prefix = f"{top['name']}: " if str(top["name"]) != str(family) else ""
        words = {side: f"{prefix}{_written(top[side])}" if np.isfinite(top[side]) else "" for side in ("old", "new")}
        numbers = {"change": top["change"], "q_value": top["q_value"], "old_value": top["old"], "new_value": top["new"]}
        rows.append(
            _alarm(level, str(what), named)
            | {**words, **numbers, "threshold": _threshold(top, floor), "kind": top["kind"], "name": top["name"]}
            | {"others": group["name"].nunique() - 1}
        )
    return rows


def _of_definition(one: Redefined) -> dict[str, Any]:
    return _alarm(WARNING, one.what, one.subject) | {"old": one.old, "new": one.new, "kind": "definition"}


def _alarm(level: str, what: str, subject: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("change", "q_value", "old_value", "new_value"), np.nan)
    words = dict.fromkeys(("old", "new", "threshold", "kind"), "")
    return {"level": level, "what": what, "subject": subject, "name": subject, "others": 0, **words, **numbers}


def _threshold(row: pd.Series, floor: float) -> str:
    return "" if row["certain"] and not np.isfinite(row["change"]) else f"{floor:g} points"


def _written(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""


def _acknowledged(pair: tuple[str, str], acknowledged: Sequence[Mapping[str, Any]], as_of: dt.date) -> str | None:
    for one in acknowledged:
        until = one["until"] if isinstance(one["until"], dt.date) else dt.date.fromisoformat(str(one["until"]))
        if (one["what"], one["subject"]) == pair and until >= as_of:
            return str(one["by"])
    return None
