"""The encoding of a text file: declared, else by its byte order mark, else the one with the most plausible letters."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.text.letters import plausibility

__all__ = ["Reading", "encoding_by_mark", "is_wide", "known_encoding", "reading_of_lines"]

_NUL_SHARE = 0.2  # two-byte text has a NUL at every other byte
_MARKS = (  # the byte order mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_OTHERS = ("gb18030", "big5", "shift_jis", "euc_kr", "cp1252", "cp1250", "latin-1")  # tried after UTF-8
_PREFERRED = {"gb18030": 0.05, "cp1252": 0.05}  # small bonus to break near-ties
_JUDGED = 4_000  # number of non-ASCII lines that are scored
_CLEAR, _LEAST, _MOST_LINES = 0.15, 0.3, 0.5


@dataclass(frozen=True)
class Reading:
    """The chosen encoding of a file, and others that are about as plausible."""

    encoding: str
    rivals: tuple[str, ...] = ()


def known_encoding(path: Path, declared: str | None) -> str | None:
    """Return the codec name of a declared encoding; GB18030 for GBK and GB2312, which it includes.

    Raises
    ------
    DataError
        There is no such encoding of text.
    """
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared).name
        if " ".encode(name) not in (b" ", b" \0", b"\0 ", "\ufeff ".encode("utf-16"), "\ufeff ".encode("utf-32")):
            raise LookupError(declared)
    except (LookupError, UnicodeError):
        raise DataError(Fault(path.name, f"unknown encoding {declared!r}", "For example utf-8 or gb18030")) from None
    return {"utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)


def encoding_by_mark(content: bytes) -> str | None:
    """Return the encoding by byte order mark or by the pattern of two-byte letters; else None."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    nuls = content.count(b"\0")
    if nuls > _NUL_SHARE * len(content):
        return "utf-16-le" if content[1::2].count(b"\0") > nuls / 2 else "utf-16-be"
    return None


def reading_of_lines(lines: Iterable[bytes]) -> Reading:
    """Choose the encoding of lines: UTF-8 if half of the non-ASCII lines are; else the most plausible encoding.

    Among the encodings that decode every line, the one with the most plausible letters is chosen; if none decodes all
    lines, the one that decodes most. Encodings that are about as plausible and give another text are its rivals.

    Parameters
    ----------
    lines : iterable of bytes
        Lines of the file or of its beginning.
    """
    total = utf8 = 0
    kept: list[bytes] = []
    for line in lines:
        if not line.isascii():
            total += 1
            utf8 += _text(line, "utf-8") is not None
            if len(kept) < _JUDGED:
                kept.append(line)
    if 2 * utf8 >= total:
        return Reading("utf-8")
    texts = {name: [_text(line, name) for line in kept] for name in _OTHERS}
    shares = {name: sum(text is not None for text in own) / len(kept) for name, own in texts.items()}
    strict = [name for name in _OTHERS if shares[name] == 1]
    scores = {name: _score(texts[name], name) for name in strict}
    if not scores or max(scores.values()) < _LEAST:  # some lines are damaged or have another encoding
        scores |= {name: _score(texts[name], name) * shares[name] for name in _OTHERS if shares[name] > _MOST_LINES}
    if utf8 and max(scores.values(), default=0.0) < _LEAST:
        return Reading("utf-8")
    best = max(scores, key=lambda name: scores[name] + _PREFERRED.get(name, 0.0), default="utf-8")
    rivals = [
        name for name, score in scores.items()
        if name != best and score > max(_LEAST, scores[best] - _CLEAR) and texts[name] != texts[best]
    ]  # fmt: skip
    return Reading(best, tuple(rivals))


def is_wide(encoding: str) -> bool:
    """Return whether an encoding uses two or four bytes per letter."""
    return encoding.startswith(("utf-16", "utf-32"))


def _score(texts: list[str | None], encoding: str) -> float:
    return plausibility("\n".join(text for text in texts if text), encoding)


def _text(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None
