"""Quality checks of the canonical tables: completeness, keys, ranges, orphans, freshness, score; for 01_check_quality.

Every figure comes from aggregates in the engine; the frames here are small enough to show.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL
from workbench.intake.quality.mojibake import is_mojibake

__all__ = ["RANGES", "Quality", "assess"]

# share of filled cells below which a column gets a warning
COMPLETE_WARNING = 0.5
# share of order lines without a customer above which most customer figures cover only part of the business
UNKNOWN_WARNING = 0.5
ORPHAN_WARNING = 0.0
DUPLICATE_WARNING = 0.01
REJECTED_WARNING = 0.01
_REFERENCES = (  # table, column, referenced table
    ("transactions", "customer_id", "customers"),
    ("transactions", "product_id", "products"),
    ("events", "customer_id", "customers"),
    ("campaigns", "customer_id", "customers"),
    ("labels", "customer_id", "customers"),
    ("responses", "customer_id", "customers"),
    ("service", "customer_id", "customers"),
    ("reviews", "customer_id", "customers"),
    ("experiments", "customer_id", "customers"),
    ("consents", "customer_id", "customers"),
    ("relations", "customer_id", "customers"),
)
RANGES = {  # (table, column) -> lowest and highest plausible value; None is unbounded
    ("transactions", "unit_price"): (0, None),
    ("transactions", "discount"): (0, None),
    ("customers", "age"): (0, 120),
    ("products", "unit_cost"): (0, None),
    ("events", "dwell_seconds"): (0, None),
}
# columns in which a blank means that nothing happened, not that a value is missing
_BLANK_BY_NATURE = {"redeemed_at", "opened_at", "closed_at", "coupon", "discount", "referrer_customer_id", "parent_id"}
MOJIBAKE_VALUES = 2000  # most distinct values read of a column
_VERDICTS = ["check", "table", "column", "level", "status", "observed", "limit", "n"]
DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "timeliness", "accuracy")
_FAILED = {"blocker": "fail", "warning": "warn", "info": "warn"}


@dataclass(frozen=True)
class Quality:
    """The results of the checks.

    Attributes
    ----------
    verdicts : DataFrame
        One row per check: check (rejected, duplicates, key, complete, range, mojibake, orphans, without_rows, fresh,
        accuracy, width, placeholder_phone, invalid_contact, shared_phone),
        table, column, level (blocker, warning, info), status (pass, warn, fail), observed (a share 0..1, or days for
        ``fresh``), limit (in the same unit), n (rows checked).
    completeness : DataFrame
        One row per column of a table: table, column, rows, filled.
    score : float
        0 to 100: the mean of the tables' scores.
    dimensions : DataFrame
        One row per table: table, six shares (missing where not applicable) and score (0 to 100, the mean of the rest).
        *completeness*: cells filled, except in columns where a blank means that nothing happened (a redemption, a
        discount). *uniqueness*: rows that are not an exact copy of an earlier one. *validity*: records accepted,
        less cells that became null, over the sources' records. *consistency*: rows whose ids are listed.
        *timeliness*: 1 if the newest row is not older than allowed, else allowed age / actual age. *accuracy*:
        rows for which the declared rules hold, the mean over rules.
    columns : DataFrame
        One row per column of a table: table, column, completeness (cells filled), validity (cells that could be read,
        of those that were filled), uniqueness (of keys: rows without a repeated key), score (0 to 100, their mean;
        blanks do not lower the score of columns where a blank means that nothing happened).
    """

    verdicts: pd.DataFrame
    completeness: pd.DataFrame
    score: float
    dimensions: pd.DataFrame
    columns: pd.DataFrame

    def metrics(self) -> dict[str, float | int]:
        """Return ``quality_score`` and the number of checks by status."""
        counts = self.verdicts["status"].value_counts()
        named = {"pass": "checks_passed", "warn": "checks_warned", "fail": "checks_failed"}
        return {"quality_score": self.score} | {name: int(counts.get(status, 0)) for status, name in named.items()}


def assess(
    tables: Mapping[str, ibis.Table],
    metrics: Mapping[str, Any],
    *,
    as_of: dt.date,
    sources: Mapping[str, str],
    max_age_days: int = 45,
    accuracy: pd.DataFrame | None = None,
    rejects: ibis.Table | None = None,
) -> Quality:
    """Check canonical tables and score them.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables.
    metrics : mapping
        Metrics of `canonical.take_in`.
    as_of : date
        Reference date for freshness.
    sources : mapping of str to str
        Source: the table it feeds.
    max_age_days : int
        Age of the newest row above which a table is stale.
    accuracy : DataFrame, optional
        As returned by ``accuracy.judge_accuracy``.
    rejects : ibis.Table, optional
        source, column: the cells that could not be read, for the scores of columns.

    Returns
    -------
    Quality

    Raises
    ------
    DataError
        An id column has text that was read in the wrong encoding, so it cannot be joined.
    """
    _refuse_garbled_ids(tables)
    filled = pd.concat([_filled(name, table) for name, table in tables.items()], ignore_index=True)
    rows = [
        *_judge_records(metrics, sources),
        *_judge_duplicates(tables, metrics),
        *_judge_completeness(filled),
        *_judge_ranges(tables),
        *_judge_mojibake(tables),
        *_orphans(tables),
        *_judge_freshness(tables, as_of, max_age_days),
        *_judge_accuracy(accuracy),
        *_judge_widths(metrics, sources),
        *_judge_contacts(metrics, sources),
    ]
    verdicts = pd.DataFrame(rows, columns=_VERDICTS)
    dimensions = _dimensions(filled, metrics, sources, verdicts)
    score = round(float(dimensions["score"].mean()), 2) if len(dimensions) else 0.0
    dimensions["score"] = dimensions["score"].round(1)
    return Quality(verdicts, filled, score, dimensions, _score_columns(filled, metrics, sources, rejects))


def _filled(name: str, table: ibis.Table) -> pd.DataFrame:
    aggregates = {f"c{at}": table[column].count() for at, column in enumerate(table.columns)}
    counts = table.aggregate(rows=table.count(), **aggregates).to_pyarrow().to_pylist()[0]
    filled = [int(counts[f"c{at}"]) for at in range(len(table.columns))]
    columns = {"table": name, "column": list(table.columns), "rows": int(counts["rows"]), "filled": filled}
    return pd.DataFrame(columns)


def _judged(check: str, place: tuple[str, str], level: str, fits: bool, figures: tuple) -> tuple:
    observed, limit, n = figures
    return (check, *place, level, "pass" if fits else _FAILED[level], observed, limit, n)


def _judge_records(metrics: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[tuple]:
    for source, table in sources.items():
        n = int(metrics[f"{source}.physical_records"])
        share = int(metrics[f"{source}.rejected"]) / n if n else 0.0
        yield _judged("rejected", (table, source), "warning", share <= REJECTED_WARNING, (share, REJECTED_WARNING, n))


def _judge_duplicates(tables: Mapping[str, ibis.Table], metrics: Mapping[str, Any]) -> Iterator[tuple]:
    for name in tables:
        n = int(metrics.get(f"{name}.rows", 0))
        share = int(metrics.get(f"{name}.duplicates", 0)) / n if n else 0.0
        yield _judged("duplicates", (name, ""), "warning", share <= DUPLICATE_WARNING, (share, DUPLICATE_WARNING, n))
        if f"{name}.repeated_ids" in metrics:
            repeated = int(metrics[f"{name}.repeated_ids"])
            key = CANONICAL[name].keys[0]
            yield _judged("key", (name, key), "warning", repeated == 0, (repeated / n if n else 0.0, 0.0, n))


def _judge_completeness(filled: pd.DataFrame) -> Iterator[tuple]:
    for row in filled.itertuples(index=False):
        share = row.filled / row.rows if row.rows else 0.0
        is_key = row.column in CANONICAL[row.table].keys
        limit = 1.0 if is_key else 0.0 if row.column in _BLANK_BY_NATURE else COMPLETE_WARNING
        if (row.table, row.column) == ("transactions", "customer_id"):
            limit = 1 - UNKNOWN_WARNING
        level = "blocker" if row.rows == 0 else "warning" if is_key else "info"
        yield _judged("complete", (row.table, row.column), level, share >= limit, (share, limit, row.rows))


def _judge_ranges(tables: Mapping[str, ibis.Table]) -> Iterator[tuple]:
    for (name, column), (low, high) in RANGES.items():
        if name not in tables or column not in tables[name].columns:
            continue
        cell = tables[name][column]
        outside = cell < low if high is None else (cell < low) | (cell > high)
        counts = tables[name].aggregate(n=cell.count(), bad=outside.cast("int64").sum()).to_pyarrow().to_pylist()[0]
        n, bad = int(counts["n"]), int(counts["bad"] or 0)
        yield _judged("range", (name, column), "warning", bad == 0, (bad / n if n else 0.0, 0.0, n))


def _judge_mojibake(tables: Mapping[str, ibis.Table]) -> Iterator[tuple]:
    """Detect UTF-8 text that was read as GBK (姓名 has become 濮撳悕); columns without it get no verdict."""
    for name, table in tables.items():
        for column in (column for column in table.columns if CANONICAL[name].kind(column) in ("text", "category")):
            foreign = table.filter(table[column].re_search(r"[^\x00-\x7F]")).select(column).distinct()
            values = [row[column] for row in foreign.order_by(column).limit(MOJIBAKE_VALUES).to_pyarrow().to_pylist()]
            garbled = sum(is_mojibake(value) for value in values)
            if garbled:
                yield _judged("mojibake", (name, column), "warning", False, (garbled / len(values), 0.0, len(values)))


def _refuse_garbled_ids(tables: Mapping[str, ibis.Table]) -> None:
    """Refuse ids that were read in the wrong encoding; all such columns together."""
    faults = []
    for name, table in tables.items():
        for column in (column for column in table.columns if CANONICAL[name].kind(column) == "id"):
            foreign = table.filter(table[column].re_search(r"[^\x00-\x7F]")).select(column).distinct()
            values = [row[column] for row in foreign.order_by(column).limit(MOJIBAKE_VALUES).to_pyarrow().to_pylist()]
            garbled = sum(is_mojibake(value) for value in values)
            if garbled:
                problem = f"{garbled} of {len(values)} ids of {column} were read in the wrong encoding"
                faults.append(
                    Fault(name, problem, "Ids that join", "Declare the encoding of the file, or save it again")
                )
    if faults:
        raise DataError(faults)


def _judge_accuracy(accuracy: pd.DataFrame | None) -> Iterator[tuple]:
    for row in accuracy.itertuples() if accuracy is not None else ():
        fits = row.observed >= row.limit
        yield _judged("accuracy", (row.table, row.rule), row.level, fits, (row.observed, row.limit, row.n))


def _judge_widths(metrics: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[tuple]:
    for source, table in sources.items():
        n = int(metrics[f"{source}.accepted"])
        prefix = f"{source}.widths."
        for key, count in metrics.items():
            if key.startswith(prefix) and n:
                place = (table, key.removeprefix(prefix))
                yield _judged("width", place, "warning", False, (int(count) / n, 0.0, n))


def _judge_contacts(metrics: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[tuple]:
    """Judge contact columns by their counts."""
    for source, table in sources.items():
        for column in ("phone", "email"):
            n = int(metrics.get(f"{source}.contact.{column}.filled", 0))
            if not n:
                continue
            for part, check in (("placeholder", "placeholder_phone"), ("invalid", "invalid_contact")):
                count = metrics.get(f"{source}.contact.{column}.{part}")
                if count is not None:
                    yield _judged(check, (table, column), "warning", count == 0, (count / n, 0.0, n))
            if column == "phone":
                shared = int(metrics.get(f"{source}.contact.phone.shared", 0))
                yield _judged("shared_phone", (table, column), "warning", shared == 0, (shared / n, 0.0, n))


def _score_columns(
    filled: pd.DataFrame, metrics: Mapping[str, Any], sources: Mapping[str, str], rejects: ibis.Table | None
) -> pd.DataFrame:
    """Score every column: filled cells, readable cells, repeated keys."""
    unread: dict[tuple[str, str], int] = {}
    if rejects is not None:
        counted = rejects.group_by("source", "column").aggregate(n=rejects.count()).to_pyarrow().to_pylist()
        for row in counted:
            place = (sources.get(row["source"], ""), row["column"] or "")
            unread[place] = unread.get(place, 0) + int(row["n"])
    rows = []
    for row in filled.itertuples():
        unreadable = unread.get((row.table, row.column), 0)
        non_blank = row.filled + unreadable
        repeated = metrics.get(f"{row.table}.repeated_ids") if row.column in CANONICAL[row.table].keys[:1] else None
        shares = {
            "completeness": row.filled / row.rows if row.rows else None,
            "validity": row.filled / non_blank if non_blank else None,
            "uniqueness": 1 - int(repeated) / (row.rows + int(repeated)) if repeated is not None and row.rows else None,
        }
        counted_in = [
            value
            for name, value in shares.items()
            if value is not None and not (name == "completeness" and row.column in _BLANK_BY_NATURE)
        ]
        score = round(100 * sum(counted_in) / len(counted_in), 1) if counted_in else None
        rows.append({"table": row.table, "column": row.column, **shares, "score": score})
    columns = ["table", "column", "completeness", "validity", "uniqueness", "score"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], "float64"))


def _orphans(tables: Mapping[str, ibis.Table]) -> list[tuple]:
    """Count orphans in both directions: rows with an unlisted id, and listed ids without a row."""
    verdicts = []
    for name, column, other in _REFERENCES:
        if name not in tables or other not in tables or column not in tables[name].columns:
            continue
        named = tables[name].filter(tables[name][column].notnull()).group_by(column).aggregate(n=lambda t: t.count())
        listed = tables[other].select(column).distinct()
        orphans = named.anti_join(listed, column)
        rows, lost = [int(counts.n.sum().execute() or 0) for counts in (named, orphans)]
        share = lost / rows if rows else 0.0
        verdicts.append(
            _judged("orphans", (name, column), "warning", share <= ORPHAN_WARNING, (share, ORPHAN_WARNING, rows))
        )
        if name == "transactions":
            listed_count = int(listed.count().execute())
            without_rows = int(listed.anti_join(named, column).count().execute())
            verdicts.append(
                _judged(
                    "without_rows",
                    (other, column),
                    "info",
                    True,
                    (without_rows / listed_count if listed_count else 0.0, 1.0, listed_count),
                )
            )
    return verdicts


def _judge_freshness(tables: Mapping[str, ibis.Table], as_of: dt.date, limit: int) -> Iterator[tuple]:
    for name, table in tables.items():
        column = CANONICAL[name].dated_by
        if column and column in table.columns:
            last = table.aggregate(last=table[column].max(), n=table[column].count()).to_pyarrow().to_pylist()[0]
            if last["last"] is not None:
                day = last["last"].date() if isinstance(last["last"], dt.datetime) else last["last"]
                age = (as_of - day).days
                yield _judged(
                    "fresh", (name, column), "warning", age <= limit, (float(age), float(limit), int(last["n"]))
                )


def _dimensions(
    filled: pd.DataFrame, metrics: Mapping[str, Any], sources: Mapping[str, str], verdicts: pd.DataFrame
) -> pd.DataFrame:
    expected = filled[~filled["column"].isin(_BLANK_BY_NATURE)]
    rows = []
    for name, cells in expected.groupby("table", sort=False):
        total = int(cells["rows"].sum())
        accepted = int(metrics.get(f"{name}.rows", 0))
        figures = verdicts[verdicts["table"] == name].set_index("check")[["observed", "limit"]].astype(float)
        late = figures.loc[figures.index == "fresh"]
        shares = {
            "completeness": cells["filled"].sum() / total if total else 0.0,
            "uniqueness": 1 - int(metrics.get(f"{name}.duplicates", 0)) / accepted if accepted else None,
            "validity": _validity(metrics, name, [source for source, table in sources.items() if table == name]),
            "consistency": 1 - figures.loc[figures.index == "orphans", "observed"].mean(),
            "timeliness": (late["limit"] / late["observed"].clip(lower=1)).clip(upper=1).mean(),
            "accuracy": figures.loc[figures.index == "accuracy", "observed"].mean(),
        }
        rows.append({"table": name, **shares})
    dimensions = pd.DataFrame(rows, columns=["table", *DIMENSIONS]).astype(dict.fromkeys(DIMENSIONS, "float64"))
    return dimensions.assign(score=100 * dimensions[list(DIMENSIONS)].mean(axis=1, skipna=True))


def _validity(metrics: Mapping[str, Any], table: str, sources: list[str]) -> float | None:
    """Return the share of records read completely; for a survey, the share of records times that of answers."""
    physical = sum(int(metrics[f"{source}.physical_records"]) for source in sources)
    accepted = sum(int(metrics[f"{source}.accepted"]) for source in sources)
    prefixes = tuple(f"{source}.nulled." for source in sources)
    nulled = sum(int(value) for key, value in metrics.items() if key.startswith(prefixes)) if prefixes else 0
    if not physical:
        return None
    if table == "responses":  # one record may hold many answers
        answers = int(metrics.get("responses.rows", 0))
        return accepted / physical * (answers / (answers + nulled) if answers + nulled else 1.0)
    return max(accepted - nulled, 0) / physical
