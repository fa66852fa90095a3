"""Escape control characters in printed values, so that data cannot control the terminal."""

from __future__ import annotations

import re
from typing import Any, TextIO

__all__ = ["GuardedStream", "visible"]

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOURS = re.compile(r"(\x1b\[[0-9;]{0,20}m)")  # colours of tables and help texts


def visible(text: str) -> str:
    r"""Escape control characters, so that a value cannot control the terminal or fake a line.

    Examples
    --------
    >>> visible("a" + chr(27) + "[2J")
    'a\\x1b[2J'
    """
    return "".join(char if char.isprintable() or char in "\n" else repr(char)[1:-1] for char in text)


class GuardedStream:
    """A stream that escapes control characters.

    Line ends and tabs pass unchanged; on a terminal colours do too.

    Parameters
    ----------
    stream : TextIO
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text with its control characters escaped; return its length."""
        parts = _COLOURS.split(text) if self._stream.isatty() else [text]
        self._stream.write("".join(part if at % 2 else _escaped(part) for at, part in enumerate(parts)))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda match: repr(match[0])[1:-1], text)
