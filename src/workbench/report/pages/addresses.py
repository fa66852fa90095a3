"""File names of the pages of a run and links between them; the first language has the plain name."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from workbench.core.workspace import PEOPLE

__all__ = ["GRAPH_PAGE", "cards_file", "details_file", "link_to_card", "lists_file", "of_people", "report_file"]

GRAPH_PAGE = "pages/dag.html"  # stages and tables of the run, in its folder


def report_file(language: str, languages: Sequence[str]) -> str:
    """Return the file name of the report in a language: ``report.html`` for the first, else ``report.<lang>.html``."""
    return _name("report", language, languages)


def details_file(language: str, languages: Sequence[str]) -> str:
    """Return the file name of the page of details: ``details.html`` for the first language."""
    return _name("details", language, languages)


def cards_file(language: str, languages: Sequence[str]) -> str:
    """Return the file name of the portrait cards in ``people/``: ``cards.html`` for the first language."""
    return _name("cards", language, languages)


def lists_file(language: str, languages: Sequence[str]) -> str:
    """Return the file name of the page of lists in ``people/``: ``lists.html`` for the first language."""
    return _name("lists", language, languages)


def of_people(name: str) -> str:
    """Return the address of a page that names customers, relative to the report.

    Examples
    --------
    >>> of_people("cards.zh.html")
    'people/cards.zh.html'
    """
    return f"{PEOPLE}/{name}"


def link_to_card(page: str, customer_id: str) -> str:
    """Return the address of a customer's card on a page of cards.

    Examples
    --------
    >>> link_to_card("cards.html", "A 7#1")
    'cards.html#c-A%207%231'
    """
    return f"{page}#c-{quote(customer_id, safe='')}"


def _name(page: str, language: str, languages: Sequence[str]) -> str:
    return f"{page}.html" if language == languages[0] else f"{page}.{language}.html"
