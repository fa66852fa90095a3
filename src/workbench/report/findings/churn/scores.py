"""Findings on the churn model. Serves 08_predict_churn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.candidates import BASELINE
from workbench.analysis.intervals import wilson
from workbench.report.findings.churn.periods import find_periods, limit_labels
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.churn.study import ChurnStudy

__all__ = [
    "CANDIDATE_FORMATS",
    "CATEGORY_FORMATS",
    "DECLARED_FORMATS",
    "GROUP_FORMATS",
    "candidate_rows",
    "data_of",
    "find_churn",
    "horizon_of",
    "limit_churn",
    "measure_churn",
    "name_groups",
]

CANDIDATE_FORMATS = {
    "candidate": "label", "auc": "num", "auc_low": "num", "auc_high": "num", "average_precision": "num", "brier": "num",
    "log_loss": "num", "lift_at_10pct": "num", "chosen": "text",
}  # fmt: skip
GROUP_FORMATS = {
    "grouping": "label", "group": "label", "n": "int", "observed": "pct", "low": "pct", "high": "pct",
    "predicted": "pct", "auc": "num", "verdict": "label",
}  # fmt: skip
CATEGORY_FORMATS = {
    "category": "text", "n": "int", "buyers": "int", "share": "pct", "auc": "num", "auc_low": "num", "auc_high": "num",
    "brier": "num", "baseline_auc": "num",
}  # fmt: skip
DECLARED_FORMATS = {
    "said_in": "label", "said": "text", "n": "int", "share": "pct", "low": "pct", "high": "pct", "others_share": "pct",
}  # fmt: skip

_TOP_SHARE = 0.1  # share of test customers in the sentence on the highest risk
_GAIN_SHARE = 0.2


def find_churn(study: ChurnStudy, scored: pd.DataFrame, *, min_positives: int) -> list[Finding]:
    """Report how well the model ranks leavers, the customers at highest risk, and the main features.

    Parameters
    ----------
    study : ChurnStudy
    scored : DataFrame
        The table ``churn``.
    min_positives : int
        Fewest customers of each outcome for a model.

    Returns
    -------
    list of Finding
    """
    if study.verdict == "too_short":
        return [Finding(f"churn_{study.reason}", study.span, 0.5)]
    if study.verdict == "too_few_positives":
        return [_too_few(study.result.counts, min_positives)]
    findings = [*_alarms(study), _answer(study), _rate(study), *_top(study), _gain(study)]
    return findings + _how(study) + find_periods(study) + _scored(study, scored)


def limit_churn(study: ChurnStudy, *, segments_lack: Sequence[str] = ()) -> list[Finding]:
    """Report the limits of the prediction.

    Parameters
    ----------
    study : ChurnStudy
    segments_lack : sequence of str
        Columns of the segment definition that were not known at the test cut-off.
    """
    findings = [Finding("churn_limit_cause")]
    if segments_lack:
        findings.append(Finding("churn_limit_segments", {"columns": list(segments_lack)}))
    if study.kind == "undated_labels":
        findings.append(Finding("churn_limit_undated"))
    elif study.cut_offs:
        findings.append(Finding("churn_limit_period", {"test": study.cut_offs["test"].isoformat()}))
    if study.horizon is not None:
        findings.append(Finding("churn_limit_label", {"horizon_days": study.horizon.days}))
    late = study.counts.get("labels.after_as_of", 0)
    if late:
        findings.append(Finding("churn_limit_late", {"labels": late}))
    return [*findings, *limit_labels(study), Finding("churn_limit_decision")]


def measure_churn(study: ChurnStudy) -> dict[str, Any]:
    """Return the metrics of the stage, with or without a model.

    Returns
    -------
    dict
        The metrics of `workbench.analysis.churn.models.results.ChurnResult`, with verdict, split, horizon_days and the
        customers counted at each cut-off.
    """
    split = "random" if study.kind == "undated_labels" else "time"
    metrics = study.result.metrics | {"verdict": study.verdict, "split": split} | study.counts
    metrics |= {f"cut_off.{name}": cut_off.isoformat() for name, cut_off in study.cut_offs.items()}
    if study.train_cut_offs:
        metrics |= {"train_cut_offs": len(study.train_cut_offs)}
        metrics |= {"cut_off.train_first": study.train_cut_offs[0].isoformat()}
    if study.horizon is not None:
        metrics |= {"horizon_days": study.horizon.days, "horizon_set_by": study.horizon.set_by}
    return metrics


def horizon_of(study: ChurnStudy) -> int | None:
    """Return the prediction horizon in days; None with given labels."""
    return study.horizon.days if study.horizon else None


def data_of(study: ChurnStudy, digest: str) -> dict[str, Any]:
    """Return the settings common to all candidates: digest of the features, split and cut-offs."""
    dates: dict[str, Any] = {f"cut_off.{name}": cut_off.isoformat() for name, cut_off in study.cut_offs.items()}
    dates |= {"train_cut_offs": len(study.train_cut_offs)} if study.train_cut_offs else {}
    return {"split": study.result.split, "data_digest": digest, "horizon_days": horizon_of(study), **dates}


def candidate_rows(study: ChurnStudy) -> pd.DataFrame:
    """Return the candidates for the report; no rows without a model."""
    table = study.result.candidates
    return table if len(table) else pd.DataFrame(columns=list(CANDIDATE_FORMATS))


def name_groups(groups: pd.DataFrame, names: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Replace segment keys by names (by language) in the table of groups; other groups stay unchanged."""
    if groups.empty:
        return groups
    pairs = zip(groups["grouping"], groups["group"], strict=True)
    return groups.assign(group=[names.get(group, group) if by == "segment" else group for by, group in pairs])


