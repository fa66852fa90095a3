"""Findings on the model of answers to campaigns. Serves 08_predict_churn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.churn.answers import AnswerStudy

__all__ = ["PRECISION_FORMATS", "find_answers"]

PRECISION_FORMATS = {
    "basis": "label", "share": "pct", "tested": "int", "positives": "int", "precision": "pct", "low": "pct",
    "high": "pct",
}  # fmt: skip
_REFUSALS = {"too_few_positives": "answers_too_few", "too_short": "answers_too_short"}


def find_answers(answers: AnswerStudy, *, min_positives: int) -> list[Finding]:
    """Report how well answers to a campaign are predicted, compared with "answered the last one", with intervals.

    Parameters
    ----------
    answers : AnswerStudy
    min_positives : int
        Fewest answers for a model.

    Returns
    -------
    list of Finding
        Empty where no campaign shows who answered.
    """
    if answers.verdict != "model":
        key = _REFUSALS.get(answers.verdict)
        return [Finding(key, {"needed": min_positives}, 0.2)] if key else []
    metrics = {name.removeprefix("answers."): value for name, value in answers.metrics.items()}
    ranking = {name: metrics[name] for name in ("auc", "auc_low", "auc_high", "baseline_auc", "positives")}
    ranking["n"] = metrics["customers"]
    beats_baseline = metrics["auc_low"] > metrics["baseline_auc"]
    exactness = {"brier": metrics["brier"], "slope": metrics["calibration_slope"], "n": metrics["customers"]}
    exactness |= {"expected": float(answers.predictions["churn_probability"].sum()), "answered": metrics["positives"]}
    findings = [
        Finding("answers_model" if beats_baseline else "answers_no_gain", ranking, 0.4),
        Finding("answers_calibration", exactness, 0.3),
    ]
    if metrics["leak_alarms"]:
        findings.append(Finding("answers_leak", {"alarms": metrics["leak_alarms"]}, 0.6))
    return findings
