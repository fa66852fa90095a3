"""Facts about the values of a column, not its name: numbers, dates, codes, phones, provinces, genders and so on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.intake.features.inputs.city_tiers import city_tiers
from workbench.intake.guessing.dates import DateGuess, guess_dates

__all__ = ["GENDERS", "PERSONAL", "Facts", "gather_facts"]

PERSONAL = ("email", "phone", "document", "person")  # patterns of personal data
_LOOKED_AT = 400  # distinct values in the sample
_MOSTLY = 0.9

_PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 "
    "贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门"
).split()
_PROVINCE_END = re.compile(r"(维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市)$")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈"
    "钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
GENDERS = (("女", "男"), ("女性", "男性"), ("女士", "先生"), ("female", "male"), ("woman", "man"), ("f", "m"))
_WORDS = {
    "gender": [*(word for pair in GENDERS for word in pair), *"未知 unknown other u n".split()],
    "marital": (
        "single married divorced widow widowed together separated alone 已婚 未婚 离异 丧偶 单身 离婚 已婚未育 已婚已育"
    ).split(),
    "education": (
        "primary secondary graduation master phd bachelor doctorate basic highschool college "
        "小学 初中 高中 中专 大专 本科 硕士 博士 研究生 学士"
    ).split(),
    "country": [
        "united kingdom", "united states", "china", "usa", "france", "germany", "spain", "italy", "japan", "australia",
        "canada", "netherlands", "belgium", "norway", "portugal", "switzerland", "eire", "ireland", "india", "brazil",
        "中国", "美国", "日本", "英国", "法国", "德国",
    ],
    "currency": "cny rmb usd eur gbp jpy hkd twd aud cad chf sgd".split(),
    "flag": "yes no true false 0 1 是 否".split(),
}  # fmt: skip
_FORMS = {
    "integer": r"[+-]?\d{1,18}",
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
        Pattern: share of the distinct values that fit, 0 to 1.
    dates : DateGuess or None
    mean_length : float
        Characters of a value.
    low, high : float
        Limits of the values that are plain numbers; 0 where there are none.
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

    def fits(self, pattern: str, share: float = _MOSTLY) -> bool:
        """Tell whether at least this share of the values fit a pattern."""
        return bool(self.filled) and self.shares.get(pattern, 0.0) >= share

    @property
    def is_number(self) -> bool:
        """True where nearly all values are numbers, possibly with signs or digit groups."""
        return (
            self.shares.get("number", 0) + self.shares.get("comma_number", 0) + self.shares.get("money_sign", 0)
            >= _MOSTLY
        )

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
    shares = {name: _share(sample, test) for name, test in _TESTS.items()} if sample else {}
    numbers = [float(value) for value in sample if re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", value)]
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
    )


def _share(values: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(test(value) for value in values) / len(values)


def _is_province(value: str) -> bool:
    return _PROVINCE_END.sub("", value) in _PROVINCES


def _is_city(value: str) -> bool:
    return value.lower() in city_tiers()


def _is_person(value: str) -> bool:
    return 2 <= len(value) <= 4 and value[0] in _SURNAMES and all("\u3400" <= sign <= "\u9fff" for sign in value)  # noqa: PLR2004


def _matcher(form: str) -> Callable[[str], bool]:
    pattern = re.compile(form)
    return lambda value: bool(pattern.fullmatch(value))


def _member(words: Sequence[str]) -> Callable[[str], bool]:
    allowed = set(words)
    return lambda value: value.lower() in allowed


_TESTS: dict[str, Callable[[str], bool]] = {
    **{name: _matcher(form) for name, form in _FORMS.items()},
    **{name: _member(words) for name, words in _WORDS.items()},
    "province": _is_province,
    "city": _is_city,
    "person": _is_person,
}
