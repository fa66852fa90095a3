"""Secrets from environment variables, removed from the environment when a command starts.

Every process of the same user can read the environment of a process in ``/proc/<pid>/environ``, and child processes
inherit it. `take_secrets` keeps the values in the memory of this process only: it removes the variables, overwrites the
bytes shown in ``/proc`` and disables memory access by other processes of the user. The superuser can still read the
memory of any process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "KEY_VARIABLES", "held_secrets", "read_secret", "take_secrets"]

KEY_VARIABLE, KEY_FILE_VARIABLE = "WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE"
KEY_VARIABLES = (KEY_VARIABLE, KEY_FILE_VARIABLE)  # variables for the key of the vault

_PR_SET_DUMPABLE = 4
_secrets: dict[str, str] = {}


def take_secrets(names: Iterable[str] = KEY_VARIABLES) -> None:
    """Move variables from the environment into the memory of this process; unset variables are ignored.

    Parameters
    ----------
    names : iterable of str
        Names of environment variables.
    """
    present = [name for name in names if name in os.environ]
    for name in present:
        _secrets[name] = os.environ[name]
        _overwrite(name)
        del os.environ[name]
    if present and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def read_secret(name: str) -> str | None:
    """Return an environment variable, or its value before `take_secrets` removed it; None if it was never set."""
    return os.environ.get(name) or _secrets.get(name)


def held_secrets() -> dict[str, str]:
    """Return the removed variables, for a child process that needs them."""
    return dict(_secrets)


def _overwrite(name: str) -> None:
    """Overwrite the value in memory, since ``/proc`` shows the bytes even after a variable is removed."""
    if sys.platform != "linux":
        return
    getenv = ctypes.CDLL(None).getenv
    getenv.restype, getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    address = getenv(name.encode())
    if address:
        ctypes.memset(address, ord("x"), len(ctypes.string_at(address)))
