"""Does the model perform worse for some groups? Performance and calibration by group, for 08_predict_churn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.evaluation import auc, auc_standard_error
from workbench.analysis.intervals import wilson

__all__ = ["GROUPINGS", "judge_groups"]

GROUPINGS = ("segment", "orders_before", "gender", "age_band", "age", "country", "province", "city")
LEAST = 30  # fewest customers of a group in the result
LEAST_EACH = 10  # fewest customers with each outcome for an AUC
MOST_GROUPS = 8  # most groups per grouping, the largest first
AGES = (0, 25, 35, 45, 55, 65, 200)  # years
NORMAL = 1.96
COLUMNS = ("grouping", "group", "n", "positives", "observed", "low", "high", "predicted", "auc", "auc_error", "verdict")


def judge_groups(
    predictions: pd.DataFrame, attributes: pd.DataFrame, *, groupings: Sequence[str] = GROUPINGS, least: int = LEAST
) -> pd.DataFrame:
    """Compare predicted with observed risk in each group of the tested customers, and measure the AUC.

    Parameters
    ----------
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers.
    attributes : pandas.DataFrame
        One row per customer: customer_id and any of the groupings; sensitive attributes are not used.
    groupings : sequence of str
    least : int
        Fewest customers of a group in the result; never less than 30.

    Returns
    -------
    pandas.DataFrame
        grouping, group, n, positives, observed (share), low, high (Wilson interval, widened for the number of groups
        of the grouping by Bonferroni's z), predicted (mean probability), auc and auc_error (standard error; missing
        with fewer than ten customers with an outcome), verdict (fits; understated or overstated if predicted is outside
        the interval). At most the eight largest groups of a grouping; smaller groups, and groupings with one group, are
        left out.
    """
    if predictions.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    present = [name for name in groupings if name in attributes.columns]
    joined = predictions.merge(attributes[["customer_id", *present]], on="customer_id", how="left")
    rows = []
    for name in present:
        values = _bands(joined[name]) if name == "age" else joined[name]
        sizes = values.value_counts()
        large = sizes[sizes >= max(LEAST, least)].sort_index(kind="stable").sort_values(ascending=False, kind="stable")
        for group in large.index[:MOST_GROUPS] if len(large) > 1 else ():
            rows.append(_row(name, group, joined[values == group], count=min(len(large), MOST_GROUPS)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(grouping: str, group: object, members: pd.DataFrame, *, count: int) -> dict[str, object]:
    n, positives = len(members), int(members["label"].sum())
    low, high = wilson(positives, n, level=1 - 0.05 / count)
    predicted = float(members["churn_probability"].mean())
    row = {"grouping": grouping, "group": str(group), "n": n, "positives": positives, "observed": positives / n}
    group_auc, error = np.nan, np.nan
    if min(positives, n - positives) >= LEAST_EACH:
        group_auc = auc(members["label"].to_numpy(), members["churn_probability"].to_numpy())
        error = auc_standard_error(group_auc, positives, n - positives)
    verdict = "understated" if predicted < low else "overstated" if predicted > high else "fits"
    row |= {"low": float(low), "high": float(high), "predicted": predicted, "auc": group_auc, "auc_error": error}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()} | {
        "verdict": verdict
    }


def _bands(ages: pd.Series) -> pd.Series:
    names = [f"{low}–{high - 1}" for low, high in zip(AGES[:-1], AGES[1:], strict=True)]
    names[0], names[-1] = f"< {AGES[1]}", f"{AGES[-2]} +"
    return pd.cut(pd.to_numeric(ages, errors="coerce"), list(AGES), right=False, labels=names).astype("object")
