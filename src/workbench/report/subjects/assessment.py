"""The record of processing and impact assessment as a page and as Markdown, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.report.html import render
from workbench.report.numbers import fewer_than, show
from workbench.report.text import label, say

__all__ = ["assessment_markdown", "assessment_page"]


@dataclass(frozen=True)
class _Part:
    """A part of the assessment: paragraphs, then at most one table."""

    title: str
    texts: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def assessment_page(facts: Mapping[str, Any], *, language: str) -> str:
    """Write the assessment as one self-contained page.

    Parameters
    ----------
    facts : mapping
        Facts gathered from the profile; counts below ``min_cell`` are not shown.
    language : {"en", "zh"}
    """
    parts = [{"title": part.title, "texts": part.texts, "columns": part.columns, "cells": part.rows}
             for part in _parts(facts, language)]  # fmt: skip
    context = {"title": _title(facts, language), "lead": _lead(facts, language), "parts": parts}
    return render("assessment.html.j2", context, language)


def assessment_markdown(facts: Mapping[str, Any], *, language: str) -> str:
    """Write the assessment as Markdown, for version control or for pasting into a form."""
    lines = [f"# {_title(facts, language)}", "", *[text + "\n" for text in _lead(facts, language)]]
    for part in _parts(facts, language):
        lines += [f"## {part.title}", "", *[text + "\n" for text in part.texts]]
        if part.rows:
            lines += [_line(part.columns), _line(["---"] * len(part.columns)), *map(_line, part.rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _title(facts: Mapping[str, Any], language: str) -> str:
    return say("assess_title", language, {"profile": facts["profile"]})


def _lead(facts: Mapping[str, Any], language: str) -> list[str]:
    made = {"day": facts["made_on"], "as_of": facts["as_of"] or "–"}
    return [say("assess_made", language, made), say("assess_no_advice", language)]


def _parts(facts: Mapping[str, Any], language: str) -> list[_Part]:
    parts = (_purposes, _data, _tags, _models, _exports, _retention, _requests, _measures, _offers, _risks, _sign)
    return [part(facts, language) for part in parts]


def _heading(name: str, language: str) -> str:
    return say(f"assess_part_{name}", language)


def _columns(names: Sequence[str], language: str) -> list[str]:
    return [say(f"assess_head_{name}", language) for name in names]


def _count(value: int, facts: Mapping[str, Any], language: str) -> str:
    return show(fewer_than(facts["min_cell"]) if 0 < value < facts["min_cell"] else value, "int", language)


def _purposes(facts: Mapping[str, Any], language: str) -> _Part:
    texts = []
    goal = facts["goal"]
    if goal.get("question"):
        texts.append(say("assess_question", language, {"question": _local(goal["question"], language)}))
    if goal.get("decision"):
        values = {"decision": _local(goal["decision"], language), "audience": _local(goal["audience"], language) or "–"}
        texts.append(say("assess_decision", language, values))
    if facts["customers"] is not None:
        counts = {"customers": facts["customers"], "refused": facts["not_profiled"]}
        texts.append(say("assess_counts", language, counts))
    texts.append(say("assess_consent_rows" if facts["has_consents"] else "assess_no_consents", language))
    rows = []
    for purpose, counts in facts["permissions"].items():
        permitted = counts.get("", 0)
        refused = sum(counts.values()) - permitted
        basis = facts["legal_basis"].get(purpose) or say("assess_basis_missing", language)
        rows.append(
            [label(purpose, language), _count(permitted, facts, language), _count(refused, facts, language), basis]
        )
    return _Part(
        _heading("purposes", language),
        texts,
        _columns(("purpose", "permitted", "not_permitted", "legal_basis"), language),
        rows,
    )


def _local(text: Any, language: str) -> str:
    return str(text.get(language) or next(iter(text.values()), "")) if isinstance(text, Mapping) else str(text or "")


def _data(facts: Mapping[str, Any], language: str) -> _Part:
    rows = [
        [entry["source"], label(entry["table"], language), entry["path"], show(entry["files"], "int", language),
         ", ".join(label(column, language) for column in entry["columns"]),
         ", ".join(label(column, language) for column in entry["contact"]) or "–",
         ", ".join(label(column, language) for column in entry["sensitive"]) or "–"]
        for entry in facts["sources"]
    ]  # fmt: skip
    names = ("source", "table", "path", "files", "columns", "contact_data", "sensitive_data")
    return _Part(_heading("data", language), [], _columns(names, language), rows)


def _tags(facts: Mapping[str, Any], language: str) -> _Part:
    sensitive = [tag for tag in facts["tags"] if tag["sensitive"]]
    computed = [tag for tag in sensitive if tag["item"] in facts["sensitive_items"]]
    text = say("assess_tags_count", language,
               {"tags": len(facts["tags"]), "sensitive": len(sensitive), "computed": len(computed)})  # fmt: skip
    groups: dict[tuple[str, str], list[str]] = {}
    for tag in facts["tags"]:
        groups.setdefault((tag["purpose"], tag["kind"]), []).append(tag["name"][language])
    rows = [[label(purpose, language), say(f"assess_kind_{kind}", language), show(len(names), "int", language),
             ", ".join(names)]
            for (purpose, kind), names in sorted(groups.items())]  # fmt: skip
    return _Part(_heading("tags", language), [text], _columns(("purpose", "kind", "tags", "names"), language), rows)


def _models(facts: Mapping[str, Any], language: str) -> _Part:
    texts = [say("assess_models_text", language)]
    texts += [] if facts["models"] else [say("assess_models_none", language)]
    rows = [[model["name"], model["version"], show(model["champion"], "text", language), model["trained_on"] or "–",
             model["retrain"] or "–"] for model in facts["models"]]  # fmt: skip
    names = ("model", "version", "in_use", "trained_on", "retrain_since")
    return _Part(_heading("models", language), texts, _columns(names, language) if rows else [], rows)


def _exports(facts: Mapping[str, Any], language: str) -> _Part:
    rows = [[entry["what"], show(entry["on"], "date", language), entry["layout"] or "–",
             label(entry["contacts"], language) if entry["contacts"] else "–",
             _count(int(entry["rows"] or 0), facts, language)] for entry in facts["exports"]]  # fmt: skip
    texts = [] if rows else [say("assess_exports_none", language)]
    names = ("export", "date", "layout", "contact_data", "rows")
    return _Part(_heading("exports", language), texts, _columns(names, language), rows)


def _retention(facts: Mapping[str, Any], language: str) -> _Part:
    if not facts["retention"]:
        return _Part(_heading("retention", language), [say("assess_retention_none", language)])
    rows = [[label(name, language), str(days)] for name, days in facts["retention"].items()]
    return _Part(_heading("retention", language), [], _columns(("data", "days"), language), rows)


def _requests(facts: Mapping[str, Any], language: str) -> _Part:
    requests = facts["requests"]
    if not requests:
        return _Part(_heading("requests", language), [say("assess_requests_none", language)])
    rows = [[str(entry["number"]), say(f"subject_kind_{entry['kind']}", language),
             show(entry["people"], "int", language),
             *(show(entry[name] or None, "date", language) for name in ("received", "due", "done")),
             show(entry["identity"], "text", language), show(entry["late"], "text", language)]
            for entry in requests]  # fmt: skip
    names = ("number", "kind", "people", "received", "due", "done", "identity_checked", "late")
    return _Part(_heading("requests", language), [say("assess_requests_text", language, _tally(requests))],
                 _columns(names, language), rows)  # fmt: skip


def _tally(requests: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {
        "all": len(requests), "open": sum(not entry["done"] for entry in requests),
        "late": sum(entry["late"] for entry in requests),
        "unchecked": sum(not entry["identity"] for entry in requests),
    }  # fmt: skip


def _measures(facts: Mapping[str, Any], language: str) -> _Part:
    texts = [say("assess_measure_vault" if facts["vault"] else "assess_measure_no_vault", language)]
    if facts["masked_cells"]:
        texts.append(say("assess_measure_masked", language, {"cells": facts["masked_cells"]}))
    texts.append(say("assess_measure_small", language, {"least": facts["min_cell"]}))
    texts.append(say("assess_measure_audit", language, {"lines": facts["audit_lines"]}))
    texts += [say("assess_measure_tombstones", language)] if facts["tombstones"] else []
    return _Part(_heading("measures", language), texts)


def _offers(facts: Mapping[str, Any], language: str) -> _Part:
    rows = [[entry["action"], label(entry["column"], language), label(entry["group"], language),
             show(entry["customers"], "int", language), show(entry["share"], "pct", language),
             f"{show(entry['low'], 'pct', language)} – {show(entry['high'], 'pct', language)}"]
            for entry in facts["offers"]]  # fmt: skip
    text = say("assess_offers_text" if rows else "assess_offers_none", language)
    names = ("action", "group_by", "group", "customers", "share", "interval")
    return _Part(_heading("offers", language), [text], _columns(names, language), rows)


def _risks(facts: Mapping[str, Any], language: str) -> _Part:
    tally = _tally(facts["requests"])
    retrain = [
        f"{model['name']} {model['version']}" for model in facts["models"] if model["retrain"] and model["champion"]
    ]
    minors = facts["permissions"].get("marketing", {}).get("minor", 0)
    risks: list[tuple[bool, str, dict[str, Any]]] = [
        (not facts["has_consents"], "no_consents", {}),
        (not facts["retention"], "no_retention", {}),
        (not facts["key"], "no_key", {}),
        (not facts["tombstones_outside"], "no_outside", {}),
        (not facts["audit_head"], "no_head", {}),
        (tally["late"] > 0, "late", tally),
        (tally["unchecked"] > 0, "unchecked", tally),
        (facts["unfinished_erasures"] > 0, "erasure", {}),
        (bool(facts["sensitive_items"]), "sensitive", {"items": ", ".join(facts["sensitive_items"])}),
        (bool(retrain), "retrain", {"models": ", ".join(retrain)}),
        (minors >= facts["min_cell"], "minors", {"minors": minors, "age": facts["minors_under"]}),
    ]
    texts = [say(f"assess_risk_{name}", language, _used(name, values)) for holds, name, values in risks if holds]
    texts += _gaps(facts, language)
    return _Part(_heading("risks", language), texts or [say("assess_risk_none", language)])


def _used(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the value that a risk of requests names."""
    return {name: values[name]} if name in ("late", "unchecked") else dict(values)


def _gaps(facts: Mapping[str, Any], language: str) -> list[str]:
    """Name for each action the groups that differ most, if the difference is significant."""
    compared: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in facts["offers"]:
        compared.setdefault((entry["action"], entry["column"]), []).append(entry)
    texts = []
    for (action, column), entries in compared.items():
        if entries[0]["gap"]:
            best, worst = max(entries, key=_share), min(entries, key=_share)
            texts.append(say("assess_risk_gap", language, {
                "action": action, "group": label(column, language), "best": label(best["group"], language),
                "worst": label(worst["group"], language), "high": show(best["share"], "pct", language),
                "low": show(worst["share"], "pct", language)}))  # fmt: skip
    return texts


def _share(entry: Mapping[str, Any]) -> float:
    return float(entry["share"])


def _sign(_: Mapping[str, Any], language: str) -> _Part:
    blank = " ________________________________"
    return _Part(
        _heading("sign", language),
        [say(name, language) + blank for name in ("assess_sign_necessity", "assess_sign_name")],
    )
