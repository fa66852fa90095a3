"""Plural forms of English words, by Babel's plural rules (Unicode CLDR)."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from babel import Locale

__all__ = ["plural"]


def plural(count: float, one: str, other: str, language: str = "en") -> str:
    """Return the form of a word that goes with a count.

    Parameters
    ----------
    count : float
        The displayed count: 1 for "1", 1.4 for "1.4".
    one, other : str
        The form for one, and the form for any other count.
    language : str
        ``en`` or ``zh``; Chinese always takes ``other``.

    Examples
    --------
    >>> plural(1, "customer", "customers"), plural(0, "customer", "customers"), plural(1.4, "customer", "customers")
    ('customer', 'customers', 'customers')
    """
    number = int(count) if float(count).is_integer() else Decimal(str(count))
    return one if _locale(language).plural_form(number) == "one" else other


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)
