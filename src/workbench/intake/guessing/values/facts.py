"""Facts about the values of a column, not its name: numbers, dates, codes, phones, provinces, genders and so on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.intake.features.inputs.city_tiers import city_tiers
from workbench.intake.guessing.headers.parts import without_accents
from workbench.intake.guessing.headers.words import read_words, value_words
from workbench.intake.guessing.values.dates import DateGuess, guess_dates
from workbench.intake.guessing.values.numbers import decimal_mark, read_number

__all__ = ["GENDERS", "PERSONAL", "Facts", "gather_facts"]

PERSONAL = ("email", "phone", "document", "person")  # patterns of personal data
_LOOKED_AT = 400  # distinct values in the sample
_MOSTLY = 0.9
_LEAST_ROWS = 4

_PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 "
    "贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门"
).split()
_PROVINCE_END = re.compile(r"(维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市)$")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈"
    "钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
GENDERS = tuple(tuple(pair) for pair in read_words("headers/words")["values"]["genders"])  # (female, male), by language
_WORDS = {
    "gender": (*(word for pair in GENDERS for word in pair), *value_words("gender_other")),
    "marital": value_words("marital"),
    "education": value_words("education"),
    "country": value_words("country"),
    "currency": value_words("currency"),
    "flag": ("yes", "no", "true", "false", "0", "1", "是", "否"),
    "event": value_words("event"),
}
_FORMS = {
    "integer": r"[+-]?\d{1,18}(\.0)?",
    "number": r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?([eE][+-]?\d{1,3})?|[+-]?\.\d+",
    "comma_number": r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+",
    "money_sign": r"\(?[+-]?\s*[¥￥$€£]\s*[\d.,]+\)?|[+-]?[\d.,]+\s*(元|万元|[¥￥$€£])",
    "cents": r"[+-]?\d+\.\d{1,2}",
    "point_zero": r"\d+\.0",
    "leading_zero": r"0\d+",
    "email": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "phone": r"(\+?86|0086)?[- ]?1[3-9]\d[- ]?\d{4}[- ]?\d{4}|\+\d[\d ()-]{7,16}\d|0\d{2,3}-\d{7,8}",
    "document": r"\d{6}(18|19|20)\d{2}(0[1-9]|1[0-2])\d{2}\d{3}[\dXx]",
    "url": r"(https?://|/)\S+",
    "clock": r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?",
    "percent": r"[+-]?\d+([.,]\d+)? ?%",
    "age_words": r"\d{1,3} ?(岁|周岁|years?( old)?|ans|jahre|años|anos|anni)",
    "band": r"\d{1,3} ?([-~–至]|to) ?\d{1,3} ?\S{0,4}|\d{1,3} ?(\+|岁?以[上下]|and over|or more|plus)|[<>≥≤] ?\d{1,3}",
    "mobile": r"1\d{10}|[2-9]\d{10}",
    "code": r"(?=\S*\d)[A-Za-z0-9][A-Za-z0-9_\-./#]{2,39}",
    "opaque": r"[A-Za-z0-9_\-]{24,}",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Facts about the values of a column.

    Attributes
    ----------
    rows, filled, distinct : int
        Records read, cells that are not blank, distinct values.
    shares : dict of str to float
        Pattern: share of the filled rows whose value fits, 0 to 1.
    dates : DateGuess or None
    mean_length : float
        Characters of a value.
    low, high : float
        Limits of the values that are numbers after repairs; 0 where there are none.
    mark : str or None
        Decimal mark that the values show.
    counting : bool
        The rows are numbered: every value is the one before plus 1.
    in_blocks : bool
        Equal whole numbers stand in neighbouring rows and grow from block to block.
    values : tuple of str
        The distinct values, at most twelve, most frequent first; empty where there are more or they are personal.
    """

    rows: int
    filled: int
    distinct: int
    shares: dict[str, float] = field(default_factory=dict)
    dates: DateGuess | None = None
    mean_length: float = 0.0
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    mark: str | None = None
    counting: bool = False
    in_blocks: bool = False

    def fits(self, pattern: str, share: float = _MOSTLY) -> bool:
        """Tell whether at least this share of the values fit a pattern."""
        return bool(self.filled) and self.shares.get(pattern, 0.0) >= share

    @property
    def is_number(self) -> bool:
        """True where nine in ten filled rows are numbers after repairs of signs and digit groups."""
        return bool(self.filled) and self.shares.get("numeric", 0) >= _MOSTLY

    @property
    def unique(self) -> bool:
        """True where every filled cell is different."""
        return self.filled > 1 and self.distinct == self.filled

    @property
    def full(self) -> bool:
        """True where no cell is blank."""
        return self.rows > 0 and self.filled == self.rows


