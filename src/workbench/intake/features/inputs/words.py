"""Synonyms used by sources: kinds of events and cases, online and shop, instalments, referrals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

__all__ = [
    "COMPLAINT_WORDS",
    "EVENT_KINDS",
    "INSTALMENT_WORDS",
    "ONLINE_WORDS",
    "REFERRAL_KINDS",
    "STORE_WORDS",
    "contains_any",
    "kind_of_event",
    "names_any",
    "plain",
]

# kind -> its names in sources, in lower case
EVENT_KINDS = {
    "view": ("view", "pv", "page_view", "pageview", "product_view", "view_item", "browse", "detail",
             "浏览", "查看", "浏览商品", "商品浏览", "浏览页面"),
    "cart": ("cart", "add_to_cart", "addtocart", "add to cart", "basket", "加购", "加入购物车", "加购物车", "购物车"),
    "purchase": ("purchase", "buy", "order", "pay", "paid", "checkout", "transaction",
                 "购买", "下单", "支付", "付款", "成交"),
    "favourite": ("favourite", "favorite", "fav", "wishlist", "collect", "like", "收藏", "喜欢"),
    "search": ("search", "query", "site_search", "搜索", "搜索商品"),
    "impression": ("impression", "exposure", "show", "shown", "message_shown", "曝光", "展示"),
    "click": ("click", "banner_click", "ad_click", "message_click", "点击"),
    "attend": ("event_attended", "attend", "community", "community_post", "参加活动", "活动签到", "社区", "社区互动"),
}  # fmt: skip
ONLINE_WORDS = (
    "online", "web", "app", "mini", "mobile", "desktop", "site", "ecommerce", "e-commerce", "wechat", "tmall", "jd",
    "taobao", "douyin", "android", "ios", "h5", "pc", "webshop", "eshop", "线上", "网", "小程序", "天猫", "京东",
    "淘宝", "抖音", "微信",
    "商城", "无线",
)  # fmt: skip
STORE_WORDS = ("store", "shop", "offline", "pos", "retail", "counter", "门店", "线下", "专柜", "柜台", "实体", "商场")
INSTALMENT_WORDS = ("instal", "分期")
COMPLAINT_WORDS = ("complain", "投诉", "抱怨")
REFERRAL_KINDS = ("referral", "referred", "refer", "invite", "invited", "推荐", "邀请", "转介绍", "老带新")


def plain(value: ir.StringColumn) -> ir.StringColumn:
    """Convert a word to lower case without surrounding blanks."""
    return value.strip().lower()


def contains_any(value: ir.StringColumn, words: Sequence[str]) -> ir.BooleanColumn:
    """Return whether a text contains one of the words, in any case; null where the text is null."""
    return reduce(or_, [plain(value).contains(word.lower()) for word in words])


def names_any(value: ir.StringColumn, words: Sequence[str]) -> ir.BooleanColumn:
    """Return whether a text contains one of the words: Latin ones as whole words, others anywhere; null stays null.

    ``mobile_app`` contains ``app``, ``apparel`` does not.
    """
    latin = sorted(word.lower() for word in words if word.isascii())
    others = [word for word in words if not word.isascii()]
    conditions = [contains_any(value, others)] if others else []
    if latin:
        conditions.append(plain(value).re_search(f"(^|[^a-z])({'|'.join(map(re.escape, latin))})([^a-z]|$)"))
    return reduce(or_, conditions)


def kind_of_event(event_type: ir.StringColumn, more: Mapping[str, Sequence[str]] | None = None) -> ir.StringColumn:
    """Return the kind of an event from its type; null for an unknown word.

    Parameters
    ----------
    event_type : ibis column of text
    more : mapping of str to sequence of str, optional
        Additional words by kind, which take precedence over the built-in ones.
    """
    extra = {kind: [word.strip().lower() for word in words] for kind, words in (more or {}).items()}
    extra_words = {word for words in extra.values() for word in words}
    word_of_event = plain(event_type)
    branches = [(word_of_event.isin(words), kind) for kind, words in extra.items() if words]
    built_in = {kind: [word for word in words if word not in extra_words] for kind, words in EVENT_KINDS.items()}
    branches += [(word_of_event.isin(words), kind) for kind, words in built_in.items()]
    return ibis.cases(*branches)
