"""Who is in another segment than before, how many are they, and what moved them: two placements compared.

Compares two placements of the same customers: by two definitions on one day, or by one definition on two days.
``workbench segments compare`` prints it.
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
_BOTH = ("customer_id", "segment")


@dataclass(frozen=True)
class Migration:
    """How two placements of customers differ.

    Attributes
    ----------
    customers, only_before, only_after : int
        Customers placed by both, by the first alone, by the second alone.
    moved : int
        Customers whose segment is called differently, of those placed by both.
    adjusted_rand : float
        Adjusted Rand index of the two placements, whatever their segments are called (Hubert & Arabie 1985); 1 when
        they part the customers alike, about 0 by chance; missing below two customers.
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
    """Count who went from which segment to which.

    Parameters
    ----------
    before, after : pandas.DataFrame
        customer_id, segment; one row per customer. Customers in one of them alone are counted apart.

    Returns
    -------
    Migration

    Raises
    ------
    DataError
        A column is missing, or a customer stands in a placement twice.
    """
    _check(before, "before")
    _check(after, "after")
    both = _join(before, after)
    counts = both.groupby(["before", "after"], observed=True).size().rename("n").reset_index()
    whole = counts.groupby("before")["n"].transform("sum").to_numpy()
    low, high = wilson(counts["n"].to_numpy(), whole)
    matrix = counts.assign(share=counts["n"] / whole, low=low, high=high)
    return Migration(
        customers=len(both),
        only_before=len(before) - len(both),
        only_after=len(after) - len(both),
        moved=int((both["before"] != both["after"]).sum()),
        adjusted_rand=_adjusted_rand(both),
        matrix=matrix.sort_values(["before", "n", "after"], ascending=[True, False, True], ignore_index=True),
    )


def explain_moves(
    before: pd.DataFrame, after: pd.DataFrame, features: pd.DataFrame, *, top: int = 3, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Say in what those who left a segment for another differ most from those who stayed in it.

    Parameters
    ----------
    before, after : pandas.DataFrame
        customer_id, segment.
    features : pandas.DataFrame
        One row per customer: customer_id and numeric columns to explain with.
    top : int
        Features named per move.
    least : int
        Moves of fewer customers, or from segments where fewer stayed, are not explained.

    Returns
    -------
    pandas.DataFrame
        One row per move and feature, the strongest first: before, after, n, feature, mean_moved, mean_stayed, effect
        (standardised mean difference of movers from the base of movers and stayers), effect_low, effect_high. Only
        differences that hold after adjustment for multiple testing (Benjamini & Hochberg).
    """
    both = _join(before, after)
    numeric = [name for name in features.columns if name != "customer_id" and _is_numeric(features[name])]
    table = both.merge(features[["customer_id", *numeric]], on="customer_id", how="inner", validate="one_to_one")
    blocks = []
    for (source, target), movers in table[table["before"] != table["after"]].groupby(["before", "after"]):
        stayers = table[(table["before"] == source) & (table["after"] == source)]
        if min(len(movers), len(stayers)) >= least:
            blocks.append(_explain(movers, stayers, numeric, top).assign(before=source, after=target, n=len(movers)))
    names = ["before", "after", "n", "feature", "mean_moved", "mean_stayed", "effect", "effect_low", "effect_high"]
    return pd.concat(blocks, ignore_index=True)[names] if blocks else pd.DataFrame(columns=names)


def _explain(movers: pd.DataFrame, stayers: pd.DataFrame, numeric: list[str], top: int) -> pd.DataFrame:
    told = pd.concat([movers.assign(did=_MOVED), stayers.assign(did=_STAYED)], ignore_index=True)
    varied = [name for name in numeric if told[name].nunique() > 1]
    found = differences_from_base(told[["customer_id", "did", *varied]], by="did", columns=varied)
    moved = found[(found["group"] == _MOVED) & found["differs"]]
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
    first = before[list(_BOTH)].rename(columns={"segment": "before"})
    second = after[list(_BOTH)].rename(columns={"segment": "after"})
    both = first.merge(second, on="customer_id", how="inner", validate="one_to_one")
    return both.sort_values("customer_id", ignore_index=True)


def _adjusted_rand(both: pd.DataFrame) -> float:
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415  (a second to import)

    return float(adjusted_rand_score(both["before"], both["after"])) if len(both) > 1 else float("nan")


def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _check(placed: pd.DataFrame, which: str) -> None:
    lacking = [name for name in _BOTH if name not in placed.columns]
    if lacking:
        raise DataError(Fault(which, f"no column {', '.join(lacking)}", "customer_id, segment"))
    repeated = int(np.count_nonzero(placed["customer_id"].duplicated()))
    if repeated:
        raise DataError(Fault(which, f"{repeated} customers stand in it twice", "One row per customer"))