def gather_facts(cells: Sequence[str]) -> Facts:
    """Gather the facts of a column.

    Parameters
    ----------
    cells : sequence of str
        Surrounding blanks removed; empty where blank.

    Returns
    -------
    Facts
    """
    counts = Counter(cell for cell in cells if cell)
    distinct = sorted(counts)
    sample = distinct[:: max(1, len(distinct) // _LOOKED_AT)][: _LOOKED_AT + 1]
    weights = [counts[value] for value in sample]
    shares = {name: _share(sample, weights, test) for name, test in _TESTS.items()} if sample else {}
    mark = decimal_mark(sample)
    numbers = [number for value in sample if (number := read_number(value, mark or ".")) is not None]
    if sample:
        shares["numeric"] = _share(sample, weights, lambda value: read_number(value, mark or ".") is not None)
    is_number = shares.get("numeric", 0) >= _MOSTLY
    if is_number and len(distinct) > len(sample):  # limits are those of all records
        numbers = [number for value in distinct if (number := read_number(value, mark or ".")) is not None]
    private = any(shares.get(pattern, 0) >= _MOSTLY for pattern in PERSONAL)
    frequent = () if private or len(counts) > 12 else tuple(value for value, _ in counts.most_common())  # noqa: PLR2004
    return Facts(
        rows=len(cells),
        filled=sum(counts.values()),
        distinct=len(counts),
        shares=shares,
        dates=guess_dates(sample),
        mean_length=sum(map(len, sample)) / len(sample) if sample else 0.0,
        low=min(numbers, default=0.0),
        high=max(numbers, default=0.0),
        values=frequent,
        mark=mark if is_number else None,
        counting=_counts_rows(cells),
        in_blocks=_stands_in_blocks(cells),
    )


def _counts_rows(cells: Sequence[str]) -> bool:
    """Tell whether each cell is the one before plus 1, beginning at 0 or 1."""
    if len(cells) < 2 or cells[0] not in ("0", "1"):  # noqa: PLR2004  (one row counts nothing)
        return False
    first = int(cells[0])
    return all(cell == str(first + at) for at, cell in enumerate(cells))


def _stands_in_blocks(cells: Sequence[str]) -> bool:
    numbers = [int(cell) for cell in cells if cell.isdigit() and len(cell) <= 18]  # noqa: PLR2004
    if len(numbers) < len(cells) or len(cells) < _LEAST_ROWS:
        return False
    grows = all(before <= after for before, after in zip(numbers, numbers[1:], strict=False))
    return grows and 1 < len(set(numbers)) < len(numbers)


def _share(values: Sequence[str], weights: Sequence[int], test: Callable[[str], bool]) -> float:
    return sum(weight for value, weight in zip(values, weights, strict=True) if test(value)) / sum(weights)


def _is_province(value: str) -> bool:
    return _PROVINCE_END.sub("", value) in _PROVINCES


def _begins_with_province(value: str) -> bool:
    first, *others = value.split()
    return bool(others) and _is_province(first)


def _is_city(value: str) -> bool:
    return value.lower() in city_tiers()


def _is_person(value: str) -> bool:
    return 2 <= len(value) <= 4 and value[0] in _SURNAMES and all("\u3400" <= sign <= "\u9fff" for sign in value)  # noqa: PLR2004


def _matcher(form: str) -> Callable[[str], bool]:
    pattern = re.compile(form)
    return lambda value: bool(pattern.fullmatch(value))


def _member(words: Sequence[str]) -> Callable[[str], bool]:
    allowed = set(words)
    return lambda value: without_accents(value) in allowed


_TESTS: dict[str, Callable[[str], bool]] = {
    **{name: _matcher(form) for name, form in _FORMS.items()},
    **{name: _member(words) for name, words in _WORDS.items()},
    "province": _is_province,
    "address": _begins_with_province,
    "city": _is_city,
    "person": _is_person,
}
