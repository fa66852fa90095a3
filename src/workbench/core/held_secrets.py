"""Secrets of the environment, taken out of it when a command starts, so that other processes cannot read them there.

What a process gets in its environment can be read by every process of the same user in ``/proc/<pid>/environ``, and is
passed on to every process it starts. `take_secrets` keeps the values in this process alone: it removes the variables,
overwrites the bytes the system shows, and asks it not to let other processes of the user look into this one. The
superuser can look into any process; nothing here prevents that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "KEY_VARIABLES", "held_secrets", "read_secret", "take_secrets"]

KEY_VARIABLE, KEY_FILE_VARIABLE = "WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE"
KEY_VARIABLES = (KEY_VARIABLE, KEY_FILE_VARIABLE)  # of the vault's key

_PR_SET_DUMPABLE = 4
_held: dict[str, str] = {}


def take_secrets(names: Iterable[str] = KEY_VARIABLES) -> None:
    """Move variables out of the environment of this process; those that are not set are left out.

    Parameters
    ----------
    names : iterable of str
    """
    present = [name for name in names if name in os.environ]
    for name in present:
        _held[name] = os.environ[name]
        _overwrite(name)
        del os.environ[name]
    if present and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def read_secret(name: str) -> str | None:
    """Return a variable of the environment, or the value that was taken out of it; None if it was never set."""
    return os.environ.get(name) or _held.get(name)


def held_secrets() -> dict[str, str]:
    """Return the variables that were taken out of the environment, for a process that must have them."""
    return dict(_held)


def _overwrite(name: str) -> None:
    """Overwrite the value in memory: removing a variable leaves its bytes where the system shows them."""
    if sys.platform != "linux":
        return
    getenv = ctypes.CDLL(None).getenv
    getenv.restype, getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    address = getenv(name.encode())
    if address:
        ctypes.memset(address, ord("x"), len(ctypes.string_at(address)))
