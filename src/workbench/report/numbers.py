"""Formatting of values: counts, shares, money, days and dates, in English and Chinese.

Every sentence, table cell and axis label uses :func:`show`, so that the same value has the same format on every page.
Used by all notebooks.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date

from workbench.core.errors import Fault, WorkbenchError, did_you_mean

__all__ = [
    "LANGUAGES",
    "MISSING",
    "VALUE_KINDS",
    "as_precise_as",
    "fewer_than",
    "round_to_interval",
    "show",
    "significant",
]

LANGUAGES = ("en", "zh")
MISSING = "–"  # shown for a missing value
DIGITS = 3  # significant digits of a measured number

_OTHER_SCALE = ("e_value", "relative")  # not in the unit of low and high
_CENTS_IN_ESTIMATES_BELOW = 10
_WHOLE_FROM = 9.95  # lengths of time from here on have no decimals
_PARTS_OF_INTERVAL = 5  # the last digit is at least a fifth of the interval
_SUPPRESSED = "fewer than: "
_SMALL_CELL = {"en": "not shown", "zh": "不显示"}
_YES_NO = {"en": ("no", "yes"), "zh": ("否", "是")}
_HALF = {"en": "half", "zh": "一半"}
_SIGNS = {"CNY": "¥", "RMB": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "HKD": "HK$", "TWD": "NT$"}
_DATE = {"en": "d MMMM y", "zh": "y年M月d日"}  # patterns of Unicode CLDR
_MONTH = {"en": "MMM y", "zh": "y年M月"}
_BIG = {"en": ((1e9, " billion"), (1e6, " million")), "zh": ((1e8, "亿"), (1e4, "万"))}
_SPANS: tuple[tuple[float, float, dict[str, str]], ...] = (  # least hours, units in an hour, word
    (48.0, 1 / 24, {"en": "days", "zh": "天"}),
    (1.0, 1.0, {"en": "h", "zh": "小时"}),
    (1 / 60, 60.0, {"en": "min", "zh": "分钟"}),
    (0.0, 3600.0, {"en": "s", "zh": "秒"}),
)
_MINUS = "−"
_CENTS_BELOW = 100  # money below this is shown to the cent
_YEAR_MONTH = 2  # parts of "2017-05"


def fewer_than(least: int) -> str:
    """Return the placeholder of a hidden cell; ``show`` formats it as "not shown" for any kind."""
    return f"{_SUPPRESSED}{least}"


def show(value: object, kind: str, language: str, currency: str = "") -> str:
    """Format one value for display.

    Parameters
    ----------
    value : object
        The value; None, NaN, NaT and NA are written as an en dash. ``fewer_than(10)`` as "not shown".
        A mapping of language to text is read in the language.
    kind : str
        ``int`` (exact, thousands separated), ``num`` (three significant digits), ``pct`` (a share 0..1; decimals
        grow towards 0 and 1 so that 99.96 % does not read 100 %), ``portion`` (a share; 0.5 is "half"), ``money``
        (three significant digits, cents below 100), ``estimate`` (money that is estimated: no cents from 10 on),
        ``days``, ``hours`` (in seconds, minutes, hours or days, whichever reads best), ``date`` (date, datetime or ISO
        text), ``month``, ``ratio`` (times), ``text``.
    language : str
        ``en`` or ``zh``.
    currency : str
        ISO code or sign; used only by ``money``; empty if the data names none.

    Returns
    -------
    str

    Raises
    ------
    WorkbenchError
        The kind or language is unknown, or the value does not have this kind.

    Examples
    --------
    >>> show(0.1437, "pct", "en"), show(4596039.58, "money", "zh", "CNY"), show(1469307, "int", "en")
    ('14 %', '¥460万', '1,469,307')
    """
    if language not in LANGUAGES:
        raise WorkbenchError(Fault("", f"unknown language {language!r}", did_you_mean(language, LANGUAGES)))
    if kind not in VALUE_KINDS:
        raise WorkbenchError(Fault("", f"unknown kind of value {kind!r}", did_you_mean(kind, VALUE_KINDS)))
    if is_missing(value):
        return MISSING
    if isinstance(value, str) and value.startswith(_SUPPRESSED):
        return _SMALL_CELL[language]
    return VALUE_KINDS[kind](value, language, currency)


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, NaT or NA."""
    if value is None:
        return True
    if isinstance(value, (str, dict, bool, list, tuple)):
        return False
    equal = value == value  # noqa: PLR0124  NaN and NaT differ from themselves; NA answers NA
    return equal is not True and str(equal) != "True"


