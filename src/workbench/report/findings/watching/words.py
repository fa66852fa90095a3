"""The names and numbers of watched figures, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.watching.customers import WITHOUT
from workbench.analysis.watching.measures.bins import MISSING
from workbench.analysis.watching.migration import ENTERED, LEFT
from workbench.report.charts.marks import kind_of
from workbench.report.numbers import LANGUAGES, show
from workbench.report.text import has_text, label, say

if TYPE_CHECKING:
    from workbench.core.tags.registry import TagRegistry

__all__ = ["figure_name", "number_words", "place_name", "points_of", "subject_name"]

_SHARES = ("rejected", "duplicates")
_COUNTS = ("volume", "past_rows", "silence", "customers_gone", "replaced", "source_gone", "source_new")


def figure_name(name: str, subject: str = "", tags: TagRegistry | None = None) -> dict[str, str]:
    """Return the name of a figure: a column, or a column and one of its levels; of a tag by its registry.

    Examples
    --------
    >>> figure_name("rfm_type=important_value")["en"]
    'RFM type: high value'
    """
    column, _, level = str(name).partition("=")
    level = "" if level == WITHOUT else level
    joint = {"en": ": ", "zh": "："}
    if subject == "tags" and tags is not None and column in tags.tags:
        tag = tags.tags[column].name.model_dump()
        value = tags.called(column, level) if level != MISSING else {one: _level(level, one) for one in LANGUAGES}
        return {one: tag[one] + (joint[one] + value[one] if level else "") for one in LANGUAGES}
    return {
        language: label(column, language) + (joint[language] + _level(level, language) if level else "")
        for language in LANGUAGES
    }


def _level(level: str, language: str) -> str:
    key = f"watch_level_{level}"  # words that are labels of columns too
    return say(key, language) if has_text(key) else label(level, language)


def subject_name(subject: str) -> dict[str, str]:
    """Return the name of what an alarm is about: a table and a part of it."""
    table, _, part = str(subject).partition(".")
    key, joint = f"watch_subject_{table}", {"en": ", ", "zh": "·"}
    return {
        language: (say(key, language) if has_text(key) else label(table, language))
        + (joint[language] + _part(part, language) if part else "")
        for language in LANGUAGES
    }


def _part(part: str, language: str) -> str:
    key = f"watch_family_{part}"
    return say(key, language) if has_text(key) else figure_name(part)[language]


def place_name(place: str, names: dict[str, dict[str, str]] | None = None) -> dict[str, str]:
    """Return the name of where a customer was or is: a segment, stage, type or tier, or not among the customers."""
    if place in (ENTERED, LEFT):
        key = "watch_entered" if place == ENTERED else "watch_left"
        return {language: say(key, language) for language in LANGUAGES}
    name = (names or {}).get(place)
    return {language: name[language] if name else _level(place, language) for language in LANGUAGES}


def number_words(name: str, what: str, value: float, currency: str) -> dict[str, str]:
    """Write the number of a figure: money, days, a share or a count, by its name and by what happened."""
    if pd.isna(value):
        return {language: "–" for language in LANGUAGES}
    kind = _kind(name, what)
    return {language: show(value, kind, language, currency) for language in LANGUAGES}


def _kind(name: str, what: str) -> str:
    if what in _COUNTS:
        return "int"
    if what in (*_SHARES, "missing", "category_new", "category_gone") or "=" in name:
        return "pct"
    if what == "prices":
        return "num"
    if name in ("churn_probability", "purchase_probability"):
        return "pct"
    return kind_of(name)


def points_of(change: float) -> float:
    """Return a change in percentage points without its sign."""
    return abs(float(change))
