"""Findings on alarms: what changed, in words, the strongest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.watching.measures.composition import split_change
from workbench.report.findings.finding import Finding
from workbench.report.findings.watching.words import figure_name, number_words, points_of, subject_name
from workbench.report.text import say

if TYPE_CHECKING:
    import datetime as dt

    from workbench.analysis.watching.study import Changes
    from workbench.core.tags.registry import TagRegistry

__all__ = [
    "ALARM_FORMATS",
    "DRIFT_FORMATS",
    "find_changes",
    "limit_changes",
    "measure_changes",
    "table_alarms",
    "table_drift",
]

ALARM_FORMATS = {
    "alarm_level": "label", "alarm_kind": "label", "happened": "label", "figure": "text", "was": "text",
    "is_now": "text", "alarm_threshold": "text", "alarm_since": "date", "acknowledged_by": "text",
}  # fmt: skip
DRIFT_FORMATS = {
    "figure": "text", "was": "text", "is_now": "text", "points": "num", "stability_index": "num", "null_high": "num",
    "distance": "num", "behaviour_share": "pct", "alarm_level": "label",
}  # fmt: skip
MOST_SAID = 8
MOST_ROWS = 25
_PLAIN = {"distribution", "missing", "constant", "scale", "prices", "category_new", "category_gone", "rejected",
          "duplicates", "volume", "past_rows", "silence", "customers_gone", "replaced"}  # fmt: skip
_FACTS = {"source_gone", "source_new", "column_gone", "column_new", "column_type"}
HAPPENED = _PLAIN | _FACTS
DEFINED = ("settings", "features", "segments", "tags", "model", "stages", "form")
CAUSES = ("behaviour", "composition", "both")
_WEIGHTS = {"alert": 0.75, "warning": 0.45}
_TRACKED = (
    ("churn", "auc"), ("churn", "calibration"), ("purchase", "brier"), ("category", "auc"), ("orders", "mae"),
    ("value", "mae"), ("value", "coverage"), ("recommendations_again", "hit_rate"),
    ("recommendations_new", "hit_rate"), ("actions", "gain"),
)  # fmt: skip
_MIXED = 0.2  # share of a change that is neither of the two causes alone


def find_changes(
    changes: Changes,
    alarms: pd.DataFrame,
    *,
    compared_as_of: dt.date | None,
    later_runs: int = 0,
    currency: str = "",
    tags: TagRegistry | None = None,
) -> list[Finding]:
    """Report the alarms in words.

    Parameters
    ----------
    changes : Changes
    alarms : DataFrame
        Result of `alarms.gather_alarms`.
    compared_as_of : date or None
        Of the run compared with; None on the first run.
    later_runs : int
        Kept runs with a later date, where none is earlier.
    currency : str
    tags : TagRegistry, optional
        Names tags and their values.
    """
    if compared_as_of is None:
        return [
            Finding("watch_backwards", {"later": later_runs}, 0.1) if later_runs else Finding("watch_first", {}, 0.05)
        ]
    watched = int((changes.drift["population"] == "all").sum())
    pairing = changes.pairing
    values: dict[str, Any] = {
        "alerts": int((alarms["level"] == "alert").sum()), "warnings": int((alarms["level"] == "warning").sum()),
        "before": compared_as_of, "days": changes.days, "figures": watched,
        "same": pairing.same if pairing else 0, "entered": len(pairing.entered) if pairing else 0,
        "left": len(pairing.left) if pairing else 0, "withdrawn": pairing.withdrawn if pairing else 0,
    }  # fmt: skip
    open_alarms = alarms[alarms["acknowledged_by"].isna()] if len(alarms) else alarms
    findings = [Finding("watch_alarms" if len(alarms) else "watch_calm", values, 0.8 if len(open_alarms) else 0.4)]
    sentences = [_sentence(row, currency, tags) for row in open_alarms.head(MOST_SAID).to_dict("records")]
    findings += sentences
    if len(open_alarms) > len(sentences):
        findings.append(Finding("watch_more", {"n": len(open_alarms) - len(sentences)}, 0.2))
    if len(alarms) > len(open_alarms):
        findings.append(Finding("watch_acknowledged", {"n": len(alarms) - len(open_alarms)}, 0.15))
    findings += _causes(changes.drift, tags)
    if pairing is not None and pairing.withdrawn:
        findings.append(Finding("watch_withdrawn", values, 0.1))
    return findings


def limit_changes(changes: Changes) -> list[Finding]:
    """Report the limits of the comparison."""
    if changes.pairing is None:
        return [Finding("watch_limit_first")]
    limits = [] if changes.seasonal else [Finding("watch_limit_season")]
    return [*limits, Finding("watch_limit_history"), Finding("watch_limit_causes")]


def measure_changes(
    changes: Changes, alarms: pd.DataFrame, compared_with: str | None, realised: pd.DataFrame
) -> dict[str, Any]:
    """Return the metrics: compared_with, alerts, warnings, moved_customers, counts, and those of predictions."""
    pairing = changes.pairing
    metrics: dict[str, Any] = {
        "compared_with": compared_with or "none",
        "alerts": int((alarms["level"] == "alert").sum()),
        "warnings": int((alarms["level"] == "warning").sum()),
        "acknowledged": int(alarms["acknowledged_by"].notna().sum()),
        "moved_customers": changes.moved,
        "figures": int((changes.drift["population"] == "all").sum()),
    }
    if pairing is not None:
        metrics |= {
            "days_compared": changes.days, "same_customers": pairing.same, "entered_customers": len(pairing.entered),
            "left_customers": len(pairing.left), "withdrawn_customers": pairing.withdrawn,
        }  # fmt: skip
    for prediction, measure in _TRACKED:
        rows = realised[(realised["prediction"] == prediction) & (realised["measure"] == measure)]
        if len(rows):
            latest = rows.sort_values("predicted_on").iloc[-1]
            metrics[f"realised.{prediction}.{measure}"] = float(latest["value"])
            if pd.notna(latest["baseline"]):
                metrics[f"realised.{prediction}.{measure}_baseline"] = float(latest["baseline"])
    return metrics


def table_alarms(alarms: pd.DataFrame, *, language: str, currency: str) -> pd.DataFrame:
    """Return the alarms as a table in words."""
    rows = []
    for row in alarms.to_dict("records"):
        was, now = _sides(row, currency)
        rows.append(
            {
                "alarm_level": f"alarm_{row['level']}",
                "alarm_kind": f"alarm_kind_{row['kind']}",
                "happened": f"watch_{row['what']}",
                "figure": subject_name(row["subject"])[language],
                "was": was[language],
                "is_now": now[language],
                "alarm_threshold": _threshold(str(row["threshold"]), language),
                "alarm_since": row["since"],
                "acknowledged_by": row["acknowledged_by"],
            }
        )
    return pd.DataFrame(rows, columns=[*ALARM_FORMATS])


def table_drift(
    everybody: pd.DataFrame, drift: pd.DataFrame, *, language: str, currency: str, tags: TagRegistry | None = None
) -> pd.DataFrame:
    """Return the figures of all customers that moved most, those with an alarm first; ``tags`` names tags."""
    rows = everybody[everybody["change"].notna() & everybody["statistic"].notna()].copy()
    if rows.empty:
        return pd.DataFrame(columns=[*DRIFT_FORMATS])
    parts = split_change(drift).set_index(["subject", "name"])
    share = parts["behaviour"] / parts["change"].where(parts["change"] != 0)
    rows["moved"] = rows["change"].abs()
    rows = (
        rows.assign(first=rows["level"].eq("")).sort_values(["first", "moved"], ascending=[True, False]).head(MOST_ROWS)
    )
    keys = list(zip(rows["subject"], rows["name"], strict=True))
    sides = {
        side: [number_words(row["name"], row["what"], row[side], currency)[language] for row in rows.to_dict("records")]
        for side in ("old", "new")
    }
    return pd.DataFrame(
        {
            "figure": [figure_name(name, subject, tags)[language] for subject, name in keys],
            "was": sides["old"],
            "is_now": sides["new"],
            "points": rows["moved"].to_numpy(),
            "stability_index": rows["statistic"].to_numpy(),
            "null_high": rows["null_high"].to_numpy(),
            "distance": rows["distance"].to_numpy(),
            "behaviour_share": [float(np.clip(share.get(key, np.nan), 0, 1)) for key in keys],
            "alarm_level": [f"alarm_{level}" if level else None for level in rows["level"]],
        }
    )


def _threshold(threshold: str, language: str) -> str:
    points, _, unit = threshold.partition(" ")
    return say("watch_floor", language, {"points": float(points)}) if unit == "points" else threshold


def _sentence(row: dict[str, Any], currency: str, tags: TagRegistry | None) -> Finding:
    what, weight = str(row["what"]), _WEIGHTS[str(row["level"])]
    was, now = _sides(row, currency)
    figure = figure_name(row["name"], row["subject"], tags)
    values = {"figure": figure, "subject": subject_name(row["subject"]), "old": was, "new": now,
              "others": int(row["others"] or 0), "threshold": row["threshold"]}  # fmt: skip
    if what == "watch":
        key = "watch_watch" if row["new"] else "watch_watch_absent"
        return Finding(key, values | {"metric": row["subject"]}, weight)
    if what in HAPPENED:
        values |= {"points": points_of(row["change"]) if pd.notna(row["change"]) else 0.0}
    if what == "distribution" and values["others"]:
        return Finding("watch_distribution_others", values, weight)
    return Finding(f"watch_{what}", values, weight)


def _sides(row: dict[str, Any], currency: str) -> tuple[dict[str, str], dict[str, str]]:
    what = str(row["what"])
    if what in _PLAIN:
        return tuple(number_words(row["name"], what, row[side], currency) for side in ("old_value", "new_value"))  # type: ignore[return-value]
    return tuple({language: str(row[side] or "–") for language in ("en", "zh")} for side in ("old", "new"))  # type: ignore[return-value]


def _causes(drift: pd.DataFrame, tags: TagRegistry | None) -> list[Finding]:
    """Say of the strongest change of customers whether the same people changed or others came."""
    marked = drift[(drift["population"] == "all") & (drift["kind"] == "customers") & (drift["level"] != "")]
    if marked.empty:
        return []
    top = marked.loc[marked["change"].abs().idxmax()]
    parts = split_change(drift)
    part = parts[(parts["subject"] == top["subject"]) & (parts["name"] == top["name"])].iloc[0]
    if not part["change"] or not np.isfinite(part["change"]):
        return []
    share = float(part["behaviour"] / part["change"])
    cause = CAUSES[0] if share >= 1 - _MIXED else CAUSES[1] if share <= _MIXED else CAUSES[2]
    name = figure_name(top["name"], top["subject"], tags)
    return [Finding(f"watch_by_{cause}", {"figure": name, "share": float(np.clip(share, 0, 1))}, 0.4)]
