"""How commands print: tables, drawn by rich, which no other module imports; the languages they print in."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import LANGUAGES

__all__ = ["Table", "print_table", "spoken"]

_UNWRAPPED = 10_000  # characters; wider than any row


def print_table(table: Table) -> None:
    """Print a table in the terminal's width, or unwrapped where there is none; cells are text, never markup."""
    console = Console(markup=False)
    (console if console.is_terminal else Console(width=_UNWRAPPED, markup=False)).print(table)


def spoken(language: str) -> str:
    """Return the language asked for.

    Raises
    ------
    ProfileError
        It is neither en nor zh.
    """
    if language not in LANGUAGES:
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return language
