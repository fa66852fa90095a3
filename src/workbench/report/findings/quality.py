"""Findings on data quality. Serves 01_check_quality."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.intake.casting.contact_quality import GARBLED
from workbench.intake.tables.declarations import unstored_columns
from workbench.report.findings.finding import Finding
from workbench.report.value_names import source_name

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.quality.checks import Quality
    from workbench.intake.quality.past import Past
    from workbench.intake.tables.canonical import Intake

__all__ = ["SUSPICION", "checks_shown", "find_changes", "find_quality", "find_suspects_of", "limit_quality"]

# finding weight by kind of doubtful value
SUSPICION = {
    "implausible_year": 0.3, "implausible_age": 0.3, "repeated_digit": 0.3, "far_number": 0.15, "rare_level": 0.25,
    "midnight_only": 0.05, "magnitude_jump": 0.5,
}  # fmt: skip

_NO_TEXT = ("workbook", "parquet")
_SIMULATED = {"journey": "84.51°"}


def checks_shown(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the checks for a table, with source names as in the profile.

    Parameters
    ----------
    verdicts : DataFrame
        `Quality.verdicts`; the check of rejected records has the source in place of a column.
    """
    of_source = verdicts["check"] == "rejected"
    return verdicts.assign(column=verdicts["column"].map(source_name).where(of_source, verdicts["column"]))


def find_quality(
    intake: Intake, quality: Quality, sources: Mapping[str, SourceParams], *, as_of: date
) -> list[Finding]:
    """Report accepted and rejected records, and problems of the data.

    Parameters
    ----------
    intake : Intake
    quality : Quality
    sources : mapping of str to SourceParams
    as_of : date

    Returns
    -------
    list of Finding
    """
    metrics = intake.metrics
    records = sum(int(metrics[f"{name}.physical_records"]) for name in sources)
    rejected = sum(int(metrics[f"{name}.rejected"]) for name in sources)
    values = {"records": records, "accepted": records - rejected, "rejected": rejected, "score": quality.score}
    key = "quality_answer_all" if records and not rejected else "quality_answer"
    findings = [Finding(key, values, 0.35), *_orders(metrics), *_lacking(intake)]
    for name in sources:
        findings += _source(name, metrics)
    for table in intake.tables:
        findings += _table(table, metrics)
    findings += _measures(sources, metrics) + _checks(quality) + _orphans(quality) + _fresh(quality, metrics, as_of)
    return [*findings, *_accuracy(intake), *_contacts(sources, metrics), *_declared(sources, metrics)]


def find_suspects_of(suspects: pd.DataFrame) -> list[Finding]:
    """Report doubtful values, one finding per column and reason.

    Parameters
    ----------
    suspects : DataFrame
        Result of ``quality.suspects.find_suspects``.
    """
    findings = []
    for (reason, table, column), rows in suspects.groupby(["reason", "table", "column"], sort=False):
        values = {"table": table, "column": column, "values": rows["value"].tolist(), "rows": int(rows["rows"].sum())}
        findings.append(Finding(f"quality_{reason}", values | {"of": int(rows["of"].iloc[0])}, SUSPICION[reason]))
    return findings


def find_changes(changes: pd.DataFrame, past: Past, *, first: bool) -> list[Finding]:
    """Report changes since the previous run.

    Parameters
    ----------
    changes : DataFrame
        Result of ``quality.comparison.compare_profiles``.
    past : Past
        Order lines that arrived late or disappeared.
    first : bool
        True without a previous run.
    """
    if first:
        return [Finding("quality_first_run", {}, 0.05)]
    moved = past.late or past.gone
    values = {"late": past.late, "gone": past.gone, "until": past.until}
    late = [Finding("quality_past", values, 0.4)] if moved else []
    warned = changes[(changes["status"] == "warn") & ~changes["change"].isin(["late_rows", "gone_rows"])]
    if warned.empty:
        return late or [Finding("quality_unchanged", {}, 0.1)]
    places = [row.column or row.table for row in warned.itertuples()]
    return [*late, Finding("quality_changed", {"changes": len(warned), "places": places[:6]}, 0.4)]


def limit_quality(intake: Intake, sources: Mapping[str, SourceParams], *, demo_data: str | None) -> list[Finding]:
    """Report the limits of the checks.

    Parameters
    ----------
    intake : Intake
    sources : mapping of str to SourceParams
    demo_data : str or None
        Name of the published data set, if simulated.
    """
    findings = [Finding("quality_limit_form"), Finding("quality_limit_duplicates")]
    if demo_data in _SIMULATED:
        findings.insert(0, Finding("quality_limit_simulated", {"publisher": _SIMULATED[demo_data]}))
    for source, columns in intake.dropped.items():
        if columns:
            findings.append(Finding("quality_limit_dropped_columns", {"source": source, "columns": columns}))
    for name, params in sources.items():
        for column, key in unstored_columns(params).items():
            findings.append(Finding("quality_limit_homeless", {"source": name, "column": column, "key": key}))
    return findings


