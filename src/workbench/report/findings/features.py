"""Findings on the features. Serves 03_build_features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.core.schema import UNDATED
from workbench.intake.features.registry import registered
from workbench.report.findings.finding import Finding
from workbench.report.numbers import LANGUAGES
from workbench.report.text import say

if TYPE_CHECKING:
    from workbench.intake.features.alarms import Alarm
    from workbench.intake.features.inputs.settings import Scale

__all__ = ["ALARMS", "catalogue_features", "find_features", "limit_features", "table_coverage"]

SURVEY, SCORE = "survey", "scale_"
DECLARED = "declared"  # group of attributes declared by customers
# reason of an alarm -> text key
ALARMS = {
    "dates_after": "features_alarm_dates_after",
    "name": "features_alarm_name",
    "tied": "features_alarm_tied",
}


def table_coverage(features: pd.DataFrame) -> pd.DataFrame:
    """Count the customers with a known value of each feature.

    Parameters
    ----------
    features : DataFrame, one row per customer

    Returns
    -------
    DataFrame, one row per feature
        feature, group (a group of the registry, or declared), customers, known (counts), share (known
        of customers, 0..1; null without customers).
    """
    counts_known = features.drop(columns="customer_id").notna().sum()
    groups = {feature.name: feature.group for feature in registered(counts_known.index)}
    named = [groups.get(name, SURVEY if name.startswith(SCORE) else DECLARED) for name in counts_known.index]
    counts = {"customers": len(features), "known": counts_known.to_numpy()}
    table = pd.DataFrame({"feature": counts_known.index, "group": named, **counts})
    return table.assign(share=table["known"] / len(features) if len(features) else float("nan"))


def catalogue_features(coverage: pd.DataFrame, *, scales: Mapping[str, Scale] | None = None) -> pd.DataFrame:
    """List the definition of each registered feature of a table.

    Parameters
    ----------
    coverage : DataFrame
        Result of `table_coverage`.
    scales : mapping of str to Scale, optional
        Survey scales whose scores are features.

    Returns
    -------
    DataFrame, one row per registered feature
        feature, feature_group, window_days (null for the whole past), unit, formula and missing_rule (by
        language), needs (source columns), share_known (0..1).
    """
    shares = dict(zip(coverage["feature"], coverage["share"], strict=True))
    rows = [
        {
            "feature": dict(feature.label),
            "feature_group": f"group_{feature.group}",
            "unit": {language: say(f"features_unit_{feature.unit}", language) for language in LANGUAGES},
            "window_days": feature.window,
            "formula": dict(feature.formula),
            "needs": ", ".join(need.replace("|", " / ") for need in feature.needs),
            "missing_rule": dict(feature.missing),
            "share_known": shares[feature.name],
        }
        for feature in registered(coverage["feature"], scales=scales)
    ]
    columns = "feature feature_group unit window_days formula needs missing_rule share_known".split()
    return pd.DataFrame(rows, columns=columns).astype({"window_days": "Int64"})


def find_features(features: pd.DataFrame, coverage: pd.DataFrame, *, as_of: Any) -> list[Finding]:
    """Report the number of customers and features, and how often customers buy."""
    n = len(features)
    size = {"customers": n, "features": len(coverage)}
    dated = Finding("features_answer", size | {"as_of": as_of}, 0.4)
    findings = [dated if as_of != UNDATED else Finding("features_answer_undated", size, 0.4)]
    findings += _one_order(features) + _rhythm(features)
    if len(coverage) and n:
        least = coverage.loc[coverage["share"].idxmin()]
        if least["share"] < 1:
            findings.append(
                Finding("features_missing", {"feature": least["feature"], "share": 1 - least["share"], "n": n}, 0.1)
            )
    return findings


def limit_features(
    features: pd.DataFrame, *, as_of: Any, alarms: Sequence[Alarm] = (), unknown: Sequence[str] = ()
) -> list[Finding]:
    """Report the limits of the features, columns that may reveal the future, and features without values."""
    dated = Finding("features_limit_as_of", {"as_of": as_of})
    findings = [Finding(ALARMS[alarm.reason], _alarm_values(alarm, as_of)) for alarm in alarms]
    findings.append(dated if as_of != UNDATED else Finding("features_limit_undated"))
    if unknown:
        findings.append(Finding("features_limit_unknown", {"features": list(unknown), "count": len(unknown)}))
    if "frequency_orders" in features:
        without = int((features["frequency_orders"].fillna(0) == 0).sum())
        if without:
            findings.append(Finding("features_limit_no_orders", {"customers": without, "n": len(features)}))
    if "returns_total" in features and (returned := float(features["returns_total"].abs().sum())) > 0:
        findings.append(Finding("features_limit_returns", {"returns": returned}))
    return findings


def _alarm_values(alarm: Alarm, as_of: Any) -> dict[str, Any]:
    values = {"column": alarm.column, "customers": alarm.customers, "share": alarm.share, "as_of": as_of}
    return values if alarm.reason != "name" else {"column": alarm.column, "customers": alarm.customers}


def _one_order(features: pd.DataFrame) -> list[Finding]:
    if "frequency_orders" not in features:
        return []
    orders = features["frequency_orders"].fillna(0)
    n, once = int((orders > 0).sum()), int((orders == 1).sum())
    if not n:
        return []
    low, high = wilson(once, n)
    return [Finding("features_one_order", {"share": once / n, "low": float(low), "high": float(high), "n": n}, 0.4)]


def _rhythm(features: pd.DataFrame) -> list[Finding]:
    gaps = features["gap_days_median"].dropna() if "gap_days_median" in features else pd.Series(dtype=float)
    if gaps.empty:
        return []
    return [Finding("features_rhythm", {"median_days": float(gaps.median()), "n": len(gaps)}, 0.5)]
