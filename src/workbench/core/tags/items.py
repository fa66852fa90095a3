"""The 98 items of a portrait, in eight groups: their names and the data they need.

An entry is id, sensitive, English name, Chinese name, needs: columns (or tables) that must all exist; ``a|b`` means
that either suffices. ``responses`` is the survey table; ``params.occasions`` are rules of 03_build_features.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["GROUPS", "ITEMS", "Item"]

GROUPS = {
    "demographic": {"en": "Who they are", "zh": "人口属性"},
    "consumption": {"en": "How they buy", "zh": "消费行为"},
    "usage": {"en": "How they use and browse", "zh": "使用行为"},
    "psychological": {"en": "What moves them", "zh": "心理特征"},
    "social": {"en": "Whom they know", "zh": "社会关系"},
    "relationship": {"en": "How they stand with us", "zh": "客户关系"},
    "account": {"en": "The company they buy for", "zh": "企业客户"},
    "interview": {"en": "Told in interviews", "zh": "访谈信息"},
}
_ENTRIES = {
    "demographic": (
        ("age", False, "Age", "年龄", "customers.birth_date|customers.age|customers.age_band"),
        ("gender", False, "Gender", "性别", "customers.gender"),
        ("region", False, "Region", "地域", "customers.city|customers.province|customers.country"),
        ("education", False, "Education", "教育程度", "customers.education"),
        ("occupation", False, "Occupation", "职业", "customers.occupation"),
        ("income", False, "Income level", "收入水平", "customers.income"),
        ("marital_status", False, "Marital status", "婚姻状况", "customers.marital_status"),
        ("children", False, "Children", "子女状况", "customers.children"),
        ("household_size", False, "Household size", "家庭规模", "customers.household_size"),
        ("family_life_cycle", False, "Family life-cycle stage", "家庭生命周期",
         "customers.age|customers.birth_date|customers.age_band customers.marital_status customers.children"),
        ("housing", False, "Housing", "住房状况", "customers.home_ownership"),
        ("car_ownership", False, "Car ownership", "购车状况", "customers.car_ownership|responses"),
        ("nationality", False, "Nationality", "国籍", "customers.nationality"),
        ("ethnicity", True, "Ethnicity", "民族", "customers.ethnicity"),
        ("religion", True, "Religion", "宗教信仰", "customers.religion"),
    ),
    "consumption": (
        ("recency", False, "Recency", "最近购买时间 (R)", "transactions.ordered_at"),
        ("frequency", False, "Purchase frequency", "消费频次 (F)", "transactions"),
        ("monetary", False, "Purchase amount", "消费金额 (M)", "transactions.amount"),
        ("consumption_level", False, "Consumption level", "消费水平", "transactions.amount"),
        ("consumption_habit", False, "Consumption habit", "消费习惯",
         "transactions.order_id|transactions.ordered_at"),
        ("preference", False, "Category and brand preference", "消费偏好",
         "transactions.product_id products.category|products.brand"),
        ("purchase_channel", False, "Purchase channel", "购买渠道", "transactions.channel"),
        ("platform", False, "Platform", "平台 (无线端/PC端)", "transactions.platform|events.platform"),
        ("purchase_time", False, "Purchase time", "购买时间", "transactions.ordered_at"),
        ("purchase_cycle", False, "Purchase cycle", "购买周期", "transactions.ordered_at"),
        ("payment_method", False, "Payment method", "支付方式", "transactions.payment_method"),
        ("shopping_mode", False, "Shopping mode", "购物方式", "transactions.channel|transactions.platform"),
        ("returns", False, "Returns and exchanges", "退换货", "transactions.amount"),
        ("brand_loyalty", False, "Brand loyalty", "品牌忠诚度",
         "transactions.product_id products.category products.brand"),
        ("promotion_sensitivity", False, "Promotion sensitivity", "促销敏感度",
         "transactions.discount|transactions.coupon"),
        ("price_sensitivity", False, "Price sensitivity", "价格敏感度", "transactions.unit_price products.category"),
        ("shopping_companion", False, "Shopping companion", "购物同伴", "responses"),
        ("shopping_environment", False, "Shopping environment preference", "购物环境偏好", "responses"),
        ("decision_style", False, "Decision style", "购物决策方式", "responses|events.product_id"),
        ("decision_cycle", False, "Decision cycle", "购物决策周期", "events.product_id transactions.product_id"),
        ("consumption_concept", False, "Consumption concept", "消费观念", "responses"),
        ("occasion", False, "Occasion", "购买场景", "transactions.ordered_at params.occasions"),
    ),
    "usage": (
        ("usage_habit", False, "Usage habit", "使用习惯", "events.platform|events.occurred_at"),
        ("usage_frequency", False, "Usage frequency", "使用频率", "events"),
        ("usage_time", False, "Usage time", "使用时间", "events"),
        ("browsing", False, "Browsing behaviour", "浏览行为", "events.type|events.product_id"),
        ("search", False, "Search behaviour", "搜索行为", "events.search_term"),
        ("clicks", False, "Click behaviour", "点击行为", "events.type"),
        ("conversion", False, "Conversion", "转化行为", "events.type transactions"),
    ),
    "psychological": (
        ("personality", False, "Personality", "个性", "responses"),
        ("values", False, "Values", "价值观", "responses"),
        ("interests", False, "Interests", "兴趣爱好", "responses|products.category"),
        ("lifestyle", False, "Lifestyle", "生活方式", "responses"),
        ("attitude", False, "Attitude", "态度", "responses"),
        ("beliefs", True, "Beliefs", "信仰", "responses"),
        ("needs", False, "Psychological needs", "心理需求", "responses"),
        ("motivation", False, "Purchase motivation", "心理动机", "responses"),
        ("expectation", False, "Expectation", "心理预期", "responses"),
        ("security", True, "Sense of security", "心理安全感", "responses"),
        ("stress", True, "Stress", "心理压力", "responses"),
        ("resilience", True, "Resilience", "心理承受力", "responses"),
        ("adaptability", False, "Adaptability", "心理适应力", "responses"),
        ("identity", False, "Sense of identity", "心理认同感", "responses"),
    ),
    "social": (
        ("family_status", False, "Family status", "家庭状况",
         "customers.marital_status|customers.children|customers.household_size"),
        ("social_circle", False, "Social circle", "社交圈子", "relations"),
        ("influence", False, "Influence", "影响力", "relations|customers.referrer_customer_id"),
        ("interpersonal", False, "Interpersonal relations", "人际关系", "responses"),
        ("social_status", False, "Social status", "社会地位",
         "responses|customers.occupation|customers.income|customers.education"),
        ("social_role", False, "Social role", "社会角色", "responses"),
        ("social_identity", False, "Social identity", "社会认同感", "responses"),
        ("social_support", False, "Social support", "社会支持", "responses"),
        ("social_participation", False, "Social participation", "社会参与度", "events.type"),
        ("social_network", False, "Social network", "社交网络", "relations"),
    ),
    "relationship": (
        ("satisfaction", False, "Satisfaction", "客户满意度", "service.rating|reviews.rating|responses"),
        ("loyalty", False, "Loyalty", "客户忠诚度", "transactions.ordered_at"),
        ("retention", False, "Retention", "客户维系度", "transactions.ordered_at|labels"),
        ("acquisition_channel", False, "Acquisition channel", "客户获取渠道",
         "customers.source_l1|events.channel|transactions.channel"),
        ("churn_risk", False, "Churn risk", "流失风险", "transactions.ordered_at|labels"),
        ("churn_reason", False, "Churn reason", "客户流失原因", "service.topic|responses"),
        ("purchase_probability", False, "Purchase probability", "购买概率", "transactions.ordered_at"),
        ("life_cycle", False, "Life-cycle stage", "客户生命周期", "transactions.ordered_at"),
        ("value", False, "Customer value", "客户价值", "transactions.ordered_at"),
        ("contribution", False, "Contribution", "客户贡献度", "transactions.amount"),
        ("profitability", False, "Profitability", "客户盈利能力", "transactions.quantity products.unit_cost"),
        ("word_of_mouth", False, "Word of mouth", "客户口碑", "reviews|relations|customers.referrer_customer_id"),
        ("recommendation", False, "Willingness to recommend", "客户推荐度", "responses"),
        ("complaints", False, "Complaint record", "客户投诉记录", "service.type"),
        ("feedback", False, "Feedback record", "客户反馈记录", "service|reviews|responses"),
        ("user_tier", False, "User tier", "核心/次要/小众/负面用户", "transactions.amount"),
    ),
    "account": (
        ("industry", False, "Industry", "行业类别", "accounts.industry"),
        ("company_size", False, "Company size", "公司规模", "accounts.employees|accounts.revenue|accounts.sites"),
        ("company_stage", False, "Development stage", "发展阶段", "accounts.stage"),
        ("company_location", False, "Company location", "地理位置", "accounts.region"),
        ("company_business", False, "Business situation", "业务情况", "accounts.business|accounts.culture"),
        ("decision_role", False, "Role in the decision chain", "决策链角色", "contacts.decision_role"),
        ("position", False, "Position and function", "岗位职能", "contacts.position|contacts.function"),
        ("main_problem", False, "Main problem to solve", "主要问题", "contacts.problem"),
        ("past_use", False, "Past use and purchases", "过往使用和购买情况", "contacts transactions"),
    ),
    "interview": (
        ("media_habit", False, "Media habits", "媒介习惯", "responses"),
        ("leisure", False, "Leisure and outings", "闲暇与自驾游", "responses"),
        ("product_choice", False, "Purchase reasons and rivals", "购买理由与对比产品", "responses"),
        ("product_use", False, "Product use", "产品用途", "responses"),
        ("product_opinion", False, "Product and dealer opinion", "产品与经销商评价", "responses"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One item of a portrait.

    Attributes
    ----------
    id : str
    group : str
        A key of ``GROUPS``.
    name : dict of str
        By language (en, zh).
    sensitive : bool
        If true, computed only if listed in the parameters and the customer consents.
    needs : tuple of str
        Required columns as table.column, or tables; ``a|b``: either suffices.
    """

    id: str
    group: str
    name: dict[str, str]
    sensitive: bool
    needs: tuple[str, ...]

    def lacks(self, present: Collection[str]) -> tuple[str, ...]:
        """Return the needs that the present tables and table.columns do not meet."""
        return tuple(need for need in self.needs if not set(need.split("|")) & set(present))


ITEMS = {
    name: Item(name, group, {"en": english, "zh": chinese}, sensitive, tuple(needs.split()))
    for group, entries in _ENTRIES.items()
    for name, sensitive, english, chinese, needs in entries
}
