"""English and Chinese phrases for names and descriptions of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["AVERAGE", "PHRASES", "TIER_WORDS", "TIER_ZH", "Fact", "Phrase", "describe", "mildly", "phrase"]

Phrase = tuple[str, str]  # (en, zh)
AVERAGE: Phrase = ("average", "平均")
_MIDDLES: dict[str, Phrase] = {"median": ("at the median", "中位数"), "mean": ("on average", "均值")}


class Fact(NamedTuple):
    """One difference that a description reports.

    Attributes
    ----------
    feature : str
    level : str or None
        None for numbers.
    statistic : str
        ``median`` or ``mean`` of a number, ``share`` of a level.
    own, base : float
        Figures of the segment and of all customers, in the feature's unit; shares 0..1.
    """

    feature: str
    level: str | None
    statistic: str
    own: float
    base: float


# feature -> (phrase when high, phrase when low), each (en, zh)
PHRASES: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "recency_days": (("lapsed", "久未购"), ("recent", "近期")),
    "frequency_orders": (("frequent", "高频"), ("infrequent", "低频")),
    "monetary_total": (("high spend", "高消费"), ("low spend", "低消费")),
    "tenure_days": (("long-standing", "老客"), ("newcomer", "新客")),
    "spend_per_order_mean": (("large baskets", "大单"), ("small baskets", "小单")),
    "items_per_order_mean": (("many items", "多件"), ("few items", "少件")),
    "discount_share": (("discount-led", "偏好折扣"), ("full price", "少用折扣")),
    "coupon_order_share": (("coupon users", "常用券"), ("no coupons", "少用券")),
    "categories_distinct": (("broad range", "品类广"), ("narrow range", "品类窄")),
    "products_distinct": (("broad range", "商品广"), ("narrow range", "商品窄")),
    "category_hhi": (("focused", "品类集中"), ("varied", "品类分散")),
    "gap_days_median": (("slow rhythm", "购买间隔长"), ("quick rhythm", "购买间隔短")),
    "gap_days_mean": (("slow rhythm", "购买间隔长"), ("quick rhythm", "购买间隔短")),
    "return_value_share": (("many returns", "退货多"), ("few returns", "退货少")),
    "weekend_share": (("weekend", "周末"), ("weekday", "工作日")),
    "evening_share": (("evening", "晚间"), ("daytime", "日间")),
    "spend_90d": (("high recent spend", "近期消费高"), ("low recent spend", "近期消费低")),
    "age": (("older", "年长"), ("younger", "年轻")),
}
# category -> (phrase where a level is common, phrase where it is rare), each (en, zh)
LEVEL_PHRASES: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "category_top": (("prefers {en}", "偏好{zh}"), ("seldom {en}", "少买{zh}")),
    "brand_top": (("prefers {en}", "偏好{zh}"), ("seldom {en}", "少买{zh}")),
    "occasion_top": (("buys for {en}", "多因{zh}购买"), ("seldom buys for {en}", "少因{zh}购买")),
    "channel_top": (("buys by {en}", "多在{zh}购买"), ("seldom buys by {en}", "少在{zh}购买")),
    "shopping_mode": (("shops {en}", "{zh}购物"), ("seldom shops {en}", "很少{zh}购物")),
}
# names of levels that the workbench defines
LEVEL_WORDS = {
    "online": ("online only", "仅线上"), "store": ("in stores only", "仅门店"), "mixed": ("both ways", "线上线下兼有"),
}  # fmt: skip
TIER_WORDS = {
    2: ("high", "low"),
    3: ("high", "middle", "low"),
    4: ("high", "upper_middle", "lower_middle", "low"),
    5: ("high", "upper_middle", "middle", "lower_middle", "low"),
}
TIER_ZH = {"high": "高", "upper_middle": "中高", "middle": "中", "lower_middle": "中低", "low": "低"}


def phrase(feature: str, high: bool, labels: Mapping[str, Mapping[str, str]], *, level: str | None = None) -> Phrase:  # noqa: FBT001
    """Return the phrase for a segment with high or low values of a feature, or with a frequent or rare level.

    Parameters
    ----------
    feature : str
    high : bool
    labels : mapping
        Feature to {"en", "zh"} label, for features without a predefined phrase.
    level : str, optional
        Level of a categorical feature.

    Returns
    -------
    (en, zh)
    """
    label = labels.get(feature, {})
    plain = feature.replace("_", " ")
    english = _within(label.get("en", plain)).removesuffix(" (scale score)")
    chinese = label.get("zh", plain).removesuffix("（量表得分）")
    if level is not None and feature in LEVEL_PHRASES:
        words = LEVEL_WORDS.get(level, (level, level)) if feature == "shopping_mode" else (level, level)
        pattern = LEVEL_PHRASES[feature][0 if high else 1]
        return pattern[0].format(en=words[0]), pattern[1].format(zh=words[1])
    if level is not None:
        return f"{english} {'often' if high else 'seldom'} {level}", f"{chinese}{'多为' if high else '少为'}{level}"
    if feature in PHRASES:
        return PHRASES[feature][0 if high else 1]
    return f"{'high' if high else 'low'} {english}", f"{chinese}{'高' if high else '低'}"


def mildly(words: Phrase) -> Phrase:
    """Return a phrase for a small difference.

    Examples
    --------
    >>> mildly(("low spend", "低消费"))
    ('somewhat low spend', '略低消费')
    """
    return f"somewhat {words[0]}", f"略{words[1].removeprefix('较')}"


def describe(facts: Sequence[Fact], labels: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Describe in one sentence what distinguishes a segment, with its figures and those of all customers.

    Parameters
    ----------
    facts : sequence of Fact
        The strongest difference first.
    labels : mapping
        Feature to {"en", "zh"}.

    Returns
    -------
    dict
        The sentence in en and zh; without facts it says that nothing distinguishes the segment.
    """
    if not facts:
        return {"en": "No feature differs clearly from customers as a whole.", "zh": "没有与总体明显不同的特征。"}
    english, chinese = [], []
    for feature, level, statistic, own, base in facts:
        plain = feature.replace("_", " ")
        label = labels.get(feature, {})
        what = label.get("en", plain), label.get("zh", plain)
        if level is None:
            middle = _MIDDLES[statistic]
            english.append(f"{_within(what[0])} {_number(own)} {middle[0]} against {_number(base)}")
            chinese.append(f"{what[1]}{middle[1]} {_number(own)}（总体 {_number(base)}）")
        else:
            words = LEVEL_WORDS.get(level, (level, level)) if feature == "shopping_mode" else (level, level)
            english.append(f"{_within(what[0])} {words[0]} for {own:.0%} against {base:.0%}")
            chinese.append(f"{what[1]}为{words[1]}者占 {own:.0%}（总体 {base:.0%}）")
    sentence = "; ".join(english)
    return {"en": f"{sentence[:1].upper()}{sentence[1:]}.", "zh": f"{'；'.join(chinese)}。"}


def _within(words: str) -> str:
    """Return a label in lower case for use within a sentence; names and abbreviations keep their capitals."""
    return words[:1].lower() + words[1:] if words[1:] == words[1:].lower() else words


def _number(value: float) -> str:
    """Format a figure with three significant digits, large figures in full."""
    if abs(value) >= 1_000:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"
