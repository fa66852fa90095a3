"""How large and how valuable are the customer types, statuses and stages? The tables of 05_score_rfm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.analysis.privacy.suppression import is_dominated, small_cells
from workbench.analysis.rfm.life_cycle import ACTIVITY_STATUSES, LIFE_CYCLE_STAGES
from workbench.analysis.rfm.scores import BINS, MEASURES, NO_PURCHASE, RFM_TYPES

__all__ = ["LATE_TIMES", "late_high_spenders", "table_grid", "table_groups"]

LATE_TIMES = 2.0  # number of usual gaps since the last purchase after which a customer is late

ORDERS = {
    "rfm_type": (*RFM_TYPES, *NO_PURCHASE),
    "activity_status": tuple(ACTIVITY_STATUSES),
    "life_cycle_stage": tuple(LIFE_CYCLE_STAGES),
}


def table_groups(rfm: pd.DataFrame, *, by: str = "rfm_type", least: int = SMALL_CELL) -> pd.DataFrame:
    """Count the customers of each type, status or stage, with their share of customers and of value.

    Parameters
    ----------
    rfm : DataFrame
        The table ``rfm``.
    by : str
        rfm_type, activity_status or life_cycle_stage.
    least : int
        Groups of fewer customers have no medians and no value. The next smallest group then has no value either if it
        would reveal theirs.

    Returns
    -------
    DataFrame, one row per group in declared order, empty groups too (no_purchase only if it occurs)
        the group, customers, share, share_low, share_high (95 %, Wilson; of the customers in all groups except
        no_purchase), value (sum of monetary_total), value_share (null where the total is not above 0),
        recency_days_median, frequency_orders_median, monetary_total_median, suppressed (1 to 9
        customers: shown as fewer than 10).
    """
    keys = [key for key in ORDERS[by] if key not in NO_PURCHASE or (rfm[by] == key).any()]
    sizes = rfm[by].value_counts().reindex(keys, fill_value=0)
    is_buyer_group = ~sizes.index.isin(list(NO_PURCHASE))
    n = int(sizes[is_buyer_group].sum())
    low, high = wilson(np.where(is_buyer_group, sizes, 0), np.where(is_buyer_group, n, 0))
    value = _sums(rfm, by, keys)
    total = value[is_buyer_group].sum()
    table = pd.DataFrame({by: keys, "customers": sizes.to_numpy()})
    table["share"] = np.where(is_buyer_group & (n > 0), sizes / max(n, 1), np.nan)
    table["share_low"], table["share_high"] = low, high
    table["value"] = value.to_numpy()
    table["value_share"] = np.where(is_buyer_group, value / total, np.nan) if total > 0 else np.nan
    medians = rfm.groupby(by)[list(MEASURES.values())].median().astype("float64").reindex(keys)
    table[[f"{name}_median" for name in MEASURES.values()]] = medians.to_numpy()
    table["suppressed"] = (table["customers"] > 0) & (table["customers"] < least)
    counts = table.set_index(by)[["customers"]]
    no_value = small_cells(counts, least=least, name=f"value by {by}")["customers"].to_numpy()
    no_value = no_value | _dominated(rfm, by, keys)
    medians = {name: table[name].mask(table["suppressed"]) for name in table if name.endswith("_median")}
    return table.assign(**medians, **{name: table[name].mask(no_value) for name in ("value", "value_share")})


def table_grid(rfm: pd.DataFrame, *, bins: int = BINS, least: int = SMALL_CELL) -> pd.DataFrame:
    """Count customers by recency score and frequency score, with their mean value.

    Parameters
    ----------
    rfm : DataFrame
        The table ``rfm``, or `RfmScores.scores`.
    bins : int
        Number of scores.
    least : int
        Cells with fewer customers have no mean.

    Returns
    -------
    DataFrame, one row per cell, all ``bins`` x ``bins`` of them, sorted
        r_score, f_score, customers, share (of the scored customers), monetary_mean (null where empty or
        suppressed, or where one customer has most of the sum), suppressed.
    """
    cells = pd.MultiIndex.from_product([range(1, bins + 1)] * 2, names=["r_score", "f_score"])
    scored = rfm.dropna(subset=["r_score", "f_score"]).sort_values("monetary_total", kind="stable")
    grouped = scored.groupby(["r_score", "f_score"])["monetary_total"]
    customers = grouped.size().reindex(cells, fill_value=0)
    mean = grouped.mean().astype("float64").reindex(cells)
    table = pd.DataFrame({"customers": customers, "share": customers / max(int(customers.sum()), 1)})
    table["suppressed"] = (table["customers"] > 0) & (table["customers"] < least)
    dominated = grouped.apply(is_dominated).reindex(cells, fill_value=False).astype(bool)
    table["monetary_mean"] = mean.mask(table["suppressed"] | dominated)
    return table.reset_index()[["r_score", "f_score", "customers", "share", "monetary_mean", "suppressed"]]


def late_high_spenders(
    rfm: pd.DataFrame, features: pd.DataFrame, *, least: int = SMALL_CELL, times: float = LATE_TIMES
) -> dict[str, float]:
    """Count the customers with high spend who are late compared with their usual gap, and their share of spend.

    Parameters
    ----------
    rfm : DataFrame
        The table ``rfm``.
    features : DataFrame
        customer_id, recency_to_gap_ratio (missing with fewer than two purchase days: never late).
    least : int
        Fewest customers for a result.
    times : float
        Number of usual gaps since the last purchase after which a customer is late.

    Returns
    -------
    dict
        customers, n (scored customers), value_share; empty below ``least``, or where spend is not above 0.
    """
    if "recency_to_gap_ratio" not in features:
        return {}
    ratio = rfm["customer_id"].map(features.set_index("customer_id")["recency_to_gap_ratio"].astype("float64"))
    late = rfm["rfm_type"].isin([key for key in RFM_TYPES if key.startswith("important_")]) & (ratio > times)
    spend = rfm["monetary_total"].astype("float64")
    customers, total = int(late.sum()), float(spend.sort_values().sum())
    if customers < least or not total > 0:
        return {}
    share = float(spend[late].sort_values().sum()) / total
    return {"customers": customers, "n": int(rfm["r_score"].notna().sum()), "value_share": share}


def _sums(rfm: pd.DataFrame, by: str, keys: Sequence[str]) -> pd.Series:
    """Sum money by group, independent of the order of the rows."""
    ordered = rfm.sort_values("monetary_total", kind="stable")
    return ordered.groupby(by)["monetary_total"].sum().astype("float64").reindex(keys, fill_value=0.0)


def _dominated(rfm: pd.DataFrame, by: str, keys: Sequence[str]) -> np.ndarray:
    """Return for each group whether one customer has most of the money, so that the sum reveals that amount."""
    dominated = rfm.groupby(by)["monetary_total"].apply(is_dominated)
    return dominated.reindex(keys, fill_value=False).to_numpy(dtype=bool)
