"""Changes since the last run, and the steps from records to customers, from the stages' metrics.

Serves 14_write_report.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.report.numbers import is_missing, show
from workbench.report.text import has_label, label, say

__all__ = ["Changes", "Step", "changed_settings", "compare_runs", "follow_records"]

MOST = 12  # largest number of changed figures shown
READ, LOST, ADDED, KEPT = "read", "lost", "added", "kept"  # kinds of steps


@dataclass(frozen=True)
class Changes:
    """Changed figures: number compared, number changed, and one row per change (figure, before, now, change)."""

    compared: int
    moved: int
    rows: list[list[str]]


@dataclass(frozen=True)
class Step:
    """One line of the waterfall: text, count, and start and width of its bar as shares of the largest total."""

    text: str
    count: int
    kind: str
    start: float
    width: float


def compare_runs(
    summaries: Sequence[Mapping[str, Any]], previous: Mapping[str, Any], *, language: str, currency: str = ""
) -> Changes:
    """Compare every metric that has a label with the same metric of an earlier run.

    Parameters
    ----------
    summaries : sequence of mapping
        Stage summaries of this run.
    previous : mapping
        The earlier run's ``summary.json``: ``{"stages": {name: {"metrics": {...}}}}``.
    language, currency : str
        For formatting values.

    Returns
    -------
    Changes
        Rows in the order of stages and metrics, at most 12; metrics of only one run are not compared.
    """
    compared, rows = 0, []
    for summary in summaries:
        before = previous.get("stages", {}).get(summary["stage"], {}).get("metrics", {})
        for name, now in summary.get("metrics", {}).items():
            if name not in before or not has_label(name):
                continue
            compared += 1
            if not _same(before[name], now):
                row = _change(name, before[name], now, language, currency)
                rows += [row] if row[1] != row[2] else []  # no visible change after formatting
    return Changes(compared, len(rows), rows[:MOST])


def _same(before: Any, now: Any) -> bool:
    return before == now or (is_missing(before) and is_missing(now))


def _change(name: str, before: Any, now: Any, language: str, currency: str) -> list[str]:
    kind = _kind_of(name, before, now)
    if kind == "label":
        return [label(name, language), label(before, language), label(now, language), ""]
    moved = float(now) - float(before) if not (is_missing(before) or is_missing(now)) else None
    sign = "+" if moved is not None and moved > 0 else ""
    texts = [show(value, kind, language, currency) for value in (before, now)]
    return [label(name, language), *texts, sign + show(moved, kind, language, currency)]


def _kind_of(name: str, before: Any, now: Any) -> str:
    values = [value for value in (before, now) if not is_missing(value)]
    if not all(isinstance(value, numbers.Real) for value in values):
        return "label"
    if name.endswith(("share", "rate", "coverage")):
        return "pct"
    if name.endswith(("amount_total", "amount", "spend")):
        return "money"
    return "int" if all(float(value).is_integer() for value in values) else "num"


def changed_settings(summaries: Sequence[Mapping[str, Any]], previous: Mapping[str, Any]) -> list[str]:
    """List settings that differ from the earlier run as 'stage.name: before → now'."""
    settings = []
    for summary in summaries:
        before = previous.get("stages", {}).get(summary["stage"], {}).get("settings") or {}
        for name, now in (summary.get("settings") or {}).items():
            if name in before and before[name] != now:
                settings.append(f"{summary['stage']}.{name}: {_written(before[name])} → {_written(now)}")
    return settings


def _written(setting: Any) -> str:
    """Format a setting for display; lists without brackets and quotes."""
    return ", ".join(map(str, setting)) if isinstance(setting, (list, tuple)) and setting else str(setting)


def follow_records(summaries: Sequence[Mapping[str, Any]], *, language: str) -> list[list[Step]]:
    """Follow records from the sources to the customers analysed.

    Parameters
    ----------
    summaries : sequence of mapping
        Stage summaries, with the metrics of 01 (``<source>.physical_records``, ``.accepted``, ``.rejected``,
        ``.rejected.<code>``; ``transactions.rows``, ``.kept_rows``, ``.rule.<name>``, ``.customers``), of 02
        (``records``, ``customers``, ``orphans``) and of 03 (``customers``).
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    list of list of Step
        One group per source, largest first, one for the rules on order lines, one for customers; bars are shares of
        the first step of their group. Empty groups are left out.
    """
    metrics = {summary["stage"]: summary.get("metrics", {}) for summary in summaries}
    quality = metrics.get("01_check_quality", {})
    names = [name.removesuffix(".physical_records") for name in quality if name.endswith(".physical_records")]
    names.sort(key=lambda name: (-quality[f"{name}.physical_records"], name))
    groups = [_source_steps(name, quality, language) for name in names]
    groups.append(_rule_steps(quality, language))
    identity, features = metrics.get("02_resolve_identity", {}), metrics.get("03_build_features", {})
    groups.append(_customer_steps(quality, identity, features, language))
    return [_placed(group) for group in groups if group]


_Plain = tuple[str, int, str]  # text, count, kind


def _source_steps(name: str, quality: Mapping[str, Any], language: str) -> list[_Plain]:
    records = int(quality[f"{name}.physical_records"])
    rejected = int(quality.get(f"{name}.rejected", 0))
    accepted = int(quality.get(f"{name}.accepted", records - rejected))
    written = label(name, language)
    if not rejected:
        return [(say("ui_step_accepted", language, {"source": written}), accepted, READ)]
    steps = [(say("ui_step_read", language, {"source": written}), records, READ)]
    steps += _lost(quality, f"{name}.rejected.", "ui_step_rejected", language) or [
        (say("ui_step_rejected_any", language), rejected, LOST)
    ]
    return [*steps, (say("ui_step_accepted", language, {"source": written}), accepted, KEPT)]


def _lost(quality: Mapping[str, Any], prefix: str, key: str, language: str) -> list[_Plain]:
    losses = [(name.removeprefix(prefix), int(count)) for name, count in quality.items() if name.startswith(prefix)]
    losses.sort(key=lambda pair: (-pair[1], pair[0]))
    return [(say(key, language, {"code": name, "rule": name}), count, LOST) for name, count in losses if count]


def _rule_steps(quality: Mapping[str, Any], language: str) -> list[_Plain]:
    dropped = _lost(quality, "transactions.rule.", "ui_step_rule", language)
    if not dropped or "transactions.kept_rows" not in quality:
        return []
    rows = (label("transactions.rows", language), int(quality["transactions.rows"]), READ)
    return [rows, *dropped, (say("ui_step_kept", language), int(quality["transactions.kept_rows"]), KEPT)]


def _customer_steps(
    quality: Mapping[str, Any], identity: Mapping[str, Any], features: Mapping[str, Any], language: str
) -> list[_Plain]:
    steps, resolved = [], identity.get("customers")
    if resolved is not None and "records" in identity:
        records = int(identity["records"])
        steps.append((say("ui_step_people", language), records, READ))
        if records > int(resolved):
            steps.append((say("ui_step_same", language), records - int(resolved), LOST))
        steps.append((say("ui_step_resolved", language), int(resolved), KEPT))
        if identity.get("orphans"):
            steps.append((say("ui_step_orphans", language), int(identity["orphans"]), ADDED))
    elif "transactions.customers" in quality:
        steps.append((say("ui_step_customers", language), int(quality["transactions.customers"]), READ))
    if "customers" in features and features["customers"] != resolved:
        steps.append((say("ui_step_analysed", language), int(features["customers"]), KEPT))
    return steps


def _placed(group: Sequence[_Plain]) -> list[Step]:
    spans, left = [], 0  # text, signed count, kind, where the bar starts, how long it is
    for text, count, kind in group:
        if kind == LOST:
            left -= count
            spans.append((text, -count, kind, max(0, left), count))
        elif kind == ADDED:
            spans.append((text, count, kind, left, count))
            left += count
        else:
            spans.append((text, count, kind, 0, count))
            left = count
    whole = max(1, *(start + length for *_, start, length in spans))
    return [Step(text, count, kind, start / whole, length / whole) for text, count, kind, start, length in spans]