def as_precise_as(value: Any, low: Any, high: Any) -> Any:
    """Round a value to the precision of its 95 % interval: a fifth of its width or coarser.

    Parameters
    ----------
    value : object
        Returned unchanged if it is a whole number or not a number.
    low, high : object
        Ends of the interval; unless they are two different numbers, the value is unchanged.

    Examples
    --------
    >>> as_precise_as(0.0239, 0.0123, 0.0374), as_precise_as(0.9911, 0.982, 0.9911), as_precise_as(2469, 0.1, 0.2)
    (0.024, 0.991, 2469)
    """
    if not (_is_fraction(value) and _is_finite(low) and _is_finite(high)) or not float(high) > float(low):
        return value
    places = -math.floor(math.log10((float(high) - float(low)) / _PARTS_OF_INTERVAL))
    return round(float(value), places)


def round_to_interval(name: str, values: Mapping[str, Any]) -> Any:
    """Return a value rounded to the precision of its interval, if ``values`` contains one.

    Parameters
    ----------
    name : str
    values : mapping of str to object
        All values of a sentence or a table row. The interval is ``<name>_low`` and ``<name>_high``, else ``low`` and
        ``high`` if the value is between them. E-values and relative changes are on another scale and stay unchanged.

    Examples
    --------
    >>> round_to_interval("effect", {"effect": 0.0239, "low": 0.0123, "high": 0.0374, "n": 2280})
    0.024
    """
    if name in _OTHER_SCALE:
        return values[name]
    stem = name.removesuffix("_low").removesuffix("_high")
    value, own = values[name], (f"{stem}_low", f"{stem}_high")
    if set(own) <= set(values):
        return as_precise_as(value, values[own[0]], values[own[1]])
    if not {"low", "high"} <= set(values) or not _is_finite(value):
        return value
    low, high = values["low"], values["high"]
    if not (_is_finite(low) and _is_finite(high)) or not low <= value <= high:
        return value
    return as_precise_as(value, low, high)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool) and math.isfinite(value)


def _is_fraction(value: Any) -> bool:
    return _is_finite(value) and not float(value).is_integer()


