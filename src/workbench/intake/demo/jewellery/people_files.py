"""The files of people: the CRM's export, the shops' members, the web shop's accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.intake.demo.jewellery.days import DAYS, START
from workbench.intake.demo.jewellery.dirt import (
    dirty_birthday,
    dirty_member_number,
    dirty_name,
    dirty_phone,
    dirty_text,
)
from workbench.intake.demo.jewellery.orders_files import ACCOUNT_OF

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["crm_sql", "members_sql", "web_accounts_sql"]

RATED_DAY = DAYS - 365  # member levels follow the spend up to a year before the end
LEVELS = ((60000, "黑钻"), (20000, "金卡"), (5000, "银卡"))
INCOMES = "[6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 100]"  # ten thousand yuan a year


def crm_sql(draws: Draws) -> str:
    """Write the query of the CRM's export, by id; some cells are garbled, damaged or impossible."""
    u, key = draws.unit, "(a.person * 2 + a.copy)"
    level = " ".join(f"WHEN s.spent >= {least} THEN '{name}'" for least, name in LEVELS)
    married = "CASE WHEN h.is_married THEN '已婚' ELSE '未婚' END"
    income = f"""({INCOMES})[1 + greatest(0, least(10,
        floor(5 + 2.2 * p.purse + 1.5 * {draws.normal("p.person", "income")})))::INTEGER]::VARCHAR"""
    odd_marriage = dirty_text(draws, married, key, "odd marriage", "YOLO")
    odd_income = dirty_text(draws, income, key, "odd income", "666666")
    education = draws.weighted("p.person", "education", {"大专": 3, "本科": 5, "硕士及以上": 1.5, "高中及以下": 2})
    work = draws.weighted(
        "p.person",
        "work",
        {"企业职员": 5, "个体经营": 2, "公务员": 1, "教师": 1, "医护": 1, "自由职业": 1.5, "退休": 0.7},
    )
    joined = f"DATE '{START}' + (p.joined + a.copy * 40)::INTEGER"
    return f"""
    SELECT a.source_id AS "客户编号", {dirty_member_number(draws, "a.member_number", key)} AS "会员号",
        {dirty_name(draws, "a.name", key)} AS "姓名", a.gender AS "性别", {dirty_birthday(draws, "a.birthday", key)} AS "出生日期",
        {dirty_phone(draws, "a.phone", key)} AS " 手机号 ", a.email AS "邮箱", a.province AS "省份",
        CASE WHEN {u(key, "no city")} < 0.04 THEN NULL WHEN {u(key, "no city")} < 0.3 THEN a.city || '市' ELSE a.city END AS "城市", a.address AS "收货地址",
        CASE WHEN {u(key, "no education")} < 0.3 THEN NULL ELSE {education} END AS "学历",
        CASE WHEN {u(key, "no work")} < 0.35 THEN NULL ELSE {work} END AS "职业",
        CASE WHEN {u(key, "no marriage")} < 0.25 THEN NULL ELSE {odd_marriage} END AS "婚姻状况",
        CASE WHEN {u(key, "no income")} < 0.4 THEN NULL ELSE {odd_income} END AS "年收入（万元）",
        CASE {level} ELSE '普通' END AS "会员等级", strftime({joined}, '%Y/%m/%d') AS "注册时间",
        o.source_l1 AS "一级来源", o.source_l2 AS "二级来源", o.source_l3 AS "三级来源", f.source_id AS "推荐人编号",
        CASE WHEN {u(key, "no children")} < 0.35 THEN NULL ELSE h.children END AS "子女数",
        CASE WHEN {u(key, "no home")} < 0.5 THEN NULL WHEN h.owns_home THEN '自有' ELSE '租房' END AS "住房情况",
        CASE WHEN {u(key, "no car")} < 0.5 THEN NULL WHEN h.owns_car THEN '有车' ELSE '无车' END AS "车辆情况"
    FROM accounts AS a JOIN people AS p USING (person) JOIN households AS h USING (person)
    JOIN origins AS o ON o.persona = p.persona AND o.slot = floor({u("p.person", "origin")} * 100)::BIGINT
    LEFT JOIN (SELECT person, sum(amount) AS spent FROM lines WHERE day + later < {RATED_DAY} GROUP BY person) AS s ON s.person = a.person
    LEFT JOIN (SELECT other, min(person) AS person FROM relations WHERE kind = '推荐' GROUP BY other) AS r ON r.other = a.person
    LEFT JOIN {ACCOUNT_OF.format(source="'crm'")} AS f ON f.person = r.person
    WHERE a.source = 'crm' ORDER BY a.source_id"""


def members_sql(draws: Draws) -> str:
    """Write the query of the shops' members, by id."""
    key = "(a.person * 2 + 1000000007)"
    return f"""
    SELECT a.source_id AS "会员卡号", a.member_number AS "会员号", {dirty_name(draws, "a.name", key)} AS "会员姓名", a.gender AS "性别",
        a.phone AS "联系电话", CASE WHEN {draws.unit(key, "no birthday")} < 0.45 THEN NULL ELSE a.birthday END AS "生日",
        a.city AS "城市", 'MD' || lpad((p.city_no * 10 + 1)::VARCHAR, 4, '0') AS "开卡门店"
    FROM accounts AS a JOIN people AS p USING (person) WHERE a.source = 'pos' ORDER BY a.source_id"""


def web_accounts_sql(draws: Draws) -> str:
    """Write the query of the web shop's accounts, by id."""
    key = "(a.person * 2 + 2000000011)"
    joined = (
        f"DATE '{START}' + (greatest(p.joined, -900) + floor(power({draws.unit(key, 'web joined')}, 3) * 20))::INTEGER"
    )
    return f"""
    SELECT a.source_id AS "买家会员名", a.name AS "收货人", {dirty_phone(draws, "a.phone", key)} AS "收货手机", a.email AS "邮箱",
        a.gender AS "性别", CASE WHEN {draws.unit(key, "no birthday")} < 0.6 THEN NULL ELSE a.birthday END AS "生日", a.province AS "收货省份",
        a.city AS "收货城市", a.address AS "收货地址", strftime({joined}, '%Y-%m-%d') || ' 00:00:00' AS "开通时间"
    FROM accounts AS a JOIN people AS p USING (person) WHERE a.source = 'web' ORDER BY a.source_id"""
