"""Import slow libraries only when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["later"]


def later(name: str) -> Any:
    """Return a proxy for a library, which imports it at the first use of an attribute.

    So checking a profile, which uses the same modules as a run, does not load the database engine.

    Parameters
    ----------
    name : str
        Import name of the library.

    Examples
    --------
    >>> later("math").floor(1.5)
    1
    """
    return _Later(name)


class _Later:
    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