def _orders(metrics: Mapping[str, Any]) -> list[Finding]:
    rows = metrics.get("transactions.rows")
    if not rows:
        return []
    findings = []
    if metrics.get("transactions.first_ordered_at"):
        first, last = (str(metrics[f"transactions.{end}_ordered_at"])[:10] for end in ("first", "last"))
        values = {"first": first, "last": last, "rows": rows, "customers": metrics.get("transactions.customers")}
        findings.append(Finding("quality_span" if values["customers"] else "quality_span_nobody", values, 0.3))
    nobody = metrics.get("transactions.no_customer", 0)
    if nobody and metrics.get("transactions.customers"):
        values = {"share": nobody / rows, "no_customer": nobody, "rows": rows}
        findings.append(Finding("quality_no_customer", values, 0.5 if nobody > rows / 10 else 0.2))
    return findings


def _lacking(intake: Intake) -> list[Finding]:
    """Report the columns missing from order lines, and the results that each would enable."""
    lines = intake.tables.get("transactions")
    if lines is None:
        return []
    present = set(lines.columns)
    keys = {"customer_id": "quality_lacks_customers", "ordered_at": "quality_lacks_dates"}
    findings = [Finding(key, {}, 0.4) for column, key in keys.items() if column not in present]
    return findings if present & {"amount", "quantity"} else [*findings, Finding("quality_lacks_amounts", {}, 0.4)]


def _source(name: str, metrics: Mapping[str, Any]) -> list[Finding]:
    records, rejected = int(metrics[f"{name}.physical_records"]), int(metrics[f"{name}.rejected"])
    if not records:
        return []
    counts = {"records": records, "accepted": metrics[f"{name}.accepted"], "rejected": rejected}
    findings = [Finding("quality_records", {"source": name, **counts, "share": rejected / records}, 0.15)]
    encoding = str(metrics.get(f"{name}.encoding", ""))
    if encoding and encoding not in _NO_TEXT:
        findings.append(Finding("quality_encoding", {"source": name, "encoding": encoding}, 0.1))
    codes = _counted(metrics, f"{name}.rejected.")
    if codes:
        code = max(codes, key=lambda code: (codes[code], code))
        values = {"source": name, "code": code, "count": codes[code], "rejected": rejected}
        findings.append(Finding("quality_reject_reason", values, 0.15))
    missing = int(metrics.get(f"{name}.answers_missing", 0))
    wrong = sum(count for code, count in _counted(metrics, f"{name}.nulled.").items() if code.startswith("answer-"))
    if missing or wrong:
        findings.append(Finding("quality_answers", {"source": name, "wrong": wrong, "missing": missing}, 0.25))
    for code, cells in _counted(metrics, f"{name}.nulled.").items():
        if not code.startswith("answer-"):
            weight = 0.25 if code == "id-damaged" else 0.15
            findings.append(Finding("quality_nulled", {"source": name, "code": code, "cells": cells}, weight))
    repairs = sum(_counted(metrics, f"{name}.repairs.").values())
    if repairs:
        findings.append(Finding("quality_repairs", {"source": name, "repairs": repairs}, 0.1))
    if metrics.get(f"{name}.contact_cells_dropped"):
        findings.append(Finding("quality_contact_dropped", {"cells": metrics[f"{name}.contact_cells_dropped"]}, 0.1))
    masked = _counted(metrics, f"{name}.masked.")
    if masked:
        values = {"source": name, "cells": sum(masked.values()), "columns": sorted(masked)}
        findings.append(Finding("quality_masked", values, 0.2))
    return findings


def _table(table: str, metrics: Mapping[str, Any]) -> list[Finding]:
    rows = int(metrics.get(f"{table}.rows", 0))
    if not rows:
        return []
    duplicates = int(metrics.get(f"{table}.duplicates", 0))
    findings = []
    if duplicates:
        values = {"table": table, "duplicates": duplicates, "rows": rows, "share": duplicates / rows}
        findings.append(Finding("quality_duplicates", values, 0.15))
    for rule, dropped in _counted(metrics, f"{table}.rule.").items():
        values = {"table": table, "rule": rule, "dropped": dropped, "rows": rows, "share": dropped / rows}
        findings.append(Finding("quality_rule", values, 0.15))
    return findings


def _measures(sources: Mapping[str, SourceParams], metrics: Mapping[str, Any]) -> list[Finding]:
    """Report each measure of a table once, even if several sources declare the same."""
    declared = dict.fromkeys((source.table, name) for source in sources.values() for name in source.measures)
    findings = []
    for table, name in declared:
        parts = {part: metrics.get(f"{table}.{name}_{part}") for part in ("rows", "customers", "amount")}
        if None not in parts.values():
            findings.append(Finding("quality_measure", {"name": name, **parts}, 0.1))
    return findings


