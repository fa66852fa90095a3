"""Findings on the cut-offs of the churn study and the stability of its results.

Serves 08_predict_churn.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.churn.models.origins import ORIGIN_COLUMNS
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.churn.study import ChurnStudy

__all__ = ["ORIGIN_FORMATS", "find_periods", "limit_labels", "origin_rows"]

ORIGIN_FORMATS = {
    "role": "label", "cut_off": "date", "customers": "int", "positives": "int", "share": "pct", "auc": "num",
    "auc_low": "num", "auc_high": "num", "recency_auc": "num",
}  # fmt: skip
_LEFT_OUT = ("before_first_cut_off", "household_later", "without_features", "unread")


def origin_rows(study: ChurnStudy) -> pd.DataFrame:
    """Return the cut-offs for the report; no rows with undated data."""
    table = study.result.origins
    return table if len(table) else pd.DataFrame(columns=list(ORIGIN_COLUMNS))


def find_periods(study: ChurnStudy) -> list[Finding]:
    """Report the cut-offs of training, calibration and test, the customers covered, and stability.

    Parameters
    ----------
    study : ChurnStudy

    Returns
    -------
    list of Finding
    """
    if not study.cut_offs:
        return []
    findings = []
    if study.horizon is not None:
        dates: dict[str, Any] = {name: cut_off.isoformat() for name, cut_off in study.cut_offs.items()}
        dates |= {"horizon_days": study.horizon.days, "cut_offs": len(study.train_cut_offs)}
        dates |= {"first": study.train_cut_offs[0].isoformat()}
        findings.append(Finding("churn_dates" if len(study.train_cut_offs) == 1 else "churn_dates_several", dates, 0.1))
        if len(study.train_cut_offs) < study.train_cut_offs_asked:
            few = {"used": len(study.train_cut_offs), "asked": study.train_cut_offs_asked}
            findings.append(Finding("churn_cut_offs_few", few | {"horizon_days": study.horizon.days}, 0.15))
        people = {"customers": study.counts["test.eligible"], "active_within_days": study.active_within_days}
        findings.append(Finding("churn_population", people, 0.1))
        known_on = study.cut_offs["test"] + timedelta(days=2 * study.horizon.days)
        findings.append(
            Finding("churn_immature", {"customers": study.counts["immature"], "known": known_on.isoformat()}, 0.1)
        )
    return findings + _holds(study)


def limit_labels(study: ChurnStudy) -> list[Finding]:
    """Report labels and columns that were left out, with the reason."""
    findings = [Finding("churn_limit_columns", {"columns": list(study.undated)})] if study.undated else []
    counts = {name: study.counts.get(f"labels.{name}", 0) for name in _LEFT_OUT}
    return findings + [Finding(f"churn_left_out_{name}", {"labels": count}) for name, count in counts.items() if count]


def _holds(study: ChurnStudy) -> list[Finding]:
    """Report the range of the AUC, and the AUC on households not used for training."""
    findings = []
    origins = study.result.origins.dropna(subset=["auc"]) if len(study.result.origins) else study.result.origins
    if len(origins) > 1:
        span = {"low": float(origins["auc"].min()), "high": float(origins["auc"].max()), "cut_offs": len(origins)}
        findings.append(Finding("churn_origins", span, 0.3))
    apart = study.result.metrics.get("auc_apart")
    if apart is not None and not pd.isna(apart):
        findings.append(Finding("churn_apart", {"apart": apart, "auc": study.result.metrics["auc"]}, 0.2))
    return findings
