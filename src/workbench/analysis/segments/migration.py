"""Who changed segment, how many, and why? A comparison of two assignments of the same customers.

The assignments come from two definitions on one day, or from one definition on two days. ``workbench segments compare``
prints the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.description.differences import differences_from_base
from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.core.errors import DataError, Fault

__all__ = ["Migration", "compare_placements", "explain_moves"]

_MOVED, _STAYED = "moved", "stayed"
_COLUMNS = ("customer_id", "segment")


@dataclass(frozen=True)
class Migration:
    """Differences between two assignments of customers.

    Attributes
    ----------
    customers, only_before, only_after : int
        Customers assigned by both, only by the first, only by the second.
    moved : int
        Customers whose segment key differs, of those assigned by both.
    adjusted_rand : float
        Adjusted Rand index of the two assignments, independent of segment names (Hubert & Arabie 1985); 1 for the same
        partition, about 0 by chance; missing below two customers.
    matrix : pandas.DataFrame
        One row per pair of segments that occurs: before, after, n, share (of ``before``), low, high (Wilson, 95 %).
    """

    customers: int
    only_before: int
    only_after: int
    moved: int
    adjusted_rand: float
    matrix: pd.DataFrame


def compare_placements(before: pd.DataFrame, after: pd.DataFrame) -> Migration:
    """Count moves between segments.

    Parameters
    ----------
    before, after : pandas.DataFrame
        customer_id, segment; one row per customer. Customers in only one of them are counted separately.

    Returns
    -------
    Migration

    Raises
    ------
    DataError
        When a column is missing, or a customer repeats.
    """
    _check(before, "before")
    _check(after, "after")
    joined = _join(before, after)
    counts = joined.groupby(["before", "after"], observed=True).size().rename("n").reset_index()
    totals = counts.groupby("before")["n"].transform("sum").to_numpy()
    low, high = wilson(counts["n"].to_numpy(), totals)
    matrix = counts.assign(share=counts["n"] / totals, low=low, high=high)
    return Migration(
        customers=len(joined),
        only_before=len(before) - len(joined),
        only_after=len(after) - len(joined),
        moved=int((joined["before"] != joined["after"]).sum()),
        adjusted_rand=_adjusted_rand(joined),
        matrix=matrix.sort_values(["before", "n", "after"], ascending=[True, False, True], ignore_index=True),
    )


def explain_moves(
    before: pd.DataFrame, after: pd.DataFrame, features: pd.DataFrame, *, top: int = 3, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Find the features on which movers differ most from customers who stayed in their segment.

    Parameters
    ----------
    before, after : pandas.DataFrame
        customer_id, segment.
    features : pandas.DataFrame
        One row per customer: customer_id and numeric columns.
    top : int
        Most features per move.
    least : int
        Moves of fewer customers are left out, and moves from segments where fewer customers stayed.

    Returns
    -------
    pandas.DataFrame
        One row per move and feature, the strongest first: before, after, n, feature, mean_moved, mean_stayed, effect
        (standardised mean difference of movers from the base of movers and stayers), effect_low, effect_high. Only
        differences significant after adjustment for multiple testing (Benjamini & Hochberg).
    """
    joined = _join(before, after)
    numeric = [name for name in features.columns if name != "customer_id" and _is_numeric(features[name])]
    table = joined.merge(features[["customer_id", *numeric]], on="customer_id", how="inner", validate="one_to_one")
    blocks = []
    for (source, target), movers in table[table["before"] != table["after"]].groupby(["before", "after"]):
        stayers = table[(table["before"] == source) & (table["after"] == source)]
        if min(len(movers), len(stayers)) >= least:
            blocks.append(_explain(movers, stayers, numeric, top).assign(before=source, after=target, n=len(movers)))
    names = ["before", "after", "n", "feature", "mean_moved", "mean_stayed", "effect", "effect_low", "effect_high"]
    return pd.concat(blocks, ignore_index=True)[names] if blocks else pd.DataFrame(columns=names)


def _explain(movers: pd.DataFrame, stayers: pd.DataFrame, numeric: list[str], top: int) -> pd.DataFrame:
    table = pd.concat([movers.assign(did=_MOVED), stayers.assign(did=_STAYED)], ignore_index=True)
    varied = [name for name in numeric if table[name].nunique() > 1]
    differences = differences_from_base(table[["customer_id", "did", *varied]], by="did", columns=varied)
    moved = differences[(differences["group"] == _MOVED) & differences["differs"]]
    ranked = moved.assign(size=moved["effect"].abs()).sort_values(["size", "variable"], ascending=[False, True])
    chosen = ranked.head(top)["variable"].tolist()
    return pd.DataFrame(
        {
            "feature": chosen,
            "mean_moved": [float(movers[name].mean()) for name in chosen],
            "mean_stayed": [float(stayers[name].mean()) for name in chosen],
            **{
                name: ranked.head(top)[name].astype("float64").tolist()
                for name in ("effect", "effect_low", "effect_high")
            },
        }
    )


def _join(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    first = before[list(_COLUMNS)].rename(columns={"segment": "before"})
    second = after[list(_COLUMNS)].rename(columns={"segment": "after"})
    joined = first.merge(second, on="customer_id", how="inner", validate="one_to_one")
    return joined.sort_values("customer_id", ignore_index=True)


def _adjusted_rand(joined: pd.DataFrame) -> float:
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415  (a second to import)

    return float(adjusted_rand_score(joined["before"], joined["after"])) if len(joined) > 1 else float("nan")


def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _check(assigned: pd.DataFrame, which: str) -> None:
    missing = [name for name in _COLUMNS if name not in assigned.columns]
    if missing:
        raise DataError(Fault(which, f"no column {', '.join(missing)}", "customer_id, segment"))
    repeated = int(np.count_nonzero(assigned["customer_id"].duplicated()))
    if repeated:
        raise DataError(Fault(which, f"{repeated} customers repeat", "One row per customer"))
