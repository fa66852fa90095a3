"""Limit fits to one thread, since the last digits of multi-threaded sums differ between machines."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager:
    """Return a context in which numerical libraries use one thread; call it after importing them."""
    return _controller().limit(limits=1)


@cache
def _controller() -> ThreadpoolController:
    """Find the libraries once, since this takes longer than a small fit."""
    return ThreadpoolController()
