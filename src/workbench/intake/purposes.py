"""Map the purposes of consent, which each source names differently, to one vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis.expr.types as ir

__all__ = ["name_purposes"]

_TABLE = "consents"


def name_purposes(tables: Mapping[str, ir.Table], purposes: Mapping[str, Sequence[str]]) -> dict[str, ir.Table]:
    """Rename each purpose of the consents to the workbench's name.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical and derived tables by name; only ``consents`` (purpose) is touched.
    purposes : mapping of str to sequence of str
        Purpose to the source's words for it, compared without case and surrounding blanks, such as
        ``{"profiling": ["数据分析"]}``.

    Returns
    -------
    dict of str to ibis.Table
        The same tables; words that no purpose lists stay unchanged.
    """
    renamed = dict(tables)
    if _TABLE in renamed and purposes:
        table = renamed[_TABLE]
        word = table.purpose.strip().lower()
        branches = [
            (word.isin(sorted(synonym.strip().lower() for synonym in words)), name)
            for name, words in sorted(purposes.items())
        ]
        purpose = table.purpose
        for matches, name in reversed(branches):
            purpose = matches.ifelse(name, purpose)
        renamed[_TABLE] = table.mutate(purpose=purpose)
    return renamed
