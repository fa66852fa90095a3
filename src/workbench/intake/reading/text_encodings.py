"""The encoding of a text file: declared, else by its byte order mark, else UTF-8 or GB18030 by the most lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

from workbench.core.errors import DataError, Fault

__all__ = ["encoding_by_lines", "encoding_by_mark", "is_wide", "known_encoding"]

_NUL_SHARE = 0.2  # text of two bytes a letter has a NUL at every other byte
_MARKS = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def known_encoding(path: Path, declared: str | None) -> str | None:
    """Return the codec name of a declared encoding; GB18030 for GBK and GB2312, which it includes.

    Raises
    ------
    DataError
        There is no such encoding.
    """
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared).name
        "".encode(name)
    except LookupError:
        raise DataError(Fault(path.name, f"unknown encoding {declared!r}", "For example utf-8 or gb18030")) from None
    return {"utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)


def encoding_by_mark(content: bytes) -> str | None:
    """Return the encoding by the byte order mark of a file, or by its letters of two bytes; else None."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    nuls = content.count(b"\0")
    if nuls > _NUL_SHARE * len(content):
        return "utf-16-le" if content[1::2].count(b"\0") > nuls / 2 else "utf-16-be"
    return None


def encoding_by_lines(lines: Iterable[bytes]) -> str:
    """Choose UTF-8 unless most lines beyond ASCII are not UTF-8 and GB18030 reads more of them."""
    total, utf8, chinese = 0, 0, 0
    for line in lines:
        if not line.isascii():
            total += 1
            utf8 += _fits(line, "utf-8")
            chinese += _fits(line, "gb18030")
    return "gb18030" if 2 * utf8 < total and chinese > utf8 else "utf-8"


def is_wide(encoding: str) -> bool:
    """Tell whether a letter takes two bytes or four in an encoding."""
    return encoding.startswith(("utf-16", "utf-32"))


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
