"""Audience rules: a tree of clauses parsed from YAML or a short expression; all faults are reported together.

A clause is a mapping with one key: ``where`` (an expression over customer attributes), ``did`` and ``not_done``
(rows of a table in a window), ``sequence`` (steps in order), ``audience`` (another rule by name), ``recommended`` (a
product or category on the customer's list), ``all``, ``any`` (lists of clauses) or ``not`` (a clause). In an
expression ``recommended('...')`` must be a separate term, with or without ``not``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.intake.expression_syntax import terms_of

__all__ = ["Audience", "Clause", "Did", "Limit", "Sequence", "parse_audience", "parse_expression"]

CLAUSES = ("where", "did", "not_done", "sequence", "audience", "recommended", "all", "any", "not")
KEYS = ("audience", "label", "purpose", "columns", "exclude", "limit", "suppress")
_DID_KEYS = ("table", "where", "last_days", "at_least", "at_most")
_STEP_KEYS = ("table", "where")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RECOMMENDED = re.compile(r"(?P<no>not\s+)?recommended\s*\(\s*'(?P<item>(?:[^']|'')+)'\s*\)", re.IGNORECASE)
_MOST_DEPTH = 12


@dataclass(frozen=True)
class Did:
    """A minimum and maximum number of rows of a table within the last days; transactions are counted by order."""

    table: str
    where: str | None = None
    last_days: int | None = None
    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True)
class Sequence:
    """Steps in order, each after the previous one and within ``within_days`` of it."""

    steps: tuple[Did, ...]
    within_days: int | None = None
    last_days: int | None = None


@dataclass(frozen=True)
class Clause:
    """A node of the rule: its kind, its content, the clauses inside it, and its description in a funnel."""

    kind: str
    content: Any = None
    parts: tuple[Clause, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class Limit:
    """The most customers of an audience: those with the highest or lowest value of a column, ties by customer_id."""

    customers: int
    by: str
    order: str = "highest"


@dataclass(frozen=True)
class Audience:
    """A rule.

    Attributes
    ----------
    name : str
    rule : tuple of Clause
        All clauses must be true; each is one step of the funnel.
    exclude : tuple of Clause
        No clause may be true.
    purpose : str
        The purpose customers must have consented to.
    columns : tuple of str
        Attributes exported with customer_id.
    label : dict of str
    limit : Limit or None
    suppress : str or None
        File of customer_ids that must never be contacted.
    """

    name: str
    rule: tuple[Clause, ...]
    exclude: tuple[Clause, ...] = ()
    purpose: str = "marketing"
    columns: tuple[str, ...] = ()
    label: Mapping[str, str] = field(default_factory=dict)
    limit: Limit | None = None
    suppress: str | None = None


def parse_expression(text: str, *, name: str = "expression") -> Audience:
    """Parse a short expression over attributes; each term joined by ``and`` is a step of the funnel."""
    rule = tuple(_term(term) for term in terms_of(text))
    return Audience(name, rule, label={"en": text, "zh": text})


def parse_audience(content: Mapping[str, Any], *, where: str = "rule") -> Audience:
    """Parse a rule.

    Parameters
    ----------
    content : mapping
        As read from YAML: audience (name), purpose, label, columns, limit, suppress, exclude (list of clauses) and one
        clause. Each part of a top-level ``all`` is a step of the funnel.
    where : str
        Name of the rule in errors.

    Raises
    ------
    ProfileError
        With all syntax errors together; names of columns and tables are checked when the rule is applied to data.
    """
    faults: list[Fault] = []
    reader = _Reader(where, faults)
    name = content.get("audience", "audience")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        faults.append(
            Fault(f"{where}, audience", f"name {name!r}", "Expected lower-case letters, digits and _", "Rename it")
        )
    roots = [key for key in content if key in CLAUSES and key != "audience"]
    unknown = [key for key in content if key not in KEYS and key not in CLAUSES]
    faults += [Fault(where, f"unknown key '{key}'", "", did_you_mean(str(key), (*KEYS, *CLAUSES))) for key in unknown]
    if len(roots) != 1:
        problem = f"{len(roots)} top clauses ({', '.join(roots) or 'none'})"
        faults.append(Fault(where, problem, "Expected one", "Join several under 'all' or 'any'"))
    top = reader.clause({roots[0]: content[roots[0]]}, where, 0) if len(roots) == 1 else Clause("all")
    audience = Audience(
        name=str(name),
        rule=top.parts if top.kind == "all" else (top,),
        exclude=tuple(reader.clauses(content.get("exclude", []), f"{where}, exclude", 0)),
        purpose=reader.text(content.get("purpose", "marketing"), f"{where}, purpose"),
        columns=tuple(reader.texts(content.get("columns", []), f"{where}, columns")),
        label=content.get("label") or {},
        limit=reader.limit(content.get("limit"), f"{where}, limit"),
        suppress=content.get("suppress"),
    )
    if faults:
        raise ProfileError(faults)
    return audience


class _Reader:
    """Parses the content of a rule and collects its faults."""

    def __init__(self, where: str, faults: list[Fault]):
        self.where = where
        self.faults = faults

    def fault(self, where: str, problem: str, expected: str = "", remedy: str = "") -> None:
        self.faults.append(Fault(where, problem, expected, remedy))

    def clauses(self, content: Any, where: str, depth: int) -> list[Clause]:
        if not isinstance(content, list):
            self.fault(where, f"{content!r}", "Expected a list of clauses", "Begin each clause with '- '")
            return []
        return [self.clause(item, f"{where}[{number}]", depth) for number, item in enumerate(content, start=1)]

    def clause(self, content: Any, where: str, depth: int) -> Clause:
        if isinstance(content, str):
            return _term(content)
        if not isinstance(content, Mapping) or len(content) != 1 or depth > _MOST_DEPTH:
            self.fault(where, f"{content!r}"[:120], "Expected a mapping with one key", f"One of {', '.join(CLAUSES)}")
            return Clause("all")
        kind, inner = next(iter(content.items()))
        if kind not in CLAUSES:
            self.fault(where, f"unknown clause '{kind}'", "", did_you_mean(str(kind), CLAUSES))
            return Clause("all")
        if kind in ("all", "any", "not"):
            return self.joined(kind, inner, f"{where}, {kind}", depth + 1)
        return self.leaf(kind, inner, f"{where}, {kind}")

    def joined(self, kind: str, inner: Any, where: str, depth: int) -> Clause:
        if kind == "not":
            part = self.clause(inner, where, depth)
            return Clause("not", parts=(part,), words=f"not ({part.words})")
        parts = tuple(self.clauses(inner, where, depth))
        return Clause(kind, parts=parts, words=(" and " if kind == "all" else " or ").join(p.words for p in parts))

    def leaf(self, kind: str, inner: Any, where: str) -> Clause:
        if kind == "where":
            return _term(self.text(inner, where))
        if kind in ("audience", "recommended"):
            text = self.text(inner, where)
            return Clause(kind, text, words=f"{kind} {text}")
        if kind == "sequence":
            return self.sequence(inner, where)
        return self.did(inner, where, not_done=kind == "not_done")

    def did(self, inner: Any, where: str, *, not_done: bool) -> Clause:
        rows = self.rows(inner, where, _DID_KEYS)
        if not_done and {"at_least", "at_most"} & set(inner if isinstance(inner, Mapping) else ()):
            self.fault(where, "a count", "not_done has none", "Use did with at_most")
        rows = Did(rows.table, rows.where, rows.last_days, 0, 0) if not_done else rows
        if rows.at_most is not None and rows.at_most < rows.at_least and not not_done:
            self.fault(where, f"at_most {rows.at_most} below at_least {rows.at_least}", "Expected at_least <= at_most")
        return Clause("did", rows, words=_words(rows, not_done=not_done))

    def sequence(self, inner: Any, where: str) -> Clause:
        keys = ("steps", "within_days", "last_days")
        if not isinstance(inner, Mapping):
            self.fault(where, f"{inner!r}", "Expected a mapping", f"Keys: {', '.join(keys)}")
            return Clause("all")
        for key in inner:
            if key not in keys:
                self.fault(where, f"unknown key '{key}'", "", did_you_mean(str(key), keys))
        content = inner.get("steps")
        if not isinstance(content, list) or len(content) < 2:
            self.fault(f"{where}, steps", f"{content!r}"[:80], "Expected two steps or more")
            content = []
        steps = tuple(
            self.rows(step, f"{where}, steps[{number}]", _STEP_KEYS) for number, step in enumerate(content, start=1)
        )
        days = {key: self.days(inner.get(key), f"{where}, {key}") for key in ("within_days", "last_days")}
        words = " then ".join(_words(step) for step in steps)
        return Clause("sequence", Sequence(steps, **days), words=words)

    def rows(self, inner: Any, where: str, keys: tuple[str, ...]) -> Did:
        if not isinstance(inner, Mapping):
            self.fault(where, f"{inner!r}", "Expected a mapping", f"Keys: {', '.join(keys)}")
            return Did("")
        for key in inner:
            if key not in keys:
                self.fault(where, f"unknown key '{key}'", "", did_you_mean(str(key), keys))
        counts = {key: self.count(inner[key], f"{where}, {key}") for key in ("at_least", "at_most") if key in inner}
        filtered = self.text(inner["where"], f"{where}, where") if inner.get("where") is not None else None
        days = self.days(inner.get("last_days"), f"{where}, last_days")
        return Did(self.text(inner.get("table", ""), f"{where}, table"), filtered, days, **counts)

    def limit(self, inner: Any, where: str) -> Limit | None:
        if inner is None:
            return None
        keys = ("customers", "by", "order")
        if not isinstance(inner, Mapping) or not {"customers", "by"} <= set(inner) <= set(keys):
            self.fault(where, f"{inner!r}"[:80], "Expected customers, by and perhaps order")
            return None
        order = inner.get("order", "highest")
        if order not in ("highest", "lowest"):
            self.fault(f"{where}, order", f"{order!r}", "", did_you_mean(str(order), ("highest", "lowest")))
        return Limit(
            self.count(inner["customers"], f"{where}, customers"), self.text(inner["by"], f"{where}, by"), order
        )

    def count(self, value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.fault(where, f"{value!r}", "Expected a whole number from 0")
            return 0
        return value

    def days(self, value: Any, where: str) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fault(where, f"{value!r}", "Expected whole days from 1")
            return None
        return value

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not value.strip():
            self.fault(where, f"{value!r}", "Expected text")
            return ""
        return value.strip()

    def texts(self, value: Any, where: str) -> list[str]:
        if not isinstance(value, list):
            self.fault(where, f"{value!r}", "Expected a list of columns")
            return []
        return [self.text(item, where) for item in value]


def _term(text: str) -> Clause:
    """Parse a term of an expression: ``recommended('...')``, or an expression over attributes."""
    match = _RECOMMENDED.fullmatch(text.strip())
    if match is None:
        return Clause("where", text, words=text)
    clause = Clause("recommended", match["item"].replace("''", "'"), words=text.strip())
    return Clause("not", parts=(clause,), words=text.strip()) if match["no"] else clause


def _words(rows: Did, *, not_done: bool = False) -> str:
    """Describe a behaviour in a few words, for a funnel."""
    count = "no" if not_done else f">= {rows.at_least}" + (f", <= {rows.at_most}" if rows.at_most is not None else "")
    window = f" in {rows.last_days} days" if rows.last_days else ""
    return f"{count} {rows.table}" + (f" with {rows.where}" if rows.where else "") + window
