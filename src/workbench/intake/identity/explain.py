"""Explain why two records were merged or not: the weight of every comparison, with masked contact values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.intake.identity.masking import mask

if TYPE_CHECKING:
    from workbench.intake.identity.clusters import Clusters
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


def explain_pair(
    engine: duckdb.DuckDBPyConnection, people: str, model: Model, left: tuple[str, str], right: tuple[str, str]
) -> pd.DataFrame:
    """Break down the match weight of any pair of people by comparison.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        Table of `standardise`.
    model : Model
    left, right : (str, str)
        source and source_id of a person.

    Returns
    -------
    DataFrame
        comparison (``prior`` first, ``total`` last), left and right (masked), weight (bits: log2 of the likelihood
        ratio of one person against two), start and end of the step in the waterfall. Empty if the data is too sparse
        for weights, so that only keys decide.

    Raises
    ------
    DataError
        A person is unknown, or both are the same.
    """
    pair = pd.concat([_person(engine, people, person) for person in (left, right)]).sort_values(
        "record", ignore_index=True
    )
    first, second = map(int, pair["record"])
    if first == second:
        raise DataError(Fault("explain", f"{' '.join(left)} is given twice", "Two people"))
    if model.linker is None:
        return pd.DataFrame(columns=COLUMNS)
    stored = engine.execute(f"SELECT * FROM {model.pairs} WHERE record_l = ? AND record_r = ?", [first, second]).df()
    scored = stored if len(stored) else model.score(engine, people, (first, second))
    weights = {name: _weight(scored.iloc[0], name) for name in model.comparisons}
    total = float(scored["match_weight"].iloc[0])
    rows = [("prior", "", "", total - math.fsum(weights.values()))]
    rows += [(name, *_values(pair, name), weight) for name, weight in weights.items()]
    frame = pd.DataFrame(rows, columns=COLUMNS[:4])
    frame["end"] = frame["weight"].cumsum()
    frame["start"] = frame["end"] - frame["weight"]
    frame.loc[len(frame)] = {"comparison": "total", "left": "", "right": "", "weight": total, "start": 0, "end": total}
    return frame[COLUMNS]


def _person(engine: duckdb.DuckDBPyConnection, people: str, name: tuple[str, str]) -> pd.DataFrame:
    person = engine.execute(f"SELECT * FROM {people} WHERE source = ? AND source_id = ?", list(name)).df()
    if person.empty:
        raise DataError(Fault("explain", f"no person {' '.join(name)}", "source and source_id, as in identities"))
    return person


def _weight(row: pd.Series, name: str) -> float:
    return float(row[f"mw_{name}"]) + float(row.get(f"mw_tf_adj_{name}", 0.0) or 0.0)


def _values(pair: pd.DataFrame, name: str) -> tuple[str, str]:
    column, kind = _SHOWN.get(name, (name, name))
    if kind == "birth":
        masked = [f"{value[:4]}****" if isinstance(value, str) else "" for value in pair[column]]
    else:
        masked = [mask(value if isinstance(value, str) else "", kind) for value in pair[column]]
    return masked[0], masked[1]


def most_borderline(
    engine: duckdb.DuckDBPyConnection, people: str, clusters: Clusters
) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return source and source_id of both ends of the weakest accepted similarity link; None if there is none."""
    likeness = clusters.edges[clusters.edges["cause"] == "likeness"]
    if likeness.empty:
        return None
    weakest = likeness.sort_values(["probability", "record_l", "record_r"]).iloc[0]
    ends = [int(weakest["record_l"]), int(weakest["record_r"])]
    sql = f"SELECT source, source_id FROM {people} WHERE record IN (?, ?) ORDER BY record"
    left, right = engine.execute(sql, ends).fetchall()
    return left, right


def most_suspicious(clusters: Clusters, people: pd.DataFrame, *, hidden: bool = False, most: int = 10) -> pd.DataFrame:
    """List the customers most likely to be several people, with the link to review: those with an alarm, largest first.

    Parameters
    ----------
    clusters : Clusters
    people : DataFrame
        record, source, source_id.
    hidden : bool
        True if source ids are contact data, so that only the source is shown.
    most : int

    Returns
    -------
    DataFrame
        kind, records, diameter, weakest, one_record and other_record (source and id of the ends of the weakest link, or
        of the omitted link of a split). Use `explain_pair` to review a link, must_link or cannot_link to decide it.
    """
    ordered = clusters.alarms.sort_values(["records", "kind", "cluster"], ascending=[False, True, True]).head(most)
    by_record = people.set_index("record")
    labels = by_record["source"] if hidden else by_record["source"] + " " + by_record["source_id"]
    ends = {"one_record": ordered["record_l"].map(labels), "other_record": ordered["record_r"].map(labels)}
    return ordered[["kind", "records", "diameter", "weakest"]].assign(**ends).reset_index(drop=True)
