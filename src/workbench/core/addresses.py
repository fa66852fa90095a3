"""Parsing of network addresses; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Address", "read_address"]

_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "mysql": 3306}


@dataclass(frozen=True)
class Address:
    """The parts of an address.

    Attributes
    ----------
    scheme, host : str
    port : int
        The stated port, else the default port of the scheme; 0 if there is none.
    path : str
        Path with the query.
    signed_in : bool
        Whether the address contains a user name or password.
    names_port : bool
        Whether the address states a port.
    """

    scheme: str
    host: str
    port: int
    path: str
    signed_in: bool
    names_port: bool


def read_address(text: str) -> Address | None:
    """Parse an address, with or without a scheme; None if it has no host or cannot be parsed.

    Examples
    --------
    >>> address = read_address("https://hooks.example.com/a?b=1")
    >>> address.host, address.port, address.path
    ('hooks.example.com', 443, '/a?b=1')
    >>> read_address("127.0.0.1:8080").port
    8080
    """
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    scheme = parts.scheme.split("+")[0]
    signed_in = bool(parts.username or parts.password)
    return Address(scheme, parts.hostname, port or _PORTS.get(scheme, 0), path, signed_in, port is not None)
