"""Importing nbformat without the grammar of IRIs, which takes a second and is never asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_iri_grammar"]

_GRAMMAR = "rfc3987_syntax"


@contextmanager
def without_iri_grammar() -> Iterator[None]:
    """Let jsonschema be imported as where the optional grammar is not installed; once imported, nothing changes.

    Notebooks are checked against a schema that names no IRI, by fastjsonschema; jsonschema is imported beside it, and
    compiles that grammar whenever it finds it. Only this process is concerned.
    """
    if _GRAMMAR in sys.modules:
        yield
        return
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # importing it raises ImportError
    try:
        yield
    finally:
        sys.modules.pop(_GRAMMAR, None)
