"""How well a column's name fits one of our columns: by its parts, else by whole names; units and currencies in it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from workbench.core.schema import columns_of
from workbench.intake.guessing.headers.parts import Token, modifiers, tokens_of, without_accents
from workbench.intake.guessing.headers.words import read_words

__all__ = ["Names", "currency_in", "is_chinese", "name_score", "plain_name", "synonyms_of", "unit_in"]
_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s\b)")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_UNITS = {"万元": "wan", "亿元": "yi", "千元": "thousand", "分": "fen", "角": "jiao", "cents": "fen"}
_CURRENCIES = {
    "CNY": ("元", "人民币", "rmb", "cny", "yuan", "¥", "￥"), "USD": ("usd", "dollar", "dollars", "$", "美元"),
    "EUR": ("eur", "euro", "€", "欧元"), "GBP": ("gbp", "pound", "£", "英镑"), "JPY": ("jpy", "yen", "日元"),
    "HKD": ("hkd", "港元", "港币"),
}  # fmt: skip
_RANK = 0.002  # what a later name scores less than the one before
_ALL_PARTS = 0.985  # score where the parts of a pattern are all there is
_EXACT = 0.9  # from here on a whole name is as good as its parts
_NEARLY = 0.86  # similarity from which one name counts as a misspelling of the other
_SHORTEST_NEAR = 5  # letters; shorter names are similar by chance


def plain_name(name: str) -> str:
    """Return a name in lower case, words separated by one blank, without units in brackets.

    Examples
    --------
    >>> plain_name("CustomerID"), plain_name("Dt_Customer"), plain_name("订单金额(元) ")
    ('customer id', 'dt customer', '订单金额')
    """
    folded = unicodedata.normalize("NFKC", _BRACKETS.sub(" ", name))
    return " ".join(re.sub(r"[^\w\u3400-\u9fff]+|_", " ", without_accents(_HUMP.sub(" ", folded))).split())


def is_chinese(text: str) -> bool:
    """Tell whether a text has Chinese characters."""
    return bool(_CHINESE.search(text))


@dataclass(frozen=True)
class Names:
    """What one of our columns is called elsewhere.

    Attributes
    ----------
    patterns : tuple of tuple of str
        Parts that together name it, the best first.
    whole : tuple of str
        Whole names as `plain_name` gives them, its own among them.
    """

    patterns: tuple[tuple[str, ...], ...]
    whole: tuple[str, ...]


@cache
def synonyms_of(table: str) -> dict[str, Names]:
    """Map the columns of a table to the names they have elsewhere.

    Parameters
    ----------
    table : str
        A canonical table.
    """
    words = read_words("headers/words")
    columns, names = words["columns"], words["names"]
    result = {}
    for ours in columns_of(table, contact=True, neighbours=True):
        patterns = [*columns.get(table, {}).get(ours, ()), *columns["common"].get(ours, ())]
        whole = [ours, *names["common"].get(ours, ()), *names.get(table, {}).get(ours, ())]
        result[ours] = Names(
            tuple(tuple(pattern.split()) for pattern in patterns),
            tuple(dict.fromkeys(plain_name(str(name)) for name in whole)),
        )
    return result


@cache
def name_score(name: str, names: Names) -> float:
    """Score how well a name fits: near 1 for its parts or a whole name, less for a partial match, 0 for none.

    Parameters
    ----------
    name : str
        As written in the file.
    names : Names
        From `synonyms_of`.

    Examples
    --------
    >>> name_score("InvoiceNo", synonyms_of("transactions")["order_id"]) > 0.95
    True
    """
    plain = plain_name(name)
    if not plain:
        return 0.0
    whole = max((_one_score(plain, synonym, rank) for rank, synonym in enumerate(names.whole)), default=0.0)
    return max(whole, _parts_score(tokens_of(name), names.patterns)) if whole < _EXACT else whole


def _parts_score(tokens: tuple[Token, ...], patterns: tuple[tuple[str, ...], ...]) -> float:
    scores = [_pattern_score(tokens, pattern) - _RANK * rank for rank, pattern in enumerate(patterns)]
    return max(scores, default=0.0)


def _pattern_score(tokens: tuple[Token, ...], pattern: tuple[str, ...]) -> float:
    """Score one pattern: all its parts must occur, each in a word of its own; further words count against it."""
    wanted = set(pattern)
    if len(tokens) < len(pattern) or not _covers(list(tokens), list(pattern)):
        return 0.0
    others = [token for token in tokens if not token.parts & wanted]
    if any(token.parts and token.parts <= modifiers() for token in others):
        return 0.0
    if not others:
        return _ALL_PARTS
    return 0.45 + 0.45 * (len(tokens) - len(others)) / len(tokens)


def _covers(tokens: list[Token], pattern: list[str]) -> bool:
    if not pattern:
        return True
    return any(
        pattern[0] in token.parts and _covers(tokens[:at] + tokens[at + 1 :], pattern[1:])
        for at, token in enumerate(tokens)
    )


def _one_score(plain: str, synonym: str, rank: int) -> float:
    joined, other = plain.replace(" ", ""), synonym.replace(" ", "")
    if joined == other:
        return 1.0 - _RANK * rank  # earlier synonyms are the better ones
    words, wanted = plain.split(), synonym.split()
    if (
        len(wanted) > 1
        and set(wanted) <= set(words)
        and not any(token.parts & modifiers() for token in tokens_of(plain))
    ):
        return 0.45 + 0.45 * len(wanted) / len(words)
    if (
        not is_chinese(synonym)
        and min(len(joined), len(other)) >= _SHORTEST_NEAR
        and difflib.SequenceMatcher(None, joined, other).ratio() >= _NEARLY
    ):
        return 0.75
    return 0.0


def unit_in(name: str) -> str | None:
    """Return the unit of money a name states in brackets, as ``formats.units`` calls it.

    Examples
    --------
    >>> unit_in("年收入（万元）"), unit_in("金额(元)"), unit_in("Amount")
    ('wan', None, None)
    """
    inside = " ".join(_BRACKETS.findall(name)).strip("()（）[]【】 ").lower()
    return next((unit for word, unit in _UNITS.items() if inside == word), None)


def currency_in(text: str) -> str | None:
    """Return the currency that a name or a cell mentions, as an ISO 4217 code."""
    inside = " ".join(_BRACKETS.findall(text)).strip("()（）[]【】 ").lower()
    words = set(plain_name(text).split()) | {inside} | set(re.findall(r"[¥￥$€£]", text))
    return next((code for code, signs in _CURRENCIES.items() if words & set(signs)), None)