def significant(value: float, digits: int = DIGITS) -> str:
    """Write a number with ``digits`` significant digits, thousands separated, no trailing zeros.

    Examples
    --------
    >>> significant(1234567), significant(0.77), significant(-0.012345)
    ('1,230,000', '0.77', '−0.0123')
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    rounded = _rounded(value, digits)
    places = max(0, digits - 1 - _magnitude(rounded)) if rounded else 0
    return _plain(rounded, places)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits - 1 - _magnitude(value)) if value else 0.0


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _plain(value: float, places: int, strip: bool = True) -> str:
    text = f"{abs(value):,.{places}f}"
    if strip and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{_MINUS}{text}" if value < 0 and text.strip("0.,") else text


def _int(value: object, language: str, currency: str) -> str:
    number = _number(value, "int")
    return significant(number) if not math.isfinite(number) else _plain(round(number), 0)


def _num(value: object, language: str, currency: str) -> str:
    return _scaled(_number(value, "num"), language)


def _scaled(number: float, language: str) -> str:
    """Write three significant digits, with million and billion, or 万 and 亿."""
    size = abs(_rounded(number, DIGITS)) if math.isfinite(number) else 0.0
    for unit, word in _BIG[language]:
        if size >= unit:
            return f"{significant(number / unit)}{word}"
    return significant(number)


def _pct(value: object, language: str, currency: str) -> str:
    share = _number(value, "pct")
    if not math.isfinite(share):
        return significant(share)
    space = " " if language == "en" else ""
    if 0 < share < 0.00005:  # too small for two decimals
        return f"<0.01{space}%"
    if -0.00005 < share < 0:
        return f"0{space}%"
    if 0.99995 < share < 1:
        return f">99.99{space}%"
    to_edge = min(abs(share), abs(1 - share)) if 0 <= share <= 1 else abs(share)
    least = 0.0005 if 0.5 < share <= 1 else 0.00995  # above 99 % a third digit is enough unless it would read 100 %
    places = 0 if to_edge >= 0.0995 else 1 if to_edge > least else 2  # decimals grow to the edges
    return f"{_plain(100 * share, places)}{space}%"


def _portion(value: object, language: str, currency: str) -> str:
    return _HALF[language] if _number(value, "portion") == 0.5 else _pct(value, language, currency)


def _money(value: object, language: str, currency: str) -> str:
    amount = _number(value, "money")
    if 0 < abs(amount) < _CENTS_BELOW:
        text = _plain(amount, 2, strip=False).removesuffix(".00")
    else:
        text = _scaled(amount, language)
    sign = _SIGNS.get(currency.upper(), currency)
    sign = f"{sign} " if sign.isalpha() else sign
    return f"{_MINUS}{sign}{text[1:]}" if text.startswith(_MINUS) else f"{sign}{text}"


def _estimate(value: object, language: str, currency: str) -> str:
    amount = _number(value, "estimate")
    return _money(round(amount) if abs(amount) >= _CENTS_IN_ESTIMATES_BELOW else amount, language, currency)


def _days(value: object, language: str, currency: str) -> str:
    number = _number(value, "days")
    text = _span(number)
    if language == "zh":
        return f"{text}\u2009天"
    return f"{text} day" if text == "1" else f"{text} days"


def _hours(value: object, language: str, currency: str) -> str:
    hours = _number(value, "hours")
    per_hour, words = next((per_hour, words) for least, per_hour, words in _SPANS if abs(hours) >= least)
    return f"{_span(hours * per_hour)}\u2009{words[language]}"


def _span(number: float) -> str:
    """Write a length of time: whole from 10 on, else with one decimal."""
    return _plain(number, 0 if abs(number) >= _WHOLE_FROM else 1) if math.isfinite(number) else significant(number)


def _date(value: object, language: str, currency: str) -> str:
    return format_date(_as_date(value, "date"), _DATE[language], locale=language)


def _month(value: object, language: str, currency: str) -> str:
    if isinstance(value, str) and value.count("-") == _YEAR_MONTH - 1:
        value = f"{value}-01"
    return format_date(_as_date(value, "month"), _MONTH[language], locale=language)


def _as_date(value: object, kind: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        raise _not_of_kind(value, kind, "a date such as 2017-12-31") from None


def _ratio(value: object, language: str, currency: str) -> str:
    return f"{significant(_number(value, 'ratio'))}×"


def _text(value: object, language: str, currency: str) -> str:
    if isinstance(value, dict):
        return str(value.get(language, MISSING))
    if isinstance(value, bool):
        return _YES_NO[language][value]
    return str(value)


def _number(value: object, kind: str) -> float:
    if isinstance(value, (numbers.Real, Decimal)):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        raise _not_of_kind(value, kind, "a number") from None


def _not_of_kind(value: object, kind: str, expected: str) -> WorkbenchError:
    return WorkbenchError(
        Fault("", f"{value!r} cannot be shown as {kind!r}", f"Expected {expected}", "Use the kind 'text' for words")
    )


VALUE_KINDS: dict[str, Callable[[object, str, str], str]] = {
    "int": _int,
    "num": _num,
    "pct": _pct,
    "portion": _portion,
    "money": _money,
    "estimate": _estimate,
    "days": _days,
    "hours": _hours,
    "date": _date,
    "month": _month,
    "ratio": _ratio,
    "text": _text,
}
