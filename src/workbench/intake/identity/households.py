"""Households: customers who share an address or a phone; they stay separate customers."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["find_households"]

LEAST_ADDRESS = 6  # characters; a shorter address is only a district


def find_households(
    engine: duckdb.DuckDBPyConnection, people: str, customers: pd.DataFrame, *, max_per_key: int
) -> pd.DataFrame:
    """Join customers who share address and surname, address and phone, or a phone alone.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        Table of `standardise`.
    customers : DataFrame
        record, customer_id.
    max_per_key : int
        Addresses and phones shared by more customers (an office, a shop) are ignored.

    Returns
    -------
    DataFrame
        customer_id, household_id: customers in households of at least two. The household id is its smallest OneID.
    """
    engine.register("household_customers", customers[["record", "customer_id"]])
    door = "coalesce(city_key, '') || address_key || coalesce(street_number_key, '')"
    shared = {
        f"{door} || '/' || surname_key": f"length(address_key) >= {LEAST_ADDRESS}",
        f"{door} || '/' || phone_key": f"length(address_key) >= {LEAST_ADDRESS}",
        "phone_key": "TRUE",
    }
    parts = [
        f"SELECT DISTINCT '{at}' || {key} AS k, customer_id FROM {people} JOIN household_customers USING (record) "
        f"WHERE {key} IS NOT NULL AND {condition}"
        for at, (key, condition) in enumerate(shared.items())
    ]
    links = engine.execute(f"""SELECT customer_id AS a,
            lead(customer_id) OVER (PARTITION BY k ORDER BY customer_id) AS b
        FROM ({" UNION ALL ".join(parts)})
        QUALIFY b IS NOT NULL AND count(*) OVER (PARTITION BY k) <= {int(max_per_key)} ORDER BY 1, 2""").df()
    engine.unregister("household_customers")
    return _name_households(links)


def _name_households(links: pd.DataFrame) -> pd.DataFrame:
    names = np.unique(np.concatenate([links["a"].astype(str), links["b"].astype(str)]))
    if not len(names):
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "household_id": pd.Series(dtype="str")})
    at = (np.searchsorted(names, links["a"].astype(str)), np.searchsorted(names, links["b"].astype(str)))
    graph = coo_matrix((np.ones(len(links), dtype=np.int8), at), shape=(len(names), len(names))).tocsr()
    _, labels = connected_components(graph, directed=False)
    components = pd.DataFrame({"customer_id": names, "label": labels})
    smallest = components.groupby("label")["customer_id"].transform("min")
    return pd.DataFrame({"customer_id": names, "household_id": "H" + smallest.str[1:]})
