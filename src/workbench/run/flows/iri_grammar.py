"""Import nbformat without the grammar of IRIs, which takes a second to load and is never used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_iri_grammar"]

_GRAMMAR = "rfc3987_syntax"


@contextmanager
def without_iri_grammar() -> Iterator[None]:
    """Hide the optional grammar while jsonschema is imported; no effect once the grammar is loaded.

    nbformat checks notebooks with fastjsonschema, against a schema without IRIs, but it also imports jsonschema, which
    compiles the grammar if it is installed. Only this process is affected.
    """
    if _GRAMMAR in sys.modules:
        yield
        return
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # importing it raises ImportError
    try:
        yield
    finally:
        sys.modules.pop(_GRAMMAR, None)
