"""The hosts that hooks may reach. The environment names them, so a profile alone cannot send data anywhere."""

from __future__ import annotations

import os
import re

from workbench.core.addresses import read_address

__all__ = ["HOSTS_VARIABLE", "is_allowed", "is_loopback"]

HOSTS_VARIABLE = "WORKBENCH_HOOK_HOSTS"  # host, host:port or http://host:port, separated by commas
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_allowed(host: str, port: int, *, encrypted: bool) -> bool:
    """Return whether the environment allows a host.

    Without encryption the entry must begin with ``http://``, or the host must be this machine.

    Parameters
    ----------
    host : str
    port : int
    encrypted : bool
    """
    for entry in re.split(r"[,\s]+", os.environ.get(HOSTS_VARIABLE, "").strip()):
        allowed = read_address(entry)
        if allowed is None or allowed.host != host.lower() or (allowed.names_port and allowed.port != port):
            continue
        if encrypted or allowed.scheme == "http" or is_loopback(host):
            return True
    return False


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    return host.lower() in _LOOPBACK
