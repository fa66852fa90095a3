"""How much do audiences overlap? Customers shared by two audiences, compared with independent audiences."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import ibis
import pandas as pd

__all__ = ["overlap"]


def overlap(audiences: Mapping[str, ibis.Table], *, customers: int) -> pd.DataFrame:
    """Count the customers shared by each pair of audiences.

    Parameters
    ----------
    audiences : mapping of str to ibis.Table
        Audience name to table of distinct customer_ids.
    customers : int
        Number of all customers.

    Returns
    -------
    DataFrame
        One row per pair, sorted by name: first, second, n_first, n_second, both, jaccard (both / either, missing where
        both are empty), lift (both / the count expected under independence, missing where an audience is empty).
    """
    sizes = {name: int(table.count().to_pandas()) for name, table in audiences.items()}
    rows = []
    for first, second in combinations(sorted(audiences), 2):
        both = int(audiences[first].semi_join(audiences[second], "customer_id").count().to_pandas())
        either = sizes[first] + sizes[second] - both
        expected = sizes[first] * sizes[second] / max(customers, 1)
        rows.append({
            "first": first, "second": second, "n_first": sizes[first], "n_second": sizes[second], "both": both,
            "jaccard": round(both / either, 6) if either else None,
            "lift": round(both / expected, 6) if expected else None,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["first", "second", "n_first", "n_second", "both", "jaccard", "lift"]).astype(
        {"jaccard": "float64", "lift": "float64"}
    )
