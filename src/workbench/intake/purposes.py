"""What customers are asked consent for, in one vocabulary: sources have words of their own for a purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis.expr.types as ir

__all__ = ["name_purposes"]

_TABLE = "consents"


def name_purposes(tables: Mapping[str, ir.Table], purposes: Mapping[str, Sequence[str]]) -> dict[str, ir.Table]:
    """Call each purpose of the consents by the workbench's name for it.

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
        The same tables; a word that no purpose names stays as it is.
    """
    named = dict(tables)
    if _TABLE in named and purposes:
        table = named[_TABLE]
        word = table.purpose.strip().lower()
        branches = [
            (word.isin(sorted(each.strip().lower() for each in words)), name)
            for name, words in sorted(purposes.items())
        ]
        spelled = table.purpose
        for fits, name in reversed(branches):
            spelled = fits.ifelse(name, spelled)
        named[_TABLE] = table.mutate(purpose=spelled)
    return named
