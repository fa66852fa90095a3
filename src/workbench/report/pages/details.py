"""The page of details: changes, steps from records to customers, all limitations, computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from workbench.report.changes import changed_settings, compare_runs, follow_records
from workbench.report.numbers import show
from workbench.report.pages.addresses import GRAPH_PAGE
from workbench.report.tables import WRITTEN, table_html
from workbench.report.text import label, say
from workbench.report.value_names import table_key

__all__ = ["changes_of", "computed_of", "limits_of", "population_of", "stage_line"]

Summaries = Sequence[Mapping[str, Any]]
Sentence = Callable[[Mapping[str, Any], Mapping[str, Any], str], Markup]


def changes_of(summaries: Summaries, before: Mapping[str, Any] | None, language: str) -> dict[str, Any]:
    """Return the changes since an earlier run: a sentence, the changed settings, a table."""
    if not before:
        return {"text": say("ui_changes_first", language), "settings": "", "table": ""}
    moved = compare_runs(summaries, before, language=language, currency=_currency(summaries))
    settings = changed_settings(summaries, before)
    as_of = before.get("as_of")
    when = say("ui_changes_as_of", language, {"as_of": as_of}) if as_of else ""
    facts = {"run_id": before.get("run_id"), "when": f" {when}" if when and language == "en" else when}
    facts |= {"count": moved.moved, "compared": moved.compared}
    key = "ui_changes_since" if moved.rows or settings else "ui_changes_none"
    formats = {"item": "text", "before": WRITTEN, "now": WRITTEN, "change": WRITTEN}
    table = {"columns": ["item", "before", "now", "change"], "rows": moved.rows, "formats": formats}
    return {
        "text": say(key, language, facts),
        "settings": say("ui_changes_settings", language, {"settings": "; ".join(settings)}) if settings else "",
        "table": table_html(table, language=language, caption=say("ui_changes_table", language)) if moved.rows else "",
    }


def _currency(summaries: Summaries) -> str:
    return next((summary["currency"] for summary in summaries if summary.get("currency")), "")


def population_of(summaries: Summaries, language: str) -> dict[str, Any]:
    """Return the steps from records to customers."""
    groups = follow_records(summaries, language=language)
    quality: Mapping[str, Any] = next(
        (summary.get("metrics", {}) for summary in summaries if summary["stage"] == "01_check_quality"), {}
    )
    nobody = quality.get("transactions.no_customer")
    return {
        "groups": [[(step, show(step.count, "int", language)) for step in group] for group in groups],
        "note": say("ui_no_customer", language, {"no_customer": nobody}) if nobody else "",
    }


def limits_of(summaries: Summaries, sentence: Sentence, language: str) -> list[dict[str, Any]]:
    """Return every limitation by stage."""
    sections = []
    for summary in summaries:
        sentences = [sentence(limit, summary, language) for limit in summary.get("limits") or ()]
        if sentences:
            sections.append({"name": label(summary["stage"], language), "sentences": sentences})
    return sections


def computed_of(
    summaries: Summaries, pages: Mapping[str, str], versions: Mapping[str, str], language: str
) -> dict[str, Any]:
    """Return the stages, the page of stages and tables, and the tables of digests, settings and versions."""
    tables = [
        [table_key(name), facts.get("rows"), str(facts.get("digest") or ""), str(facts.get("path") or "")]
        for summary in summaries
        for name, facts in (summary.get("tables") or {}).items()
    ]
    settings = [
        [f"{summary['stage']}.{name}", _setting(value)]
        for summary in summaries
        for name, value in (summary.get("settings") or {}).items()
    ]
    kinds = {"digest": "text", "path": "text", "setting": "text", "value": "text", "version": "text"}
    kinds |= {"component": "text", "rows": "int"}
    parts = {
        "tables": (["table", "rows", "digest", "path"], tables),
        "settings": (["setting", "value"], settings),
        "versions": (["component", "version"], [[name, str(version)] for name, version in versions.items()]),
    }
    html = {
        name: table_html(
            {
                "columns": columns,
                "rows": rows,
                "formats": {column: kinds[column] for column in columns if column in kinds},
            },
            language=language,
            caption=say(f"ui_{name}", language),
        )
        for name, (columns, rows) in parts.items()
        if rows
    }
    lines = [stage_line(summary, pages, language) for summary in summaries]
    return {"stages": lines, "graph": GRAPH_PAGE if pages else "", "tables": html}


def _setting(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def stage_line(summary: Mapping[str, Any], pages: Mapping[str, str], language: str) -> dict[str, str]:
    """Return name, status, seconds and page of a stage."""
    seconds = summary.get("seconds")
    return {
        "name": label(summary["stage"], language),
        "stage": summary["stage"],
        "status": label(summary["status"], language),
        "seconds": say("ui_stage_seconds", language, {"seconds": seconds}) if seconds is not None else "–",
        "page": pages.get(summary["stage"], ""),
    }
