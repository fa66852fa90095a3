"""Deterministic links: shared keys, declared pairs, and pairs that must not be linked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from workbench.core.errors import DataError, Fault, listed
from workbench.intake.identity.masking import mask

__all__ = ["CONTRADICTING", "KEYS", "Links", "declared_pairs", "find_links"]

KEYS = ("document_key", "member_key", "phone_key", "email_key")
_SHARED = ("phone_key", "email_key")  # a family may share them
_COLUMNS = ("source", "source_id", "other_source", "other_source_id")
# two people: unlike given names, or other surnames and another birth date; swapped name parts are one person
UNLIKE_NAMES = """((a.given_key <> b.given_key OR a.surname_key <> b.surname_key)
    AND coalesce(jaro_winkler_similarity(a.given_key, b.given_key) < 0.8
        OR (jaro_winkler_similarity(a.surname_key, b.surname_key) < 0.8
            AND damerau_levenshtein(a.birth_key, b.birth_key) > 1), FALSE)
    AND NOT coalesce(a.given_key = b.surname_key AND a.surname_key = b.given_key, FALSE)
    AND NOT coalesce(a.name_text = b.name_text, FALSE))"""

_LIKE_GIVEN = "coalesce(jaro_winkler_similarity(a.given_key, b.given_key) >= 0.8, TRUE)"
_LIKE_SURNAME = "coalesce(jaro_winkler_similarity(a.surname_key, b.surname_key) >= 0.8, TRUE)"
_SWAPPED = "coalesce(a.given_key = b.surname_key OR a.surname_key = b.given_key OR a.name_text = b.name_text, FALSE)"
# other agreements of two records besides names: true, false, or null if one is blank
_IN_COMMON = (
    "damerau_levenshtein(a.birth_key, b.birth_key) <= 1",
    "a.phone_key = b.phone_key",
    "a.email_key = b.email_key",
    "jaro_winkler_similarity(a.address_key, b.address_key) >= 0.8",
)
_AGREEING = " + ".join(f"coalesce(({same})::INT, 0)" for same in _IN_COMMON)
_DIFFERING = " + ".join(f"coalesce((NOT ({same}))::INT, 0)" for same in _IN_COMMON)
# contradictions that no similarity outweighs: different gender; no similar part of the name; or one different part of
# the name and nothing else in common
CONTRADICTING = f"""(coalesce(a.gender <> b.gender, FALSE)
    OR (NOT {_SWAPPED} AND NOT {_LIKE_GIVEN} AND NOT {_LIKE_SURNAME})
    OR (NOT {_SWAPPED} AND NOT ({_LIKE_GIVEN} AND {_LIKE_SURNAME})
        AND {_AGREEING} = 0 AND {_DIFFERING} > 1))"""


@dataclass(frozen=True)
class Links:
    """Pairs of records that certainly are, or certainly are not, the same person.

    Attributes
    ----------
    sure : str
        Table in the engine: record_l, record_r, cause (the key, or must_link).
    apart : str
        Table: record_l, record_r, cause (cannot_link, document or family).
    hubs : DataFrame
        shared_key, value (masked), records: keys shared by too many people, which are not used for links.
    """

    sure: str
    apart: str
    hubs: pd.DataFrame


def find_links(
    engine: duckdb.DuckDBPyConnection, people: str, *, max_per_key: int, must: pd.DataFrame, cannot: pd.DataFrame
) -> Links:
    """Link people who share a valid key, unless it is a hub or their names contradict it.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        `standardise`.
    max_per_key : int
        Largest number of people per key; a key with more is a hub and is not used.
    must, cannot : DataFrame
        `declared_pairs`.
    """
    sure, apart = f"{people}_sure", f"{people}_apart"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {sure} (record_l BIGINT, record_r BIGINT, cause VARCHAR)")
    for key in KEYS:
        _share(engine, people, key)
    hubs = [_find_hubs(engine, people, key, max_per_key) for key in KEYS]
    for key in KEYS:
        _link_by(engine, people, key, max_per_key)
    engine.execute(f"""CREATE OR REPLACE TEMP TABLE {apart} AS
        SELECT a.record AS record_l, b.record AS record_r, 'family' AS cause
        FROM {_two_who_share(people, "phone_key", max_per_key)}
        WHERE a.gender <> b.gender AND {UNLIKE_NAMES} AND NOT coalesce(a.document_key = b.document_key, FALSE)""")
    for key in KEYS:
        engine.execute(f"DROP TABLE {people}_{key}_shared")
    _declare(engine, people, must, sure, "must_link")
    _declare(engine, people, cannot, apart, "cannot_link")
    return Links(sure, apart, pd.concat(hubs, ignore_index=True))


def _share(engine: duckdb.DuckDBPyConnection, people: str, key: str) -> None:
    """Select the people who share a value of a key: the columns compared, the value (k) and its people (n)."""
    engine.execute(f"""CREATE OR REPLACE TEMP TABLE {people}_{key}_shared AS
        SELECT record, k, n, name_text, surname_key, given_key, birth_key, gender, document_key FROM {people} JOIN
            (SELECT {key} AS k, count(*) AS n FROM {people} WHERE {key} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
        ON {key} = k""")


def _two_who_share(people: str, key: str, most: int) -> str:
    """Select all pairs of people (a before b) who share a key that is not a hub."""
    shared = f"{people}_{key}_shared"
    return f"{shared} AS a JOIN {shared} AS b ON a.k = b.k AND a.record < b.record AND a.n <= {int(most)}"


def _find_hubs(engine: duckdb.DuckDBPyConnection, people: str, key: str, most: int) -> pd.DataFrame:
    sql = f"SELECT DISTINCT k, n FROM {people}_{key}_shared WHERE n > ? ORDER BY 2 DESC, 1"
    rows = engine.execute(sql, [most]).fetchall()
    name = key.removesuffix("_key")
    return pd.DataFrame(
        {
            "shared_key": [name] * len(rows),
            "value": [mask(row[0], name) for row in rows],
            "records": [row[1] for row in rows],
        }
    )


def _link_by(engine: duckdb.DuckDBPyConnection, people: str, key: str, most: int) -> None:
    """Link each person to the next one with the same key; for keys a family may share, check every pair."""
    if key in _SHARED:
        engine.execute(f"""INSERT INTO {people}_sure SELECT a.record, b.record, '{key}'
            FROM {_two_who_share(people, key, most)} WHERE NOT {UNLIKE_NAMES} ORDER BY 1, 2""")
        return
    engine.execute(f"""INSERT INTO {people}_sure SELECT record, next, '{key}' FROM (
        SELECT record, lead(record) OVER (PARTITION BY k ORDER BY record) AS next
        FROM {people}_{key}_shared WHERE n <= {int(most)})
        WHERE next IS NOT NULL ORDER BY 1, 2""")


def _declare(engine: duckdb.DuckDBPyConnection, people: str, pairs: pd.DataFrame, target: str, by: str) -> None:
    if pairs.empty:
        return
    engine.register("declared_pairs", pairs)
    rows = engine.execute(f"""INSERT INTO {target}
        SELECT DISTINCT least(a.record, b.record), greatest(a.record, b.record), '{by}' FROM declared_pairs AS d
        JOIN {people} AS a ON a.source = d.source AND a.source_id = d.source_id
        JOIN {people} AS b ON b.source = d.other_source AND b.source_id = d.other_source_id
        WHERE a.record <> b.record ORDER BY 1, 2 RETURNING 1""").fetchall()
    engine.unregister("declared_pairs")
    if len(rows) < len(pairs.drop_duplicates()):
        problem = f"{len(pairs.drop_duplicates()) - len(rows)} pairs of {by} name a record that is not there"
        raise DataError(Fault(by, problem, "source and source_id as in the sources", "Correct the file"))


def declared_pairs(path: Path | None) -> pd.DataFrame:
    """Read pairs that must or must not be linked.

    Parameters
    ----------
    path : Path or None
        CSV with the columns source, source_id, other_source, other_source_id; None: no pairs.

    Raises
    ------
    DataError
        The file or a column is missing.
    """
    if path is None:
        return pd.DataFrame(columns=list(_COLUMNS), dtype="str")
    if not path.is_file():
        raise DataError(Fault(path.name, "not found", f"CSV with {listed(_COLUMNS)}"))
    pairs = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    missing = [name for name in _COLUMNS if name not in pairs.columns]
    if missing:
        raise DataError(Fault(path.name, f"no column {listed(missing)}", f"Expected {listed(_COLUMNS)}"))
    return pairs[list(_COLUMNS)].apply(lambda column: column.str.strip())
