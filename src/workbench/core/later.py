"""Libraries that take long to import, imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["later"]


def later(name: str) -> Any:
    """Return what stands for a library until one of its names is asked for.

    What checks a profile shares modules with what runs it, and does without the engine.

    Parameters
    ----------
    name : str
        The library, as it is imported.

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
