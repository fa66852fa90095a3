"""What campaigns, service, reviews, relations, surveys and the register say of a customer, in words.

An entry is name, kind, unit, needs, rule for missing values, label en, label zh, formula en, formula zh. A need without
a table is a column of transactions; ``a|b`` needs one of the two. ``{days}`` stands for the length of each window.
"""

from __future__ import annotations

__all__ = ["CAMPAIGNS", "SERVICE", "REVIEWS", "NETWORK", "SURVEY", "ORIGIN"]

CAMPAIGNS = (
    ("campaigns_sent", "integer", "campaigns", "campaigns.sent_at", "zero", "Campaigns received", "收到的营销活动数",
     "distinct campaigns sent before the as-of date", "截止日期前发送的不同营销活动数"),
    ("campaigns_redeemed", "integer", "campaigns", "campaigns.redeemed_at", "zero", "Campaigns redeemed",
     "核销的营销活动数", "distinct campaigns redeemed before the as-of date", "截止日期前核销的不同营销活动数"),
    ("campaigns_opened", "integer", "campaigns", "campaigns.opened_at", "zero", "Campaigns opened", "打开的营销活动数",
     "distinct campaigns opened before the as-of date", "截止日期前打开的不同营销活动数"),
    ("campaign_open_share", "number", "share", "campaigns.sent_at campaigns.opened_at", "few_cases", "Open rate",
     "营销打开率",
     "campaigns sent and opened / campaigns sent", "已发送且打开的营销活动数 ÷ 已发送的营销活动数"),
    ("campaign_redemption_share", "number", "share", "campaigns.sent_at campaigns.redeemed_at", "few_cases",
     "Redemption rate", "营销核销率", "campaigns sent and redeemed / campaigns sent",
     "已发送且核销的营销活动数 ÷ 已发送的营销活动数"),
    ("redemption_days_median", "number", "days", "campaigns.sent_at campaigns.redeemed_at", "not_redeemed",
     "Days from sending to redemption", "发送到核销天数",
     "median of the days from the sending to the redemption of a campaign", "营销活动发送至核销天数的中位数"),
)  # fmt: skip
SERVICE = (
    ("service_cases", "integer", "cases", "service.opened_at", "zero", "Service cases", "服务工单数",
     "cases opened before the as-of date", "截止日期前提交的工单数"),
    ("service_cases_{days}d", "integer", "cases", "service.opened_at", "zero", "Service cases, last {days} days",
     "近 {days} 天服务工单数", "cases opened in the {days} days before the as-of date",
     "截止日期前 {days} 天内提交的工单数"),
    ("service_cases_open", "integer", "cases", "service.opened_at service.closed_at", "zero", "Open service cases",
     "未结工单数", "cases opened and not closed before the as-of date", "截止日期前已提交且未关闭的工单数"),
    ("service_recency_days", "integer", "days", "service.opened_at", "no_case", "Days since last service case",
     "距上次工单天数", "days from the opening of the last case to the as-of date",
     "最近一次工单提交日至截止日期的天数"),
    ("resolve_days_median", "number", "days", "service.opened_at service.closed_at", "no_closed", "Days to resolve",
     "解决天数中位数", "median of the days from opening to closing of the cases closed before the as-of date",
     "截止日期前已关闭工单自提交至关闭天数的中位数"),
    ("service_rating_mean", "number", "rating", "service.rating", "no_rating", "Service rating", "服务评分",
     "mean rating of the cases, on the source's scale; a case is rated when it is closed",
     "工单评分的均值，按来源量表；评分自工单关闭时可知"),
    ("service_rating_last", "number", "rating", "service.opened_at service.rating", "no_rating",
     "Latest service rating",
     "最近服务评分", "rating of the case opened last; the lowest where several were",
     "最近提交且有评分的工单评分；同时有多个取最低"),
    ("service_topic_top", "category", "name", "service.topic", "no_topic", "Main service topic", "主要服务主题",
     "topic of the most cases; ties go to the name that sorts first", "工单数最多的主题；并列时取名称排序靠前者"),
    ("complaints", "integer", "cases", "service.type", "zero", "Complaints", "投诉数",
     "cases whose type names a complaint", "类型为投诉的工单数"),
    ("complaints_open", "integer", "cases", "service.type service.closed_at", "zero", "Open complaints", "未结投诉数",
     "complaints not closed before the as-of date", "截止日期前未关闭的投诉数"),
    ("complaint_resolve_days_median", "number", "days", "service.type service.opened_at service.closed_at", "no_closed",
     "Days to resolve a complaint", "投诉解决天数中位数", "median of the days from opening to closing of complaints",
     "投诉自提交至关闭天数的中位数"),
)  # fmt: skip
REVIEWS = (
    ("reviews_written", "integer", "reviews", "reviews.customer_id", "zero", "Reviews written", "发表评价数",
     "reviews written before the as-of date", "截止日期前发表的评价数"),
    ("review_recency_days", "integer", "days", "reviews.reviewed_at", "no_review", "Days since last review",
     "距上次评价天数", "days from the last review to the as-of date", "最近一次评价至截止日期的天数"),
    ("review_rating_mean", "number", "rating", "reviews.rating", "no_review_rating", "Review rating", "评价评分",
     "mean rating of the reviews, on the source's scale", "评价评分的均值，按来源量表"),
    ("review_rating_last", "number", "rating", "reviews.reviewed_at reviews.rating", "no_review_rating",
     "Latest review rating", "最近评价评分", "rating of the last review; the lowest where several were",
     "最近一次评价的评分；同时有多个取最低"),
    ("review_likes", "integer", "likes", "reviews.likes", "zero", "Likes received", "获赞数",
     "likes of all reviews, as recorded in the source", "全部评价的获赞数，按来源记录"),
    ("followers_most", "integer", "followers", "reviews.followers", "no_followers", "Followers", "粉丝数",
     "largest number of followers recorded with a review", "评价所记录的最多粉丝数"),
)  # fmt: skip
NETWORK = (
    ("relations_degree", "integer", "customers", "relations.other_id", "zero", "Related customers", "关联客户数",
     "distinct other customers known at the as-of date, in either direction",
     "截止日期已知的不同关联客户数，不分方向"),
    ("relations_reach", "integer", "customers", "relations.other_id", "zero", "Reach through relations", "关系触达数",
     "related customers + their own other relations, each counted once per path",
     "关联客户数 + 其各自的其他关联数，按路径计"),
    ("relations_active_share", "number", "share", "relations.other_id ordered_at", "no_relation",
     "Active related customers", "活跃关联客户占比",
     "related customers with a purchase in the 365 days before the as-of date / related customers",
     "截止日期前 365 天内有购买的关联客户数 ÷ 关联客户数"),
    ("referrals", "integer", "customers", "relations.kind|customers.referrer_customer_id", "zero", "Customers referred",
     "推荐客户数", "distinct customers known at the as-of date whom this one referred",
     "截止日期已知、由该客户推荐的不同客户数"),
    ("referred_spend", "money", "money", "relations.kind|customers.referrer_customer_id customer_id", "no_referral",
     "Spend of customers referred", "被推荐客户净消费额", "net spend of the customers this one referred",
     "由该客户推荐的客户的净消费额之和"),
)  # fmt: skip
SURVEY = (
    ("nps_score", "number", "score", "responses.question", "not_asked", "Willingness to recommend", "推荐意愿分",
     "latest answer from 0 to 10 to the question nps", "问题 nps 的最近一次 0 至 10 分回答"),
    ("nps_class", "category", "name", "responses.question", "not_asked", "Promoter or detractor", "推荐者分类",
     "promoter at 9 and 10, passive at 7 and 8, detractor below (Reichheld 2003)",
     "9、10 分为推荐者（promoter），7、8 分为中立者（passive），以下为贬损者（detractor）"),
    ("survey_answers", "integer", "answers", "responses.question", "zero", "Survey answers", "问卷回答数",
     "answers given before the as-of date", "截止日期前给出的回答数"),
)  # fmt: skip
ORIGIN = (
    ("acquisition_channel", "category", "name",
     "customers.source_l1|events.channel|transactions.channel", "no_touch", "Acquisition channel", "获客渠道",
     "source_l1 where given, else the channel of the first event, else of the first purchase",
     "优先取一级来源（source_l1），其次首次行为事件的渠道，再次首次购买的渠道"),
    ("city_tier", "integer", "tier", "customers.city", "no_tier", "City tier", "城市等级",
     "1 first tier, 2 new first tier, 3 second tier, 4 third tier, by a public commercial ranking of 2020",
     "按 2020 年公开商业榜单：1 一线，2 新一线，3 二线，4 三线"),
    ("registered_days", "integer", "days", "customers.registered_at", "not_given", "Days since registration",
     "注册天数", "days from the date of registration to the as-of date", "注册日期至截止日期的天数"),
)  # fmt: skip