def _checks(quality: Quality) -> list[Finding]:
    counts = quality.metrics()
    names = {"passed": "checks_passed", "warned": "checks_warned", "failed": "checks_failed"}
    findings = [Finding("quality_checks", {name: counts[key] for name, key in names.items()}, 0.2)]
    return [*findings, *_least_complete(quality.verdicts)]


def _least_complete(verdicts: pd.DataFrame) -> list[Finding]:
    """Name the least complete column. Columns whose blanks mean "did not happen" have limit 0 and are skipped."""
    gaps = verdicts[(verdicts["check"] == "complete") & (verdicts["limit"] > 0) & (verdicts["n"] > 0)]
    gaps = gaps.sort_values(["observed", "table", "column"])
    if gaps.empty or gaps.iloc[0]["observed"] >= 1:
        return []
    row = gaps.iloc[0]
    values = {"table": row["table"], "column": row["column"], "share": row["observed"], "n": row["n"]}
    return [Finding("quality_completeness", values, 0.2)]


def _orphans(quality: Quality) -> list[Finding]:
    verdicts = quality.verdicts
    rows = verdicts[(verdicts["check"] == "orphans") & (verdicts["status"] != "pass")]
    lists = {"customer_id": "customers", "product_id": "products"}
    return [
        Finding(
            "quality_orphans",
            {
                "table": row.table,
                "other": lists[row.column],
                "orphans": round(row.observed * row.n),
                "rows": row.n,
                "share": row.observed,
            },
            0.15,
        )
        for row in rows.itertuples()
    ]


def _fresh(quality: Quality, metrics: Mapping[str, Any], as_of: date) -> list[Finding]:
    verdicts = quality.verdicts
    rows = verdicts[(verdicts["check"] == "fresh") & (verdicts["table"] == "transactions")]
    if rows.empty:
        return []
    days = int(rows.iloc[0]["observed"])
    last = (pd.Timestamp(as_of) - pd.Timedelta(days=days)).date().isoformat()
    return [Finding("quality_freshness", {"table": "transactions", "last": last, "days": days, "as_of": as_of}, 0.1)]


def _accuracy(intake: Intake) -> list[Finding]:
    if intake.accuracy.empty:
        return []
    broken = intake.accuracy[intake.accuracy["observed"] < intake.accuracy["limit"]]
    return [
        Finding("quality_accuracy", {"rule": row.rule, "source": row.source, "share": row.observed, "n": row.n}, 0.4)
        for row in broken.itertuples()
    ]


def _contacts(sources: Mapping[str, SourceParams], metrics: Mapping[str, Any]) -> list[Finding]:
    findings = []
    for name in sources:
        for part in ("placeholder", "invalid", "shared"):
            count = int(metrics.get(f"{name}.contact.phone.{part}", 0))
            if count:
                values = {"source": name, "count": count, "n": metrics[f"{name}.contact.phone.filled"]}
                findings.append(Finding(f"quality_phone_{part}", values, 0.25))
        invalid = int(metrics.get(f"{name}.contact.email.invalid", 0))
        if invalid:
            values = {"source": name, "count": invalid, "n": metrics[f"{name}.contact.email.filled"]}
            findings.append(Finding("quality_email_invalid", values, 0.15))
        for column in GARBLED:
            count = int(metrics.get(f"{name}.contact.{column}.garbled", 0))
            if count:
                values = {"source": name, "column": column, "count": count}
                values["n"] = metrics[f"{name}.contact.{column}.filled"]
                findings.append(Finding("quality_garbled", values, 0.25))
        for column, count in _counted(metrics, f"{name}.widths.").items():
            findings.append(Finding("quality_width", {"source": name, "column": column, "count": count}, 0.2))
    return findings


def _declared(sources: Mapping[str, SourceParams], metrics: Mapping[str, Any]) -> list[Finding]:
    """Report every declared change to values and rows."""
    findings = []
    for name in sources:
        for kind in ("standardised", "imputed"):
            for column, cells in _counted(metrics, f"{name}.{kind}.").items():
                values = {"source": name, "column": column, "cells": cells}
                findings.append(Finding(f"quality_{kind}", values, 0.15))
        dropped = int(metrics.get(f"{name}.deduplicated", 0))
        if dropped:
            conflicts = int(metrics.get(f"{name}.conflicting_keys", 0))
            findings.append(
                Finding("quality_deduplicated", {"source": name, "rows": dropped, "conflicts": conflicts}, 0.2)
            )
    return findings


def _counted(metrics: Mapping[str, Any], prefix: str) -> dict[str, int]:
    counts = {key.removeprefix(prefix): int(value) for key, value in metrics.items() if key.startswith(prefix)}
    return {key: count for key, count in counts.items() if count}
