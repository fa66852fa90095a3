"""Settle intermediate tables one after the other, so that a large build holds one of them in memory at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ibis
import ibis.expr.types as ir

__all__ = ["Keep", "keeping"]

Keep = Callable[[ir.Table], ir.Table]
_NUMBERS = itertools.count(1)


@contextmanager
def keeping(engine: ibis.BaseBackend) -> Iterator[Keep]:
    """Give a function that executes an expression into a temporary table; the tables go when the block ends.

    Parameters
    ----------
    engine : ibis backend
        The engine on which the expression's tables lie.

    Examples
    --------
    with keeping(engine) as keep:
        store.write("features", build_features(tables, as_of=as_of, keep=keep))
    """
    names: list[str] = []

    def keep(table: ir.Table) -> ir.Table:
        name = f"kept_{next(_NUMBERS)}"
        kept = engine.create_table(name, table, temp=True)
        names.append(name)
        return kept

    try:
        yield keep
    finally:
        for name in names:
            engine.drop_table(name, force=True)
