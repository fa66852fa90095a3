"""Fits on one thread: sums over several threads differ in the last digits from machine to machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager:
    """Return a context in which numerical libraries use one thread; to be called once they are imported."""
    return _controller().limit(limits=1)


@cache
def _controller() -> ThreadpoolController:
    """Look once for the libraries: looking takes longer than a small fit."""
    return ThreadpoolController()