def _too_few(counts: Mapping[str, int], needed: int) -> Finding:
    """Report the rarest outcome over all periods."""
    outcomes = []
    for period in (key.removesuffix(".customers") for key in counts if key.endswith(".customers")):
        n, left = counts[f"{period}.customers"], counts[f"{period}.positives"]
        outcomes += [(left, "churn_too_few", "positives", n), (n - left, "churn_too_few_stay", "stayed", n)]
    fewest, key, name, n = min(outcomes, key=lambda outcome: outcome[0])
    return Finding(key, {name: fewest, "needed": needed, "n": n}, 0.5)


def _alarms(study: ChurnStudy) -> list[Finding]:
    raised = (("churn_leak", study.result.alarms, 1.0), ("churn_leak_answered", study.result.answered, 0.3))
    return [_alarm(study, key, alarms, weight) for key, alarms, weight in raised if not alarms.empty]


def _alarm(study: ChurnStudy, key: str, alarms: pd.DataFrame, weight: float) -> Finding:
    features = [name for name in alarms["feature"] if name] or [study.result.metrics["chosen"]]
    values = {
        "alarms": len(alarms),
        "features": features,
        "kinds": [f"alarm_{alarm}" for alarm in sorted(set(alarms["alarm"]))],
    }
    return Finding(key, values, weight)


def _answer(study: ChurnStudy) -> Finding:
    metrics = study.result.metrics
    names = ("auc", "auc_low", "auc_high", "baseline_auc", "positives")
    values = {name: metrics[name] for name in names} | {"n": metrics["customers"]}
    if study.kind != "purchases":
        return Finding(
            "churn_answer_undated" if study.kind == "undated_labels" else "churn_answer_labels", values, 0.85
        )
    values["horizon_days"] = horizon_of(study)
    if metrics["chosen"] == BASELINE:
        return Finding(
            "churn_baseline", {name: value for name, value in values.items() if name != "baseline_auc"}, 0.85
        )
    beats_baseline = metrics["auc_low"] > metrics["baseline_auc"]
    return Finding("churn_answer" if beats_baseline else "churn_no_gain", values, 0.85)


def _rate(study: ChurnStudy) -> Finding:
    metrics = study.result.metrics
    n, positives = metrics["customers"], metrics["positives"]
    low, high = wilson(positives, n)
    values = {"share": positives / n, "low": float(low), "high": float(high), "n": n}
    if study.horizon is None:
        return Finding("churn_rate_undated", values, 0.5)
    return Finding("churn_rate", values | {"horizon_days": study.horizon.days}, 0.5)


def _top(study: ChurnStudy) -> list[Finding]:
    """Count the leavers among the test customers at highest risk."""
    tested = study.result.predictions
    top = int(len(tested) * _TOP_SHARE)
    if top < 10:  # noqa: PLR2004  a small cell
        return []
    order = np.lexsort((tested["customer_id"], -tested["churn_probability"]))
    leavers = int(tested["label"].to_numpy()[order][:top].sum())
    values = {"top": top, "leavers": leavers, "share": leavers / top, "base_share": study.result.metrics["base_rate"]}
    return [Finding("churn_top", values, 0.3)]


def _gain(study: ChurnStudy) -> Finding:
    curve = study.result.gain
    reached = float(np.interp(_GAIN_SHARE, curve["share_contacted"], curve["share_reached"]))
    values = {"share_customers": _GAIN_SHARE, "share_leavers": reached, "n": study.result.metrics["customers"]}
    return Finding("churn_gain", values, 0.3)


def _how(study: ChurnStudy) -> list[Finding]:
    metrics, importance = study.result.metrics, study.result.importance
    key = "churn_chosen_baseline" if metrics["chosen"] == BASELINE else "churn_chosen"
    findings = [Finding(key, {"model": metrics["chosen"], "candidates": len(study.result.candidates)}, 0.2)]
    calibration = {"brier": metrics["brier"], "slope": metrics["calibration_slope"], "n": metrics["customers"]}
    calibration |= {
        "expected": float(study.result.predictions["churn_probability"].sum()),
        "left": metrics["positives"],
    }
    findings.append(Finding("churn_calibration", calibration, 0.45))
    if len(importance) and importance.iloc[0]["low"] > 0:
        values = importance.iloc[0][["feature", "importance", "low", "high"]].to_dict()
        findings.append(Finding("churn_driver", values | {"n": metrics["customers"]}, 0.35))
    return findings


def _scored(study: ChurnStudy, scored: pd.DataFrame) -> list[Finding]:
    if scored.empty or scored["cut_off"].isna().all():
        return []
    cut_off = pd.Timestamp(scored["cut_off"].iloc[0]).date().isoformat()
    return [Finding("churn_scored", {"customers": len(scored), "cut_off": cut_off}, 0.1)]
