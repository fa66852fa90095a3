"""One regular expression for thousands of words in all spellings used in files."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["ENCODINGS", "bytes_pattern", "spellings", "text_pattern"]

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
_WORD = "0-9A-Za-z"
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"


def spellings(word: str) -> set[str]:
    """Return the spellings of a word in plain text, HTML, JSON and URLs.

    Examples
    --------
    >>> sorted(spellings("O'Ra"))
    ['O%27Ra', 'O&#39;Ra', 'O&#x27;Ra', "O'Ra"]
    """
    escaped = html.escape(word)
    forms = {word, escaped, escaped.replace("&#x27;", "&#39;"), html.escape(word, quote=False)}
    forms |= {
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        _percent(word, "/"),
        _percent(word, "/").replace("%20", "+"),
    }
    forms |= {_percent(word, ""), "".join(f"&#{ord(sign)};" if ord(sign) > 127 else sign for sign in word)}  # noqa: PLR2004
    return forms


def _percent(word: str, safe: str) -> str:
    """Percent-encode a word."""
    plain = _UNRESERVED + safe
    return "".join(sign if sign in plain else "".join(f"%{byte:02X}" for byte in sign.encode()) for sign in word)


def text_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that matches any of the words as whole words, in all spellings; None without words."""
    forms = {form for word in words for form in spellings(word)}
    return re.compile(_bounded(_trie(forms))) if forms else None


def bytes_pattern(words: Iterable[str], encodings: Iterable[str] = ENCODINGS) -> re.Pattern[bytes] | None:
    """Return a pattern that matches any of the words in bytes, in all spellings and encodings."""
    parts = []
    for encoding in encodings:
        forms = {form for word in words for form in spellings(word) if _can_encode(form, encoding)}
        if not forms:
            continue
        if encoding.startswith("utf-16"):
            parts.append(_trie({form.encode(encoding).decode("latin-1") for form in forms}))
        else:
            parts.append(_bounded(_trie({form.encode(encoding).decode("latin-1") for form in forms})))
    return re.compile("|".join(parts).encode("latin-1"), re.DOTALL) if parts else None


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _bounded(pattern: str) -> str:
    """Restrict a pattern to whole words: no letter or digit before or after it."""
    return rf"(?:(?<![{_WORD}])|(?=[^{_WORD}])){pattern}(?:(?![{_WORD}])|(?<=[^{_WORD}]))"


def _trie(words: Iterable[str]) -> str:
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for sign in word:
            node = node.setdefault(sign, {})
        node[""] = {}
    return _written(root)


def _written(node: dict[str, Any]) -> str:
    """Turn a trie into a pattern: one branch per character, longer words before shorter ones."""
    ends = "" in node
    branches = []
    for sign, following in sorted(node.items()):
        if not sign:
            continue
        text, rest = re.escape(sign), following
        while len(rest) == 1 and "" not in rest:  # only one continuation: no group needed
            ((next_sign, rest),) = rest.items()
            text += re.escape(next_sign)
        branches.append(text + (_written(rest) if set(rest) != {""} else ""))
    if not branches:
        return ""
    inner = branches[0] if len(branches) == 1 and not ends else f"(?:{'|'.join(branches)})"
    return f"{inner}?" if ends else inner
