"""The files other than orders and people: events, service, reviews, survey, campaigns, relations, consents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.intake.demo.jewellery.campaigns import OUTCOME_DAYS
from workbench.intake.demo.jewellery.days import DAYS, START
from workbench.intake.demo.jewellery.orders_files import ACCOUNT_OF, moment
from workbench.intake.demo.jewellery.survey import SURVEY

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = [
    "answers_sql",
    "campaigns_sql",
    "consents_sql",
    "events_sql",
    "experiments_sql",
    "relations_sql",
    "reviews_sql",
    "service_sql",
]

_CRM, _WEB = ACCOUNT_OF.format(source="'crm'"), ACCOUNT_OF.format(source="'web'")


def events_sql() -> str:
    """Write the query of the events, in order of time."""
    at = f"(TIMESTAMP '{START} 00:00:00' + to_days(e.day::INTEGER) + to_seconds(e.second))"
    return f"""
    SELECT a.source_id AS "用户", {at} AS "时间", e.type AS "事件", e.product_id AS "商品编码", e.search_term AS "搜索词",
        e.dwell_seconds AS "停留秒数", e.platform AS "终端", e.channel AS "渠道", 'S' || hex(hash(e.visit)) AS "会话编号"
    FROM events AS e JOIN {_WEB} AS a USING (person) ORDER BY e.day, e.second, a.source_id, e.type, e.product_id, e.dwell_seconds, e.visit"""


def service_sql(draws: Draws) -> str:
    """Write the query of the service cases; a customer with two CRM records may appear under either id."""
    return f"""
    SELECT 'GD' || lpad(s.case_no::VARCHAR, 11, '0') AS "工单号", a.source_id AS "客户编号", {moment("s.day", "s.second")} AS "提交时间",
        CASE WHEN s.closed_after IS NOT NULL THEN {moment("s.day + s.closed_after", "s.second")} END AS "关闭时间", s.type AS "类型", s.topic AS "主题",
        s.rating AS "满意度", s.text AS "内容"
    FROM service AS s JOIN (SELECT person, list(source_id ORDER BY copy) AS ids FROM accounts WHERE source = 'crm' GROUP BY person) AS l USING (person)
    CROSS JOIN LATERAL (SELECT l.ids[1 + floor({draws.unit("s.case_no", "which id")} * len(l.ids))::INTEGER] AS source_id) AS a
    ORDER BY s.day, s.second, s.case_no"""


def reviews_sql() -> str:
    """Write the query of the reviews."""
    return f"""
    SELECT a.source_id AS "买家会员名", r.product_id AS "商品编码", r.rating AS "评分", r.text AS "评价内容", {moment("r.day", "r.second")} AS "评价时间",
        r.channel AS "渠道", r.likes AS "点赞数", r.followers AS "粉丝数"
    FROM reviews AS r JOIN {_WEB} AS a USING (person) ORDER BY r.day, r.second, a.source_id, r.product_id, r.likes"""


def answers_sql() -> str:
    """Write the query of the survey's answers, one row per answer."""
    return f"""
    SELECT a.source_id AS "客户编号", '{SURVEY}' AS "问卷", s.question AS "题目", s.answer AS "答案", {moment("s.day", "0", "%Y-%m-%d")} AS "填写日期"
    FROM answers AS s JOIN {_CRM} AS a USING (person) ORDER BY a.source_id, s.item"""


def campaigns_sql() -> str:
    """Write the query of the campaigns sent."""
    opened, redeemed = (moment("c.day", f"c.second + {name} * 3600") for name in ("c.opened_after", "c.redeemed_after"))
    before_end = f"c.day * 24 + 10 + {{}} < {DAYS} * 24"
    return f"""
    SELECT c.campaign AS "活动编号", a.source_id AS "客户编号", {moment("c.day", "c.second")} AS "发送时间", c.channel AS "触达渠道",
        CASE WHEN {before_end.format("c.opened_after")} THEN {opened} END AS "打开时间", CASE WHEN {before_end.format("c.redeemed_after")} THEN {redeemed} END AS "核销时间"
    FROM campaigns AS c JOIN {_CRM} AS a USING (person) ORDER BY c.day, c.campaign, a.source_id"""


def experiments_sql() -> str:
    """Write the query of the randomised campaigns: arm, and what was bought in the ninety days after."""
    return f"""
    SELECT x.experiment AS "实验名称", a.source_id AS "客户编号", CASE WHEN x.treated THEN '触达组' ELSE '对照组' END AS "分组",
        {moment("x.day", "0", "%Y-%m-%d")} AS "分组日期", (coalesce(b.orders, 0) > 0)::INTEGER AS "90天内购买", coalesce(b.spent, 0)::DECIMAL(18, 2) AS "90天消费额"
    FROM arms AS x JOIN {_CRM} AS a USING (person)
    LEFT JOIN (
        SELECT x.experiment, x.person, count(DISTINCT l.key) AS orders, sum(l.amount) AS spent FROM arms AS x JOIN lines AS l
        ON l.person = x.person AND l.day > x.day AND l.day <= x.day + {OUTCOME_DAYS} AND l.day + l.later < {DAYS} GROUP BY ALL
    ) AS b ON b.experiment = x.experiment AND b.person = x.person
    ORDER BY x.day, a.source_id"""


def relations_sql() -> str:
    """Write the query of the relations."""
    return f"""
    SELECT a.source_id AS "客户编号", b.source_id AS "关联客户编号", r.kind AS "关系"
    FROM relations AS r JOIN {_CRM} AS a USING (person) JOIN {_CRM} AS b ON b.person = r.other ORDER BY 1, 2, 3"""


def consents_sql() -> str:
    """Write the query of the consents, in order of time."""
    return f"""
    SELECT a.source_id AS "客户编号", c.purpose AS "用途", CASE WHEN c.granted THEN '是' ELSE '否' END AS "是否同意",
        {moment("c.day", "0", "%Y-%m-%d")} AS "变更日期"
    FROM consents AS c JOIN {_CRM} AS a USING (person) ORDER BY c.day, a.source_id, c.purpose, c.granted"""
