"""Is anybody served worse unseen? Performance and calibration by group of customers, for 08_predict_churn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.evaluation import auc, auc_standard_error
from workbench.analysis.intervals import wilson

__all__ = ["GROUPINGS", "judge_groups"]

GROUPINGS = ("segment", "orders_before", "gender", "age_band", "age", "country", "province", "city")
LEAST = 30  # customers of a group whose figures are shown
LEAST_EACH = 10  # of each outcome, before an AUC is told
MOST_GROUPS = 8  # of one grouping, the largest
AGES = (0, 25, 35, 45, 55, 65, 200)  # years
NORMAL = 1.96
COLUMNS = ("grouping", "group", "n", "positives", "observed", "low", "high", "predicted", "auc", "auc_error", "verdict")


def judge_groups(
    predictions: pd.DataFrame, attributes: pd.DataFrame, *, groupings: Sequence[str] = GROUPINGS, least: int = LEAST
) -> pd.DataFrame:
    """Compare predicted with observed risk, and the ranking, in each group of the tested customers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers.
    attributes : pandas.DataFrame
        One row per customer: customer_id and any of the groupings; sensitive attributes are not asked for.
    groupings : sequence of str
    least : int
        Fewest customers of a group that is shown; at least 30, below which nothing can be judged.

    Returns
    -------
    pandas.DataFrame
        grouping, group, n, positives, observed (share), low, high (Wilson interval, widened for the number of groups
        of the grouping by Bonferroni's z), predicted (mean probability), auc and auc_error (standard error; missing
        with fewer than ten of an outcome), verdict (fits, understated, overstated: predicted outside of the interval).
        Smaller groups are left out; at most the eight largest of a grouping; a grouping with one group is
        left out.
    """
    if predictions.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    asked = [name for name in groupings if name in attributes.columns]
    joined = predictions.merge(attributes[["customer_id", *asked]], on="customer_id", how="left")
    rows = []
    for name in asked:
        values = _bands(joined[name]) if name == "age" else joined[name]
        sizes = values.value_counts()
        kept = sizes[sizes >= max(LEAST, least)].sort_index(kind="stable").sort_values(ascending=False, kind="stable")
        for group in kept.index[:MOST_GROUPS] if len(kept) > 1 else ():
            rows.append(_row(name, group, joined[values == group], count=min(len(kept), MOST_GROUPS)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(grouping: str, group: object, part: pd.DataFrame, *, count: int) -> dict[str, object]:
    n, positives = len(part), int(part["label"].sum())
    low, high = wilson(positives, n, level=1 - 0.05 / count)
    predicted = float(part["churn_probability"].mean())
    row = {"grouping": grouping, "group": str(group), "n": n, "positives": positives, "observed": positives / n}
    area, error = np.nan, np.nan
    if min(positives, n - positives) >= LEAST_EACH:
        area = auc(part["label"].to_numpy(), part["churn_probability"].to_numpy())
        error = auc_standard_error(area, positives, n - positives)
    verdict = "understated" if predicted < low else "overstated" if predicted > high else "fits"
    row |= {"low": float(low), "high": float(high), "predicted": predicted, "auc": area, "auc_error": error}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()} | {
        "verdict": verdict
    }


def _bands(ages: pd.Series) -> pd.Series:
    names = [f"{low}–{high - 1}" for low, high in zip(AGES[:-1], AGES[1:], strict=True)]
    names[0], names[-1] = f"< {AGES[1]}", f"{AGES[-2]} +"
    return pd.cut(pd.to_numeric(ages, errors="coerce"), list(AGES), right=False, labels=names).astype("object")
