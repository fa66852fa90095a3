"""Split a header into its parts: entity, kind and role, whatever its language, case and separators."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from workbench.intake.guessing.headers.words import read_words

__all__ = ["Token", "modifiers", "parts_in", "tokens_of", "without_accents"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s\b)")
_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_CHINESE = r"\u3400-\u9fff"
_PIECE = re.compile(rf"[{_CHINESE}]+|[^\W\d_{_CHINESE}]+|\d+")
_ENDINGS = ("s", "es", "n", "en", "e", "x")  # of plurals
_LEAST_STEM = 3  # letters of a word that may be part of a compound
_LAST_IN_COMPOUND = ("id", "no", "nr", "dt")  # shorter words that may end one


@dataclass(frozen=True)
class Token:
    """A word of a header and the parts it may stand for; none where the word is not known."""

    word: str
    parts: frozenset[str]


def without_accents(text: str) -> str:
    """Return a text in lower case without accents; ``ß`` becomes ``ss``."""
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return unicodedata.normalize("NFKC", "".join(sign for sign in folded if not unicodedata.combining(sign))).lower()


@cache
def tokens_of(header: str) -> tuple[Token, ...]:
    """Split a header into its words, with the parts each may stand for; words such as ``of`` are left out.

    Examples
    --------
    >>> [sorted(token.parts) for token in tokens_of("order_no")]
    [['order'], ['id']]
    """
    plain = _BRACKETS.sub(" ", unicodedata.normalize("NFKC", header))
    words = [without_accents(piece) for piece in _PIECE.findall(_HUMP.sub(" ", plain))]
    lexicon, skipped = _lexicon(), _skipped()
    tokens: list[Token] = []
    for word in words:
        if word in skipped and not (len(words) == 1 and word in lexicon):
            continue
        tokens += _read(word)
    return tuple(_as_count(token, tokens[at + 1 :]) for at, token in enumerate(tokens))


def _as_count(token: Token, following: list[Token]) -> Token:
    """Read ``number`` before a plural as a count, not as an id."""
    if {"id", "quantity"} <= token.parts and following and following[0].word.endswith("s"):
        return Token(token.word, token.parts - {"id"})
    return token


@cache
def parts_in(header: str) -> frozenset[str]:
    """Return all parts that the words of a header may stand for."""
    return frozenset().union(*(token.parts for token in tokens_of(header)))


@cache
def modifiers() -> frozenset[str]:
    """Return the parts that make another thing of a column."""
    return frozenset(read_words("headers/words")["modifiers"])


def _read(word: str) -> list[Token]:
    lexicon = _lexicon()
    if re.match(f"[{_CHINESE}]", word):
        return _segments(word)
    if word in lexicon:
        return [Token(word, lexicon[word])]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2 and word.removesuffix(ending) in lexicon:
            return [Token(word, lexicon[word.removesuffix(ending)])]
    return _compound(word) or [Token(word, frozenset())]


def _compound(word: str) -> list[Token]:
    """Split a compound into two or three known words, as in ``orderid`` or ``kundennummer``; empty where it is none."""
    lexicon = _lexicon()
    for at in range(len(word) - 2, _LEAST_STEM - 1, -1):
        head, tail = word[:at], word[at:]
        if head not in lexicon or tail in ("s", "n", "e", "es", "en"):
            continue
        tail = next((tail[cut:] for cut in (0, 1) if tail[cut:] in lexicon and (not cut or tail[0] == "s")), tail)
        if tail in lexicon and (len(tail) > _LEAST_STEM or tail in _LAST_IN_COMPOUND or len(tail) == _LEAST_STEM):
            return [Token(head, lexicon[head]), Token(tail, lexicon[tail])]
        rest = _compound(tail)
        if rest:
            return [Token(head, lexicon[head]), *rest]
    return []


@cache
def _segments(word: str) -> list[Token]:
    """Split Chinese text so that known words cover most of it, longer words first."""
    lexicon = _lexicon()
    best: list[tuple[int, int, tuple[Token, ...]]] = [(0, 0, ())]  # covered signs, minus words, tokens up to each sign
    for end in range(1, len(word) + 1):
        covered, fewer, tokens = best[end - 1]
        options = [(covered, fewer - 1, (*tokens, Token(word[end - 1], frozenset())))]
        for start in range(max(0, end - 6), end):
            piece = word[start:end]
            if piece in _skipped():
                options.append((best[start][0] + 1, best[start][1], best[start][2]))
            elif piece in lexicon:
                token = Token(piece, lexicon[piece])
                options.append((best[start][0] + len(piece), best[start][1] - 1, (*best[start][2], token)))
        best.append(max(options, key=lambda option: option[:2]))
    return list(best[-1][2])


@cache
def _lexicon() -> dict[str, frozenset[str]]:
    lexicon: dict[str, set[str]] = {}
    for part, by_language in read_words("headers/words")["parts"].items():
        for words in by_language.values():
            for word in words:
                lexicon.setdefault(without_accents(str(word)), set()).add(part)
    return {word: frozenset(parts) for word, parts in lexicon.items()}


@cache
def _skipped() -> frozenset[str]:
    return frozenset(str(word).lower() for word in read_words("headers/words")["skip"])
