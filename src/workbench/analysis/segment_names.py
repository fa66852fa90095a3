"""What shall a segment be called? Names from what sets its customers apart, never from a cluster's number.

``define_segments`` turns the verdict of 06_segment_customers into a named definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering import Verdict
from workbench.analysis.segments import ALL, Segment, SegmentDefinition
from workbench.analysis.transforms import Transform

__all__ = ["PHRASES", "define_segments", "name_segments", "name_tiers", "order_by_value"]

TELLING = 0.3  # standard deviations from the base below which a difference names nothing
MOST_PHRASES = 3

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
TIER_WORDS = {
    2: ("high", "low"),
    3: ("high", "middle", "low"),
    4: ("high", "upper_middle", "lower_middle", "low"),
    5: ("high", "upper_middle", "middle", "lower_middle", "low"),
}
TIER_ZH = {"high": "高", "upper_middle": "中高", "middle": "中", "lower_middle": "中低", "low": "低"}


def define_segments(
    verdict: Verdict,
    matrix: pd.DataFrame,
    transform: Transform,
    *,
    as_of: date,
    details: Mapping[str, Any] | None = None,
) -> SegmentDefinition:
    """Turn a verdict into a named, versioned definition.

    Parameters
    ----------
    verdict : Verdict
        As ``clustering.judge`` gave it.
    matrix : pandas.DataFrame
        The customers that were clustered, scaled.
    transform : Transform
        As ``transforms.prepare`` gave it with the matrix.
    as_of : datetime.date
        Date up to which the features were built.
    details : mapping, optional
        Further fields of ``SegmentDefinition``: name, parameters, training_digest, made_by; and ``labels``, feature to
        {"en", "zh"}, for the names.

    Returns
    -------
    SegmentDefinition
        Structure: segments named by what sets them apart, the most valuable first. Continuum: tiers in order of value.
        Otherwise the single segment ``all``.
    """
    kept = dict(details or {})
    labels = kept.pop("labels", None)
    centres = np.zeros((0, matrix.shape[1])) if verdict.centres is None else verdict.centres
    segments: tuple[Segment, ...] = (ALL,)
    if len(centres):
        centres = centres[order_by_value(centres, transform.columns)]
        base = (matrix.to_numpy().mean(axis=0), matrix.to_numpy().std(axis=0))
        spoken = name_tiers if verdict.verdict == "continuum" else name_segments
        segments = spoken(centres, transform.columns, base, labels=labels)
    return SegmentDefinition(
        name=kept.pop("name", "customer_segments"),
        transform=transform,
        centroids=tuple(tuple(float(x) for x in row) for row in centres),
        segments=segments,
        as_of=as_of.isoformat(),
        verdict=verdict.verdict,
        method="kmeans" if len(centres) else "single",
        evidence={"reason": verdict.reason, **verdict.values},
        **kept,
    )


def name_segments(
    centres: np.ndarray,
    columns: Sequence[str],
    base: tuple[np.ndarray, np.ndarray],
    *,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Segment, ...]:
    """Name separate groups by the features in which they differ most from everybody.

    Parameters
    ----------
    centres : numpy.ndarray
        Shape (k, p), scaled units.
    columns : sequence of str
        The p features.
    base : (mean, sd) of numpy.ndarray
        Of all customers, per feature, in the same units.
    labels : mapping, optional
        Feature to {"en", "zh"} label, for features without a phrase of their own.

    Returns
    -------
    tuple of Segment
        One per centre. A name joins up to three phrases, the strongest difference first, each at least .3 standard
        deviations from the base; more phrases follow where two segments would share a name, and last of all a
        number. Keys are the English names in lower case with underscores.
    """
    spoken = [_spoken(row, columns, labels or {}) for row in _standardised(centres, base)]
    return _distinct(spoken)


def name_tiers(
    centres: np.ndarray,
    columns: Sequence[str],
    base: tuple[np.ndarray, np.ndarray],
    *,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[Segment, ...]:
    """Name the pieces of a continuum by their rank: tiers of a stable cut, not groups that were found.

    Parameters
    ----------
    centres : numpy.ndarray
        Shape (k, p), already in descending order of value (``order_by_value``).
    columns, base, labels
        As for ``name_segments``.

    Returns
    -------
    tuple of Segment
        Keys such as tier_1_high, tier_2_middle, tier_3_low; names add the phrases of the strongest differences.
    """
    k = len(centres)
    words = TIER_WORDS.get(k) or ("high", *["middle"] * (k - 2), "low")
    differences = _standardised(centres, base)
    spoken = (_segment(_spoken(row, columns, labels or {})[0]) for row in differences)
    return tuple(
        Segment(
            f"tier_{rank}_{word}",
            {
                "en": f"Tier {rank} of {k}, {word.replace('_', '-')}: {each.name['en'].lower()}",
                "zh": f"{TIER_ZH[word]}价值层（{rank}/{k}）：{each.name['zh']}",
            },
        )
        for rank, (word, each) in enumerate(zip(words, spoken, strict=True), start=1)
    )


def order_by_value(centres: np.ndarray, columns: Sequence[str], *, value_column: str = "monetary_total") -> np.ndarray:
    """Return the order of the centres from the highest value to the lowest.

    Parameters
    ----------
    centres : numpy.ndarray
        Shape (k, p).
    columns : sequence of str
    value_column : str
        The feature that stands for value; without it, spend_per_order_mean, frequency_orders, else the first feature.

    Returns
    -------
    numpy.ndarray
        Indices, shape (k,); ties by the remaining coordinates, then by index.
    """
    known = [name for name in (value_column, "spend_per_order_mean", "frequency_orders") if name in columns]
    first = list(columns).index(known[0]) if known else 0
    return np.lexsort((*(-centres).T[::-1], -centres[:, first]))


def _standardised(centres: np.ndarray, base: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    mean, spread = base
    return (centres - mean) / np.where(spread > 0, spread, 1.0)


def _spoken(
    row: np.ndarray, columns: Sequence[str], labels: Mapping[str, Mapping[str, str]]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the phrases that name a segment, strongest difference first, and those that may lengthen the name."""
    order = np.lexsort((np.arange(len(row)), -np.round(np.abs(row), 6)))
    told = list(dict.fromkeys(_phrase(columns[at], bool(row[at] > 0), labels) for at in order))
    telling = {_phrase(columns[at], bool(row[at] > 0), labels) for at in order if abs(row[at]) >= TELLING}
    lead = [phrase for phrase in told if phrase in telling][:MOST_PHRASES]
    return lead or [("average", "平均")], [phrase for phrase in told if phrase not in lead]


