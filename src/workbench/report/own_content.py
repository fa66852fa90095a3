"""Texts and tables of an analyst's own notebook, which have no entry in the report's texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mistune
import pandas as pd
from markupsafe import Markup

from workbench.core.errors import DataError, Fault, listed
from workbench.report.numbers import LANGUAGES
from workbench.report.text import fill

__all__ = ["as_texts", "formats_of", "own_html", "shown_text", "with_plain_names"]

_MARKS = re.compile(r"([\\`*_$\[\]#|~])")
_KINDS = (("_share", "pct"), ("_probability", "pct"), ("_rate", "pct"), ("share", "pct"))


def as_texts(text: str | Mapping[str, str]) -> dict[str, str]:
    """Return a text by language; a text in one language is used for all.

    Raises
    ------
    DataError
        The mapping has no known language.
    """
    if isinstance(text, str):
        return dict.fromkeys(LANGUAGES, text)
    texts_by_language = {language: str(text[language]) for language in LANGUAGES if language in text}
    if not texts_by_language:
        raise DataError(Fault("text", f"{dict(text)!r} names no language", "A text, or a mapping of en and zh to text"))
    first = next(iter(texts_by_language.values()))
    return {language: texts_by_language.get(language, first) for language in LANGUAGES}


def shown_text(entry: Mapping[str, Any], language: str, currency: str = "") -> str:
    """Return the Markdown of an analyst's text, without HTML and with values filled in literally.

    Parameters
    ----------
    entry : mapping
        ``text`` by language, ``values`` by name.
    language : str
    currency : str
    """
    template = entry["text"][language].replace("<", "&lt;")
    return fill(template, language, entry["values"], currency, escape=_to_the_letter)


def own_html(entry: Mapping[str, Any], language: str, currency: str = "") -> Markup:
    """Return an analyst's text as HTML: Markdown is rendered, everything else escaped."""
    html = str(mistune.html(shown_text(entry, language, currency))).strip()
    inside = html.removeprefix("<p>").removesuffix("</p>")  # the page adds its own paragraph
    return Markup(inside if html == f"<p>{inside}</p>" and "<p>" not in inside else html)


def with_plain_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with text column names, for example for pivot years or pairs such as ``spend mean``."""
    named = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name) for name in frame.columns]
    repeated = sorted({name for name in named if named.count(name) > 1})
    if repeated:
        raise DataError(Fault("table", f"several columns are called {listed(repeated)}", "Each column its own name"))
    return frame.set_axis(named, axis="columns")


def formats_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return column name to format, from the type and the unit in the name."""
    return {str(name): _format(str(name), frame[name]) for name in frame.columns}


def _format(name: str, column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return "date" if pd.api.types.is_datetime64_any_dtype(column) else "text"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return next((kind for ending, kind in _KINDS if name.endswith(ending)), "num")


def _to_the_letter(value: str) -> str:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(r"\\\1", escaped)
