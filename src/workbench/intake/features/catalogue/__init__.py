"""The features in words, by group: each stands here once."""

from __future__ import annotations

from workbench.intake.features.catalogue import contacts, purchases, usage
from workbench.intake.features.catalogue.missing import MISSING

__all__ = ["GROUPS", "MISSING", "SCALE"]

# group -> its entries, in the order of the features table
GROUPS = {
    "spend": purchases.SPEND,
    "rhythm": purchases.RHYTHM,
    "basket": purchases.BASKET,
    "preference": purchases.PREFERENCE,
    "times": purchases.TIMES,
    "price": purchases.PRICE,
    "returns": purchases.RETURNS,
    "occasion": purchases.OCCASION,
    "usage": usage.USAGE,
    "decision": usage.DECISION,
    "campaigns": contacts.CAMPAIGNS,
    "service": contacts.SERVICE,
    "reviews": contacts.REVIEWS,
    "network": contacts.NETWORK,
    "survey": contacts.SURVEY,
    "origin": contacts.ORIGIN,
}
# what a scale of a survey is: ``{scale}`` is its name, ``{label_en}`` and ``{label_zh}`` what it measures
SCALE = (
    "scale_{scale}", "number", "score", "responses.question responses.answer", "few_items",
    "{label_en} (scale score)", "{label_zh}（量表得分）",
    "mean of the items answered, reverse items turned round; the latest answer of each item counts",
    "已答题项的均值，反向题已转向；每题取最近一次回答",
)  # fmt: skip
