"""Print tables with rich, and check the output language."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import LANGUAGES

__all__ = ["Table", "check_language", "print_table"]

_UNWRAPPED = 10_000  # characters; wider than any row


def print_table(table: Table) -> None:
    """Print a table in the width of the terminal, or unwrapped without one; cells are plain text, never markup."""
    console = Console(markup=False)
    (console if console.is_terminal else Console(width=_UNWRAPPED, markup=False)).print(table)


def check_language(language: str) -> str:
    """Check that commands can print in a language, and return it.

    Raises
    ------
    ProfileError
        The language is neither en nor zh.
    """
    if language not in LANGUAGES:
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return language
