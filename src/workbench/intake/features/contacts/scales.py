"""Reliability of survey scales: Cronbach's alpha decides whether a scale is scored; used by 03_build_features."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from workbench.intake.features.contacts.surveys import scale_items
from workbench.intake.features.inputs.cutting import cut_tables
from workbench.intake.features.inputs.settings import Scale

__all__ = ["RELIABILITY_COLUMNS", "judge_scales", "read_scales"]

RELIABILITY_COLUMNS = ("scale", "scale_items", "customers", "alpha", "alpha_low", "status")
LEAST_CUSTOMERS = 30  # customers who answered every item; with fewer alpha is not computed
LEAST_ITEMS = 2


def read_scales(declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Scale]:
    """Read the scales that a profile declares.

    Parameters
    ----------
    declared : mapping
        Scale name to survey, items, reverse (the reversed items), low, high, label, least_share.

    Returns
    -------
    dict of str to Scale
    """
    scales = {}
    for name, entry in declared.items():
        items = {item: item in set(entry.get("reverse") or ()) for item in entry["items"]}
        label = entry.get("label") or {"en": name, "zh": name}
        limits = (float(entry["low"]), float(entry["high"]))
        scales[name] = Scale(entry.get("survey") or "", items, *limits, label, float(entry.get("least_share", 0.5)))
    return scales


def judge_scales(
    tables: Mapping[str, ir.Table], scales: Mapping[str, Scale], *, as_of: date, least_reliability: float
) -> tuple[dict[str, Scale], pd.DataFrame]:
    """Keep the scales with a sufficient Cronbach's alpha.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; answers dated on or after the as-of date do not count.
    scales : mapping of str to Scale
    as_of : date
    least_reliability : float
        Least alpha, 0 to 1.

    Returns
    -------
    tuple
        The scales with sufficient alpha, and one row per scale: scale (its label by language), scale_items, customers
        (who answered every item), alpha, alpha_low (lower end of its 95 % interval, Feldt 1965), status (pass; warn if
        alpha is too low, or missing because fewer than 30 customers answered every item).
        Source: Cronbach (1951), k / (k - 1) x (1 - sum of item variances / variance of the sum), reversed items
        recoded.
    """
    reliable, rows = {}, []
    responses = cut_tables(tables, as_of=as_of).get("responses")
    for name, scale in scales.items() if responses is not None else ():
        alpha, n = _alpha(scale_items(responses, scale), len(scale.items))
        fits = alpha is not None and alpha >= least_reliability
        if fits:
            reliable[name] = scale
        low = None if alpha is None else _lower_end(alpha, n, len(scale.items))
        rows.append((dict(scale.label), len(scale.items), n, alpha, low, "pass" if fits else "warn"))
    frame = pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))
    return reliable, frame.astype({"alpha": "float64", "alpha_low": "float64"})


def _alpha(items: ir.Table, count: int) -> tuple[float | None, int]:
    """Compute alpha over customers who answered every item; rounded, since sums of floats depend on their order."""
    sums = items.group_by("customer_id").aggregate(n=items.count(), total=items["value"].sum())
    complete = sums.filter(sums.n == count)
    spread = complete.aggregate(n=complete.count(), total=complete.total.var()).to_pyarrow().to_pylist()[0]
    n = int(spread["n"])
    if n < LEAST_CUSTOMERS or count < LEAST_ITEMS or not spread["total"]:
        return None, n
    answered = items.semi_join(complete, "customer_id")
    single = answered.group_by("question").aggregate(spread=answered["value"].var()).aggregate(s=ibis._.spread.sum())
    share = float(single.to_pyarrow().to_pylist()[0]["s"]) / float(spread["total"])
    return round(count / (count - 1) * (1 - share), 6), n


def _lower_end(alpha: float, n: int, count: int) -> float:
    from scipy.stats import f  # noqa: PLC0415  (only where there are scales)

    degrees_of_freedom = (n - 1, (n - 1) * (count - 1))
    return round(float(1 - (1 - alpha) * f.ppf(0.975, *degrees_of_freedom)), 6)
