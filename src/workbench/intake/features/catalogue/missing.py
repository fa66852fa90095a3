"""What a missing value means, by rule."""

from __future__ import annotations

__all__ = ["MISSING"]

MISSING = {
    "zero": {"en": "0 when there is none", "zh": "没有时为 0"},
    "no_lines": {
        "en": "missing for a customer without an order line before the as-of date",
        "zh": "统计日前没有订单行的客户缺失",
    },
    "no_purchase": {
        "en": "missing for a customer without a purchase before the as-of date",
        "zh": "统计日前没有购买的客户缺失",
    },
    "one_day": {"en": "missing with fewer than two purchase days", "zh": "购买日不足两天时缺失"},
    "two_days": {"en": "missing with fewer than three purchase days", "zh": "购买日不足三天时缺失"},
    "unknown": {
        "en": "missing where no purchase before the as-of date names one",
        "zh": "统计日前的购买均未记录该信息时缺失",
    },
    "no_time": {
        "en": "missing where no purchase carries a time of day (exactly midnight counts as none)",
        "zh": "购买均无具体时刻时缺失（恰为零点视为无时刻）",
    },
    "no_cost": {"en": "missing where no product bought has a cost", "zh": "所购商品均无成本时缺失"},
    "few_in_category": {
        "en": "missing where no category was bought twice with a known brand",
        "zh": "没有任何品类购买过两行已知品牌商品时缺失",
    },
    "no_place": {
        "en": "missing where no channel or platform names an online place or a shop",
        "zh": "渠道与平台均无法判定线上或门店时缺失",
    },
    "no_price": {
        "en": "missing where no product bought has a unit price to compare with",
        "zh": "所购商品没有可比单价时缺失",
    },
    "no_occasion": {"en": "missing where no order fits an occasion", "zh": "没有订单符合任何场景时缺失"},
    "no_gift_rule": {
        "en": "missing where no order fits an occasion declared as gift or for oneself",
        "zh": "没有订单符合声明为送礼或自用的场景时缺失",
    },
    "no_event": {"en": "missing for a customer without an event", "zh": "没有行为事件的客户缺失"},
    "no_dwell": {"en": "missing where no event has a dwell time", "zh": "事件均无停留时长时缺失"},
    "no_search": {"en": "missing where nothing was searched for", "zh": "没有搜索时缺失"},
    "no_view": {
        "en": "missing where no event names a product of a known category",
        "zh": "事件均无已知品类的商品时缺失",
    },
    "few_cases": {
        "en": "missing where the denominator is below least_for_share",
        "zh": "分母少于 least_for_share 时缺失",
    },
    "no_decision": {
        "en": "missing where no purchase follows an event on its category within 90 days",
        "zh": "没有在 90 天内先浏览后购买同品类时缺失",
    },
    "not_redeemed": {"en": "missing where nothing was redeemed", "zh": "没有核销时缺失"},
    "no_case": {"en": "missing for a customer without a service case", "zh": "没有工单的客户缺失"},
    "no_closed": {"en": "missing where no case was closed", "zh": "没有已关闭的工单时缺失"},
    "no_rating": {"en": "missing where no case was rated", "zh": "没有工单评分时缺失"},
    "no_topic": {"en": "missing where no case names a topic", "zh": "工单均无主题时缺失"},
    "no_review": {"en": "missing for a customer without a review", "zh": "没有评价的客户缺失"},
    "no_review_rating": {"en": "missing where no review has a rating", "zh": "评价均无评分时缺失"},
    "no_followers": {"en": "missing where no review records followers", "zh": "评价均未记录粉丝数时缺失"},
    "no_relation": {"en": "missing for a customer without relations", "zh": "没有关联客户时缺失"},
    "no_referral": {"en": "missing for a customer who referred nobody", "zh": "没有推荐过客户时缺失"},
    "not_asked": {"en": "missing where no answer from 0 to 10 was given", "zh": "没有 0 至 10 分的回答时缺失"},
    "few_items": {"en": "missing where too few items of the scale were answered", "zh": "量表已答题项过少时缺失"},
    "no_touch": {"en": "missing where neither source nor first touch is known", "zh": "来源与首次接触均未知时缺失"},
    "no_tier": {"en": "missing for a city outside the ranking's first four tiers", "zh": "城市不在榜单前四级时缺失"},
    "not_given": {"en": "missing where the date is not given", "zh": "未提供日期时缺失"},
}
