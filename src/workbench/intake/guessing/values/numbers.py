"""Read numbers as files write them: decimal mark, digit groups, currency signs, parentheses, 万 and 亿."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["decimal_mark", "has_groups", "read_number"]

_SIGNS = r"[¥￥$€£₹₩]|元|圆|[A-Z]{3}(?![A-Za-z])|R\$|zł|kr"
_GROUPS = "[ \u00a0\u202f\u2009'’]"
_LEADING, _TRAILING = re.compile(rf"^([+(-]?)\s*(?:{_SIGNS})\s*"), re.compile(rf"\s*(?:{_SIGNS})([)-]?)$")
_SCALES = {"万": 10_000, "亿": 100_000_000}
_DOT_ONLY = re.compile(r"[+-]?\d*\.\d+|[+-]?\d{1,3}(,\d{2,3})*,\d{3}\.\d+")
_COMMA_ONLY = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+")
_COMMA_GROUPS, _DOT_GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{2,3})*,\d{3}"), re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_HALF = 0.5


def decimal_mark(values: Sequence[str]) -> str | None:
    """Return the decimal mark that the values of a column show; None where none does.

    Examples
    --------
    >>> decimal_mark(["2024,994", "5,7"]), decimal_mark(["1,206.50"]), decimal_mark(["12"])
    (',', '.', None)
    """
    dots = commas = groups = 0
    for value in values:
        bare = _bare(value)[0]
        if "," not in bare and "." not in bare:
            continue
        if _COMMA_GROUPS.fullmatch(bare):
            groups += 1
        elif _COMMA_ONLY.fullmatch(bare):
            commas += 1
        elif _DOT_ONLY.fullmatch(bare):
            dots += 1
    if commas > dots:
        return ","
    return "." if dots or groups else None


def has_groups(values: Sequence[str], mark: str) -> bool:
    """Tell whether some values have digit groups, signs or parentheses, which need a declared decimal mark."""
    return any(value and not _PLAIN.fullmatch(value) and read_number(value, mark) is not None for value in values)


def read_number(text: str, mark: str = ".") -> float | None:
    """Read a number with the given decimal mark; None where the text is none.

    Examples
    --------
    >>> read_number("¥1,200.00"), read_number("1.2万"), read_number("28,8404", ","), read_number("12.00-")
    (1200.0, 12000.0, 28.8404, -12.0)
    """
    bare, scale = _bare(text)
    if not bare or not any(sign.isdigit() for sign in bare):
        return None
    groups = _DOT_GROUPS if mark == "," else _COMMA_GROUPS
    whole, point, decimals = bare.rpartition(mark) if mark in bare else (bare, "", "")
    other = "." if mark == "," else ","
    if other in whole:
        if not groups.fullmatch(whole):
            return None
        whole = whole.replace(other, "")
    plain = f"{whole}.{decimals}" if point else whole
    return float(plain) * scale if _PLAIN.fullmatch(plain) else None


def _bare(text: str) -> tuple[str, int]:
    """Return a number without signs of currency and groups by blank, and the factor that 万 or 亿 stands for."""
    bare = text.strip()
    if bare[:1].isdigit() and bare[-1:].isdigit() and "'" not in bare and " " not in bare and "’" not in bare:
        return re.sub("[\u00a0\u202f\u2009]", "", bare), 1
    bare = _TRAILING.sub(r"\1", _LEADING.sub(r"\1", bare))
    scale = _SCALES.get(bare[-1:], 1)
    bare = bare[:-1].strip() if scale > 1 else bare
    if bare.startswith("(") and bare.endswith(")"):
        bare = f"-{bare[1:-1]}"
    elif bare.endswith("-") and bare[:1].isdigit():
        bare = f"-{bare[:-1]}"
    return re.sub(rf"(?<=\d){_GROUPS}(?=\d{{3}}(\D|$))", "", bare).strip(), scale
