"""Findings on survey scales. Serves 03_build_features."""

from __future__ import annotations

import pandas as pd

from workbench.report.findings.finding import Finding

__all__ = ["find_scales"]


def find_scales(reliability: pd.DataFrame, *, least_reliability: float) -> list[Finding]:
    """Report the declared scales that are not scored because their reliability is too low.

    Parameters
    ----------
    reliability : DataFrame
        Result of ``judge_scales``: scale (its label), status.
    least_reliability : float
        Smallest Cronbach's alpha of a scored scale.
    """
    unscored = reliability.loc[reliability["status"] != "pass", "scale"].tolist()
    if not unscored:
        return []
    values = {"scales": unscored, "unscored": len(unscored), "declared": len(reliability), "least": least_reliability}
    return [Finding("features_scales_unscored", values, 0.2)]
