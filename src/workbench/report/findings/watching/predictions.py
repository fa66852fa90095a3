"""Findings on predictions that are over: were they right, and better than a simple baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.watching.realised import track_record
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["REALISED_FORMATS", "find_predictions", "table_realised"]

REALISED_FORMATS = {
    "prediction": "label", "measured_by": "label", "predicted_on": "date", "matured_on": "date", "n": "int",
    "expected": "num", "observed": "num", "measured": "num", "low": "num", "high": "num", "simple_baseline": "num",
}  # fmt: skip
_MOST_ROWS = 40
_KEYS = {
    ("churn", "auc"): "watch_churn_auc", ("churn", "calibration"): "watch_churn_calibration",
    ("churn", "missed"): "watch_churn_missed", ("churn_contacted", "calibration"): "watch_churn_contacted",
    ("value", "mae"): "watch_value_mae", ("value", "coverage"): "watch_value_coverage",
    ("orders", "mae"): "watch_orders_mae", ("category", "auc"): "watch_category_auc",
    ("recommendations_again", "hit_rate"): "watch_hits_again", ("recommendations_new", "hit_rate"): "watch_hits_new",
    ("actions", "gain"): "watch_actions_gain",
}  # fmt: skip

_ALONE = {  # without a baseline
    "watch_value_mae": "watch_value_mae_alone", "watch_orders_mae": "watch_orders_mae_alone",
    "watch_hits_again": "watch_hits_again_alone", "watch_hits_new": "watch_hits_new_alone",
}  # fmt: skip


def find_predictions(realised: pd.DataFrame, losing: Sequence[str], *, earlier: bool) -> list[Finding]:
    """Report the latest prediction of each kind that is over.

    Parameters
    ----------
    realised : DataFrame
        The table ``realised``.
    losing : sequence of str
        Predictions that lost to their baseline twice.
    earlier : bool
        Whether there are earlier runs at all.
    """
    if realised.empty:
        return [Finding("watch_none_matured", {}, 0.1)] if earlier else []
    findings = [Finding("watch_retrain", {"prediction": name}, 0.7) for name in losing]
    latest = realised.sort_values("predicted_on").drop_duplicates(["prediction", "measure"], keep="last")
    for row in latest.to_dict("records"):
        key = _KEYS.get((row["prediction"], row["measure"]))
        if key:
            findings.append(Finding(_ALONE.get(key, key) if pd.isna(row["baseline"]) else key, row, 0.35))
    record = track_record(realised)
    if record["predicted_on"].nunique() > 1:
        values = {"n": len(record), "kept": int((~record["lost"]).sum()), "runs": int(record["predicted_on"].nunique())}
        findings.append(Finding("watch_record", values, 0.3))
    return findings


def table_realised(realised: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions that are over, the latest first."""
    rows = realised.sort_values(["predicted_on", "prediction", "measure"], ascending=[False, True, True]).head(
        _MOST_ROWS
    )
    named = rows.rename(columns={"value": "measured", "baseline": "simple_baseline"})
    return named.assign(
        prediction="watch_prediction_" + named["prediction"].astype(str),
        measured_by="watch_measure_" + named["measure"].astype(str),
    )
