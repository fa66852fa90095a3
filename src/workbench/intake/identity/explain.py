"""Why two records were merged, or not: the weight of every comparison, contact values masked."""

from __future__ import annotations

import math

import duckdb
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.intake.identity.clusters import Clusters
from workbench.intake.identity.masking import mask
from workbench.intake.identity.matching import Model

__all__ = ["explain_pair", "most_borderline", "most_suspicious"]

_SHOWN = {
    "surname": ("surname_text", "name"), "given": ("given_text", "name"), "birth": ("birth_key", "birth"),
    "phone": ("phone_key", "phone"), "email": ("email_key", "email"), "document_text": ("document_text", "document"),
    "address": ("address_key", "address"), "address_2": ("address_2_key", "address"),
    "street_number": ("street_number_key", "street"), "postcode": ("postcode_key", "postcode"),
    "city": ("city_key", "city"), "province": ("province_key", "province"),
}  # fmt: skip
COLUMNS = ["comparison", "left", "right", "weight", "start", "end"]


def explain_pair(engine: duckdb.DuckDBPyConnection, people: str, model: Model, pair: tuple[int, int]) -> pd.DataFrame:
    """Lay out the match weight of a pair of records, comparison by comparison.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        `standardise`.
    model : Model
    pair : (int, int)
        Numbers of two records.

    Returns
    -------
    DataFrame
        comparison (``prior`` first, ``total`` last), left and right (masked), weight (bits: log2 of how many times
        likelier the values are for one person than for two), start and end of the step in the waterfall. Empty for a
        pair that no blocking rule has brought together: nothing was weighed.

    Raises
    ------
    DataError
        A number is no record.
    """
    left, right = sorted(map(int, pair))
    both = engine.execute(f"SELECT * FROM {people} WHERE record IN (?, ?) ORDER BY record", [left, right]).df()
    if len(both) < 2:  # noqa: PLR2004  (a pair)
        raise DataError(
            Fault("explain_pair", f"records {left} and {right} are not both there", "Numbers of two records")
        )
    scored = engine.execute(f"SELECT * FROM {model.pairs} WHERE record_l = ? AND record_r = ?", [left, right]).df()
    if scored.empty or model.linker is None:
        return pd.DataFrame(columns=COLUMNS)
    weights = {name: _weight(scored.iloc[0], name) for name in model.comparisons}
    total = float(scored["match_weight"].iloc[0])
    rows = [("prior", "", "", total - math.fsum(weights.values()))]
    rows += [(name, *_values(both, name), weight) for name, weight in weights.items()]
    frame = pd.DataFrame(rows, columns=COLUMNS[:4])
    frame["end"] = frame["weight"].cumsum()
    frame["start"] = frame["end"] - frame["weight"]
    frame.loc[len(frame)] = {"comparison": "total", "left": "", "right": "", "weight": total, "start": 0, "end": total}
    return frame[COLUMNS]


def _weight(row: pd.Series, name: str) -> float:
    return float(row[f"mw_{name}"]) + float(row.get(f"mw_tf_adj_{name}", 0.0) or 0.0)


def _values(both: pd.DataFrame, name: str) -> tuple[str, str]:
    column, kind = _SHOWN.get(name, (name, name))
    if kind == "birth":
        return tuple(f"{each[:4]}****" if isinstance(each, str) else "" for each in both[column])
    return tuple(mask(each if isinstance(each, str) else "", kind) for each in both[column])


def most_borderline(engine: duckdb.DuckDBPyConnection, model: Model, clusters: Clusters) -> tuple[int, int] | None:
    """Return the weakest link by likeness that was accepted; None where likeness linked nobody."""
    likeness = clusters.edges[clusters.edges["cause"] == "likeness"]
    if likeness.empty:
        return None
    weakest = likeness.sort_values(["probability", "record_l", "record_r"]).iloc[0]
    return int(weakest["record_l"]), int(weakest["record_r"])


def most_suspicious(clusters: Clusters, most: int = 10) -> pd.DataFrame:
    """List the customers most likely to be several people: those under alarm, the largest first.

    Returns
    -------
    DataFrame
        kind, records, diameter, weakest; the first ``most``.
    """
    ordered = clusters.alarms.sort_values(["records", "kind", "cluster"], ascending=[False, True, True])
    return ordered[["kind", "records", "diameter", "weakest"]].head(most).reset_index(drop=True)
