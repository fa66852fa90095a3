"""What customers say: service cases, reviews, answers to the survey, referrals and other relations, consents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.days import DAYS

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["write_consents", "write_relations", "write_reviews", "write_service"]

# type of case: topics
TOPICS = {"保养": ("清洗抛光", "重新电金"), "维修": ("断链焊接", "补镶配石"), "改制": ("改手寸", "改链长"),
          "咨询": ("以旧换新", "证书查询", "今日金价"), "投诉": ("质量问题", "物流延误", "服务态度", "价格争议")}  # fmt: skip
ANGRY_BEFORE_LEAVING, ANGRY_DAYS = 0.22, 60
PRAISE = (
    "做工精致，很喜欢",
    "物流很快，包装高档",
    "送女友的，她很开心",
    "款式百搭，日常佩戴刚好",
    "克数足，价格透明",
    "导购很专业",
)
BLAME = ("链子容易断", "和图片有色差", "等了很久才发货", "尺寸偏小，需要改圈")
REFERRED = 0.14
PURPOSES = {"营销短信": 0.72, "个性化推荐": 0.6, "数据分析": 0.8}
WITHDRAWN = 0.08


def write_service(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``service``: person, case_no, day, second, closed_after (days, null if open), type, topic, rating (1..5), text.

    Cases come at the persona's rate; a share of leavers complain shortly before.
    """
    key = "case_no"
    topics = " ".join(f"WHEN '{name}' THEN {draws.one_of(key, 'topic', words)}" for name, words in TOPICS.items())
    usual = draws.weighted(key, "case type", {"保养": 45, "维修": 22, "改制": 13, "咨询": 14, "投诉": 6})
    engine.execute(f"""
    CREATE TEMP TABLE service AS
    SELECT person, case_no, day, second, CASE WHEN day + took < {DAYS} THEN took END AS closed_after, type, topic,
        CASE WHEN day + took < {DAYS} AND {draws.unit(key, "rated")} < 0.6 THEN greatest(1, least(5,
            round(CASE WHEN type = '投诉' THEN 2.2 ELSE 4.4 END + 0.8 * {draws.normal(key, "rating")})))::INTEGER END AS rating,
        '客户反映：' || topic AS text
    FROM (SELECT *, CASE type {topics} END AS topic, 32400 + floor({draws.unit(key, "case second")} * 36000)::BIGINT AS second,
            1 + floor({draws.exponential(key, "took")} * CASE WHEN type IN ('维修', '投诉') THEN 7 ELSE 2.5 END)::BIGINT AS took
        FROM (
            SELECT p.person, p.person * 64 + y.range AS case_no, (y.range * 122 + floor({draws.unit("p.person * 64 + y.range", "case day")} * 121))::BIGINT AS day,
                {usual.replace(key, "(p.person * 64 + y.range)")} AS type, p.joined, p.left_on, p.in_crm
            FROM people AS p, range(0, 15) AS y
            WHERE {draws.unit("p.person * 64 + y.range", "case")} < 1 - exp(-p.cases / 3)
            UNION ALL
            SELECT person, person * 64 + 63, left_on - 1 - floor({draws.unit("person", "angry day")} * {ANGRY_DAYS})::BIGINT, '投诉',
                joined, left_on, in_crm FROM people WHERE {draws.unit("person", "angry")} < {ANGRY_BEFORE_LEAVING})
        WHERE in_crm AND day >= greatest(joined, 0) AND day < least(left_on, {DAYS}))
    """)


def write_reviews(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``reviews`` of pieces bought on the web: person, product_id, day, rating, text, channel, likes, followers."""
    key = "(l.key * 8 + l.line)"
    engine.execute(f"""
    CREATE TEMP TABLE reviews AS
    SELECT person, product_id, day, second, rating, channel,
        CASE WHEN rating >= 4 THEN {draws.one_of("review", "praise", PRAISE)} ELSE {draws.one_of("review", "blame", BLAME)} END AS text,
        floor({draws.exponential("review", "likes")} * sqrt(followers) / 4)::BIGINT AS likes, followers
    FROM (SELECT l.person, l.product_id, {key} AS review, l.day + 3 + floor({draws.unit(key, "review day")} * 20)::BIGINT AS day,
            l.second, l.channel, greatest(1, least(5, round(4.4 + 0.9 * {draws.normal(key, "stars")})))::INTEGER AS rating,
            floor(20 * exp((CASE WHEN p.persona = 'self_reward' THEN 1.6 ELSE 0.9 END) * abs({draws.normal("l.person", "followers")})))::BIGINT AS followers
        FROM lines AS l JOIN people AS p USING (person)
        WHERE l.online AND l.line < 90 AND {draws.unit(key, "reviewed")} < p.reviews)
    WHERE day < {DAYS}
    """)


def write_relations(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``relations``: person, other, kind (推荐: person referred other; 配偶: spouses, as registered)."""
    engine.execute(f"""
    CREATE TEMP TABLE relations AS
    SELECT r.other AS person, r.person AS other, '推荐' AS kind
    FROM (SELECT person, joined, 1 + floor({draws.unit("person", "referrer")} * (SELECT count(*) FROM people))::BIGINT AS other
        FROM people WHERE in_crm AND {draws.unit("person", "referred")} < {REFERRED}) AS r
    JOIN people AS o ON o.person = r.other
    WHERE o.in_crm AND o.joined < r.joined AND o.left_on > r.joined AND o.persona NOT IN ('passer', 'service')
    UNION ALL
    SELECT a.person, b.person, '配偶' FROM people AS a JOIN people AS b ON a.couple = b.couple AND a.person < b.person
    WHERE a.in_crm AND b.in_crm
    """)


def write_consents(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``consents``: person, purpose, granted, day; a consent withdrawn later has two rows."""
    rows = ", ".join(f"({at}, '{name}', {share})" for at, (name, share) in enumerate(PURPOSES.items()))
    key = "(p.person * 4 + c.spot)"
    engine.execute(f"""
    CREATE TEMP TABLE consents AS
    WITH given AS (
        SELECT p.person, c.spot, c.purpose, {draws.unit(key, "granted")} < c.share AS granted, greatest(p.joined, -900) AS day,
            {draws.unit(key, "withdrawn")} < {WITHDRAWN} AS withdrawn,
            greatest(p.joined, 0) + floor({draws.unit(key, "withdrawn on")} * 900)::BIGINT AS later
        FROM people AS p, (VALUES {rows}) AS c(spot, purpose, share) WHERE p.in_crm)
    SELECT person, purpose, granted, day FROM given
    UNION ALL SELECT person, purpose, FALSE, later FROM given WHERE granted AND withdrawn AND later < {DAYS} AND later > day
    """)
