"""Words in the id column that mark the total line at the end of an export."""

from __future__ import annotations

__all__ = ["TOTAL_WORDS", "written_totals"]

TOTAL_WORDS = (
    "total", "totals", "grand total", "subtotal", "sum", "合计", "总计", "小计", "汇总", "合計", "總計", "summe",
    "gesamt", "gesamtsumme", "somme", "total general", "total général", "total geral", "totale", "totaux", "totales",
)  # fmt: skip


def written_totals() -> list[str]:
    """Return the words in lower case, upper case, title case and capitalised, sorted."""
    return sorted({form(word) for word in TOTAL_WORDS for form in (str.lower, str.upper, str.title, str.capitalize)})