def _phrase(column: str, high: bool, labels: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    if column in PHRASES:
        return PHRASES[column][0 if high else 1]
    label = labels.get(column, {})
    plain = column.replace("_", " ")
    return (
        f"{'high' if high else 'low'} {label.get('en', plain).lower()}",
        f"{label.get('zh', plain)}{'高' if high else '低'}",
    )


def _distinct(spoken: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]) -> tuple[Segment, ...]:
    """Lengthen names until all differ in key and in both languages; number what still does not."""
    more = [0] * len(spoken)
    for _ in range(1 + max(len(rest) for _, rest in spoken)):
        named = [_segment([*lead, *rest[:added]]) for (lead, rest), added in zip(spoken, more, strict=True)]
        shared = _shared(named)
        more = [added + (at in shared) for at, added in enumerate(more)]
    ranks = {at: rank for rank, at in enumerate(sorted(shared), start=1)}
    return tuple(_ranked(each, ranks[at]) if at in ranks else each for at, each in enumerate(named))


def _segment(phrases: list[tuple[str, str]]) -> Segment:
    english, chinese = ", ".join(each[0] for each in phrases), "、".join(each[1] for each in phrases)
    key = re.sub(r"[^a-z0-9]+", "_", english.lower()).strip("_") or "segment"
    return Segment(key, {"en": english[:1].upper() + english[1:], "zh": chinese})


def _shared(named: Sequence[Segment]) -> set[int]:
    found = set()
    for read in (lambda each: each.key, lambda each: each.name["en"], lambda each: each.name["zh"]):
        spoken = [read(each) for each in named]
        found |= {at for at, name in enumerate(spoken) if spoken.count(name) > 1}
    return found


def _ranked(segment: Segment, rank: int) -> Segment:
    return Segment(
        f"{segment.key}_{rank}", {"en": f"{segment.name['en']} ({rank})", "zh": f"{segment.name['zh']}（{rank}）"}
    )
