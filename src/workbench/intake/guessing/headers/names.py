"""What a column's name says: synonyms in English and Chinese, units and currencies in the name."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache

from workbench.core.schema import columns_of
from workbench.intake.guessing.words import read_words

__all__ = ["currency_in", "is_chinese", "name_score", "plain_name", "synonyms_of", "unit_in"]

_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_UNITS = {"万元": "wan", "亿元": "yi", "千元": "thousand", "分": "fen", "角": "jiao", "cents": "fen"}
_CURRENCIES = {
    "CNY": ("元", "人民币", "rmb", "cny", "yuan", "¥", "￥"), "USD": ("usd", "dollar", "dollars", "$", "美元"),
    "EUR": ("eur", "euro", "€", "欧元"), "GBP": ("gbp", "pound", "£", "英镑"), "JPY": ("jpy", "yen", "日元"),
    "HKD": ("hkd", "港元", "港币"),
}  # fmt: skip
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
    return " ".join(re.sub(r"[^\w\u3400-\u9fff]+|_", " ", _HUMP.sub(" ", folded)).lower().split())


def is_chinese(text: str) -> bool:
    """Tell whether a text has Chinese characters."""
    return bool(_CHINESE.search(text))


@cache
def synonyms_of(table: str) -> dict[str, tuple[str, ...]]:
    """Map the columns of a table to their synonyms.

    Parameters
    ----------
    table : str
        A canonical table.

    Returns
    -------
    dict of str to tuple of str
        Names as `plain_name` gives them, the column's own name among them.
    """
    words = read_words("synonyms")
    columns = columns_of(table, contact=True, neighbours=True)
    own = {
        column: [column, *words["common"].get(column, ()), *words.get(table, {}).get(column, ())] for column in columns
    }
    return {column: tuple(dict.fromkeys(plain_name(str(name)) for name in names)) for column, names in own.items()}


def name_score(name: str, synonyms: tuple[str, ...]) -> float:
    """Score how well a name fits: 1 for a synonym, less for a partial match (by the part covered), 0 for none.

    Parameters
    ----------
    name : str
        As written in the file.
    synonyms : tuple of str
        From `synonyms_of`.

    Examples
    --------
    >>> name_score("InvoiceNo", ("invoice no", "order id")), name_score("Mood swings", ("name",))
    (1.0, 0.0)
    """
    plain = plain_name(name)
    if not plain:
        return 0.0
    return max((_one_score(plain, synonym, rank) for rank, synonym in enumerate(synonyms)), default=0.0)


def _one_score(plain: str, synonym: str, rank: int) -> float:
    joined, other = plain.replace(" ", ""), synonym.replace(" ", "")
    if joined == other:
        return 1.0 - 0.002 * rank  # earlier synonyms are the better ones
    if is_chinese(synonym):
        if len(other) > 1 and other in joined:
            return 0.45 + 0.45 * len(other) / len(joined)
        return 0.0
    words, wanted = plain.split(), synonym.split()
    if len(other) > 2 and set(wanted) <= set(words):  # noqa: PLR2004  (two letters are no word)
        return 0.45 + 0.45 * len(wanted) / len(words)
    if (
        min(len(joined), len(other)) >= _SHORTEST_NEAR
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
